//! `[app.frontend]`: what users see, a static bundle or a service of its own.

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::pattern::PathPattern;
use crate::schema::ServiceConfig;
/// `[app.frontend]`: `build` and `dist` for a bundle, or the table `service`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrontendConfig {
    /// The command that builds the bundle, run at the workspace's root.
    #[serde(default)]
    pub build: Vec<String>,
    /// The directory of the built bundle, relative to the root.
    #[serde(default)]
    #[schemars(with = "String")]
    pub dist: Utf8PathBuf,
    /// The service, if the frontend is not a bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceConfig>,
    /// The URL that users open. It is requested at the end of a deploy.
    #[schemars(with = "Option<crate::text_value::Address>")]
    pub url: Option<Url>,
    /// Patterns of files: a push that changes one of them deploys the frontend. Without
    /// any, no push does.
    #[serde(default)]
    pub paths: Vec<PathPattern>,
}

impl FrontendConfig {
    /// Returns what is wrong with it beside a backend: the word to look for, and the message.
    pub fn problem(&self, backend: Option<&ServiceConfig>) -> Option<(&'static str, String)> {
        let Some(service) = &self.service else {
            return self.problem_of_bundle();
        };
        let table = "[app.frontend.service]";
        let wrong = |message: &str| Some((table, message.to_owned()));
        if !self.build.is_empty() || !self.dist.as_str().is_empty() {
            return wrong(
                "the frontend is a bundle (`build` and `dist`) or a service, not both: leave one out",
            );
        }
        if service.migrate.is_some() {
            return wrong("the backend migrates the data: move `migrate` to `[app.backend]`");
        }
        if service.is_built_on_hosts() {
            return wrong(
                "a frontend is built where it is deployed from: leave `build` out of its service",
            );
        }
        if !service.paths.is_empty() {
            return wrong("`paths` of the frontend are written in `[app.frontend]` itself");
        }
        let same = backend.filter(|backend| backend.binary_name() == service.binary_name());
        if let Some(same) = same {
            let name = same.binary_name();
            return Some((
                table,
                format!("backend and frontend are both the binary {name}: each needs its own"),
            ));
        }
        let near = backend.filter(|backend| backend.port.abs_diff(service.port) <= 2)?;
        Some((
            table,
            format!(
                "the frontend's port is {} and the backend's {}: each needs its port and the two above it, so let them be three apart at least",
                service.port, near.port
            ),
        ))
    }

    fn problem_of_bundle(&self) -> Option<(&'static str, String)> {
        let missing = match (self.build.is_empty(), self.dist.as_str().is_empty()) {
            (false, false) => return None,
            (true, _) => "`build`, the command that makes the bundle",
            (false, true) => "`dist`, where the bundle then lies",
        };
        Some((
            "[app.frontend]",
            format!(
                "missing {missing}; a frontend that listens is written in `[app.frontend.service]`"
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::super::Config;

    const BACKEND: &str = "[app]\nname = \"a\"\n[app.backend]\npackage = \"a\"\nport = 8080\n";

    fn parse(frontend: &str) -> Result<Config, String> {
        let text = format!("{BACKEND}{frontend}");
        Config::parse(Utf8Path::new("stagegate.toml"), &text).map_err(|e| e.to_string())
    }

    #[test]
    fn a_frontend_is_a_bundle_or_a_service() {
        let service = "[app.frontend.service]\npackage = \"web\"\nport = 9090\n";
        let config = parse(&format!("[app.frontend]\npaths = [\"web/**\"]\n{service}")).unwrap();
        let frontend = config.app.unwrap().frontend.unwrap();
        assert_eq!(frontend.service.unwrap().binary_name(), "web");
        parse("[app.frontend]\nbuild = [\"make\"]\ndist = \"dist\"\n").unwrap();
        let check = |text: &str, parts: &[&str]| {
            let error = parse(text).expect_err(text);
            for part in parts {
                assert!(error.contains(part), "{text:?} gives:\n{error}");
            }
        };
        check("[app.frontend]\n", &["stagegate.toml:6:1", "`build`"]);
        check("[app.frontend]\nbuild = [\"make\"]\n", &["`dist`"]);
        let both = format!("[app.frontend]\nbuild = [\"make\"]\ndist = \"dist\"\n{service}");
        check(&both, &["stagegate.toml:9:1", "not both"]);
        let near = |port: u16| service.replace("9090", &port.to_string());
        check(&near(8082), &["8082", "8080", "three apart"]);
        check(&near(8078), &["three apart"]);
        parse(&near(8083)).unwrap();
        check(&near(65_534), &["app.frontend.service.port"]);
        let more = |line: &str| format!("{service}{line}\n");
        check(&more("migrate = { run = [\"m\"] }"), &["move `migrate`"]);
        check(&more("build = { on = \"host\" }"), &["leave `build` out"]);
        check(&more("paths = [\"x\"]"), &["`[app.frontend]` itself"]);
        check(&more("binary = \"a\""), &["both the binary a"]);
        check(&more("prt = 1"), &["stagegate.toml:9", "prt", "port"]);
    }
}
