//! What crates.io asks of a package before it takes it.
//!
//! From the registry's own source and the manifest reference: a description and
//! a licence, at most 5 keywords of at most 20 characters, at most 5
//! categories, no `*` requirement, a version for every dependency that is
//! published, web addresses that are web addresses. Whether a category exists
//! is not asked here: the registry only warns of unknown ones.

use cargo_metadata::DependencyKind;

use crate::workspace::Package;

/// One rule that a package breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataProblem {
    /// The name has characters, a length or a first character that is refused.
    #[error(
        "the name `{name}` is not accepted: at most 64 ASCII letters, digits, `-` and `_`, \
         beginning with a letter; rename the package"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// `description` is missing or blank.
    #[error("`description` is missing; say in a sentence what the package is")]
    NoDescription,
    /// Neither `license` nor `license-file` is given.
    #[error("`license` and `license-file` are missing; give one of them")]
    NoLicense,
    /// More than five keywords.
    #[error("there are {count} keywords; keep at most 5")]
    TooManyKeywords {
        /// How many.
        count: usize,
    },
    /// A keyword that is too long or has other characters.
    #[error(
        "the keyword `{keyword}` is not accepted: at most 20 ASCII letters, digits, `-`, `_` and \
         `+`, beginning with a letter or digit; change or drop it"
    )]
    Keyword {
        /// The keyword.
        keyword: String,
    },
    /// More than five categories.
    #[error("there are {count} categories; keep at most 5")]
    TooManyCategories {
        /// How many.
        count: usize,
    },
    /// A dependency on any version.
    #[error("the requirement `*` on `{dependency}` is not accepted; give a version")]
    Wildcard {
        /// The dependency.
        dependency: String,
    },
    /// A path or git dependency without a version, which the registry cannot resolve.
    #[error("the dependency `{dependency}` has no version; add `version` beside `path` or `git`")]
    NoVersion {
        /// The dependency.
        dependency: String,
    },
    /// An address that does not begin with `http://` or `https://`.
    #[error("`{field}` is `{value}`, not a web address; write it as https://…")]
    Address {
        /// The manifest's key.
        field: &'static str,
        /// What stands there.
        value: String,
    },
}

impl MetadataProblem {
    /// Returns whether cargo, or any registry, would refuse the package for it: names stand in
    /// addresses, and what has no version cannot be resolved. The rest is asked by crates.io.
    pub fn holds_everywhere(&self) -> bool {
        matches!(
            self,
            MetadataProblem::Name { .. } | MetadataProblem::NoVersion { .. }
        )
    }
}

/// Returns every rule of crates.io that the package breaks; its own directory and the network are
/// not looked at.
pub fn metadata_problems(package: &Package) -> Vec<MetadataProblem> {
    let metadata = &package.metadata;
    let mut problems = Vec::new();
    if !is_name(&package.name) {
        problems.push(MetadataProblem::Name {
            name: package.name.clone(),
        });
    }
    let blank = |text: &Option<String>| text.as_ref().is_none_or(|text| text.trim().is_empty());
    if blank(&metadata.description) {
        problems.push(MetadataProblem::NoDescription);
    }
    if blank(&metadata.license) && metadata.license_file.is_none() {
        problems.push(MetadataProblem::NoLicense);
    }
    keywords_and_categories(metadata, &mut problems);
    dependencies(metadata, &mut problems);
    let addresses = [
        ("homepage", &metadata.homepage),
        ("documentation", &metadata.documentation),
        ("repository", &metadata.repository),
    ];
    for (field, value) in addresses {
        if let Some(value) = value.as_ref().filter(|value| !is_web_address(value)) {
            problems.push(MetadataProblem::Address {
                field,
                value: value.clone(),
            });
        }
    }
    problems
}

fn keywords_and_categories(
    metadata: &cargo_metadata::Package,
    problems: &mut Vec<MetadataProblem>,
) {
    if metadata.keywords.len() > 5 {
        problems.push(MetadataProblem::TooManyKeywords {
            count: metadata.keywords.len(),
        });
    }
    for keyword in metadata.keywords.iter().filter(|word| !is_keyword(word)) {
        problems.push(MetadataProblem::Keyword {
            keyword: keyword.clone(),
        });
    }
    if metadata.categories.len() > 5 {
        problems.push(MetadataProblem::TooManyCategories {
            count: metadata.categories.len(),
        });
    }
}

fn dependencies(metadata: &cargo_metadata::Package, problems: &mut Vec<MetadataProblem>) {
    for dependency in &metadata.dependencies {
        if dependency.req != semver::VersionReq::STAR {
            continue;
        }
        let is_git = dependency
            .source
            .as_ref()
            .is_some_and(|source| source.repr.starts_with("git+"));
        let name = dependency.name.clone();
        if dependency.path.is_none() && !is_git {
            problems.push(MetadataProblem::Wildcard { dependency: name });
        } else if dependency.kind != DependencyKind::Development {
            problems.push(MetadataProblem::NoVersion { dependency: name });
        }
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn is_keyword(keyword: &str) -> bool {
    keyword.len() <= 20
        && keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
        && keyword
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+'))
}

fn is_web_address(value: &str) -> bool {
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| value.strip_prefix(scheme));
    rest.is_some_and(|host| host.starts_with(|c: char| c.is_alphanumeric() || c == '['))
}
