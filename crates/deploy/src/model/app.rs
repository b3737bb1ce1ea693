//! What is deployed: the app's two parts, one release of it, and one deploy. Pure data.

use camino::Utf8PathBuf;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::host_build::HostBuild;
use crate::model::limits::Limits;
use crate::model::stop::Stop;
use crate::model::switch_method::Method;
use crate::model::target::Target;

/// How long a lease outlives its last renewal, unless the app says otherwise.
pub const LEASE_SECONDS: u64 = 120;

/// An app as its hosts know it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct App {
    /// Names the directory, the units and the nft table: lower-case letters, digits, `-`.
    pub name: String,
    /// The service behind it.
    #[serde(default)]
    pub backend: Option<Service>,
    /// The part that users see: files, or a service of its own.
    #[serde(default)]
    pub frontend: Option<Frontend>,
    /// Seconds after which a deploy whose client says nothing more counts as lost. Clients
    /// speak up every 30 s at least.
    #[serde(default = "lease_seconds")]
    pub lease_seconds: u64,
}

fn lease_seconds() -> u64 {
    LEASE_SECONDS
}

/// A service that answers HTTP on the port it finds in `PORT`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Service {
    /// File name of the program within a release.
    pub binary: String,
    /// The account it runs as; prepared by the host's owner.
    pub service_user: String,
    /// The public port. The slots listen on the two next to it: +1 blue, +2 green.
    pub port: u16,
    /// Path that answers 200 and names the version when the program is well.
    pub health: String,
    /// The environment file on the host, absolute; prepared by the host's owner.
    #[serde(default)]
    pub env_file: Option<Utf8PathBuf>,
    /// Names that the environment file must give a value.
    #[serde(default)]
    pub require_env: Vec<String>,
    /// Consecutive passes before users may meet a slot.
    pub health_passes: u32,
    /// Seconds within which those passes must come.
    pub health_deadline_seconds: u64,
    /// Seconds of observation through the public port after the switch.
    pub stabilize_seconds: u64,
    /// Seconds after which the host itself reverts an unconfirmed switch.
    pub revert_after_seconds: u64,
    /// Seconds the old slot may take to finish its connections.
    pub drain_seconds: u64,
    /// Known-good releases kept on the host.
    pub keep_releases: usize,
    /// How users come to the slot that is switched to.
    #[serde(default)]
    pub switch: Method,
    /// What its processes may take and where they may write.
    #[serde(default)]
    pub limits: Limits,
    /// How it is stopped, once its connections are drained.
    #[serde(default)]
    pub stop: Stop,
    /// How the app's data follow a release.
    #[serde(default)]
    pub migrate: Option<Migration>,
    /// How the host builds the program itself, where it is not brought there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<HostBuild>,
}

/// A change of the app's data. In every word `{version}` stands for the version, and
/// `{backup}` for the place of the release's backup.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Migration {
    /// Program and arguments, run in the release's directory; a program of the release
    /// comes before one of the system. It is run again after a power cut.
    pub run: Vec<String>,
    /// What saves the data first.
    #[serde(default)]
    pub backup: Option<Vec<String>>,
    /// What brings the data back; absent: they stay as they were migrated.
    #[serde(default)]
    pub undo: Option<Vec<String>>,
    /// Seconds that it may take.
    pub limit_seconds: u64,
}

/// What users see.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(untagged)]
pub enum Frontend {
    /// A service that is deployed like the backend, after it.
    Service(Box<Service>),
    /// Files.
    Bundle(Bundle),
}

impl Frontend {
    /// Returns the service, if it is one.
    pub fn service(&self) -> Option<&Service> {
        match self {
            Frontend::Service(service) => Some(service),
            Frontend::Bundle(_) => None,
        }
    }

    /// Returns the service to be changed, if it is one.
    pub fn service_mut(&mut self) -> Option<&mut Service> {
        match self {
            Frontend::Service(service) => Some(service),
            Frontend::Bundle(_) => None,
        }
    }
}

/// A static bundle.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Bundle {
    /// Where users see it, for reports.
    #[serde(default)]
    pub url: Option<String>,
    /// Known-good releases kept on the host.
    pub keep_releases: usize,
}

/// One state of the app: a version built from a commit.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Release {
    /// Version of the app.
    pub version: Version,
    /// The commit it was built from, in hexadecimal, at least 7 digits.
    pub commit: String,
}

impl Release {
    /// Returns `VERSION-SHA12`: the name of its directory on a host.
    pub fn id(&self) -> String {
        format!(
            "{}-{}",
            self.version,
            self.commit.get(..12).unwrap_or(&self.commit)
        )
    }

    /// Tells whether a directory's name is one that a deploy gives: `VERSION-HEX`.
    pub(crate) fn is_id(name: &str) -> bool {
        name.rsplit_once('-').is_some_and(|(version, commit)| {
            Version::parse(version).is_ok()
                && (7..=12).contains(&commit.len())
                && commit.chars().all(|c| c.is_ascii_hexdigit())
        })
    }
}

/// One deploy of one release to one host.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Deploy {
    /// The host.
    pub target: Target,
    /// The app.
    pub app: App,
    /// What is to run.
    pub release: Release,
    /// The run that deploys: holder of the lease. The same after a resume.
    pub owner: String,
    /// Who deploys, for the host's record.
    pub by: String,
    /// Whether it brings back what ran before, for the host's record: a rollback.
    pub is_rollback: bool,
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// A guestbook as tests deploy it.
    pub(crate) fn backend() -> Service {
        Service {
            binary: "guestbook-backend".into(),
            service_user: "guestbook".into(),
            port: 8080,
            health: "/health".into(),
            env_file: Some("/etc/guestbook/.env".into()),
            require_env: vec!["DATABASE_URL".into()],
            health_passes: 3,
            health_deadline_seconds: 10,
            stabilize_seconds: 60,
            revert_after_seconds: 120,
            drain_seconds: 30,
            keep_releases: 3,
            switch: Method::Nft,
            limits: Limits::default(),
            stop: Stop::default(),
            migrate: None,
            build: None,
        }
    }

    /// An app with both parts.
    pub(crate) fn app() -> App {
        App {
            name: "guestbook".into(),
            backend: Some(backend()),
            frontend: Some(Frontend::Bundle(Bundle {
                url: None,
                keep_releases: 3,
            })),
            lease_seconds: LEASE_SECONDS,
        }
    }

    /// An app whose frontend is a service, too.
    pub(crate) fn two_services() -> App {
        App {
            frontend: Some(Frontend::Service(Box::new(Service {
                binary: "guestbook-frontend".into(),
                port: 9090,
                ..backend()
            }))),
            ..app()
        }
    }

    /// A release of that version.
    pub(crate) fn release(version: &str) -> Release {
        Release {
            version: version.parse().unwrap(),
            commit: "0123456789abcdef0123".into(),
        }
    }
}
