//! `stagegate.toml`: what a team writes, with a default for everything.
//!
//! An absent file is an empty file. An unknown key or a wrong type is an error
//! with file, line and column, never a silent default. A second file can be
//! laid over the first (`--config FILE`), as cargo lays its own over each other:
//! the same pipeline then meets another registry, GitHub or host.
//!
//! Refuses to hold secrets: it names environment variables and files only.

mod app;
mod asset;
mod build;
mod changelog;
mod ci;
mod ci_actions;
mod custom_step;
mod deploy;
mod freeze;
mod frontend;
mod gates;
mod github;
mod migrate;
mod notify;
mod registry;
mod rehearsal;
mod release;
mod replacement;
mod service;
mod stop;
mod switch;
pub mod targets;
mod templates;

pub use app::AppConfig;
pub use asset::AssetConfig;
pub use build::{BuildConfig, BuildOn, Checkout};
pub use changelog::ChangelogMode;
pub use ci::{CiConfig, CiFetch, CiJob, CiService, OneOrMany};
pub use ci_actions::CiActions;
pub use custom_step::{CustomStep, StepEach};
pub use deploy::{EnvironmentConfig, HostConfig, HostOverrides, OnFailure, Waves};
pub use freeze::Freeze;
pub use frontend::FrontendConfig;
pub use gates::{
    AuditGate, CommandGate, Gates, Level, LinksGate, MsrvGate, OutdatedGate, SecretsGate,
    SemverGate,
};
pub use github::GitHubConfig;
pub use migrate::MigrateConfig;
pub use notify::{NotifyConfig, NotifyEvent, WebhookConfig};
pub use registry::{FreshProject, RegistryConfig};
pub use rehearsal::{PostConfig, RehearsalConfig};
pub use release::{
    GroupConfig, GroupVersioning, PackageConfig, ReleaseConfig, Requirements, Versioning,
};
pub use replacement::{Replacement, filled_search};
pub use service::ServiceConfig;
pub use stop::StopConfig;
pub use switch::{PlainSwitch, ProxyConfig, SwitchConfig};
pub use templates::{PLACEHOLDERS, Templates};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The whole of `stagegate.toml`.
#[derive(Clone, Debug, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Versions, branch, tag and changelog.
    pub release: ReleaseConfig,
    /// Where crates go.
    pub registry: RegistryConfig,
    /// Where the GitHub release goes.
    pub github: GitHubConfig,
    /// What must pass before anything changes.
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
    /// Who is notified of runs.
    pub notify: NotifyConfig,
    /// What a rehearsal needs to know of the app.
    pub rehearsal: RehearsalConfig,
    /// What the written workflows are like.
    pub ci: CiConfig,
}
