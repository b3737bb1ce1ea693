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
    /// Other registries that a release publishes to as well, by their names in cargo's
    /// configuration.
    pub also: Vec<String>,
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
            also: Vec::new(),
            index: None,
            visible_within: SignedDuration::from_mins(5),
            trusted_publishing: true,
            owners: Vec::new(),
            fresh_project: FreshProject::Build,
            docs: Url::parse("https://docs.rs").expect("a constant address parses"),
        }
    }
}

impl RegistryConfig {
    /// Returns every registry that a release publishes to; the first is the one that all other
    /// keys are about.
    pub fn names(&self) -> Vec<&str> {
        let also = self.also.iter().map(String::as_str);
        std::iter::once(self.name.as_str()).chain(also).collect()
    }

    /// Returns a registry's name, unless it is the main one.
    pub fn other(&self, name: &str) -> Option<String> {
        (name != self.name).then(|| name.to_owned())
    }

    /// Returns whether a workflow's identity is exchanged for a token of a registry.
    pub fn trusts_identity(&self, name: &str) -> bool {
        // Of all registries only crates.io is known to take one, and it is never another one.
        self.trusted_publishing && name == self.name
    }

    /// Returns what is wrong with the names.
    pub(crate) fn problem(&self) -> Option<String> {
        let names = self.names();
        if names[1..].contains(&"crates-io") {
            return Some(
                "`registry.also` names `crates-io`: leave it `registry.name`, and name the other one in `also`"
                    .to_owned(),
            );
        }
        let mut twice = names.iter().enumerate();
        let (_, name) = twice.find(|(at, name)| names[..*at].contains(name))?;
        Some(format!(
            "`registry.also` names `{name}`, which is published to already"
        ))
    }
}
