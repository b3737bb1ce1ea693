//! `[registry]`: where crates are published.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// `[registry]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// The registry's name as cargo knows it.
    pub name: String,
    /// Its sparse index. The default is the one that cargo knows by that name.
    pub index: Option<String>,
    /// How long a new version may take to appear in the index.
    #[schemars(with = "crate::text_value::Duration")]
    pub visible_within: SignedDuration,
    /// Whether to exchange a workflow's identity for a token, if the runner offers one.
    pub trusted_publishing: bool,
    /// Who is to own crates that a release creates: `LOGIN`, or `github:ORGANIZATION:TEAM`.
    pub owners: Vec<String>,
    /// How far a fresh project with the new versions is taken at the end.
    pub fresh_project: FreshProject,
    /// The site that builds the documentation of crates on crates.io.
    #[schemars(with = "crate::text_value::Address")]
    pub docs: Url,
}

/// How far a fresh project with the published crates is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FreshProject {
    /// It is resolved and built.
    #[default]
    Build,
    /// It is resolved, and the checksums are compared.
    Resolve,
    /// No such project is made.
    Off,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        RegistryConfig {
            name: "crates-io".to_owned(),
            index: None,
            visible_within: SignedDuration::from_mins(5),
            trusted_publishing: true,
            owners: Vec::new(),
            fresh_project: FreshProject::Build,
            docs: Url::parse("https://docs.rs").expect("a constant address parses"),
        }
    }
}
