//! `[deploy.NAME]`: an environment, its hosts, and in which order they change.

use std::num::NonZeroUsize;

use camino::Utf8PathBuf;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::schema::Freeze;

/// `[deploy.NAME]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    /// The hosts that the app runs on.
    pub hosts: Vec<HostConfig>,
    /// How many hosts change at a time.
    #[serde(default)]
    pub waves: Waves,
    /// What happens to hosts that have switched when another host fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Windows of the week in which nothing is deployed, such as `Fri 15:00 - Mon 06:00
    /// Europe/Berlin`.
    #[serde(default)]
    pub freeze: Vec<Freeze>,
    /// How long a new release is watched before it is confirmed.
    #[serde(default = "default_stabilize")]
    #[schemars(with = "crate::text_value::Duration")]
    pub stabilize: SignedDuration,
    /// The private key. The default is the agent, then the usual files.
    #[schemars(with = "Option<String>")]
    pub identity: Option<Utf8PathBuf>,
    /// The file of trusted host keys. The default is `~/.ssh/known_hosts`.
    #[schemars(with = "Option<String>")]
    pub known_hosts: Option<Utf8PathBuf>,
    /// Jump hosts, the nearest first, as `user@host:port` separated by commas, or `none`.
    /// The default is what OpenSSH's configuration says.
    pub jump: Option<String>,
    /// OpenSSH's configuration, or `none`. The default is `~/.ssh/config`, if it exists.
    #[schemars(with = "Option<String>")]
    pub ssh_config: Option<Utf8PathBuf>,
    /// The directory on the host that stagegate treats as its root.
    #[serde(default = "default_prefix")]
    #[schemars(with = "String")]
    pub prefix: Utf8PathBuf,
    /// The public port, if it differs from the app's.
    pub port: Option<u16>,
    /// The port of a frontend that is a service, if it differs from the app's.
    pub frontend_port: Option<u16>,
    /// The service user, if it differs from the app's.
    pub service_user: Option<String>,
    /// The URL that users open, if it differs from the app's.
    #[schemars(with = "Option<crate::text_value::Address>")]
    pub url: Option<Url>,
}

/// One host: its address, or a table for one that differs from the others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a host is written as \"user@host[:port]\", or as a table with `address` and what differs there: `port`, `frontend_port`, `identity`, `jump`, `prefix`"
)]
pub enum HostConfig {
    /// `user@host[:port]`
    Address(String),
    /// The same with what is different there.
    Different(HostOverrides),
}

/// A host that differs from the others of its environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostOverrides {
    /// `user@host[:port]`
    pub address: String,
    /// The public port on this host.
    pub port: Option<u16>,
    /// The port of a frontend that is a service, on this host.
    pub frontend_port: Option<u16>,
    /// The private key for this host.
    #[schemars(with = "Option<String>")]
    pub identity: Option<Utf8PathBuf>,
    /// Jump hosts to this host, or `none`.
    pub jump: Option<String>,
    /// The directory on this host that stagegate treats as its root.
    #[schemars(with = "Option<String>")]
    pub prefix: Option<Utf8PathBuf>,
}

impl HostConfig {
    /// Returns `user@host[:port]`.
    pub fn address(&self) -> &str {
        match self {
            HostConfig::Address(address) => address,
            HostConfig::Different(host) => &host.address,
        }
    }

    /// Returns what is different there, if anything is.
    pub fn different(&self) -> Option<&HostOverrides> {
        match self {
            HostConfig::Address(_) => None,
            HostConfig::Different(host) => Some(host),
        }
    }
}
/// A deploy changes a few hosts first, then the others, some at a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Waves {
    /// The number of hosts in the first wave.
    pub canary: NonZeroUsize,
    /// The number of hosts in each later wave; they change side by side.
    pub batch: NonZeroUsize,
    /// How many hosts may fail before the remaining waves are not started.
    pub max_failures: usize,
}

impl Default for Waves {
    fn default() -> Self {
        Waves {
            canary: NonZeroUsize::MIN,
            batch: NonZeroUsize::MIN.saturating_add(3),
            max_failures: 0,
        }
    }
}

impl Waves {
    /// Returns the hosts of each wave, of so many.
    pub fn of(&self, hosts: usize) -> Vec<std::ops::Range<usize>> {
        let mut waves = Vec::new();
        let (mut start, mut width) = (0, self.canary.get());
        while start < hosts {
            let end = start.saturating_add(width).min(hosts);
            waves.push(start..end);
            (start, width) = (end, self.batch.get());
        }
        waves
    }
}

/// `on_failure`: what becomes of the hosts that have switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// They are rolled back, so that all hosts run the same release.
    #[default]
    RollBack,
    /// They keep the new release.
    Keep,
}

fn default_stabilize() -> SignedDuration {
    SignedDuration::from_secs(60)
}

fn default_prefix() -> Utf8PathBuf {
    "/".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_go_first_and_the_others_some_at_a_time() {
        let check = |text: &str, hosts, want: &[(usize, usize)]| {
            let waves: Waves = toml_edit::de::from_str(text).unwrap();
            let ends = waves
                .of(hosts)
                .into_iter()
                .map(|wave| (wave.start, wave.end));
            assert_eq!(ends.collect::<Vec<_>>(), want, "{text}");
        };
        check("", 0, &[]);
        check("", 1, &[(0, 1)]);
        check("", 7, &[(0, 1), (1, 5), (5, 7)]);
        check("canary = 2\nbatch = 1", 4, &[(0, 2), (2, 3), (3, 4)]);
        check("canary = 16", 3, &[(0, 3)]);
    }
}
