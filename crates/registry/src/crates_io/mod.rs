//! The rules of crates.io, so that a package that it will refuse is found before anything
//! is public.
//!
//! [`check`] is pure: it looks at what a package says of itself and at what the registry is
//! known to know, and returns every problem at once. The rules are those of crates.io's own
//! source (`src/controllers/krate/publish.rs`, `crates/crates_io_validation`,
//! `crates/crates_io_tarball`) at commit 57fa0006 of 2026-08-21, observed on that server.
//!
//! Other registries have rules of their own, and none of these holds there: callers ask for
//! [`check`] where the registry is crates.io, and nowhere else.
//!
//! What cannot be known before an upload: whether a rate limit has room, and how many
//! versions of a crate were published today. Whether a name was deleted lately is not in
//! the index; [`Registry::try_upload`](crate::Registry::try_upload) without a token tells.

mod categories;
mod check;
mod names;
mod owner;
mod reserved;
pub(crate) mod response;

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::Package;

pub use categories::{CATEGORIES, CATEGORIES_SOURCE};
pub use check::check;
pub use owner::owner_problem;
pub use reserved::{RESERVED_NAMES, is_reserved};

use crate::error::RegistryError;
use crate::new_crate::{is_stripped, new_crate};
use crate::registry::Registry;

/// The longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 1000;
/// The longest version, in characters.
pub const MAX_VERSION: usize = 150;
/// The longest name of a crate or dependency, in characters.
pub const MAX_NAME: usize = 64;
/// How many keywords a crate may have.
pub const MAX_KEYWORDS: usize = 5;
/// The longest keyword, in bytes.
pub const MAX_KEYWORD: usize = 20;
/// How many categories a crate may have.
pub const MAX_CATEGORIES: usize = 5;
/// How many features a crate may have, and how many a feature may enable.
pub const MAX_FEATURES: usize = 300;
/// How many dependencies a crate may have, of all kinds and for all targets.
pub const MAX_DEPENDENCIES: usize = 500;
/// The largest metadata of an upload, with the readme in it, in bytes.
pub const MAX_METADATA: u64 = 1 << 20;
/// The largest `.crate` file, in bytes.
pub const MAX_PACKED: u64 = 10 << 20;
/// The largest contents of a `.crate` file, in bytes.
pub const MAX_UNPACKED: u64 = 512 << 20;

/// A rule of crates.io.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A name has the right characters and length.
    Name,
    /// A name is not one that crates.io keeps to itself.
    ReservedName,
    /// A crate keeps the spelling under which it was first published.
    Spelling,
    /// The name of a deleted crate is free only after a while.
    RecentlyDeleted,
    /// A version is a semantic version of bounded length.
    Version,
    /// There is a description.
    Description,
    /// A description has a bounded length.
    DescriptionLength,
    /// There is a license, or a license file.
    License,
    /// A license is an SPDX expression.
    LicenseExpression,
    /// Addresses are web addresses.
    Url,
    /// `rust-version` is a plain version.
    RustVersion,
    /// There are few keywords.
    KeywordCount,
    /// A keyword has the right characters and length.
    Keyword,
    /// There are few categories.
    CategoryCount,
    /// crates.io has every category that is named.
    UnknownCategory,
    /// There are not too many features.
    FeatureCount,
    /// No feature enables too much.
    FeatureEnables,
    /// A feature's name has the right characters.
    FeatureName,
    /// There are not too many dependencies.
    DependencyCount,
    /// A dependency's name has the right characters and length.
    DependencyName,
    /// A dependency has a requirement that is one, and not `*`.
    DependencyRequirement,
    /// A dependency is on crates.io, under this very spelling.
    UnknownDependency,
    /// A dependency is on no other registry.
    DependencyRegistry,
    /// The metadata with the readme is not too large.
    MetadataSize,
    /// The `.crate` file is not too large.
    PackedSize,
    /// What is in the `.crate` file is not too large.
    UnpackedSize,
    /// The archive is whole, with one manifest that says what the upload says.
    Archive,
}

/// A rule that a package breaks, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The rule.
    pub rule: Rule,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub remedy: String,
}

/// What a package says of itself, as far as crates.io has rules for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageMetadata {
    /// The name.
    pub name: String,
    /// The version that is to be published.
    pub version: String,
    /// The description.
    pub description: Option<String>,
    /// The SPDX expression.
    pub license: Option<String>,
    /// The path of the license's text.
    pub license_file: Option<String>,
    /// An address.
    pub homepage: Option<String>,
    /// An address.
    pub documentation: Option<String>,
    /// An address.
    pub repository: Option<String>,
    /// The oldest Rust it builds with.
    pub rust_version: Option<String>,
    /// The keywords.
    pub keywords: Vec<String>,
    /// The category slugs.
    pub categories: Vec<String>,
    /// The features, and what each enables.
    pub features: BTreeMap<String, Vec<String>>,
    /// What the package depends on, of all kinds and for all targets, without what cargo
    /// leaves out of an upload.
    pub dependencies: Vec<DependencyMetadata>,
    /// The size of the upload's metadata with the readme in it, in bytes.
    pub metadata_bytes: Option<u64>,
    /// The size of the `.crate` file, in bytes.
    pub packed_bytes: Option<u64>,
    /// The size of what is in the `.crate` file, in bytes.
    pub unpacked_bytes: Option<u64>,
}

/// A dependency, as far as crates.io has rules for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DependencyMetadata {
    /// The name of the crate.
    pub name: String,
    /// The name in the manifest, where it is another one.
    pub rename: Option<String>,
    /// The requirement.
    pub requirement: String,
    /// The features that it asks for.
    pub features: Vec<String>,
    /// The index it comes from, if not from crates.io.
    pub registry: Option<String>,
}

impl PackageMetadata {
    /// Takes what the rules are about out of cargo's description of a package. `readme` is
    /// the text of the readme file. The sizes of the archive are left open.
    pub fn new(package: &Package, readme: Option<String>) -> PackageMetadata {
        let document = new_crate(package, readme, "crates-io");
        let metadata_bytes = u64::try_from(document.to_string().len()).ok();
        let dependency = |one: &cargo_metadata::Dependency| DependencyMetadata {
            name: one.name.clone(),
            rename: one.rename.clone(),
            requirement: one.req.to_string(),
            features: one.features.clone(),
            registry: one.registry.clone(),
        };
        let kept = package.dependencies.iter().filter(|one| !is_stripped(one));
        PackageMetadata {
            name: package.name.to_string(),
            version: package.version.to_string(),
            description: package.description.clone(),
            license: package.license.clone(),
            license_file: package.license_file.as_ref().map(ToString::to_string),
            homepage: package.homepage.clone(),
            documentation: package.documentation.clone(),
            repository: package.repository.clone(),
            rust_version: package.rust_version.as_ref().map(ToString::to_string),
            keywords: package.keywords.clone(),
            categories: package.categories.clone(),
            features: crate::new_crate::declared_features(package),
            dependencies: kept.map(dependency).collect(),
            metadata_bytes,
            packed_bytes: None,
            unpacked_bytes: None,
        }
    }
}

/// The categories that a package is checked with, and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Categories {
    /// The slugs.
    pub slugs: BTreeSet<String>,
    /// Where they come from.
    pub source: CategorySource,
}

/// Where a list of categories comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CategorySource {
    /// From the registry, as it is now.
    Registry,
    /// From [`CATEGORIES`], which is as old as [`CATEGORIES_SOURCE`] says.
    BuiltIn {
        /// Why the registry's own could not be had; `None` where it tells of none.
        because: Option<RegistryError>,
    },
}

impl Categories {
    /// Asks a registry, and falls back on the list that is built in.
    pub fn of(registry: &Registry) -> Categories {
        let because = match registry.categories() {
            Ok(Some(slugs)) => {
                return Categories {
                    slugs,
                    source: CategorySource::Registry,
                };
            }
            Ok(None) => None,
            Err(error) => Some(error),
        };
        Categories {
            slugs: CATEGORIES.map(str::to_owned).into(),
            source: CategorySource::BuiltIn { because },
        }
    }
}

/// What crates.io knows already.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The categories there are.
    pub categories: &'a BTreeSet<String>,
    /// The name under which the crate was first published; `None` for a new one. The index
    /// of another spelling is another file, so it comes from
    /// [`Registry::crate_info`](crate::Registry::crate_info).
    pub published_name: Option<&'a str>,
}

#[cfg(test)]
mod tests;
