//! The check of a package: each rule, in the order of a manifest.

use semver::VersionReq;
use url::Url;

use super::{
    Known, MAX_CATEGORIES, MAX_DEPENDENCIES, MAX_DESCRIPTION, MAX_FEATURES, MAX_KEYWORD,
    MAX_KEYWORDS, MAX_METADATA, MAX_PACKED, MAX_UNPACKED, MAX_VERSION, PackageMetadata, Problem,
    Rule, names, reserved,
};

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
        if reserved::is_reserved(name) {
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
