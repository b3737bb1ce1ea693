//! `[release]`: versions, branch, tag, changelog and targets.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name_pattern::fits;
use crate::schema::templates::unknown_placeholder;
use crate::schema::{ChangelogMode, PLACEHOLDERS, Replacement, Templates};

/// `[release]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReleaseConfig {
    /// How the versions of packages that are in no group are related.
    pub versioning: Versioning,
    /// Version groups, by name.
    #[serde(rename = "group")]
    pub groups: BTreeMap<String, GroupConfig>,
    /// What differs for one package, by its name.
    #[serde(rename = "package")]
    pub of_package: BTreeMap<String, PackageConfig>,
    /// The packages that are released; `*` stands for any part of a name. The default is
    /// every package that is published, or can be.
    pub packages: Vec<String>,
    /// Packages that are not released, whatever else names them.
    pub exclude: Vec<String>,
    /// When a requirement on another package of the workspace is raised to the version that
    /// is released.
    pub requirements: Requirements,
    /// The branch that you release from. The default is the default branch of the remote.
    pub branch: Option<String>,
    /// Other branches that you release from, such as `v*.x`; `*` stands for any part of a
    /// name.
    pub branches: Vec<String>,
    /// The remote that the branch and the tag are pushed to. The default is the only
    /// remote there is, or the one that your checkout's branch follows, or `origin`.
    pub remote: Option<String>,
    /// The name of the tag. `{version}` stands for the version, `{name}` for the group or
    /// package. The default is the form of the tags that exist; without any, `v{version}` if
    /// the whole workspace has one version, and `{name}-v{version}` otherwise.
    pub tag: Option<String>,
    /// The release commit's message; `{version}` stands for what is released, and
    /// `{previous}`, `{name}`, `{tag}` and `{date}` may be in it too. The default is
    /// the form of the last release commit, or `chore(release): {version}` if the commits
    /// follow the conventional commits specification, or `Release {version}`.
    pub message: Option<String>,
    /// The workspace's changelog, relative to the root. The default is `CHANGELOG.md`, if
    /// it exists; without a changelog there is no changelog stage.
    #[schemars(with = "Option<String>")]
    pub changelog: Option<Utf8PathBuf>,
    /// Where the release's notes come from: `auto` takes what is written under
    /// `[Unreleased]` and generates the section from the commits where nothing is.
    pub changelog_mode: ChangelogMode,
    /// What else names the version, in other files.
    pub replace: Vec<Replacement>,
    /// What tags, releases and pull requests say.
    pub templates: Templates,
    /// Whether the release commit is signed off by who makes it. The default is what the
    /// last release commit did.
    pub sign_off: Option<bool>,
    /// The target triples that the app's binary is built for in a GitHub release, each
    /// with the runner that builds it in a workflow. Without any, it is built once, for
    /// the machine that releases.
    pub targets: BTreeMap<String, String>,
}

/// How the versions of a workspace's packages move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Versioning {
    /// As they moved so far: those that inherit the workspace's version, and those that
    /// have one version and were released together, move together; each of the others
    /// has its own.
    #[default]
    Learn,
    /// One version for all.
    Lockstep,
    /// Each package has its own, but for those that inherit the workspace's.
    Independent,
}

/// How the versions of a group's packages move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupVersioning {
    /// One version for all.
    #[default]
    Lockstep,
    /// Each package has its own.
    Independent,
}

/// When a requirement on a sibling follows the sibling's new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Requirements {
    /// As it did so far: one that names the current version follows it, and a wider one
    /// stays as long as it accepts the new version.
    #[default]
    Learn,
    /// Always, in packages that are released too.
    Follow,
    /// Only if it does not accept the new version.
    AsNeeded,
}

/// `[release.package.NAME]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PackageConfig {
    /// Whether the package is released. `true` takes it in although it was never published.
    pub release: Option<bool>,
    /// The tag's name, as in `[release]`, for a package that has a version of its own.
    pub tag: Option<String>,
    /// The package's changelog, relative to the root; the default is `CHANGELOG.md` in its
    /// directory.
    #[schemars(with = "Option<String>")]
    pub changelog: Option<Utf8PathBuf>,
}

/// `[release.group.NAME]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// The packages in the group. `*` stands for any part of a name.
    pub crates: Vec<String>,
    /// Whether they share one version.
    #[serde(default)]
    pub versioning: GroupVersioning,
    /// The tag's name, as in `[release]`.
    pub tag: Option<String>,
    /// A changelog of the group, relative to the root, in addition to those in its
    /// packages' directories.
    #[schemars(with = "Option<String>")]
    pub changelog: Option<Utf8PathBuf>,
    /// Where the group's release notes come from, as in `[release]`.
    pub changelog_mode: Option<ChangelogMode>,
}

impl ReleaseConfig {
    /// Returns the branch that releases are made from: what the file says or the checkout
    /// taught, else `main`.
    pub fn branch(&self) -> &str {
        self.branch.as_deref().unwrap_or("main")
    }

    /// Returns the branch that a checkout of `current` releases from: that one, if it is one
    /// of several, else [`branch`](Self::branch).
    pub fn branch_of<'a>(&'a self, current: Option<&'a str>) -> &'a str {
        let fits = |name: &&str| self.branches.iter().any(|pattern| fits(pattern, name));
        current.filter(fits).unwrap_or_else(|| self.branch())
    }

    /// Returns every branch that releases are made from, some of them as patterns.
    pub fn every_branch(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.branch()).chain(self.branches.iter().map(String::as_str))
    }

    /// Returns what types cannot say of changelogs, replacements and templates: where it
    /// stands, and what is wrong.
    pub(crate) fn problem(&self) -> Option<(String, String)> {
        let modes = ["auto", "promote", "generate", "off"];
        let own = self.groups.values().map(|group| &group.changelog);
        for file in own.chain([&self.changelog]).flatten() {
            if modes.contains(&file.as_str()) {
                return Some((
                    format!("\"{file}\""),
                    format!("`changelog` names a file; write `changelog_mode = \"{file}\"`"),
                ));
            }
        }
        let unknown = |text: &str, known: &[&str]| {
            let name = unknown_placeholder(text, known)?;
            let known: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
            Some((
                format!("{{{name}}}"),
                format!(
                    "`{{{name}}}` stands for nothing here; there are {}",
                    known.join(", ")
                ),
            ))
        };
        let names = &PLACEHOLDERS[..5];
        for replacement in &self.replace {
            let search = crate::schema::replacement::filled_search(&replacement.search, |_| None);
            if let Err(error) = regex::Regex::new(&search) {
                return Some((
                    replacement.search.clone(),
                    format!("`{}` is no regular expression: {error}", replacement.search),
                ));
            }
            if replacement.file.is_absolute() {
                return Some((
                    replacement.file.to_string(),
                    format!(
                        "{} is absolute; name it from the workspace's root",
                        replacement.file
                    ),
                ));
            }
            let text = replacement.replace.replace("${", "$");
            if let Some(found) = unknown(&text, names) {
                return Some(found);
            }
        }
        if let Some(found) = self
            .message
            .as_deref()
            .and_then(|text| unknown(text, names))
        {
            return Some(found);
        }
        let texts = self.templates.all().map(|(_, text)| text);
        texts
            .into_iter()
            .find_map(|text| unknown(text, &PLACEHOLDERS))
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
            versioning: Versioning::Learn,
            groups: BTreeMap::new(),
            of_package: BTreeMap::new(),
            packages: Vec::new(),
            exclude: Vec::new(),
            requirements: Requirements::Learn,
            branches: Vec::new(),
            branch: None,
            remote: None,
            tag: None,
            message: None,
            changelog: None,
            changelog_mode: ChangelogMode::Auto,
            replace: Vec::new(),
            templates: Templates::default(),
            sign_off: None,
            targets: BTreeMap::new(),
        }
    }
}
