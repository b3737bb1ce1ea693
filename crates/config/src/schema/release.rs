//! `[release]`: versions, branch, tag, changelog and targets.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[release]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReleaseConfig {
    /// How the versions of packages that are in no group are related.
    pub versioning: Versioning,
    /// Version groups, by name.
    #[serde(rename = "group")]
    pub groups: BTreeMap<String, GroupConfig>,
    /// The branch that you release from. The default is the default branch of the remote.
    pub branch: Option<String>,
    /// The remote that the branch and the tag are pushed to. The default is the only
    /// remote there is, or the one that your checkout's branch follows, or `origin`.
    pub remote: Option<String>,
    /// The name of the tag. `{version}` stands for the version, `{name}` for the group or
    /// package. The default is `v{version}` if the whole workspace has one version, and
    /// `{name}-v{version}` otherwise.
    pub tag: Option<String>,
    /// The release commit's message; `{version}` stands for what is released. The default is
    /// the form of the last release commit, or `chore(release): {version}` if the commits
    /// follow the conventional commits specification, or `Release {version}`.
    pub message: Option<String>,
    /// The workspace's changelog, relative to the root. The default is `CHANGELOG.md`, if
    /// it exists; without a changelog there is no changelog stage.
    #[schemars(with = "Option<String>")]
    pub changelog: Option<Utf8PathBuf>,
    /// The target triples that the app's binary is built for in a GitHub release, each
    /// with the runner that builds it in a workflow. Without any, it is built once, for
    /// the machine that releases.
    pub targets: BTreeMap<String, String>,
}

/// How the versions of a workspace's packages move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Versioning {
    /// One version for all.
    #[default]
    Lockstep,
    /// Each package has its own.
    Independent,
}

/// `[release.group.NAME]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// The packages in the group. `*` stands for any part of a name.
    pub crates: Vec<String>,
    /// Whether they share one version.
    #[serde(default)]
    pub versioning: Versioning,
    /// The tag's name, as in `[release]`.
    pub tag: Option<String>,
    /// A changelog of the group, relative to the root, in addition to those in its
    /// packages' directories.
    #[schemars(with = "Option<String>")]
    pub changelog: Option<Utf8PathBuf>,
}

impl ReleaseConfig {
    /// Returns the branch that releases are made from: what the file says or the checkout
    /// taught, else `main`.
    pub fn branch(&self) -> &str {
        self.branch.as_deref().unwrap_or("main")
    }

    /// Returns the remote that releases are pushed to: what the file says or the checkout
    /// taught, else `origin`.
    pub fn remote(&self) -> &str {
        self.remote.as_deref().unwrap_or("origin")
    }
}

impl Default for ReleaseConfig {
    fn default() -> Self {
        ReleaseConfig {
            versioning: Versioning::Lockstep,
            groups: BTreeMap::new(),
            branch: None,
            remote: None,
            tag: None,
            message: None,
            changelog: None,
            targets: BTreeMap::new(),
        }
    }
}
