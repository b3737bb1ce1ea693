//! New versions for members, in every file of the workspace that states one.

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;

use crate::edit::FileEdit;
use crate::lockfile;
use crate::manifest_edit::{Manifest, NewVersions, VersionSource};
use crate::requirement::{Change, RequirementPolicy};
use crate::workspace::Workspace;

/// Why versions cannot be changed as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BumpError {
    /// A package that is no member.
    #[error("`{name}` is no member of the workspace at {root}; check its name")]
    NoSuchPackage {
        /// The name asked for.
        name: String,
        /// The workspace.
        root: Utf8PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {path} to change its versions; check that it is there and readable")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is not valid TOML.
    #[error("{path} is not valid TOML, mend it:\n{detail}")]
    Syntax {
        /// The file.
        path: Utf8PathBuf,
        /// What the parser said, with the place.
        detail: String,
    },
    /// A package without a version of its own or inherited.
    #[error("{path} states no version to change; add `version` under `[{table}]`")]
    NoVersion {
        /// The manifest.
        path: Utf8PathBuf,
        /// The table it belongs in.
        table: &'static str,
    },
    /// Packages that share the workspace's version would need different ones.
    #[error(
        "{} share the version of the workspace ({path}) but are to have different ones: {}; \
         release them together, or give them a `version` of their own",
        list(packages.iter().map(|(name, _)| name)),
        list(packages.iter().map(|(_, version)| version))
    )]
    SharedVersion {
        /// The workspace's manifest.
        path: Utf8PathBuf,
        /// Each package that inherits the version, and the one it is to have.
        packages: Vec<(String, Version)>,
    },
    /// A requirement that does not accept the new version and cannot be
    /// rewritten without a decision.
    #[error(
        "{path}, line {line}: the requirement `{requirement}` on `{dependency}` does not accept \
         {version}, and it is a range; rewrite it by hand"
    )]
    Requirement {
        /// The manifest.
        path: Utf8PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The package depended on.
        dependency: String,
        /// The requirement.
        requirement: String,
        /// The version that it has to accept.
        version: Version,
    },
    /// The lockfile holds the new version already, from a registry.
    #[error(
        "{path} already holds `{name}` {version} from a registry, beside the member of that name; \
         choose another version, or remove that dependency"
    )]
    LockedTwice {
        /// The lockfile.
        path: Utf8PathBuf,
        /// The package.
        name: String,
        /// The version.
        version: String,
    },
}

impl BumpError {
    /// Returns the file that it is about, and the line, from 1, as far as they are known.
    pub fn place(&self) -> Option<(&Utf8Path, Option<usize>)> {
        match self {
            BumpError::NoSuchPackage { .. } => None,
            BumpError::Requirement { path, line, .. } => Some((path, Some(*line))),
            BumpError::Read { path, .. }
            | BumpError::Syntax { path, .. }
            | BumpError::NoVersion { path, .. }
            | BumpError::SharedVersion { path, .. }
            | BumpError::LockedTwice { path, .. } => Some((path, None)),
        }
    }
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    items.join(", ")
}

/// Returns the edits that give the members in `to` their new versions: in their manifests or the
/// workspace's, in the requirements of other members on them, and in `Cargo.lock` if there is one.
/// Files that do not change are left out.
///
/// `read` gets absolute paths. Requirements of members that move follow as the policy
/// says; all others change only if they do not accept the new version. Operator and
/// precision are kept.
///
/// # Errors
///
/// The first [`BumpError`] met, in the order of the members' names.
pub fn bump(
    workspace: &Workspace,
    read: &dyn Fn(&Utf8Path) -> io::Result<Vec<u8>>,
    to: &BTreeMap<String, Version>,
    policy: RequirementPolicy,
) -> Result<Vec<FileEdit>, BumpError> {
    let root_manifest = workspace.manifest_path();
    let mut new_versions = NewVersions::default();
    let mut locked = BTreeMap::new();
    for (name, version) in to {
        let package = workspace
            .package(name)
            .ok_or_else(|| BumpError::NoSuchPackage {
                name: name.clone(),
                root: workspace.root.clone(),
            })?;
        let change = Change {
            from: &package.version,
            to: version,
        };
        new_versions
            .by_directory
            .insert(package.directory(), (name.as_str(), change));
        if workspace.is_patched(name) {
            new_versions
                .by_name
                .insert(name.clone(), (name.as_str(), change));
        }
        locked.insert(name.as_str(), (&package.version, version));
    }
    let members = manifests_of(workspace, &root_manifest);
    let mut texts = BTreeMap::new();
    for &path in members.keys() {
        texts.insert(path, read_text(path, read)?);
    }
    let mut manifests = BTreeMap::new();
    let mut inherited = Vec::new();
    for (&path, &name) in &members {
        let mut manifest = Manifest::parse(path, &texts[path])?;
        let version = name.and_then(|name| to.get(name));
        match (manifest.version_source(), version, name) {
            (VersionSource::Own, Some(version), _) => {
                manifest.set_version(false, version);
            }
            (VersionSource::Missing, Some(_), _) => {
                return Err(BumpError::NoVersion {
                    path: path.to_owned(),
                    table: "package",
                });
            }
            (VersionSource::Workspace, _, Some(name)) => inherited.push((name, version)),
            _ => {}
        }
        // What the workspace's own manifest states is for members that move too.
        let released = version.is_some() || path == root_manifest;
        manifest.follow(&new_versions, released.then_some(policy))?;
        manifests.insert(path, manifest);
    }
    if let Some(version) = shared_version(workspace, &inherited)?
        && let Some(manifest) = manifests.get_mut(root_manifest.as_path())
        && !manifest.set_version(true, version)
    {
        return Err(BumpError::NoVersion {
            path: root_manifest.clone(),
            table: "workspace.package",
        });
    }
    let mut edits = Vec::new();
    for (path, manifest) in manifests {
        let splices = manifest.into_splices();
        if !splices.is_empty() {
            let relative = relative_to(&workspace.root, path);
            edits.push(FileEdit::new(&relative, texts[path].as_bytes(), splices));
        }
    }
    edits.extend(lock_edit(workspace, read, &locked)?);
    edits.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(edits)
}

/// Returns every manifest of the workspace, with the package in it; a virtual workspace has none in
/// its own.
fn manifests_of<'w>(
    workspace: &'w Workspace,
    root: &'w Utf8Path,
) -> BTreeMap<&'w Utf8Path, Option<&'w str>> {
    let mut manifests: BTreeMap<_, _> = workspace
        .packages
        .iter()
        .map(|package| {
            let name = package.name.as_str();
            (package.manifest_path.as_path(), Some(name))
        })
        .collect();
    manifests.entry(root).or_default();
    manifests
}

/// Returns the version that the workspace's manifest gets, if any inheriting member changes: then
/// all of them must, to the same.
fn shared_version<'v>(
    workspace: &'v Workspace,
    inherited: &[(&str, Option<&'v Version>)],
) -> Result<Option<&'v Version>, BumpError> {
    let Some(version) = inherited.iter().find_map(|(_, version)| *version) else {
        return Ok(None);
    };
    let wanted: Vec<(String, Version)> = inherited
        .iter()
        .filter_map(|&(name, wanted)| {
            let current = || workspace.package(name).map(|package| &package.version);
            Some((name.to_owned(), wanted.or_else(current)?.clone()))
        })
        .collect();
    if wanted.iter().any(|(_, wanted)| wanted != version) {
        return Err(BumpError::SharedVersion {
            path: workspace.manifest_path(),
            packages: wanted,
        });
    }
    Ok(Some(version))
}

fn lock_edit(
    workspace: &Workspace,
    read: &dyn Fn(&Utf8Path) -> io::Result<Vec<u8>>,
    to: &BTreeMap<&str, (&Version, &Version)>,
) -> Result<Option<FileEdit>, BumpError> {
    let path = workspace.root.join("Cargo.lock");
    let text = match read_text(&path, read) {
        Err(BumpError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        other => other?,
    };
    let splices = lockfile::bump(&path, &text, to)?;
    Ok((!splices.is_empty())
        .then(|| FileEdit::new(Utf8Path::new("Cargo.lock"), text.as_bytes(), splices)))
}

/// Returns the edit that gives members their new versions in the lockfile of another workspace,
/// which holds them by their paths; nothing where it holds none. `to` maps a name to the version
/// before and after; `path` is relative to this workspace's root.
///
/// # Errors
///
/// [`BumpError`].
pub fn bump_lockfile(
    path: &Utf8Path,
    text: &str,
    to: &BTreeMap<&str, (&Version, &Version)>,
) -> Result<Option<FileEdit>, BumpError> {
    let splices = lockfile::bump(path, text, to)?;
    Ok((!splices.is_empty()).then(|| FileEdit::new(path, text.as_bytes(), splices)))
}

fn read_text(
    path: &Utf8Path,
    read: &dyn Fn(&Utf8Path) -> io::Result<Vec<u8>>,
) -> Result<String, BumpError> {
    let utf8 = |bytes| {
        String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    };
    read(path).and_then(utf8).map_err(|source| BumpError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Returns the path from a directory to a file, with `..` where the file is outside.
pub fn relative_to(directory: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
    let shared = directory
        .components()
        .zip(path.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = directory.components().skip(shared).map(|_| "..");
    let down = path.components().skip(shared).map(|part| part.as_str());
    up.chain(down).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_workspace() {
        let check = |path: &str, expected: &str| {
            assert_eq!(
                relative_to(Utf8Path::new("/w/root"), Utf8Path::new(path)),
                expected
            );
        };
        check("/w/root/Cargo.toml", "Cargo.toml");
        check("/w/root/a/Cargo.toml", "a/Cargo.toml");
        check("/w/other/Cargo.toml", "../other/Cargo.toml");
    }
}
