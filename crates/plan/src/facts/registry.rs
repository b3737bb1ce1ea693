//! Facts of the registry.

use std::collections::{BTreeMap, BTreeSet};

use stagegate_registry::IndexVersion;

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
}
