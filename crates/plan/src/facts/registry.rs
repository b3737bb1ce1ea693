//! Facts of the registry.

use std::collections::{BTreeMap, BTreeSet};

use stagegate_registry::crates_io::PackageMetadata;
use stagegate_registry::{CrateInfo, IndexVersion};

use crate::facts::{SurveyResult, TokenPlaces};

/// The registry.
#[derive(Clone, Debug)]
pub struct RegistryFacts {
    /// Its name.
    pub name: String,
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
