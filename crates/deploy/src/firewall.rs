//! The switch itself: an nft ruleset that redirects the public port to a slot's port.
//!
//! One transaction replaces the app's own table and touches no other. Both hooks are
//! needed: `prerouting` sees what comes from outside, `output` what the host itself
//! sends. `fib daddr type local` keeps the rules off connections that merely pass
//! through the host, or leave it for another host's same port. Established connections
//! are not touched: conntrack keeps each on the slot that it began on.
//!
//! The comments at the head say whose switch this is; the file is thereby the state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::layout::{Layout, Slot};

/// One switch of the public port to a slot: what is armed, or confirmed.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Switch {
    /// Where the public port leads.
    pub slot: Slot,
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
    /// The ruleset with its head; `record` is the inner text of the JSON record that the
    /// host writes when this switch is confirmed or reverted.
    pub(crate) fn ruleset(&self, layout: &Layout, public: u16, record: &str) -> String {
        let table = layout.table();
        let port = self.slot.port(public);
        let head = [
            ("slot", self.slot.name()),
            ("release", &self.release),
            ("version", &self.version),
            ("commit", &self.commit),
            ("owner", &self.owner),
            ("by", &one_line(&self.by)),
            ("at", &self.at.to_string()),
            ("record", record),
        ]
        .map(|(key, value)| format!("# {key} {value}\n"))
        .concat();
        let chain = |hook: &str| {
            format!(
                "\tchain {hook} {{\n\
                 \t\ttype nat hook {hook} priority -100; policy accept;\n\
                 \t\tfib daddr type local tcp dport {public} redirect to :{port}\n\t}}\n"
            )
        };
        format!(
            "{head}add table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n{}{}}}\n",
            chain("prerouting"),
            chain("output")
        )
    }

    /// Reads the head of a ruleset back; the error names what is missing.
    pub(crate) fn read(head: &str) -> Result<Switch, String> {
        let fields: BTreeMap<&str, &str> = head
            .lines()
            .filter_map(|line| line.strip_prefix("# ")?.split_once(' '))
            .collect();
        let field = |name: &str| {
            let value = fields.get(name).map(|value| (*value).to_owned());
            value.ok_or_else(|| format!("the switch has no `{name}`"))
        };
        let slot = field("slot")?;
        let at = field("at")?;
        Ok(Switch {
            slot: Slot::named(&slot).ok_or_else(|| format!("there is no slot `{slot}`"))?,
            release: field("release")?,
            version: field("version")?,
            commit: field("commit")?,
            owner: field("owner")?,
            by: field("by").unwrap_or_default(),
            at: at.parse().map_err(|_| format!("`{at}` is no time"))?,
        })
    }
}

/// A value for one line of a head: line breaks would end the comment.
fn one_line(value: &str) -> String {
    value
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// A switch of that release to that slot.
    pub(crate) fn switch(slot: Slot, release: &str, owner: &str) -> Switch {
        Switch {
            slot,
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
    use crate::app::samples::app;
    use crate::target::Target;

    fn layout() -> Layout {
        Layout::new(&Target::parse("root@host").unwrap(), &app())
    }

    #[test]
    fn a_ruleset_redirects_in_both_hooks_and_is_read_back() {
        let switch = samples::switch(Slot::Green, "1.0.0-0123456789ab", "run-1");
        let text = switch.ruleset(&layout(), 8080, "\"app\":\"guestbook\"");
        assert_eq!(
            text.matches("tcp dport 8080 redirect to :8082").count(),
            2,
            "{text}"
        );
        assert!(
            text.contains("\nadd table inet stagegate_guestbook\ndelete table inet"),
            "{text}"
        );
        assert!(
            !text
                .lines()
                .any(|line| line.starts_with("add table inet evil")),
            "{text}"
        );
        let read = Switch::read(&text).unwrap();
        assert_eq!(read.by, "A. Nobody add table inet evil");
        assert_eq!(
            Switch {
                by: switch.by.clone(),
                ..read
            },
            switch
        );
    }

    #[test]
    fn a_damaged_head_says_what_is_missing() {
        let check = |head: &str, part: &str| {
            let error = Switch::read(head).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check("", "slot");
        check("# slot red\n# at 1\n", "red");
        check(
            "# slot blue\n# at soon\n# release a\n# version b\n# commit c\n# owner d\n",
            "soon",
        );
    }
}
