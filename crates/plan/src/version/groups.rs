//! Version groups: packages that share a version, a tag and a changelog.
//!
//! A lockstep workspace is one group. With independent versions each package is
//! a group of its own, but for those that inherit the workspace's version: the
//! one line they share can only move for all of them. Which package belongs to
//! which group follows from manifests and configuration alone.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use stagegate_config::schema::{Config, GroupConfig, Versioning};
use stagegate_manifest::{Package, Workspace, inherits_version, normalized, relative_to};

use crate::model::Blocker;

/// The group of packages that are in no other one.
pub const WORKSPACE: &str = "workspace";

/// Packages that share a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name: as configured, a package's, or `workspace`.
    pub name: String,
    /// Its packages by name, sorted.
    pub members: Vec<String>,
    /// The highest version of its publishable packages, or of all its packages
    /// where none is publishable.
    pub version: Version,
    /// The tag's name, `{version}` in it.
    pub tag: String,
    /// Its changelogs, relative to the root; they need not exist.
    pub changelogs: Vec<Utf8PathBuf>,
}

impl Group {
    /// The tag of a version.
    pub fn tag_of(&self, version: &Version) -> String {
        self.tag.replace("{version}", &version.to_string())
    }

    /// What stands before the version in a tag.
    pub fn tag_prefix(&self) -> &str {
        self.tag.split("{version}").next().unwrap_or_default()
    }

    /// The version that a tag of this group names.
    pub fn version_of(&self, tag: &str) -> Option<Version> {
        let (before, after) = self.tag.split_once("{version}")?;
        let version = tag.strip_prefix(before)?.strip_suffix(after)?;
        Version::parse(version).ok()
    }

    /// Whether a package is in it.
    pub fn has(&self, package: &str) -> bool {
        self.members.iter().any(|name| name == package)
    }
}

/// The group that a release is about first: the app's own, else the
/// workspace's, else the first.
pub fn main<'g>(groups: &'g [Group], config: &Config) -> Option<&'g Group> {
    let backend = config.app.as_ref().and_then(|app| app.backend.as_ref());
    let of_app = backend.and_then(|b| groups.iter().find(|g| g.has(&b.package)));
    of_app
        .or_else(|| groups.iter().find(|g| g.name == WORKSPACE))
        .or_else(|| groups.first())
}

/// Every group of a workspace, by name; `files` holds the manifests, relative to
/// the root.
///
/// # Errors
/// A group that names nothing, and a package that two groups name.
pub fn groups(
    workspace: &Workspace,
    files: &BTreeMap<Utf8PathBuf, Vec<u8>>,
    config: &Config,
) -> Result<Vec<Group>, Blocker> {
    let mut groups = Vec::new();
    let mut taken = BTreeSet::new();
    for (name, wanted) in &config.release.groups {
        let members = members_of(workspace, name, wanted, &mut taken)?;
        match wanted.versioning {
            Versioning::Lockstep => groups.push(make(workspace, config, name, wanted, members)),
            Versioning::Independent => groups.extend(members.into_iter().map(|member| {
                make(
                    workspace,
                    config,
                    &member.name.clone(),
                    wanted,
                    vec![member],
                )
            })),
        }
    }
    let rest: Vec<&Package> = workspace
        .packages
        .iter()
        .filter(|package| !taken.contains(package.name.as_str()))
        .collect();
    groups.extend(rest_of(workspace, files, config, rest));
    let several = groups.len() > 1;
    for group in &mut groups {
        finish(workspace, config, group, several);
    }
    if let Some(group) = groups.iter().find(|g| !g.tag.contains("{version}")) {
        return Err(Blocker::new(
            format!(
                "the tag `{}` of {} does not say the version",
                group.tag, group.name
            ),
            "write `{version}` into it in stagegate.toml",
        ));
    }
    let mut tags = BTreeMap::new();
    for group in &groups {
        if let Some(other) = tags.insert(group.tag.as_str(), group.name.as_str()) {
            return Err(Blocker::new(
                format!(
                    "{other} and {} would have the same tags, `{}`",
                    group.name, group.tag
                ),
                "write `{name}` into `release.tag`, or give one of them a tag of its own",
            ));
        }
    }
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(groups)
}

fn members_of<'w>(
    workspace: &'w Workspace,
    name: &str,
    wanted: &GroupConfig,
    taken: &mut BTreeSet<&'w str>,
) -> Result<Vec<&'w Package>, Blocker> {
    let mut members = Vec::new();
    for pattern in &wanted.crates {
        for package in workspace.packages.iter().filter(|p| fits(pattern, &p.name)) {
            if members.iter().any(|m: &&Package| m.name == package.name) {
                continue;
            }
            if !taken.insert(&package.name) {
                return Err(Blocker::new(
                    format!(
                        "`{}` is named by [release.group.{name}] and by another group",
                        package.name
                    ),
                    "leave it in one of them",
                ));
            }
            members.push(package);
        }
        if !workspace.packages.iter().any(|p| fits(pattern, &p.name)) {
            return Err(Blocker::new(
                format!("`{pattern}` in [release.group.{name}] fits no package of the workspace"),
                "correct `crates` in stagegate.toml",
            ));
        }
    }
    if members.is_empty() {
        return Err(Blocker::new(
            format!("[release.group.{name}] has no packages"),
            "name some in `crates`, or remove the group",
        ));
    }
    Ok(members)
}

/// Whether a name fits a pattern in which `*` stands for any part.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|tail| {
            (0..=tail.len())
                .filter(|&at| tail.is_char_boundary(at))
                .any(|at| fits(rest, &tail[at..]))
        }),
    }
}

/// The groups of what no configured group names.
fn rest_of(
    workspace: &Workspace,
    files: &BTreeMap<Utf8PathBuf, Vec<u8>>,
    config: &Config,
    rest: Vec<&Package>,
) -> Vec<Group> {
    let usual = GroupConfig::default();
    let app = config.app.as_ref();
    let services = [
        app.and_then(|app| app.backend.as_ref()),
        app.and_then(|app| app.frontend_service()),
    ];
    let deployed = |p: &Package| services.iter().flatten().any(|it| it.package == p.name);
    let released = |p: &&Package| p.publishable_to(&config.registry.name) || deployed(p);
    match config.release.versioning {
        Versioning::Lockstep => {
            let current = current(config, &rest);
            let members: Vec<&Package> = rest
                .into_iter()
                .filter(|p| {
                    p.publishable_to(&config.registry.name) || Some(&p.version) == current.as_ref()
                })
                .collect();
            let group =
                (!members.is_empty()).then(|| make(workspace, config, WORKSPACE, &usual, members));
            group.into_iter().collect()
        }
        Versioning::Independent => {
            let inherits = |p: &Package| {
                let relative = relative_to(&workspace.root, &normalized(&p.manifest_path));
                let text = files.get(&relative);
                text.and_then(|bytes| std::str::from_utf8(bytes).ok())
                    .is_some_and(inherits_version)
            };
            let (shared, own): (Vec<&Package>, Vec<&Package>) =
                rest.into_iter().partition(|p| inherits(p));
            let mut groups: Vec<Group> = own
                .into_iter()
                .filter(released)
                .map(|p| make(workspace, config, &p.name, &usual, vec![p]))
                .collect();
            if shared.iter().any(released) {
                groups.push(make(workspace, config, WORKSPACE, &usual, shared));
            }
            groups
        }
    }
}

fn current(config: &Config, members: &[&Package]) -> Option<Version> {
    let publishable = members
        .iter()
        .filter(|p| p.publishable_to(&config.registry.name));
    publishable
        .map(|p| &p.version)
        .max()
        .or_else(|| members.iter().map(|p| &p.version).max())
        .cloned()
}

fn make(
    workspace: &Workspace,
    config: &Config,
    name: &str,
    wanted: &GroupConfig,
    members: Vec<&Package>,
) -> Group {
    let mut changelogs: Vec<Utf8PathBuf> = wanted.changelog.iter().cloned().collect();
    for member in &members {
        let directory = member.directory();
        let directory = relative_to(&workspace.root, &directory);
        if directory != Utf8Path::new("") {
            changelogs.push(directory.join(CHANGELOG));
        }
    }
    let mut seen = BTreeSet::new();
    changelogs.retain(|path| seen.insert(path.clone()));
    Group {
        name: name.to_owned(),
        version: current(config, &members).unwrap_or_else(|| Version::new(0, 0, 0)),
        members: members.iter().map(|p| p.name.clone()).collect(),
        tag: wanted.tag.clone().unwrap_or_default(),
        changelogs,
    }
}

/// The file that a changelog is by default.
pub const CHANGELOG: &str = "CHANGELOG.md";

/// What depends on the group's being one of several.
fn finish(workspace: &Workspace, config: &Config, group: &mut Group, several: bool) {
    let usual = if several && group.name != WORKSPACE {
        "{name}-v{version}"
    } else {
        "v{version}"
    };
    if group.tag.is_empty() {
        let configured = config.release.tag.as_deref();
        group.tag = configured
            .filter(|tag| tag.contains("{name}") || group.name == WORKSPACE || !several)
            .unwrap_or(usual)
            .to_owned();
    }
    group.tag = group.tag.replace("{name}", &group.name);
    let at_root = workspace
        .packages
        .iter()
        .any(|p| p.directory() == workspace.root && group.has(&p.name));
    if group.name == WORKSPACE || at_root || !several {
        let whole = config.release.changelog.clone();
        group
            .changelogs
            .insert(0, whole.unwrap_or_else(|| CHANGELOG.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_part() {
        let check = |pattern: &str, name: &str, want: bool| {
            assert_eq!(fits(pattern, name), want, "{pattern} {name}");
        };
        check("core", "core", true);
        check("core", "core-io", false);
        check("core-*", "core-io", true);
        check("*-io", "core-io", true);
        check("*", "anything", true);
        check("a*b*c", "a1b2c", true);
        check("a*b*c", "a1b2", false);
    }
}
