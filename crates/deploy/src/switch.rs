//! What is switched, as the host keeps it: a head that says whose switch it is, and a
//! body that is the switch itself.
//!
//! The file is thereby the state: `switch/armed` while nobody has confirmed it,
//! `switch/confirmed` afterwards. The body is what its [`Method`] needs to lead users to
//! the slot: rules, a proxy's file, or nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::app::Service;
use crate::firewall;
use crate::layout::{ServiceLayout, Slot};
use crate::method::{By, Method};
use crate::units::HostFile;

/// Between the head and the body.
const END: &str = "# end\n";

/// What follows the head of a switch's file.
pub(crate) fn body(text: &str) -> &str {
    text.split_once(END).map_or("", |(_, body)| body)
}

/// One switch of the users to a slot: what is armed, or confirmed.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Switch {
    /// Where users are led.
    pub slot: Slot,
    /// By what they are led there.
    pub by_what: By,
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
    /// The whole file; `record` is the inner text of the JSON record that the host writes
    /// when this switch is confirmed or reverted.
    pub(crate) fn file(&self, layout: &ServiceLayout, service: &Service, record: &str) -> String {
        let head = [
            ("slot", self.slot.name()),
            ("method", self.by_what.name()),
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
        let port = self.slot.port(service.port);
        let body = match &service.switch {
            Method::Nft => firewall::ruleset(&layout.table(), service.port, port),
            Method::Template(proxy) => proxy.render(&layout.name(), self.slot, port),
            Method::Socket | Method::Restart => String::new(),
        };
        format!("{head}{END}{body}")
    }

    /// The file by which a proxy is told of it.
    pub(crate) fn proxy_file(&self, layout: &ServiceLayout, service: &Service) -> Option<HostFile> {
        let proxy = service.switch.proxy()?;
        let port = self.slot.port(service.port);
        let text = proxy.render(&layout.name(), self.slot, port);
        (self.by_what == By::Template).then(|| HostFile {
            path: layout.host_path(&proxy.file).into_string(),
            mode: "0644",
            text,
        })
    }

    /// The port on which the slot that users are led to listens.
    pub(crate) fn port(&self, public: u16) -> u16 {
        match self.by_what {
            By::Socket | By::Restart => public,
            By::Nft | By::Template => self.slot.port(public),
        }
    }

    /// Reads the head of a file back; the error names what is missing.
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
        let method = field("method")?;
        let at = field("at")?;
        Ok(Switch {
            slot: Slot::named(&slot).ok_or_else(|| format!("there is no slot `{slot}`"))?,
            by_what: By::named(&method)
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
            by_what: By::Nft,
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
    use crate::app::samples::{app, backend};
    use crate::layout::{Layout, Part};
    use crate::method::{Preset, Proxy};
    use crate::target::Target;

    fn file(switch: &Switch, method: Method) -> String {
        let layout = Layout::new(&Target::parse("root@host").unwrap(), &app());
        let service = Service {
            switch: method,
            ..backend()
        };
        let layout = layout.service(Part::Backend);
        switch.file(&layout, &service, "\"app\":\"guestbook\"")
    }

    #[test]
    fn a_switch_leads_to_its_slot_and_is_read_back() {
        let switch = samples::switch(Slot::Green, "1.0.0-0123456789ab", "run-1");
        let text = file(&switch, Method::Nft);
        assert_eq!(
            text.matches("tcp dport 8080 redirect to :8082").count(),
            2,
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
        let by = |by_what| Switch {
            by_what,
            ..switch.clone()
        };
        let proxy = Proxy::preset(Preset::Nginx, "/etc/nginx/conf.d/guestbook.conf".into());
        let text = file(&by(By::Template), Method::Template(proxy));
        let body = text.split_once(END).unwrap().1;
        assert!(
            body.contains("upstream guestbook {") && body.contains("server 127.0.0.1:8082;"),
            "{body}"
        );
        let text = file(&by(By::Restart), Method::Restart);
        assert!(text.ends_with(END), "{text}");
        assert_eq!(Switch::read(&text).unwrap().port(8080), 8080);
        let text = file(&by(By::Socket), Method::Socket);
        assert!(text.ends_with(END), "{text}");
        assert_eq!(
            Switch::read(&text).unwrap(),
            Switch {
                by: "A. Nobody add table inet evil".into(),
                ..by(By::Socket)
            }
        );
        assert_eq!(Switch::read(&text).unwrap().port(8080), 8080);
    }

    #[test]
    fn a_damaged_head_says_what_is_missing() {
        let check = |head: &str, part: &str| {
            let error = Switch::read(head).unwrap_err();
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
