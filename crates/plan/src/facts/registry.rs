//! Facts of the registry.

use std::collections::{BTreeMap, BTreeSet};

use stagegate_manifest::{InternalDependency, Package, Workspace};
use stagegate_registry::crates_io::PackageMetadata;
use stagegate_registry::{CrateInfo, IndexVersion};

use crate::facts::{SurveyResult, TokenPlaces};

/// The registry.
#[derive(Clone, Debug)]
pub struct RegistryFacts {
    /// Its name.
    pub name: String,
    /// Its index, as cargo names it.
    pub index: String,
    /// Where its token would come from.
    pub token: SurveyResult<TokenPlaces>,
    /// Every publishable crate's versions there.
    pub versions: BTreeMap<String, Vec<IndexVersion>>,
    /// Who may publish each crate that is there, or why that is not known; of a
    /// large workspace only some are asked for.
    pub owners: BTreeMap<String, Result<Vec<String>, String>>,
    /// The categories it knows, where it tells.
    pub categories: Option<BTreeSet<String>>,
    /// What it tells of crates, by the names of ours: how they are spelled there, and who may
    /// publish them. Of a large workspace only some are asked for.
    pub crates: BTreeMap<String, CrateInfo>,
    /// What our packages say of themselves, as far as crates.io has rules for it; empty where
    /// the registry is another one.
    pub packages: BTreeMap<String, PackageMetadata>,
}

impl RegistryFacts {
    /// Returns whether a manifest means this registry by an index; none is crates.io's.
    pub fn is_named_by(&self, index: Option<&str>) -> bool {
        match index {
            None => self.name == "crates-io",
            Some(index) => index.trim_end_matches('/') == self.index.trim_end_matches('/'),
        }
    }

    /// Returns whether it knows no version of a crate yet.
    pub fn is_new(&self, name: &str) -> bool {
        self.versions.get(name).is_none_or(Vec::is_empty)
    }

    /// Returns whether the registry has a member that its manifest keeps from going there: a
    /// package that is published requires it by name and version, has done so before, and
    /// finds it. A name alone may be somebody else's.
    pub fn has_in_another_shape(&self, workspace: &Workspace, member: &Package) -> bool {
        let versions = |name: &str| self.versions.get(name).map(Vec::as_slice);
        let known = versions(&member.name).unwrap_or_default();
        workspace.packages.iter().any(|package| {
            let last = versions(&package.name).and_then(<[_]>::last);
            let has_done = last.is_some_and(|last| {
                let mut deps = last.deps.iter();
                deps.any(|d| d.package.as_deref().unwrap_or(&d.name) == member.name)
            });
            let finds = |edge: &InternalDependency| {
                let mut found = known.iter().filter(|v| !v.yanked);
                edge.name == member.name
                    && edge.has_version
                    && found.any(|v| edge.requirement.matches(&v.vers))
            };
            package.may_go_to(&self.name) && has_done && package.internal.iter().any(finds)
        })
    }
}
