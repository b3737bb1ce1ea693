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
mod names;
mod reserved;
pub(crate) mod response;

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::Package;
use semver::VersionReq;
use url::Url;

pub use categories::{CATEGORIES, CATEGORIES_SOURCE};
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

/// Returns everything that crates.io would refuse about a package.
pub fn check(package: &PackageMetadata, known: Known<'_>) -> Vec<Problem> {
    let mut problems = Problems(Vec::new());
    problems.identity(package, known);
    problems.texts(package);
    problems.addresses(package);
    problems.labels(package, known);
    problems.features(package);
    problems.dependencies(package);
    problems.sizes(package);
    problems.0
}

struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, rule: Rule, what: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Problem {
            rule,
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    fn identity(&mut self, package: &PackageMetadata, known: Known<'_>) {
        let name = &package.name;
        if let Err(what) = names::check_crate(name) {
            let remedy = "use a name of at most 64 ASCII letters, digits, `-` and `_` that begins with a letter";
            self.add(Rule::Name, what, remedy);
        }
        if is_reserved(name) {
            self.add(
                Rule::ReservedName,
                format!("crates.io keeps the name `{name}` to itself"),
                "choose another name",
            );
        }
        if let Some(published) = known.published_name
            && published != name
            && reserved::canonical(published) == reserved::canonical(name)
        {
            self.add(
                Rule::Spelling,
                format!("`{name}` is on crates.io as `{published}`"),
                format!("spell it `{published}`, or choose another name"),
            );
        }
        match semver::Version::parse(&package.version) {
            Err(error) => self.add(
                Rule::Version,
                format!("`{}` is no version: {error}", package.version),
                "use a semantic version such as 1.2.3",
            ),
            Ok(_) if package.version.chars().count() > MAX_VERSION => self.add(
                Rule::Version,
                format!(
                    "the version has {} characters, and crates.io takes {MAX_VERSION}",
                    package.version.chars().count()
                ),
                "shorten its pre-release or build part",
            ),
            Ok(_) => {}
        }
        if let Some(rust_version) = &package.rust_version
            && !is_plain_version(rust_version)
        {
            self.add(
                Rule::RustVersion,
                format!("`rust-version = \"{rust_version}\"` is no plain version"),
                "write it as 1.70 or 1.70.1, without an operator or a pre-release",
            );
        }
    }

    fn texts(&mut self, package: &PackageMetadata) {
        match package.description.as_deref().unwrap_or_default() {
            "" => self.add(
                Rule::Description,
                "there is no `description`",
                "add one to `[package]`",
            ),
            long if long.len() > MAX_DESCRIPTION => self.add(
                Rule::DescriptionLength,
                format!(
                    "the `description` has {} bytes, and crates.io takes {MAX_DESCRIPTION}",
                    long.len()
                ),
                "shorten it; the readme has room for the rest",
            ),
            _ => {}
        }
        let has_file = package
            .license_file
            .as_ref()
            .is_some_and(|file| !file.is_empty());
        match package.license.as_deref() {
            None if has_file => {}
            None | Some("") if !has_file => self.add(
                Rule::License,
                "there is neither `license` nor `license-file`",
                "add `license` with an SPDX expression, such as `MIT OR Apache-2.0`",
            ),
            Some(expression) => {
                if let Err(error) = spdx::Expression::parse_mode(expression, LICENSES) {
                    let remedy = if has_file {
                        "remove `license`, which is not needed beside `license-file`, or make it an SPDX expression"
                    } else {
                        "use identifiers of https://spdx.org/licenses joined by OR and AND, or `license-file` for a license that is not listed"
                    };
                    self.add(
                        Rule::LicenseExpression,
                        format!(
                            "`license = \"{expression}\"` is no SPDX expression: {}",
                            error.reason
                        ),
                        remedy,
                    );
                }
            }
            None => {}
        }
    }

    fn addresses(&mut self, package: &PackageMetadata) {
        for (field, address) in [
            ("homepage", &package.homepage),
            ("documentation", &package.documentation),
            ("repository", &package.repository),
        ] {
            let Some(address) = address else { continue };
            if !address.starts_with("http://") && !address.starts_with("https://") {
                self.add(
                    Rule::Url,
                    format!("`{field} = \"{address}\"` does not begin with http:// or https://"),
                    "give a web address, in lower case, or leave the field out",
                );
            } else if let Err(error) = Url::parse(address) {
                self.add(
                    Rule::Url,
                    format!("`{field} = \"{address}\"` is no web address: {error}"),
                    "correct it, or leave the field out",
                );
            }
        }
    }

    fn labels(&mut self, package: &PackageMetadata, known: Known<'_>) {
        if package.keywords.len() > MAX_KEYWORDS {
            self.add(
                Rule::KeywordCount,
                format!(
                    "there are {} keywords, and crates.io takes {MAX_KEYWORDS}",
                    package.keywords.len()
                ),
                "keep the best ones",
            );
        }
        for keyword in &package.keywords {
            if !names::is_keyword(keyword) || keyword.len() > MAX_KEYWORD {
                self.add(
                    Rule::Keyword,
                    format!("\"{keyword}\" is no keyword of crates.io"),
                    "use 1 to 20 ASCII letters, digits, `-`, `_` or `+`, beginning with a letter or digit",
                );
            }
        }
        if package.categories.len() > MAX_CATEGORIES {
            self.add(
                Rule::CategoryCount,
                format!(
                    "there are {} categories, and crates.io takes {MAX_CATEGORIES}",
                    package.categories.len()
                ),
                "keep the best ones",
            );
        }
        for category in &package.categories {
            if known.categories.contains(category) {
                continue;
            }
            let lower = category.to_lowercase();
            let remedy = if known.categories.contains(&lower) {
                format!("write it `{lower}`: case counts")
            } else {
                "choose one of https://crates.io/category_slugs, or remove it".to_owned()
            };
            self.add(
                Rule::UnknownCategory,
                format!("crates.io has no category `{category}`"),
                remedy,
            );
        }
    }

    fn features(&mut self, package: &PackageMetadata) {
        let ask = "remove some, or ask help@crates.io for more";
        if package.features.len() > MAX_FEATURES {
            self.add(
                Rule::FeatureCount,
                format!(
                    "there are {} features, and crates.io takes {MAX_FEATURES}",
                    package.features.len()
                ),
                ask,
            );
        }
        for (name, enables) in &package.features {
            if let Err(what) = names::check_feature(name) {
                let remedy = "use letters, digits, `_`, `-`, `+` and `.`, beginning with a letter, a digit or `_`";
                self.add(Rule::FeatureName, what, remedy);
            }
            if enables.len() > MAX_FEATURES {
                self.add(
                    Rule::FeatureEnables,
                    format!(
                        "the feature `{name}` enables {} others, and crates.io takes {MAX_FEATURES}",
                        enables.len()
                    ),
                    ask,
                );
            }
            for enabled in enables {
                if let Err((rule, what)) = names::check_enabled(enabled) {
                    let what = format!("the feature `{name}`: {what}");
                    self.add(rule, what, "correct what the feature enables");
                }
            }
        }
    }

    fn dependencies(&mut self, package: &PackageMetadata) {
        let count = package.dependencies.len();
        if count > MAX_DEPENDENCIES {
            self.add(
                Rule::DependencyCount,
                format!(
                    "there are {count} dependencies of all kinds and targets, and crates.io takes {MAX_DEPENDENCIES}"
                ),
                "remove some, or ask help@crates.io for more",
            );
        }
        for dependency in &package.dependencies {
            let name = &dependency.name;
            if let Err(what) = names::check_crate(name) {
                self.add(
                    Rule::DependencyName,
                    what,
                    "depend on a crate of crates.io by its name",
                );
            }
            if let Some(Err(what)) = dependency.rename.as_deref().map(names::check_dependency) {
                self.add(
                    Rule::DependencyName,
                    what,
                    "give the dependency a shorter or plainer name in the manifest",
                );
            }
            for feature in &dependency.features {
                if let Err((rule, what)) = names::check_enabled(feature) {
                    let what = format!("the dependency `{name}`: {what}");
                    self.add(rule, what, "ask for a feature that the dependency can have");
                }
            }
            match VersionReq::parse(&dependency.requirement) {
                Ok(requirement) if requirement == VersionReq::STAR => self.add(
                    Rule::DependencyRequirement,
                    format!("the dependency `{name}` accepts every version (`*`)"),
                    "give it a version requirement",
                ),
                Ok(_) => {}
                Err(error) => self.add(
                    Rule::DependencyRequirement,
                    format!(
                        "`{}` is no version requirement of `{name}`: {error}",
                        dependency.requirement
                    ),
                    "write one such as 1.2",
                ),
            }
            if let Some(registry) = &dependency.registry
                && registry != crate::CRATES_IO_INDEX
            {
                self.add(
                    Rule::DependencyRegistry,
                    format!("the dependency `{name}` comes from {registry}"),
                    "publish it on crates.io, too: who uses this package can get it from nowhere else",
                );
            }
        }
    }

    fn sizes(&mut self, package: &PackageMetadata) {
        let mut check = |rule, bytes: Option<u64>, limit: u64, what: &str, remedy: &str| {
            if let Some(bytes) = bytes.filter(|bytes| *bytes > limit) {
                self.add(
                    rule,
                    format!("{what} has {bytes} bytes, and crates.io takes {limit}"),
                    remedy,
                );
            }
        };
        check(
            Rule::MetadataSize,
            package.metadata_bytes,
            MAX_METADATA,
            "the metadata, with the readme in it,",
            "shorten the readme, or name a shorter one in `package.readme`",
        );
        check(
            Rule::PackedSize,
            package.packed_bytes,
            MAX_PACKED,
            "the package",
            "leave out what users do not need, with `package.exclude` or `package.include`",
        );
        check(
            Rule::UnpackedSize,
            package.unpacked_bytes,
            MAX_UNPACKED,
            "the unpacked package",
            "leave out what users do not need, with `package.exclude` or `package.include`",
        );
    }
}

/// How crates.io reads licenses (`src/licenses.rs`, 2026-08-21): `MIT/Apache-2.0` and
/// `GPL-3.0+` pass, `Apache 2.0` does not.
const LICENSES: spdx::ParseMode = spdx::ParseMode {
    allow_slash_as_or_operator: true,
    allow_imprecise_license_names: false,
    allow_postfix_plus_on_gpl: true,
    allow_deprecated: true,
    allow_unknown: false,
};

fn is_plain_version(text: &str) -> bool {
    VersionReq::parse(text).is_ok() && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

#[cfg(test)]
mod tests;
