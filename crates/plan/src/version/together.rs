//! Which packages move together, from how they moved so far.
//!
//! Those that inherit the workspace's version do: there is one line for all of them. So do
//! those that cargo-release's `shared-version` names, and those that have one version and
//! had the same ones before. Of packages whose versions differ none moves because another
//! does.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
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
    /// A tag without a name says this version, too.
    has_plain_tag: bool,
    /// Versions in the tags that name each.
    tagged: BTreeMap<&'e str, Vec<semver::Version>>,
}

impl<'e> History<'e> {
    fn of(evidence: &'e Evidence, released: &[&'e Package]) -> History<'e> {
        let versions: BTreeSet<_> = released.iter().map(|p| &p.version).collect();
        let tagged = released.iter().map(|p| {
            let name = p.name.as_str();
            (name, tags::versions_of(name, &evidence.tags))
        });
        History {
            evidence,
            is_one_version: versions.len() == 1,
            has_plain_tag: !tags::plain_versions(&evidence.tags).is_empty(),
            tagged: tagged.collect(),
        }
    }

    /// Whether two that need not move together did.
    fn is_one(&self, one: &Package, other: &Package) -> bool {
        if one.version != other.version {
            return false;
        }
        let tagged = |package: &Package| self.tagged[package.name.as_str()].as_slice();
        let (here, there) = (tagged(one), tagged(other));
        if !here.is_empty() && !there.is_empty() {
            return moved_together(here, there).unwrap_or(false);
        }
        let published = |package: &Package| self.evidence.versions_of(&package.name);
        if let (Some(here), Some(there)) = (published(one), published(other))
            && let Some(known) = moved_together(here, there)
        {
            return known;
        }
        let untagged = here.is_empty() && there.is_empty();
        let is_tagged = || tags::plain_versions(&self.evidence.tags).contains(&one.version);
        untagged && (self.is_one_version || (self.has_plain_tag && is_tagged()))
    }

    /// What shows that they moved together.
    fn evidence(&self, members: &[&Package]) -> String {
        let version = &members[0].version;
        let tagged = members
            .iter()
            .all(|p| !self.tagged[p.name.as_str()].is_empty());
        let several = |p: &&&Package| {
            let known = self.evidence.versions_of(&p.name);
            known.is_some_and(|versions| versions.len() > 1)
        };
        if tagged {
            "the versions in their tags are the same".to_owned()
        } else if members.iter().filter(several).count() == members.len() {
            "the registry has the same last versions of each".to_owned()
        } else {
            format!("all are at {version}, and none has tags of its own")
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
