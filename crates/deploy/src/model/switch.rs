//! What is switched, as the host keeps it: a head that says whose switch it is, and a
//! body that is the switch itself.
//!
//! The file is thereby the state: `switch/armed` while nobody has confirmed it,
//! `switch/confirmed` afterwards. The body is what its method needs to lead users to
//! the slot: rules, a proxy's file, or nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::slot::Slot;
use crate::model::switch_method::SwitchKind;

/// One switch of the users to a slot: what is armed, or confirmed.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Switch {
    /// Where users are led.
    pub slot: Slot,
    /// How they are led there.
    pub switch_kind: SwitchKind,
    /// The release in that slot.
    pub release: String,
    /// Its version.
    pub version: String,
    /// Its commit.
    pub commit: String,
    /// The run that switched.
    pub owner: String,
    /// Who deployed.
    pub by: String,
    /// When, in seconds since 1970, by the host's clock.
    pub at: i64,
}

impl Switch {
    /// Returns the port on which the slot that users are led to listens.
    pub(crate) fn port(&self, public: u16) -> u16 {
        match self.switch_kind {
            SwitchKind::Socket | SwitchKind::Restart => public,
            SwitchKind::Nft | SwitchKind::Template => self.slot.port(public),
        }
    }

    /// Parses the head of a file; the error names what is missing.
    pub(crate) fn parse(head: &str) -> Result<Switch, String> {
        let fields: BTreeMap<&str, &str> = head
            .lines()
            .filter_map(|line| line.strip_prefix("# ")?.split_once(' '))
            .collect();
        let field = |name: &str| {
            let value = fields.get(name).map(|value| (*value).to_owned());
            value.ok_or_else(|| format!("the switch has no `{name}`"))
        };
        let slot = field("slot")?;
        let method = field("method")?;
        let at = field("at")?;
        Ok(Switch {
            slot: Slot::from_name(&slot).ok_or_else(|| format!("there is no slot `{slot}`"))?,
            switch_kind: SwitchKind::from_name(&method)
                .ok_or_else(|| format!("there is no switch by `{method}`"))?,
            release: field("release")?,
            version: field("version")?,
            commit: field("commit")?,
            owner: field("owner")?,
            by: field("by").unwrap_or_default(),
            at: at.parse().map_err(|_| format!("`{at}` is no time"))?,
        })
    }
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// A switch of that release to that slot.
    pub(crate) fn switch(slot: Slot, release: &str, owner: &str) -> Switch {
        Switch {
            slot,
            switch_kind: SwitchKind::Nft,
            release: release.into(),
            version: "1.0.0".into(),
            commit: "0123456789abcdef".into(),
            owner: owner.into(),
            by: "A. Nobody\nadd table inet evil".into(),
            at: 1_700_000_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_head_says_what_is_missing() {
        let check = |head: &str, part: &str| {
            let error = Switch::parse(head).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check("", "slot");
        check("# slot blue\n# at 1\n", "method");
        check("# slot red\n# method nft\n# at 1\n", "red");
        check("# slot blue\n# method magic\n# at 1\n", "magic");
        check(
            "# slot blue\n# method nft\n# at soon\n# release a\n# version b\n# commit c\n# owner d\n",
            "soon",
        );
    }
}
