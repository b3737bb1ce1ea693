//! A workspace as `cargo metadata` tells it, with the edges between its members.
//!
//! `--no-deps` is enough and needs neither lockfile nor network: a dependency on
//! a member carries its path, and paths, not names, say who depends on whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use semver::Version;
use toml_edit::{Item, TableLike};

/// A workspace: its members and the edges between them.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The directory of the workspace, absolute.
    pub root: Utf8PathBuf,
    /// Where cargo builds, absolute.
    pub target_directory: Utf8PathBuf,
    /// All members, by name.
    pub packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// Its `Cargo.toml`, absolute.
    pub manifest_path: Utf8PathBuf,
    /// Its dependencies on other members, of every kind and for every target.
    pub internal: Vec<InternalDependency>,
    /// Whether releases leave it out, whatever its manifest allows.
    pub left_out: bool,
    /// Whether the registry has it, whatever its manifest allows: a package that is there in
    /// another shape, such as cargo-hakari's `workspace-hack`.
    pub is_in_registry: bool,
    /// Everything else that cargo knows of it.
    pub metadata: cargo_metadata::Package,
}

/// A dependency of one member on another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalDependency {
    /// The member depended on; its own name, whatever it is renamed to.
    pub name: String,
    /// Normal, build or development.
    pub kind: DependencyKind,
    /// What the dependent accepts; `*` where no version is written.
    pub requirement: semver::VersionReq,
    /// Whether the manifest (or the workspace, for an inherited dependency)
    /// requires a version. Cargo strips a development dependency without one
    /// from what it publishes, and refuses the other kinds.
    pub has_version: bool,
    /// The index of the registry that the manifest names for it; absent: crates.io.
    pub registry: Option<String>,
}

impl InternalDependency {
    /// Returns whether the dependency is part of the published package.
    pub fn is_published(&self) -> bool {
        self.kind != DependencyKind::Development || self.has_version
    }
}

/// Why a workspace could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkspaceError {
    /// Cargo could not be started.
    #[error(
        "cannot run `{} metadata` for {manifest_path}; install Rust (https://rustup.rs) or put cargo on the PATH",
        cargo.display()
    )]
    Start {
        /// The program called.
        cargo: PathBuf,
        /// The manifest asked about.
        manifest_path: Utf8PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Cargo refused the manifest.
    #[error("`cargo metadata` cannot read {manifest_path}; fix what it reports:\n{stderr}")]
    Refused {
        /// The manifest asked about.
        manifest_path: Utf8PathBuf,
        /// What cargo said.
        stderr: String,
    },
    /// Cargo's answer is not what this version understands.
    #[error(
        "cannot understand what `cargo metadata` says of {manifest_path}; check that cargo is 1.74 or newer"
    )]
    Format {
        /// The manifest asked about.
        manifest_path: Utf8PathBuf,
        /// What is wrong with the answer.
        source: cargo_metadata::Error,
    },
}

impl Workspace {
    /// Loads the workspace that a manifest belongs to. `cargo` is the program to
    /// call; `configure` lets the caller set its environment and directory.
    ///
    /// # Errors
    ///
    /// [`WorkspaceError`].
    pub fn load(
        cargo: &Path,
        manifest_path: &Utf8Path,
        configure: &dyn Fn(&mut Command),
    ) -> Result<Workspace, WorkspaceError> {
        let mut command = MetadataCommand::new()
            .cargo_path(cargo)
            .manifest_path(manifest_path)
            .no_deps()
            .cargo_command();
        configure(&mut command);
        let output = command.output().map_err(|source| WorkspaceError::Start {
            cargo: cargo.to_owned(),
            manifest_path: manifest_path.to_owned(),
            source,
        })?;
        if !output.status.success() {
            return Err(WorkspaceError::Refused {
                manifest_path: manifest_path.to_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        let workspace = MetadataCommand::parse(String::from_utf8_lossy(&output.stdout))
            .map(Workspace::from_metadata)
            .map_err(|source| WorkspaceError::Format {
                manifest_path: manifest_path.to_owned(),
                source,
            })?;
        // `--no-deps` tells nothing of patches; what cannot be read patches nothing.
        let places = [
            workspace.manifest_path(),
            workspace.root.join(".cargo/config.toml"),
        ];
        let texts = places.map(|place| std::fs::read_to_string(place).unwrap_or_default());
        Ok(texts
            .iter()
            .fold(workspace, |found, text| found.patched(text)))
    }

    /// Returns the workspace with the edges that `[patch]` makes: a dependency on a registry's
    /// crate of which a member stands in its place. `text` is the workspace's manifest, or cargo's
    /// configuration beside it.
    pub fn patched(mut self, text: &str) -> Workspace {
        let patches = patches(&self, text);
        for package in &mut self.packages {
            let from_registry = package
                .metadata
                .dependencies
                .iter()
                .filter(|d| d.path.is_none());
            let edges = from_registry.filter_map(|dependency| {
                let is_default = dependency.registry.is_none();
                let key = (dependency.name.clone(), is_default);
                let name = patches.get(&key).filter(|name| **name != package.name)?;
                Some(edge(name, dependency))
            });
            let edges: Vec<_> = edges
                .filter(|edge| !package.internal.contains(edge))
                .collect();
            package.internal.extend(edges);
        }
        self
    }

    /// Returns the workspace in the answer of `cargo metadata`, with or without `--no-deps`.
    pub fn from_metadata(metadata: Metadata) -> Workspace {
        let Metadata {
            packages,
            workspace_members,
            workspace_root,
            target_directory,
            ..
        } = metadata;
        let mut members: Vec<_> = packages
            .into_iter()
            .filter(|package| workspace_members.contains(&package.id))
            .collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        let by_directory: BTreeMap<Utf8PathBuf, String> = members
            .iter()
            .map(|package| (directory(package), package.name.to_string()))
            .collect();
        let packages = members
            .into_iter()
            .map(|metadata| Package {
                name: metadata.name.to_string(),
                version: metadata.version.clone(),
                manifest_path: metadata.manifest_path.clone(),
                internal: internal(&metadata, &by_directory),
                left_out: false,
                is_in_registry: false,
                metadata,
            })
            .collect();
        Workspace {
            root: workspace_root,
            target_directory,
            packages,
        }
    }

    /// Returns whether any member stands in the place of a registry's crate for another one.
    pub fn has_patched_members(&self) -> bool {
        self.packages.iter().any(|p| self.is_patched(&p.name))
    }

    /// Returns whether a member stands in the place of a registry's crate for another member.
    pub(crate) fn is_patched(&self, name: &str) -> bool {
        self.packages.iter().any(|package| {
            let by_version = |d: &&cargo_metadata::Dependency| d.path.is_none() && d.name == name;
            package.internal.iter().any(|edge| edge.name == name)
                && package.metadata.dependencies.iter().any(|d| by_version(&d))
        })
    }

    /// Returns the member of this name.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// Leaves these members out of releases, and no others.
    pub fn leave_out(&mut self, names: &BTreeSet<String>) {
        for package in &mut self.packages {
            package.left_out = names.contains(&package.name);
        }
    }

    /// Returns the manifest of the workspace itself, absolute.
    pub fn manifest_path(&self) -> Utf8PathBuf {
        self.root.join("Cargo.toml")
    }
}

impl Package {
    /// Returns whether the package goes to a registry: its manifest allows it, and releases do
    /// not leave it out.
    pub fn publishable_to(&self, registry: &str) -> bool {
        !self.left_out && self.may_go_to(registry)
    }

    /// Returns whether the package goes to any of these registries.
    pub fn publishable_to_any(&self, registries: &[&str]) -> bool {
        registries.iter().any(|name| self.publishable_to(name))
    }

    /// Returns whether the manifest allows the package to go to any of these registries.
    pub fn may_go_to_any(&self, registries: &[&str]) -> bool {
        registries.iter().any(|name| self.may_go_to(name))
    }

    /// Returns whether the manifest allows the package to go to a registry, named as cargo
    /// does (`crates-io`). Without a `publish` list in it it may go to any, as `cargo publish
    /// --registry` has it.
    pub fn may_go_to(&self, registry: &str) -> bool {
        let allowed = self.metadata.publish.as_ref();
        allowed.is_none_or(|registries| registries.iter().any(|name| name == registry))
    }

    /// Returns the directory of the manifest, absolute.
    pub fn directory(&self) -> Utf8PathBuf {
        directory(&self.metadata)
    }
}

fn directory(package: &cargo_metadata::Package) -> Utf8PathBuf {
    package
        .manifest_path
        .parent()
        .map(normalized)
        .unwrap_or_default()
}

fn internal(
    package: &cargo_metadata::Package,
    by_directory: &BTreeMap<Utf8PathBuf, String>,
) -> Vec<InternalDependency> {
    let own = directory(package);
    package
        .dependencies
        .iter()
        .filter_map(|dependency| {
            let path = normalized(dependency.path.as_ref()?);
            // A package may depend on itself in its tests; that is no edge.
            let name = by_directory.get(&path).filter(|_| path != own)?;
            Some(edge(name, dependency))
        })
        .collect()
}

fn edge(name: &str, dependency: &cargo_metadata::Dependency) -> InternalDependency {
    InternalDependency {
        name: name.to_owned(),
        kind: dependency.kind,
        requirement: dependency.req.clone(),
        has_version: dependency.req != semver::VersionReq::STAR,
        registry: dependency.registry.clone(),
    }
}

/// Returns the members that a `[patch]` puts in the place of a registry's crates: by the crate's
/// name, and whether the registry is crates.io.
fn patches(workspace: &Workspace, text: &str) -> BTreeMap<(String, bool), String> {
    let mut found = BTreeMap::new();
    let Ok(document) = toml_edit::Document::parse(text) else {
        return found;
    };
    for (registry, name, directory) in patched_directories(&document, &workspace.root) {
        let mut members = workspace.packages.iter();
        if let Some(member) = members.find(|package| package.directory() == directory) {
            found.insert((name, is_crates_io(&registry)), member.name.clone());
        }
    }
    found
}

fn is_crates_io(registry: &str) -> bool {
    registry == "crates-io"
        || ["index.crates.io", "github.com/rust-lang/crates.io-index"]
            .iter()
            .any(|part| registry.contains(part))
}

/// Returns each patch with a path: its registry, the crate's own name, and the directory.
pub(crate) fn patched_directories<S>(
    document: &toml_edit::Document<S>,
    around: &Utf8Path,
) -> Vec<(String, String, Utf8PathBuf)> {
    let mut found = Vec::new();
    let tables = document.get("patch").and_then(Item::as_table_like);
    for (registry, table) in tables.into_iter().flat_map(TableLike::iter) {
        let entries = table.as_table_like();
        for (key, entry) in entries.into_iter().flat_map(TableLike::iter) {
            let text = |name: &str| entry.get(name).and_then(Item::as_str);
            if let Some(path) = text("path") {
                let name = text("package").unwrap_or(key);
                let directory = normalized(&around.join(path));
                found.push((registry.to_owned(), name.to_owned(), directory));
            }
        }
    }
    found
}

/// Returns the path without `.` and `..`, as cargo itself compares paths: by their text, not by
/// what links lead to.
pub fn normalized(path: &Utf8Path) -> Utf8PathBuf {
    let mut result = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if result.file_name().is_some() => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}
