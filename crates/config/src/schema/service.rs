//! `[app.backend]` and `[app.frontend.service]`: a service behind a public port.

use camino::Utf8PathBuf;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stagegate_deploy::Limits;

use crate::pattern::PathPattern;
use crate::schema::{BuildConfig, BuildOn, MigrateConfig, StopConfig, SwitchConfig};

/// `[app.backend]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// The workspace's package that contains the service.
    pub package: String,
    /// Its binary. The default is the name of the package.
    pub binary: Option<String>,
    /// The public port. The slots use the next two ports.
    pub port: u16,
    /// The path that answers 200 with JSON that contains the running version.
    #[serde(default = "default_health")]
    pub health: String,
    /// The user it runs as. The default is the name of the app.
    pub service_user: Option<String>,
    /// The environment file on the host. The default is `/etc/APP/.env`.
    #[schemars(with = "Option<String>")]
    pub env_file: Option<Utf8PathBuf>,
    /// Variables that the environment file must define.
    #[serde(default)]
    pub require_env: Vec<String>,
    /// How many times in a row the health check must pass before the new version gets
    /// traffic.
    #[serde(default = "default_passes")]
    pub health_passes: u32,
    /// How long the health check may take to pass.
    #[serde(default = "default_deadline")]
    #[schemars(with = "crate::text_value::Duration")]
    pub health_deadline: SignedDuration,
    /// How long the old version may keep answering open connections.
    #[serde(default = "default_drain")]
    #[schemars(with = "crate::text_value::Duration")]
    pub drain: SignedDuration,
    /// How many known-good releases to keep on a host.
    #[serde(default = "default_keep")]
    pub keep_releases: usize,
    /// Limits of its processes, and where they may write.
    #[serde(default)]
    pub limits: Limits,
    /// How it is stopped, after its connections were drained.
    #[serde(default)]
    pub stop: StopConfig,
    /// How traffic switches to the new version.
    #[serde(default)]
    pub switch: SwitchConfig,
    /// Patterns of files: a push that changes one of them deploys the service. Without
    /// any, no push does.
    #[serde(default)]
    pub paths: Vec<PathPattern>,
    /// How the data is migrated.
    pub migrate: Option<MigrateConfig>,
    /// Where and how the program is built.
    #[serde(default)]
    pub build: BuildConfig,
}

impl ServiceConfig {
    /// Returns its binary's name.
    pub fn binary_name(&self) -> &str {
        self.binary.as_ref().unwrap_or(&self.package)
    }

    /// Returns what is wrong with it: the word to look for, and the message.
    pub(crate) fn problem(&self, table: &str) -> Option<(&'static str, String)> {
        if let Some(message) = self.switch.problem() {
            return Some(("switch =", message));
        }
        if let Some(message) = self.build.problem() {
            return Some(("build", message));
        }
        if let Some((what, value, remedy)) = self.limits.problem() {
            return Some(("limits", format!("the {what} is {value:?}: {remedy}")));
        }
        if let Some(message) = self.stop.problem() {
            return Some(("stop", message));
        }
        let port = self.port;
        (port > u16::MAX - 2).then(|| {
            let message = format!(
                "`{table}.port` is {port}: the two ports next to it are needed for the slots"
            );
            ("port", message)
        })
    }

    /// Returns whether the hosts build it themselves.
    pub fn is_built_on_hosts(&self) -> bool {
        self.build.on == BuildOn::Host
    }
}

fn default_health() -> String {
    "/health".to_owned()
}

fn default_passes() -> u32 {
    3
}

fn default_deadline() -> SignedDuration {
    SignedDuration::from_secs(60)
}

fn default_drain() -> SignedDuration {
    SignedDuration::from_secs(60)
}

fn default_keep() -> usize {
    5
}
