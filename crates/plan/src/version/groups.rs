//! Version groups: packages that share a version, a tag and a changelog.
//!
//! A lockstep workspace is one group. With independent versions each package is
//! a group of its own, but for those that inherit the workspace's version: the
//! one line they share can only move for all of them. Where stagegate.toml says
//! neither, manifests, tags and registry tell how the packages moved so far.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use stagegate_config::name_pattern::fits;
use stagegate_config::schema::{Config, GroupConfig, GroupVersioning, Versioning};
use stagegate_manifest::{Package, Workspace, relative_to};

use crate::model::Blocker;
use crate::version::development::is_development;
use crate::version::evidence::Evidence;
use crate::version::members::{self, Reason, Selection};
use crate::version::tags::{self, TagHabit, Tagged, version_in};
use crate::version::together::{Files, Together, inherits, lead, together};

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
    /// Tags that a release has beside it: where each package has its own.
    pub more_tags: Vec<String>,
    /// The names of earlier tags.
    pub older_tags: Vec<String>,
    /// Whether the version only stands between two releases, as `0.4.2-dev` does.
    pub is_development: bool,
    /// Its changelogs, relative to the root; they need not exist.
    pub changelogs: Vec<Utf8PathBuf>,
}

impl Group {
    /// Returns the tag of a version.
    pub fn tag_of(&self, version: &Version) -> String {
        self.tag.replace("{version}", &version.to_string())
    }

    /// Returns the tag of a version that may have been released when tags had another form.
    pub fn existing_tag_of(&self, version: &Version, exists: &dyn Fn(&str) -> bool) -> String {
        let forms = std::iter::once(&self.tag).chain(&self.older_tags);
        let mut tags = forms.map(|form| form.replace("{version}", &version.to_string()));
        let there = tags.find(|tag| exists(tag));
        there.unwrap_or_else(|| self.tag_of(version))
    }

    /// Returns what stands before the version in a tag.
    pub fn tag_prefix(&self) -> &str {
        self.tag.split("{version}").next().unwrap_or_default()
    }

    /// Returns the version that a tag of this group names.
    pub fn version_of(&self, tag: &str) -> Option<Version> {
        self.named_by(tag).map(|(version, _)| version)
    }

    /// Returns the version that a tag of this group names, and the age of the tag's form: 0 is
    /// the one that releases have now.
    pub fn named_by(&self, tag: &str) -> Option<(Version, usize)> {
        let forms = std::iter::once(&self.tag).chain(&self.older_tags);
        let mut forms = forms.enumerate();
        forms.find_map(|(age, form)| Some((version_in(form, tag)?, age)))
    }

    /// Returns whether a package is in it.
    pub fn has(&self, package: &str) -> bool {
        self.members.iter().any(|name| name == package)
    }
}

/// Returns the group that a release is about first: the app's own, else the workspace's, else the
/// first.
pub fn main<'g>(groups: &'g [Group], config: &Config) -> Option<&'g Group> {
    let backend = config.app.as_ref().and_then(|app| app.backend.as_ref());
    let of_app = backend.and_then(|b| groups.iter().find(|g| g.has(&b.package)));
    of_app
        .or_else(|| groups.iter().find(|g| g.name == WORKSPACE))
        .or_else(|| groups.first())
}

/// What a workspace's releases are like: as stagegate.toml says, else as they were so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conventions {
    /// Every group, by name.
    pub groups: Vec<Group>,
    /// The members that could go to the registry and are left out.
    pub left_out: BTreeSet<String>,
    /// Whether there are other groups, of which nobody asked for a package.
    pub has_other_groups: bool,
    /// What was learned, and from what, for people.
    pub notes: Vec<String>,
}

/// Returns every group of a workspace and what was learned of it; `files` holds the
/// manifests, relative to the root.
///
/// # Errors
/// A group that names nothing, a package that two groups name, and a name that fits none.
pub fn conventions(
    workspace: &Workspace,
    files: &Files,
    config: &Config,
    selection: &Selection,
    evidence: &Evidence,
) -> Result<Conventions, Blocker> {
    let out = members::left_out(workspace, files, config, selection, evidence)?;
    let scene = Scene {
        workspace,
        files,
        config,
        evidence,
        out: &out,
    };
    let mut notes = Vec::new();
    let mut groups = Vec::new();
    let mut taken = BTreeSet::new();
    for (name, wanted) in &config.release.groups {
        let members = members_of(workspace, name, wanted, &mut taken)?;
        match wanted.versioning {
            GroupVersioning::Lockstep => groups.push(scene.make(name, wanted, members)),
            GroupVersioning::Independent => groups.extend(
                members
                    .into_iter()
                    .map(|member| scene.make(&member.name, wanted, vec![member])),
            ),
        }
    }
    let rest: Vec<&Package> = workspace
        .packages
        .iter()
        .filter(|package| !taken.contains(package.name.as_str()))
        .collect();
    groups.extend(scene.rest_of(rest, &mut notes));
    let several = groups.len() > 1;
    notes.extend(scene.tags(&mut groups)?);
    for group in &mut groups {
        scene.changelog_of(group, several);
        group.is_development = is_development(group, evidence);
    }
    check_tags(&groups)?;
    notes.extend(groups.iter().filter(|g| g.is_development).map(|group| {
        format!(
            "learned: {} stands at {} between releases; no release was ever called so",
            group.name, group.version
        )
    }));
    let before = groups.len();
    let asked = |name: &String| matches!(out.get(name), Some(Reason::Asked));
    let goes = |name: &String| {
        workspace
            .package(name)
            .is_some_and(|p| scene.is_released(p))
    };
    groups.retain(|group| {
        let mut released = group.members.iter().filter(|name| goes(name)).peekable();
        released.peek().is_none() || !released.all(asked)
    });
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    notes.extend(members::notes(&out));
    Ok(Conventions {
        has_other_groups: groups.len() < before,
        groups,
        left_out: out.into_keys().collect(),
        notes,
    })
}

fn check_tags(groups: &[Group]) -> Result<(), Blocker> {
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
    for group in groups {
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
    Ok(())
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

/// Returns what is configured for a group, if it is, or its package is, in a configured one.
pub(crate) fn config_of<'c>(config: &'c Config, group: &Group) -> Option<&'c GroupConfig> {
    let first = group.members.first()?;
    let names = |wanted: &&GroupConfig| wanted.crates.iter().any(|pattern| fits(pattern, first));
    config.release.groups.values().find(names)
}

/// What groups are made from.
struct Scene<'a> {
    workspace: &'a Workspace,
    files: &'a Files,
    config: &'a Config,
    evidence: &'a Evidence,
    out: &'a BTreeMap<String, Reason>,
}

impl Scene<'_> {
    /// Returns whether releases have a package, though this one may not.
    fn is_released(&self, package: &Package) -> bool {
        let is_kept = matches!(self.out.get(&package.name), None | Some(Reason::Asked));
        is_kept && package.may_go_to_any(&self.config.registry.names())
    }

    /// Returns whether a package runs on hosts.
    fn is_deployed(&self, package: &Package) -> bool {
        let app = self.config.app.as_ref();
        let services = [
            app.and_then(|app| app.backend.as_ref()),
            app.and_then(|app| app.frontend_service()),
        ];
        let mut services = services.into_iter().flatten();
        services.any(|service| service.package == package.name)
    }

    /// Returns the groups of what no configured group names.
    fn rest_of(&self, rest: Vec<&Package>, notes: &mut Vec<String>) -> Vec<Group> {
        let usual = GroupConfig::default();
        let one_for_all = |rest: Vec<&Package>| {
            let current = self.current(&rest);
            let moves = |p: &&Package| self.is_released(p) || Some(&p.version) == current.as_ref();
            let members: Vec<&Package> = rest.into_iter().filter(moves).collect();
            (!members.is_empty()).then(|| self.make(WORKSPACE, &usual, members))
        };
        let inherits = |p: &&Package| inherits(self.workspace, self.files, p);
        let goes = |p: &&Package| self.is_released(p) || self.is_deployed(p);
        match self.config.release.versioning {
            Versioning::Lockstep => {
                let group = one_for_all(rest);
                notes.extend(group.iter().flat_map(|group| self.jumps(group)));
                group.into_iter().collect()
            }
            Versioning::Independent => {
                let (shared, own): (Vec<&Package>, Vec<&Package>) =
                    rest.into_iter().partition(inherits);
                let mut groups: Vec<Group> = own
                    .into_iter()
                    .filter(goes)
                    .map(|p| self.make(&p.name, &usual, vec![p]))
                    .collect();
                if shared.iter().any(goes) {
                    groups.push(self.make(WORKSPACE, &usual, shared));
                }
                groups
            }
            Versioning::Learn => {
                let released: Vec<&Package> = rest.iter().copied().filter(goes).collect();
                let found = together(self.workspace, self.files, self.evidence, &released);
                match found.as_slice() {
                    [] => one_for_all(rest).into_iter().collect(),
                    [one] => {
                        let why = one.why.as_ref();
                        notes.extend(why.map(|why| format!("learned: one version for all: {why}")));
                        one_for_all(rest).into_iter().collect()
                    }
                    _ => self.several(found, &rest, notes),
                }
            }
        }
    }

    /// Returns the groups of packages that move on their own.
    fn several(
        &self,
        found: Vec<Together<'_>>,
        rest: &[&Package],
        notes: &mut Vec<String>,
    ) -> Vec<Group> {
        let usual = GroupConfig::default();
        let mut groups = Vec::new();
        let mut alone = Vec::new();
        for mut one in found {
            let name = match one.inherits {
                true => WORKSPACE.to_owned(),
                false => lead(&one.members).name.clone(),
            };
            if one.inherits {
                // What is not released has the same line.
                let inherits = |p: &&&Package| inherits(self.workspace, self.files, p);
                let known: BTreeSet<&str> = one.members.iter().map(|p| p.name.as_str()).collect();
                let more = rest.iter().filter(inherits);
                one.members
                    .extend(more.filter(|p| !known.contains(p.name.as_str())));
            }
            match &one.why {
                Some(why) => {
                    let released = one.members.iter().filter(|p| self.is_released(p));
                    let names: Vec<&str> = released.map(|p| p.name.as_str()).collect();
                    notes.push(format!(
                        "learned: {} move together: {why}",
                        names.join(", ")
                    ));
                }
                None => alone.push(name.clone()),
            }
            groups.push(self.make(&name, &usual, one.members));
        }
        if !alone.is_empty() {
            notes.push(format!(
                "learned: a version of its own for {}",
                alone.join(", ")
            ));
        }
        groups
    }

    /// Returns what a version for all skips, where the versions differ.
    fn jumps(&self, group: &Group) -> Option<String> {
        let members = self
            .workspace
            .packages
            .iter()
            .filter(|p| group.has(&p.name));
        let behind: Vec<String> = members
            .filter(|p| self.is_released(p) && p.version != group.version)
            .map(|p| format!("{} from {}", p.name, p.version))
            .collect();
        (!behind.is_empty()).then(|| {
            format!(
                "one version for all, as stagegate.toml says: {} come to what {} has",
                behind.join(", "),
                group.version
            )
        })
    }

    fn current(&self, members: &[&Package]) -> Option<Version> {
        let released = members.iter().filter(|p| self.is_released(p));
        let highest = released.map(|p| &p.version).max();
        highest
            .or_else(|| members.iter().map(|p| &p.version).max())
            .cloned()
    }

    fn make(&self, name: &str, wanted: &GroupConfig, members: Vec<&Package>) -> Group {
        let mut changelogs: Vec<Utf8PathBuf> = wanted.changelog.iter().cloned().collect();
        for member in &members {
            let own = self.config.release.of_package.get(&member.name);
            if let Some(changelog) = own.and_then(|own| own.changelog.as_ref()) {
                changelogs.push(changelog.clone());
                continue;
            }
            let directory = member.directory();
            let directory = relative_to(&self.workspace.root, &directory);
            if directory != Utf8Path::new("") {
                changelogs.push(directory.join(CHANGELOG));
            }
        }
        let mut seen = BTreeSet::new();
        changelogs.retain(|path| seen.insert(path.clone()));
        Group {
            name: name.to_owned(),
            version: self
                .current(&members)
                .unwrap_or_else(|| Version::new(0, 0, 0)),
            members: members.iter().map(|p| p.name.clone()).collect(),
            tag: wanted.tag.clone().unwrap_or_default(),
            more_tags: Vec::new(),
            older_tags: Vec::new(),
            is_development: false,
            changelogs,
        }
    }

    /// Gives each group its tag, and returns what was learned of them.
    fn tags(&self, groups: &mut [Group]) -> Result<Vec<String>, Blocker> {
        let several = groups.len() > 1;
        let tagged: Vec<Tagged<'_>> = groups
            .iter()
            .map(|group| Tagged {
                names: std::iter::once(&group.name)
                    .chain(group.members.iter().filter(|name| **name != group.name))
                    .map(String::as_str)
                    .collect(),
                version: &group.version,
            })
            .collect();
        let habits = tags::habits(&tagged, &self.evidence.tags);
        let prevailing = prevailing(&habits);
        let mut learned: Vec<(String, TagHabit)> = Vec::new();
        for (group, habit) in groups.iter_mut().zip(habits) {
            let form = habit.as_ref().and_then(|habit| habit.forms.first());
            let is_learned = self.tag_of(group, form, several, &prevailing)?;
            if let Some(habit) = habit {
                let all = habit.forms.iter().chain(&habit.older);
                let others = all.filter(|form| **form != group.tag);
                group.older_tags = others.cloned().collect();
                if is_learned {
                    group.more_tags = habit.forms[1..].to_vec();
                    learned.push((group.name.clone(), habit));
                }
            }
        }
        let said = learned.iter().map(|(name, habit)| (name.as_str(), habit));
        Ok(tags::notes(said, several))
    }

    /// Gives a group its tag; answers whether that is what the tags so far teach.
    fn tag_of(
        &self,
        group: &mut Group,
        habit: Option<&String>,
        several: bool,
        prevailing: &str,
    ) -> Result<bool, Blocker> {
        let of_package = &self.config.release.of_package;
        let own = group
            .members
            .iter()
            .find_map(|name| Some((name, of_package.get(name)?.tag.as_ref()?)));
        match (own, group.members.len()) {
            (Some((name, tag)), 1) => group.tag = tag.replace("{name}", name),
            (Some((name, _)), _) => {
                return Err(Blocker::new(
                    format!(
                        "[release.package.{name}] has a tag, and {name} shares its version and tag with others in {}",
                        group.name
                    ),
                    "leave it out, or set the group's tag",
                ));
            }
            (None, _) => {}
        }
        let mut is_learned = false;
        if group.tag.is_empty() {
            let configured = self.config.release.tag.as_deref();
            let configured = configured
                .filter(|tag| tag.contains("{name}") || group.name == WORKSPACE || !several);
            is_learned = configured.is_none() && habit.is_some();
            let usual = match several && group.name != WORKSPACE {
                true => prevailing,
                false => "v{version}",
            };
            group.tag = match (configured, habit) {
                (Some(tag), _) => tag.to_owned(),
                (None, Some(form)) => form.clone(),
                (None, None) => usual.to_owned(),
            };
        }
        group.tag = group.tag.replace("{name}", &group.name);
        Ok(is_learned)
    }

    /// Adds the workspace's changelog, where the group is the one that it is about.
    fn changelog_of(&self, group: &mut Group, several: bool) {
        let at_root = self
            .workspace
            .packages
            .iter()
            .any(|p| p.directory() == self.workspace.root && group.has(&p.name));
        if group.name == WORKSPACE || at_root || !several {
            let whole = self.config.release.changelog.clone();
            let whole = whole.unwrap_or_else(|| CHANGELOG.into());
            if !group.changelogs.contains(&whole) {
                group.changelogs.insert(0, whole);
            }
        }
    }
}

/// Returns the form with a name that most groups have; where none has one, the usual.
fn prevailing(habits: &[Option<TagHabit>]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for habit in habits
        .iter()
        .flatten()
        .filter(|h| h.general.contains("{name}"))
    {
        *counts.entry(&habit.general).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or("{name}-v{version}", |(form, _)| form)
        .to_owned()
}

/// The file that a changelog is by default.
pub const CHANGELOG: &str = "CHANGELOG.md";
