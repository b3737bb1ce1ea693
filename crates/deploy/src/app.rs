//! What is deployed: the app's two parts, one release of it, and one deploy. Pure data.
//!
//! Names that reach unit files, nft rules and paths are checked here, in one place, and
//! refused rather than escaped: systemd, nft and the shell each quote differently.

use camino::Utf8PathBuf;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::build::HostBuild;
use crate::error::DeployError;
use crate::lease::LEASE_SECONDS;
use crate::limits::Limits;
use crate::method::{Method, Proxy};
use crate::target::{Target, is_account};

/// An app as its hosts know it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct App {
    /// Names the directory, the units and the nft table: lower-case letters, digits, `-`.
    pub name: String,
    /// The part that listens.
    #[serde(default)]
    pub backend: Option<Backend>,
    /// The part that is files.
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
pub struct Backend {
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
    pub stabilise_seconds: u64,
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

/// A static bundle.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Frontend {
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
    /// `VERSION-SHA12`: the name of its directory on a host.
    pub fn id(&self) -> String {
        format!(
            "{}-{}",
            self.version,
            self.commit.get(..12).unwrap_or(&self.commit)
        )
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
}

impl App {
    /// Refuses names that could mean something else to systemd, nft or a path.
    ///
    /// # Errors
    /// [`DeployError::Refused`], naming the value.
    pub fn check(&self) -> Result<(), DeployError> {
        let name = self.name.as_str();
        let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
            && !name.ends_with('-')
            && name.len() <= 32
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        refuse_unless(
            well_formed,
            "app name",
            name,
            "use up to 32 lower-case letters, digits and `-`, beginning with a letter",
        )?;
        self.backend.as_ref().map_or(Ok(()), Backend::check)
    }

    /// The backend, or why there is none to deploy.
    pub(crate) fn backend(&self) -> Result<&Backend, DeployError> {
        self.backend
            .as_ref()
            .ok_or(DeployError::NoSuchPart { part: "backend" })
    }

    /// The frontend, or why there is none to deploy.
    pub(crate) fn frontend(&self) -> Result<&Frontend, DeployError> {
        self.frontend
            .as_ref()
            .ok_or(DeployError::NoSuchPart { part: "frontend" })
    }
}

impl Backend {
    fn check(&self) -> Result<(), DeployError> {
        let file_name = self.binary.starts_with(|c: char| c.is_ascii_alphanumeric())
            && self
                .binary
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        refuse_unless(
            file_name,
            "binary",
            &self.binary,
            "use letters, digits, `.`, `_`, `-`",
        )?;
        let user = &self.service_user;
        refuse_unless(
            is_account(user),
            "service user",
            user,
            "name an account of the host",
        )?;
        let port = self.port.to_string();
        refuse_unless(
            (1..=u16::MAX - 2).contains(&self.port),
            "port",
            &port,
            "leave room for the two slots' ports above it",
        )?;
        let path = self.health.starts_with('/')
            && self
                .health
                .chars()
                .all(|c| c.is_ascii_graphic() && c != '#');
        refuse_unless(
            path,
            "health path",
            &self.health,
            "give the path of a URL, from its `/` on",
        )?;
        if let Some(file) = &self.env_file {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
            refuse_unless(
                file.is_absolute() && file.as_str().chars().all(plain),
                "env file",
                file.as_str(),
                "give an absolute path of letters, digits and `/._-+@`",
            )?;
        }
        for name in &self.require_env {
            let well_formed = !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            refuse_unless(
                well_formed,
                "required variable",
                name,
                "give the name of a variable",
            )?;
        }
        refuse_unless(
            self.health_passes > 0,
            "health_passes",
            "0",
            "ask for one pass at least, or users meet what never answered",
        )?;
        let proxy = self.switch.proxy().and_then(Proxy::problem);
        let build = || self.build.as_ref().and_then(HostBuild::problem);
        if let Some((what, value, remedy)) = proxy.or_else(|| self.limits.problem()).or_else(build)
        {
            return Err(DeployError::Refused {
                what,
                value,
                remedy,
            });
        }
        self.migrate.as_ref().map_or(Ok(()), Migration::check)?;
        let revert = self.revert_after_seconds;
        refuse_unless(
            revert > self.stabilise_seconds,
            "revert_after_seconds",
            &revert.to_string(),
            "it must exceed stabilise_seconds, or the host reverts what is still observed",
        )
    }
}

impl Migration {
    fn check(&self) -> Result<(), DeployError> {
        for words in [Some(&self.run), self.backup.as_ref(), self.undo.as_ref()] {
            let Some(words) = words else { continue };
            let sound = words.first().is_some_and(|program| !program.is_empty())
                && words.iter().all(|word| !word.contains('\0'));
            refuse_unless(
                sound,
                "migration",
                &words.join(" "),
                "give a program and its arguments",
            )?;
        }
        Ok(())
    }
}

impl Release {
    /// Refuses what is no commit; a version is well-formed by its type.
    ///
    /// # Errors
    /// [`DeployError::Refused`], naming the value.
    pub fn check(&self) -> Result<(), DeployError> {
        let hex = (7..=64).contains(&self.commit.len())
            && self
                .commit
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, 'a'..='f'));
        refuse_unless(
            hex,
            "commit",
            &self.commit,
            "give 7 to 64 lower-case hexadecimal digits",
        )
    }
}

impl Deploy {
    /// Refuses a deploy whose names or numbers cannot be carried out safely.
    ///
    /// # Errors
    /// [`DeployError::Refused`], naming the value.
    pub fn check(&self) -> Result<(), DeployError> {
        self.app.check()?;
        self.release.check()?;
        let word = |c: char| c.is_ascii_graphic() && !"'\"\\".contains(c);
        let owner =
            !self.owner.is_empty() && self.owner.len() <= 100 && self.owner.chars().all(word);
        refuse_unless(
            owner,
            "run id",
            &self.owner,
            "use one printable word without quotes",
        )
    }
}

fn refuse_unless(
    holds: bool,
    what: &'static str,
    value: &str,
    remedy: &'static str,
) -> Result<(), DeployError> {
    if holds {
        return Ok(());
    }
    Err(DeployError::Refused {
        what,
        value: value.to_owned(),
        remedy,
    })
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// A guestbook as tests deploy it.
    pub(crate) fn backend() -> Backend {
        Backend {
            binary: "guestbook-backend".into(),
            service_user: "guestbook".into(),
            port: 8080,
            health: "/health".into(),
            env_file: Some("/etc/guestbook/.env".into()),
            require_env: vec!["DATABASE_URL".into()],
            health_passes: 3,
            health_deadline_seconds: 10,
            stabilise_seconds: 60,
            revert_after_seconds: 120,
            drain_seconds: 30,
            keep_releases: 3,
            switch: Method::Nft,
            limits: Limits::default(),
            migrate: None,
            build: None,
        }
    }

    /// An app with both parts.
    pub(crate) fn app() -> App {
        App {
            name: "guestbook".into(),
            backend: Some(backend()),
            frontend: Some(Frontend {
                url: None,
                keep_releases: 3,
            }),
            lease_seconds: LEASE_SECONDS,
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

#[cfg(test)]
mod tests {
    use super::samples::{app, release};
    use super::*;
    use proptest::prelude::*;

    fn deploy() -> Deploy {
        Deploy {
            target: Target::parse("deploy@app1").unwrap(),
            app: app(),
            release: release("1.4.0-rc.1+build"),
            owner: "run-1".into(),
            by: "someone".into(),
        }
    }

    #[test]
    fn a_release_is_named_by_version_and_commit() {
        assert_eq!(release("1.4.0").id(), "1.4.0-0123456789ab");
        let short = Release {
            commit: "0123456".into(),
            ..release("1.4.0")
        };
        assert_eq!(short.id(), "1.4.0-0123456");
        deploy().check().unwrap();
    }

    #[test]
    fn each_unsafe_value_is_refused_by_name() {
        let check = |part: &str, spoil: &dyn Fn(&mut Deploy)| {
            let mut deploy = deploy();
            spoil(&mut deploy);
            let error = deploy.check().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        let backend = |spoil: fn(&mut Backend)| {
            move |deploy: &mut Deploy| spoil(deploy.app.backend.as_mut().unwrap())
        };
        check("app name", &|d| d.app.name = "../etc".into());
        check("app name", &|d| d.app.name = String::new());
        check("binary", &backend(|b| b.binary = "-x".into()));
        check("service user", &backend(|b| b.service_user = "a b".into()));
        check("port", &backend(|b| b.port = 65_534));
        check(
            "health path",
            &backend(|b| b.health = "/a\r\nHost: b".into()),
        );
        check(
            "env file",
            &backend(|b| b.env_file = Some("/etc/%i".into())),
        );
        check("env file", &backend(|b| b.env_file = Some("etc/x".into())));
        check(
            "required variable",
            &backend(|b| b.require_env = vec!["A B".into()]),
        );
        check("health_passes", &backend(|b| b.health_passes = 0));
        let memory = |b: &mut Backend| b.limits.memory = Some("64M\nUser=root".into());
        check("memory limit", &backend(memory));
        check("commit", &|d| d.release.commit = "$(id)abcd".into());
        check("run id", &|d| d.owner = "a\nb".into());
    }

    proptest! {
        #[test]
        fn what_passes_is_one_plain_word(name in "[^\\x00]{0,40}") {
            let mut deploy = deploy();
            deploy.app.name = name.clone();
            if deploy.check().is_ok() {
                prop_assert_eq!(crate::command::quote(&name), name);
            }
        }
    }
}
