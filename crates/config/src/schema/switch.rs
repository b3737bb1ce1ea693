//! `switch` in `[app.backend]`: how users come to the new slot.

use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stagegate_deploy::{DrainProbe, Method, Preset, Proxy};

/// `switch`: a word, or a table for a proxy.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "`switch` is \"nft\", \"socket\", \"restart\", or a table for a proxy: `{ preset = \"nginx\" | \"caddy\" | \"haproxy\", file = \"/etc/…\" }` or `{ template = \"path/in/the/workspace\", file = \"/etc/…\", check = [\"…\"], reload = [\"…\"] }`, and `watch = \"public\" | \"slot\"`"
)]
pub enum SwitchConfig {
    /// One that needs nothing else said.
    Plain(PlainSwitch),
    /// A proxy's.
    Proxy(ProxyConfig),
}

impl Default for SwitchConfig {
    fn default() -> Self {
        SwitchConfig::Plain(PlainSwitch::Nft)
    }
}

/// A way of switching that is one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlainSwitch {
    /// The kernel redirects the public port.
    Nft,
    /// systemd holds the public port, and the new release is started with that listener.
    Socket,
    /// The old release is stopped, then the new one is started on the public port.
    Restart,
}
/// A proxy that listens on the public port.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyConfig {
    /// A proxy that stagegate knows how to configure.
    pub preset: Option<Preset>,
    /// A template of your own in the workspace, in which `{port}`, `{slot}` and `{app}`
    /// are replaced.
    #[schemars(with = "Option<String>")]
    pub template: Option<Utf8PathBuf>,
    /// The file to write on the host. The proxy's own configuration includes it.
    #[schemars(with = "String")]
    pub file: Utf8PathBuf,
    /// The command that checks the proxy's configuration.
    pub check: Option<Vec<String>>,
    /// The command that reloads the proxy.
    pub reload: Option<Vec<String>>,
    /// Where the new release is watched.
    #[serde(default)]
    pub watch: DrainProbe,
    /// The template's text, once it is read.
    #[serde(skip)]
    pub text: Option<String>,
}

impl SwitchConfig {
    /// Reads the template, where there is one.
    ///
    /// # Errors
    /// Its path, and what the system says.
    pub fn read(&mut self, root: &Utf8Path) -> Result<(), (Utf8PathBuf, std::io::Error)> {
        if let SwitchConfig::Proxy(proxy) = self
            && let Some(template) = &proxy.template
        {
            let file = root.join(template);
            proxy.text = Some(std::fs::read_to_string(&file).map_err(|error| (file, error))?);
        }
        Ok(())
    }

    /// Returns what is wrong with it, but for the template's text.
    pub fn problem(&self) -> Option<String> {
        let SwitchConfig::Proxy(proxy) = self else {
            return None;
        };
        match (proxy.preset, &proxy.template) {
            (None, None) | (Some(_), Some(_)) => {
                return Some("`switch` needs either `preset` or `template`".to_owned());
            }
            (None, Some(_)) if proxy.check.is_none() || proxy.reload.is_none() => {
                return Some(
                    "a `switch` with a `template` needs `check` and `reload`: the commands that refuse a bad configuration, and that make the proxy read it".to_owned(),
                );
            }
            _ => {}
        }
        // The text may not be read yet.
        let text = proxy.text.clone().or(Some("{port}".to_owned()));
        let read = ProxyConfig {
            text,
            ..proxy.clone()
        };
        let (what, value, remedy) = read.method().problem()?;
        Some(format!("the {what} is {value}: {remedy}"))
    }

    /// Returns it as the hosts are told.
    pub fn method(&self) -> Method {
        match self {
            SwitchConfig::Plain(PlainSwitch::Nft) => Method::Nft,
            SwitchConfig::Plain(PlainSwitch::Socket) => Method::Socket,
            SwitchConfig::Plain(PlainSwitch::Restart) => Method::Restart,
            SwitchConfig::Proxy(proxy) => Method::Template(proxy.method()),
        }
    }
}

impl ProxyConfig {
    fn method(&self) -> Proxy {
        let mut proxy = match self.preset {
            Some(preset) => Proxy::preset(preset, self.file.clone()),
            None => Proxy {
                text: self.text.clone().unwrap_or_default(),
                file: self.file.clone(),
                check: Vec::new(),
                reload: Vec::new(),
                unit: None,
                watch: self.watch,
            },
        };
        proxy.watch = self.watch;
        if let Some(check) = &self.check {
            proxy.check = check.clone();
        }
        if let Some(reload) = &self.reload {
            proxy.reload = reload.clone();
        }
        proxy
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(switch: &str) -> Result<SwitchConfig, String> {
        let text = format!(
            "[app]\nname = \"a\"\n[app.backend]\npackage = \"a\"\nport = 80\nswitch = {switch}\n"
        );
        let config = Config::parse(Utf8Path::new("stagegate.toml"), &text);
        let config = config.map_err(|error| error.to_string())?;
        Ok(config.app.unwrap().backend.unwrap().switch)
    }

    #[test]
    fn each_way_is_understood() {
        assert_eq!(parse("\"nft\"").unwrap().method(), Method::Nft);
        assert_eq!(parse("\"socket\"").unwrap().method(), Method::Socket);
        assert_eq!(parse("\"restart\"").unwrap().method(), Method::Restart);
        let nginx = "{ preset = \"nginx\", file = \"/etc/nginx/conf.d/a.conf\", watch = \"slot\" }";
        let method = parse(nginx).unwrap().method();
        let proxy = method.proxy().unwrap();
        assert_eq!(proxy.reload, ["systemctl", "reload", "nginx.service"]);
        assert_eq!(proxy.watch, DrainProbe::Slot);
        let own = "{ template = \"up.conf\", file = \"/etc/up\", check = [\"a\", \"b c\"], reload = [\"d\"] }";
        let mut own = parse(own).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let (missing, _) = own.read(root).unwrap_err();
        assert_eq!(missing, root.join("up.conf"));
        std::fs::write(root.join("up.conf"), "to {port}").unwrap();
        own.read(root).unwrap();
        assert_eq!(own.problem(), None);
        let method = own.method();
        assert_eq!(method.proxy().unwrap().text, "to {port}");
        assert_eq!(method.proxy().unwrap().check, ["a", "b c"]);
        std::fs::write(root.join("up.conf"), "nowhere").unwrap();
        own.read(root).unwrap();
        assert!(own.problem().unwrap().contains("{port}"));
    }

    #[test]
    fn mistakes_are_shown_with_their_place() {
        let check = |switch: &str, part: &str| {
            let error = parse(switch).unwrap_err();
            assert!(error.contains("stagegate.toml:6"), "{error}");
            assert!(error.contains(part), "{switch}: {error}");
        };
        check("\"magic\"", "`switch` is \"nft\"");
        check("{ preset = \"apache\", file = \"/x\" }", "\"haproxy\"");
        check("{ file = \"/x\" }", "either `preset` or `template`");
        check(
            "{ template = \"t\", file = \"/x\" }",
            "`check` and `reload`",
        );
        check("{ preset = \"nginx\", file = \"x\" }", "absolute path");
        check(
            "{ preset = \"nginx\", file = \"/x\", reload = [] }",
            "list of words",
        );
    }
}
