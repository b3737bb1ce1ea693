//! How users are led to a slot: rules of the kernel, a proxy's file, a listener that
//! systemd holds, or a restart.
//!
//! A [`Method`] is data; the switch script on the host carries each out, and reads in
//! a switch's own head which one that switch used. So an app can change from one to
//! another, and a rollback goes by the method of the switch before.

use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::slot::Slot;

/// How new connections come to the slot that is switched to.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The kernel redirects the public port; established connections stay.
    #[default]
    Nft,
    /// A proxy that owns the public port is told by a file, and reloads it.
    Template(Proxy),
    /// systemd holds the public port, and the slot's program is started again with that
    /// listener (`LISTEN_FDS`). The one of before, told to end, accepts nothing more and
    /// answers what it has accepted.
    Socket,
    /// The slot's program is started again on the public port itself, after the other
    /// one was stopped: what users ask meanwhile fails.
    Restart,
}

/// A [`Method`] without its data, as a switch's head names it.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchKind {
    /// Rules of the kernel.
    Nft,
    /// A proxy's file.
    Template,
    /// A listener that systemd holds.
    Socket,
    /// A restart.
    Restart,
}

impl SwitchKind {
    /// Returns its name in a switch's head.
    pub fn name(self) -> &'static str {
        match self {
            SwitchKind::Nft => "nft",
            SwitchKind::Template => "template",
            SwitchKind::Socket => "socket",
            SwitchKind::Restart => "restart",
        }
    }

    /// Finds the one of that name.
    pub fn from_name(name: &str) -> Option<SwitchKind> {
        [
            SwitchKind::Nft,
            SwitchKind::Template,
            SwitchKind::Socket,
            SwitchKind::Restart,
        ]
        .into_iter()
        .find(|by| by.name() == name)
    }
}

impl Method {
    /// Returns the method without its data.
    pub fn kind(&self) -> SwitchKind {
        match self {
            Method::Nft => SwitchKind::Nft,
            Method::Template(_) => SwitchKind::Template,
            Method::Socket => SwitchKind::Socket,
            Method::Restart => SwitchKind::Restart,
        }
    }

    /// Returns the proxy, where there is one.
    pub fn proxy(&self) -> Option<&Proxy> {
        match self {
            Method::Template(proxy) => Some(proxy),
            Method::Nft | Method::Socket | Method::Restart => None,
        }
    }
}

/// A proxy in front of the slots, which belongs to the host's owner.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Proxy {
    /// What is written; `{port}`, `{slot}` and `{app}` are replaced.
    pub text: String,
    /// Where on the host, absolute. The owner's own configuration includes it.
    pub file: Utf8PathBuf,
    /// The command that refuses a configuration which the proxy would not take.
    pub check: Vec<String>,
    /// The command after which new connections go where the file says.
    pub reload: Vec<String>,
    /// Its systemd unit, where it is known: after a reboot the file is right before it starts.
    pub unit: Option<String>,
    /// Where the new release is watched.
    #[serde(default)]
    pub watch: DrainProbe,
}

/// Where a release behind a proxy is watched while it is stabilized.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum DrainProbe {
    /// Through the proxy: it answers plain HTTP on the public port.
    #[default]
    Public,
    /// On the slot's own port: the proxy speaks TLS only, or chooses by name.
    Slot,
}

/// A proxy whose ways are known.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// An `upstream` of the app's name, for `proxy_pass http://APP`.
    Nginx,
    /// A snippet of the app's name, for `import APP` in a site.
    Caddy,
    /// A `backend` of the app's name, for `default_backend APP`.
    Haproxy,
}

impl Proxy {
    /// Creates a proxy that is told by that file.
    pub fn preset(preset: Preset, file: Utf8PathBuf) -> Proxy {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect();
        let (text, check, unit) = match preset {
            Preset::Nginx => (
                "upstream {app} {\n    server 127.0.0.1:{port};\n    keepalive 16;\n}\n",
                words("nginx -t -q"),
                "nginx.service",
            ),
            Preset::Caddy => (
                // Its idle connections would keep the old slot from being empty for 2 min.
                "({app}) {\n\treverse_proxy 127.0.0.1:{port} {\n\t\ttransport http {\n\t\t\tkeepalive 5s\n\t\t}\n\t}\n}\n",
                words("caddy validate --config /etc/caddy/Caddyfile --adapter caddyfile"),
                "caddy.service",
            ),
            Preset::Haproxy => (
                "backend {app}\n    mode http\n    server {slot} 127.0.0.1:{port}\n",
                words(&format!(
                    "haproxy -c -q -f /etc/haproxy/haproxy.cfg -f {file}"
                )),
                "haproxy.service",
            ),
        };
        Proxy {
            text: text.to_owned(),
            file,
            check,
            reload: words(&format!("systemctl reload {unit}")),
            unit: Some(unit.to_owned()),
            watch: DrainProbe::Public,
        }
    }

    /// Renders the file's text for a slot.
    pub(crate) fn render(&self, app: &str, slot: Slot, port: u16) -> String {
        self.text
            .replace("{app}", app)
            .replace("{slot}", slot.name())
            .replace("{port}", &port.to_string())
    }

    /// Returns what is wrong with it: what it is, its value, and what to write instead.
    pub fn problem(&self) -> Option<(&'static str, String, &'static str)> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
        if !is_file(&self.file) || !self.file.as_str().chars().all(plain) {
            let remedy = "give the absolute path of a file, of letters, digits and `/._-+@`";
            return Some(("proxy's file", self.file.to_string(), remedy));
        }
        if !self.text.contains("{port}") {
            let remedy = "say `{port}` where the slot's port belongs";
            return Some(("proxy's template", self.text.clone(), remedy));
        }
        for (what, command) in [
            ("proxy's check", &self.check),
            ("proxy's reload", &self.reload),
        ] {
            if command.first().is_none_or(String::is_empty)
                || command.iter().any(|word| word.contains(['\0', '\n']))
            {
                let remedy = "give a command as a list of words, each on one line";
                return Some((what, format!("{command:?}"), remedy));
            }
        }
        None
    }
}

fn is_file(path: &Utf8Path) -> bool {
    path.is_absolute()
        && path.file_name().is_some()
        && !path.as_str().ends_with('/')
        && !path.components().any(|part| part.as_str() == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_well_formed_and_name_the_slots_port() {
        for preset in [Preset::Nginx, Preset::Caddy, Preset::Haproxy] {
            let proxy = Proxy::preset(preset, "/etc/x/guestbook.conf".into());
            assert_eq!(proxy.problem(), None);
            let text = proxy.render("guestbook", Slot::Blue, 8081);
            assert!(text.contains("127.0.0.1:8081"), "{text}");
            for left in ["{port}", "{app}", "{slot}"] {
                assert!(!text.contains(left), "{text}");
            }
        }
    }

    #[test]
    fn an_invalid_proxy_is_refused_by_name() {
        let check = |spoil: &dyn Fn(&mut Proxy), part: &str| {
            let mut proxy = Proxy::preset(Preset::Nginx, "/etc/x".into());
            spoil(&mut proxy);
            let (what, ..) = proxy.problem().unwrap();
            assert!(what.contains(part), "{what}");
        };
        for file in ["etc/x", "/etc/a b", "/etc/$(id)", "/etc/x/", "/etc/../x"] {
            check(&|p| p.file = file.into(), "file");
        }
        check(&|p| p.text = "upstream".into(), "template");
        check(&|p| p.check = Vec::new(), "check");
        check(&|p| p.reload = vec![String::new()], "reload");
        check(&|p| p.reload = vec!["a\nb".into()], "reload");
    }
}
