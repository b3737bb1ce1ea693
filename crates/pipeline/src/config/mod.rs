//! `stagegate.toml`: what a team writes, with a default for everything.
//!
//! An absent file is an empty file. An unknown key or a wrong type is an error
//! with file, line and column, never a silent default. A second file can be
//! laid over the first (`--config FILE`), as cargo lays its own over each other:
//! the same pipeline then meets another registry, GitHub or host.
//!
//! Refuses to hold secrets: it names environment variables and files only.

mod build;
mod ci;
mod deploy;
mod error;
mod freeze;
mod frontend;
mod gates;
mod load;
mod migrate;
mod notify;
mod pattern;
mod switch;
mod targets;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use stagegate_deploy::Limits;
use stagegate_github::Repository;
use url::Url;

pub(crate) use build::Checkout;
pub use build::{BuildConfig, BuildOn};
pub use ci::{CiConfig, CiJob};
pub use deploy::{DifferentHost, EnvironmentConfig, HostConfig, OnFailure, Waves};
pub use error::ConfigError;
pub use freeze::Freeze;
pub use frontend::FrontendConfig;
pub use gates::{
    AuditGate, CommandGate, Gates, Level, LinksGate, MsrvGate, OutdatedGate, SecretsGate,
    SemverGate,
};
pub use load::FILE_NAME;
pub use migrate::MigrateConfig;
pub use notify::{NotifyConfig, Occasion, WebhookConfig};
pub use pattern::PathPattern;
pub use switch::{PlainSwitch, ProxyConfig, SwitchConfig};

/// The whole of `stagegate.toml`.
#[derive(Clone, Debug, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Versions, branch, tag and changelog.
    pub release: ReleaseConfig,
    /// Where crates go.
    pub registry: RegistryConfig,
    /// Where the GitHub release goes.
    pub github: GitHubConfig,
    /// What must hold before anything changes.
    pub gates: Gates,
    /// More files for the GitHub release.
    #[serde(rename = "asset")]
    pub assets: Vec<AssetConfig>,
    /// A team's own steps.
    #[serde(rename = "step")]
    pub steps: Vec<CustomStep>,
    /// The app that is deployed, if there is one.
    pub app: Option<AppConfig>,
    /// Environments by name; `production` is the default one.
    pub deploy: BTreeMap<String, EnvironmentConfig>,
    /// Who is told of runs.
    pub notify: NotifyConfig,
    /// What a rehearsal needs to know of the app.
    pub rehearsal: RehearsalConfig,
    /// What the written workflows are like.
    pub ci: CiConfig,
}

/// `[rehearsal]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RehearsalConfig {
    /// The app's environment on the fake host, no secrets among it;
    /// `{prefix}` stands for the host's root.
    pub env: BTreeMap<String, String>,
    /// The path that load asks for; absent: the health path.
    pub get: Option<String>,
    /// What load sends, if the app takes anything.
    pub post: Option<PostConfig>,
}

/// `[rehearsal.post]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PostConfig {
    /// Where to.
    pub path: String,
    /// The body.
    pub body: String,
}

/// `[release]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReleaseConfig {
    /// How versions move, for packages that are in no group.
    pub versioning: Versioning,
    /// Groups of packages by name.
    #[serde(rename = "group")]
    pub groups: BTreeMap<String, GroupConfig>,
    /// The branch that releases are made from.
    pub branch: String,
    /// The remote that branch and tag are pushed to.
    pub remote: String,
    /// The tag's name; `{version}` stands for the version, `{name}` for the
    /// group or package. Absent: `v{version}` where the whole workspace has one
    /// version, `{name}-v{version}` otherwise.
    pub tag: Option<String>,
    /// The workspace's changelog, relative to the root; absent means `CHANGELOG.md` where
    /// such a file exists, and no changelog stage where none does.
    pub changelog: Option<Utf8PathBuf>,
    /// The target triples that the app's binary is built for in a GitHub release, and the
    /// runner that builds it in a workflow. None: it is built once, for the machine that
    /// releases.
    pub targets: BTreeMap<String, String>,
}

/// How the versions of a workspace's packages move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Versioning {
    /// One version for all.
    #[default]
    Lockstep,
    /// Each package has its own.
    Independent,
}

/// `[release.group.NAME]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// Packages by name; `*` stands for any part of one.
    pub crates: Vec<String>,
    /// How their versions move.
    #[serde(default)]
    pub versioning: Versioning,
    /// The tag's name, as in `[release]`.
    pub tag: Option<String>,
    /// A changelog of the group's own, relative to the root, beside those in
    /// its packages' directories.
    pub changelog: Option<Utf8PathBuf>,
}

impl Default for ReleaseConfig {
    fn default() -> Self {
        ReleaseConfig {
            versioning: Versioning::Lockstep,
            groups: BTreeMap::new(),
            branch: "main".to_owned(),
            remote: "origin".to_owned(),
            tag: None,
            changelog: None,
            targets: BTreeMap::new(),
        }
    }
}

/// `[registry]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// The registry's name as cargo knows it.
    pub name: String,
    /// Its sparse index; absent: the one that cargo knows by that name.
    pub index: Option<String>,
    /// How long a new version may take to appear in the index.
    pub visible_within: SignedDuration,
    /// Whether a workflow's identity is exchanged for a token, where the
    /// runner offers one.
    pub trusted_publishing: bool,
    /// How far a project of a user's is taken with the new versions at the end.
    pub fresh_project: FreshProject,
    /// Who builds the documentation of what is on crates.io.
    pub docs: Url,
}

/// How far a fresh project with the published crates is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FreshProject {
    /// It is resolved and built.
    #[default]
    Build,
    /// It is resolved, and the checksums are compared.
    Resolve,
    /// There is none.
    Off,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        RegistryConfig {
            name: "crates-io".to_owned(),
            index: None,
            visible_within: SignedDuration::from_mins(5),
            trusted_publishing: true,
            fresh_project: FreshProject::Build,
            docs: Url::parse("https://docs.rs").expect("a constant address parses"),
        }
    }
}

/// `[github]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct GitHubConfig {
    /// `owner/name`; absent: read from the remote's address, then from the
    /// packages' `repository`.
    pub repository: Option<Repository>,
    /// The address of the API (GitHub Enterprise: `https://HOST/api/v3`).
    pub api: Url,
    /// The address of uploads (GitHub Enterprise: `https://HOST/api/uploads`).
    pub uploads: Url,
    /// Whether there is a GitHub release at all.
    pub release: bool,
    /// Whether it gets a list of everything that is in it, in CycloneDX.
    pub sbom: bool,
}

impl Default for GitHubConfig {
    fn default() -> Self {
        let url = |text| Url::parse(text).expect("a constant address parses");
        GitHubConfig {
            repository: None,
            api: url("https://api.github.com"),
            uploads: url("https://uploads.github.com"),
            release: true,
            sbom: true,
        }
    }
}

/// `[[asset]]`: a file of the release commit, or one that a command makes there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AssetConfig {
    /// The file, relative to the root; `{version}` stands for the version.
    pub file: Utf8PathBuf,
    /// What it is called in the release; absent: the file's own name.
    pub name: Option<String>,
    /// The command that makes it, run at the root of the release tree.
    pub build: Option<Vec<String>>,
    /// The version group whose release it belongs to; absent: the main one's.
    pub group: Option<String>,
}

/// `[[step]]`: a command of the team's own, and how to know that it is done.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CustomStep {
    /// A name for messages; absent: the command's first words.
    pub name: Option<String>,
    /// The stage it follows.
    pub after: Option<crate::Stage>,
    /// The stage it precedes.
    pub before: Option<crate::Stage>,
    /// The command; `{version}` stands for the version. No shell is involved.
    pub run: Vec<String>,
    /// Exits with 0 when the step is already done.
    pub probe: Option<Vec<String>>,
}

/// `[app]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// Names directories and units on the host.
    pub name: String,
    /// The service behind the public port.
    pub backend: Option<ServiceConfig>,
    /// What users see: a static bundle, or a service of its own.
    pub frontend: Option<FrontendConfig>,
}

impl AppConfig {
    /// A frontend that is a service.
    pub fn frontend_service(&self) -> Option<&ServiceConfig> {
        self.frontend.as_ref()?.service.as_ref()
    }

    /// Its services, each with the name of its table.
    fn services(&self) -> impl Iterator<Item = (&'static str, &ServiceConfig)> {
        let backend = self.backend.as_ref().map(|it| ("app.backend", it));
        let frontend = self.frontend_service();
        let frontend = frontend.map(|it| ("app.frontend.service", it));
        backend.into_iter().chain(frontend)
    }
}

/// `[app.backend]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// The workspace's package that holds it.
    pub package: String,
    /// Its binary; absent: named like the package.
    pub binary: Option<String>,
    /// The public port; the slots take the two next to it.
    pub port: u16,
    /// The path that answers 200 with the running version.
    #[serde(default = "default_health")]
    pub health: String,
    /// The user it runs as; absent: named like the app.
    pub service_user: Option<String>,
    /// The secrets' file on the host; absent: `/etc/APP/.env`.
    pub env_file: Option<Utf8PathBuf>,
    /// Names that the file must define.
    #[serde(default)]
    pub require_env: Vec<String>,
    /// Passes in a row before users meet the new version.
    #[serde(default = "default_passes")]
    pub health_passes: u32,
    /// The limit for those passes.
    #[serde(default = "default_deadline")]
    pub health_deadline: SignedDuration,
    /// How long the old version may go on answering open connections.
    #[serde(default = "default_drain")]
    pub drain: SignedDuration,
    /// How many known-good releases stay on a host.
    #[serde(default = "default_keep")]
    pub keep_releases: usize,
    /// What its processes may take, and where they may write.
    #[serde(default)]
    pub limits: Limits,
    /// How users come to the new version.
    #[serde(default)]
    pub switch: SwitchConfig,
    /// The files whose change on the branch deploys it; none: no push does.
    #[serde(default)]
    pub paths: Vec<PathPattern>,
    /// How the data follow a release.
    pub migrate: Option<MigrateConfig>,
    /// Where it is built.
    #[serde(default)]
    pub build: BuildConfig,
}

impl ServiceConfig {
    /// Its binary's name.
    pub fn binary_name(&self) -> &str {
        self.binary.as_ref().unwrap_or(&self.package)
    }

    /// What is wrong with it: the word to look for, and the message.
    fn problem(&self, table: &str) -> Option<(&'static str, String)> {
        if let Some(message) = self.switch.problem() {
            return Some(("switch =", message));
        }
        if let Some(message) = self.build.problem() {
            return Some(("build", message));
        }
        if let Some((what, value, remedy)) = self.limits.problem() {
            return Some(("limits", format!("the {what} is {value:?}: {remedy}")));
        }
        let port = self.port;
        (port > u16::MAX - 2).then(|| {
            let message = format!(
                "`{table}.port` is {port}: the two ports next to it are needed for the slots"
            );
            ("port", message)
        })
    }

    /// Whether the hosts build it themselves.
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
