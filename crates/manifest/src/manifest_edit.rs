//! The version and the requirements in one `Cargo.toml`.
//!
//! Understands every way to write them: plain strings, inline tables, dotted
//! keys and tables of their own, in the dependency tables of all kinds and
//! targets, in `[workspace.dependencies]` and `[patch]`.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use toml_edit::{Document, Item, TableLike};

use crate::bump::BumpError;
use crate::edit::Splice;
use crate::requirement::{Change, Followed, RequirementPolicy, follow};
use crate::span::{line_of, replace_string, string_content};
use crate::workspace::normalized;

/// The names that cargo accepts for a table of dependencies.
const TABLES: [&str; 5] = [
    "dependencies",
    "dev-dependencies",
    "dev_dependencies",
    "build-dependencies",
    "build_dependencies",
];

/// A manifest that is being edited.
pub(crate) struct Manifest<'t> {
    path: &'t Utf8Path,
    text: &'t str,
    document: Document<&'t str>,
    splices: Vec<Splice>,
}

/// Where a package has its version from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionSource {
    Own,
    Workspace,
    Missing,
}

/// The packages that get a new version, with their names, as dependencies name them.
#[derive(Debug, Default)]
pub(crate) struct NewVersions<'a> {
    /// By the directory that a path leads to.
    pub(crate) by_directory: BTreeMap<Utf8PathBuf, (&'a str, Change<'a>)>,
    /// By name: those that `[patch]` puts in the place of a registry's.
    pub(crate) by_name: BTreeMap<String, (&'a str, Change<'a>)>,
}

impl<'t> Manifest<'t> {
    pub(crate) fn parse(path: &'t Utf8Path, text: &'t str) -> Result<Manifest<'t>, BumpError> {
        let document = Document::parse(text).map_err(|error| BumpError::Syntax {
            path: path.to_owned(),
            detail: error.to_string(),
        })?;
        Ok(Manifest {
            path,
            text,
            document,
            splices: Vec::new(),
        })
    }

    /// Returns the splices in the order of the file.
    pub(crate) fn into_splices(mut self) -> Vec<Splice> {
        self.splices.sort_by_key(|splice| splice.start);
        self.splices
    }

    pub(crate) fn version_source(&self) -> VersionSource {
        let version = self.document.get("package").and_then(|p| p.get("version"));
        match version {
            Some(item) if item.is_str() => VersionSource::Own,
            Some(item) if item.get("workspace").and_then(Item::as_bool) == Some(true) => {
                VersionSource::Workspace
            }
            _ => VersionSource::Missing,
        }
    }

    /// Sets `package.version`, or `workspace.package.version`; false if the
    /// manifest has no such string.
    pub(crate) fn set_version(&mut self, of_workspace: bool, version: &Version) -> bool {
        let root = self.document.as_item();
        let table = if of_workspace {
            root.get("workspace")
        } else {
            Some(root)
        };
        let item = table
            .and_then(|table| table.get("package"))
            .and_then(|package| package.get("version"));
        let Some(item) = item.filter(|item| string_content(self.text, item).is_some()) else {
            return false;
        };
        self.splices
            .extend(replace_string(self.text, item, &version.to_string()));
        true
    }

    /// Lets every requirement on one of the packages with new versions follow it;
    /// `policy` is absent where this manifest's package is not released too.
    pub(crate) fn follow(
        &mut self,
        new_versions: &NewVersions<'_>,
        policy: Option<RequirementPolicy>,
    ) -> Result<(), BumpError> {
        let mut splices = Vec::new();
        for table in dependency_tables(self.document.as_table()) {
            for (key, dependency) in table.iter() {
                splices.extend(self.followed((key, dependency), new_versions, policy)?);
            }
        }
        self.splices.extend(splices);
        Ok(())
    }

    fn followed(
        &self,
        (key, dependency): (&str, &Item),
        NewVersions {
            by_directory,
            by_name,
        }: &NewVersions<'_>,
        policy: Option<RequirementPolicy>,
    ) -> Result<Option<Splice>, BumpError> {
        let own = self.path.parent().unwrap_or(Utf8Path::new(""));
        let text = |name: &str| dependency.get(name).and_then(Item::as_str);
        let (item, found) = match (text("path"), dependency.get("version")) {
            (Some(path), Some(item)) => (item, by_directory.get(&normalized(&own.join(path)))),
            (None, Some(item)) => (item, by_name.get(text("package").unwrap_or(key))),
            // The short form: `name = "1.0"`.
            (None, None) if dependency.is_str() => (dependency, by_name.get(key)),
            _ => return Ok(None),
        };
        let Some((name, change)) = found else {
            return Ok(None);
        };
        let requirement = item.as_str().unwrap_or_default();
        match follow(requirement, *change, policy) {
            Followed::Stays => Ok(None),
            Followed::Becomes(text) => Ok(replace_string(self.text, item, &text)),
            Followed::Unclear => Err(BumpError::Requirement {
                path: self.path.to_owned(),
                line: line_of(self.text, item.span().map_or(0, |span| span.start)),
                dependency: (*name).to_owned(),
                requirement: requirement.to_owned(),
                version: change.to.clone(),
            }),
        }
    }
}

/// Returns the dependencies of a manifest that are named by a path: the path as it is written, and
/// the requirement, if there is one. A text that is no manifest has none.
pub fn path_dependencies(text: &str) -> Vec<(String, Option<String>)> {
    let Ok(manifest) = Document::parse(text) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for table in dependency_tables(manifest.as_table()) {
        for (_, dependency) in table.iter() {
            let text = |key: &str| dependency.get(key).and_then(Item::as_str);
            if let Some(path) = text("path") {
                found.push((path.to_owned(), text("version").map(str::to_owned)));
            }
        }
    }
    found
}

/// Returns whether the manifest `text` takes its package's version from the workspace. A text that
/// is no manifest does not.
pub fn inherits_version(text: &str) -> bool {
    Manifest::parse(Utf8Path::new("Cargo.toml"), text)
        .is_ok_and(|manifest| manifest.version_source() == VersionSource::Workspace)
}

/// Returns every table of dependencies in a manifest.
pub(crate) fn dependency_tables(root: &dyn TableLike) -> Vec<&dyn TableLike> {
    let mut tables = kinds(root);
    let targets = root.get("target").and_then(Item::as_table_like);
    for (_, target) in targets.into_iter().flat_map(TableLike::iter) {
        tables.extend(target.as_table_like().into_iter().flat_map(kinds));
    }
    if let Some(workspace) = root.get("workspace").and_then(Item::as_table_like) {
        tables.extend(kinds(workspace));
    }
    let patches = root.get("patch").and_then(Item::as_table_like);
    for (_, patch) in patches.into_iter().flat_map(TableLike::iter) {
        tables.extend(patch.as_table_like());
    }
    tables
}

fn kinds(table: &dyn TableLike) -> Vec<&dyn TableLike> {
    TABLES
        .iter()
        .filter_map(|name| table.get(name).and_then(Item::as_table_like))
        .collect()
}
