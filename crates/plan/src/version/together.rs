//! Which packages move together, from how they moved so far.
//!
//! Those that inherit the workspace's version do: there is one line for all of them. So do
//! those that cargo-release's `shared-version` names, and those that have one version and
//! had the same ones before. What is tagged for itself is released for itself, and of
//! packages whose versions differ none moves because another does.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use semver::Version;
use stagegate_manifest::{
    Package, SharedVersion, Workspace, inherits_version, normalized, relative_to, shared_version,
};

use crate::version::evidence::{Evidence, moved_together};
use crate::version::tags;

/// Packages that move together.
#[derive(Debug)]
pub(crate) struct Together<'w> {
    pub(crate) members: Vec<&'w Package>,
    /// They inherit the workspace's version.
    pub(crate) inherits: bool,
    /// How that is known; absent for one that is alone.
    pub(crate) why: Option<String>,
}

/// The manifests of a workspace, relative to its root.
pub(crate) type Files = BTreeMap<Utf8PathBuf, Vec<u8>>;

/// Returns the manifest of a package; nothing where it is not at hand.
fn manifest<'f>(workspace: &Workspace, files: &'f Files, package: &Package) -> &'f str {
    let relative = relative_to(&workspace.root, &normalized(&package.manifest_path));
    text(files, &relative)
}

fn text<'f>(files: &'f Files, path: &camino::Utf8Path) -> &'f str {
    let bytes = files.get(path).map(Vec::as_slice).unwrap_or_default();
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Returns whether a package has the workspace's version.
pub(crate) fn inherits(workspace: &Workspace, files: &Files, package: &Package) -> bool {
    inherits_version(manifest(workspace, files, package))
}

/// Returns what moves together of the packages that are released.
pub(crate) fn together<'w>(
    workspace: &Workspace,
    files: &Files,
    evidence: &Evidence,
    released: &[&'w Package],
) -> Vec<Together<'w>> {
    let of_all = shared_version(text(files, "Cargo.toml".into()), true);
    let shared = |package: &Package| {
        let own = shared_version(manifest(workspace, files, package), false);
        match own.or_else(|| of_all.clone())? {
            SharedVersion::With(name) => Some(name),
            SharedVersion::Own => None,
        }
    };
    let history = History::of(evidence, released);
    let mut found: Vec<Together<'w>> = Vec::new();
    let mut names: Vec<Option<String>> = Vec::new();
    for &package in released {
        let inherits = inherits(workspace, files, package);
        let name = shared(package);
        let declared = |at: &usize| {
            (inherits && found[*at].inherits) || (name.is_some() && names[*at] == name)
        };
        let alike = |at: &usize| {
            let mut members = found[*at].members.iter();
            members.all(|other| history.is_one(package, other))
        };
        let places = 0..found.len();
        let place = places
            .clone()
            .find(declared)
            .or_else(|| places.clone().find(alike));
        match place {
            Some(at) => {
                found[at].inherits |= inherits;
                found[at].members.push(package);
                names[at] = names[at].take().or(name);
            }
            None => {
                found.push(Together {
                    members: vec![package],
                    inherits,
                    why: None,
                });
                names.push(name);
            }
        }
    }
    for (one, name) in found.iter_mut().zip(names) {
        one.why = (one.members.len() > 1).then(|| match (one.inherits, name) {
            (true, _) => "they inherit the workspace's version".to_owned(),
            (false, Some(_)) => "cargo-release's `shared-version` says so".to_owned(),
            (false, None) => history.evidence(&one.members),
        });
    }
    found
}

/// How the released packages moved so far.
struct History<'e> {
    evidence: &'e Evidence,
    /// All of them have one version.
    is_one_version: bool,
    /// The versions in tags without a name.
    plain: BTreeSet<Version>,
    /// Those whose last release has a tag of their own: each is released for itself.
    alone: BTreeSet<&'e str>,
}

impl<'e> History<'e> {
    fn of(evidence: &'e Evidence, released: &[&'e Package]) -> History<'e> {
        let versions: BTreeSet<_> = released.iter().map(|p| &p.version).collect();
        let plain = tags::plain_versions(&evidence.tags);
        let is_alone = |package: &&&Package| {
            let own = tags::versions_of(&package.name, &evidence.tags);
            let last = own.iter().filter(|v| **v <= package.version).max();
            last.is_some() && last >= plain.range(..=&package.version).next_back()
        };
        let alone = released.iter().filter(is_alone).map(|p| p.name.as_str());
        History {
            evidence,
            is_one_version: versions.len() == 1,
            alone: alone.collect(),
            plain,
        }
    }

    /// Returns whether two that need not move together did.
    fn is_one(&self, one: &Package, other: &Package) -> bool {
        let is_alone = |package: &Package| self.alone.contains(package.name.as_str());
        if one.version != other.version || is_alone(one) || is_alone(other) {
            return false;
        }
        let published = |package: &Package| self.evidence.versions_of(&package.name);
        if let (Some(here), Some(there)) = (published(one), published(other))
            && let Some(known) = moved_together(here, there)
        {
            return known;
        }
        self.is_one_version || self.plain.contains(&one.version)
    }

    /// Returns what shows that they moved together.
    fn evidence(&self, members: &[&Package]) -> String {
        let version = &members[0].version;
        let is_shown = |package: &&Package| {
            let known = self.evidence.versions_of(&package.name);
            known.is_some_and(|versions| versions.len() > 1)
        };
        match members.iter().all(is_shown) {
            true => "the registry has the same last versions of each".to_owned(),
            false => format!("all are at {version}, and none has tags of its own"),
        }
    }
}

/// Returns the member that a group is called after: one whose name the others extend, or that
/// needs most of them, else the one with the shortest name.
pub(crate) fn lead<'w>(members: &[&'w Package]) -> &'w Package {
    let names_all = |p: &&&Package| {
        members
            .iter()
            .all(|other| other.name.starts_with(p.name.as_str()))
    };
    let needs_most = |p: &&&Package| {
        let needed = members
            .iter()
            .filter(|other| p.internal.iter().any(|d| d.name == other.name));
        let shortest_first = std::cmp::Reverse((p.name.len(), p.name.clone()));
        (needed.count(), shortest_first)
    };
    let named = members.iter().find(names_all);
    named
        .or_else(|| members.iter().max_by_key(needs_most))
        .expect("a group has a member")
}
