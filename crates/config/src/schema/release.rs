//! `[release]`: versions, branch, tag, changelog and targets.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

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
    /// The release commit's message; `{version}` stands for what is released. Absent: that of
    /// the last release commit, or `chore(release): {version}` where the commits follow the
    /// conventional commits specification, or `Release {version}`.
    pub message: Option<String>,
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
            message: None,
            changelog: None,
            targets: BTreeMap::new(),
        }
    }
}
