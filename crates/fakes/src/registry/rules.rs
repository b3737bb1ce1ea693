//! What crates.io asks of a package, in the order in which it asks.
//!
//! From crates.io src/controllers/krate/publish.rs, src/licenses.rs and
//! crates/crates_io_validation/src/lib.rs, 2026-08-21.

use semver::VersionReq;

use super::manifest::{Dependency, Manifest, unreadable};
use super::refusal::Refusal;

const MOST_FEATURES: usize = 300;
const MOST_DEPENDENCIES: usize = 500;
const LONGEST_NAME: usize = 64;
const LONGEST_VERSION: usize = 150;
const LONGEST_DESCRIPTION: usize = 1000;

/// Names that nobody gets: migrations 20170305095748, 20170430202433 and
/// 2021-02-10-141019.
const RESERVED: &str = "alloc arena ast builtins collections compiler-builtins compiler-rt \
    compiletest core coretest debug driver flate fmt_macros grammar graphviz macro macros \
    proc_macro rbml rust-installer rustbook rustc rustc_back rustc_borrowck rustc_driver \
    rustc_llvm rustc_resolve rustc_trans rustc_typeck rustdoc rustllvm rustuv serialize std \
    syntax test unicode nul con prn aux com0 com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt0 \
    lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9";

/// Returns every name that nobody gets.
pub(crate) fn reserved() -> impl Iterator<Item = &'static str> {
    RESERVED.split_whitespace()
}

type Checked = Result<(), Refusal>;

fn refused(detail: impl Into<String>) -> Checked {
    Err(Refusal::bad_request(detail))
}

/// Checks the name of a crate, or of a dependency.
pub(crate) fn crate_name(what: &str, name: &str) -> Checked {
    if name.chars().count() > LONGEST_NAME {
        return refused(format!(
            "the {what} name `{name}` is too long (max {LONGEST_NAME} characters)"
        ));
    }
    let Some(first) = name.chars().next() else {
        return refused(format!("{what} name cannot be empty"));
    };
    if first.is_ascii_digit() {
        return refused(format!(
            "the name `{name}` cannot be used as a {what} name, the name cannot start with a \
             digit"
        ));
    }
    if !first.is_ascii_alphabetic() {
        return refused(format!(
            "invalid character `{first}` in {what} name: `{name}`, the first character must be \
             an ASCII character"
        ));
    }
    match odd_character(name) {
        Some(odd) => refused(format!(
            "invalid character `{odd}` in {what} name: `{name}`, characters must be an ASCII \
             alphanumeric characters, `-`, or `_`"
        )),
        None => Ok(()),
    }
}

fn odd_character(name: &str) -> Option<char> {
    let mut characters = name.chars();
    characters.find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'))
}

/// Checks the name that a dependency has in the manifest.
fn dependency_name(name: &str) -> Checked {
    if name.chars().count() > LONGEST_NAME {
        return refused(format!(
            "the dependency name `{name}` is too long (max {LONGEST_NAME} characters)"
        ));
    }
    let Some(first) = name.chars().next() else {
        return refused("dependency name cannot be empty");
    };
    if first.is_ascii_digit() {
        return refused(format!(
            "the name `{name}` cannot be used as a dependency name, the name cannot start with \
             a digit"
        ));
    }
    if !first.is_ascii_alphabetic() && first != '_' {
        return refused(format!(
            "invalid character `{first}` in dependency name: `{name}`, the first character must \
             be an ASCII character, or `_`"
        ));
    }
    match odd_character(name) {
        Some(odd) => refused(format!(
            "invalid character `{odd}` in dependency name: `{name}`, characters must be an \
             ASCII alphanumeric characters, `-`, or `_`"
        )),
        None => Ok(()),
    }
}

/// Checks a version, and returns it as it is kept.
pub(crate) fn version(text: &str) -> Result<semver::Version, Refusal> {
    let version = semver::Version::parse(text)
        .map_err(|_| Refusal::bad_request(format!("\"{text}\" is an invalid semver version")))?;
    if version.to_string().chars().count() > LONGEST_VERSION {
        return Err(Refusal::bad_request(format!(
            "the version number is too long (max {LONGEST_VERSION} characters)"
        )));
    }
    Ok(version)
}

/// Checks all that a manifest says, before anybody looks whether the registry knows it.
pub(crate) fn manifest(manifest: &Manifest) -> Checked {
    required(manifest)?;
    description_and_license(manifest)?;
    for (field, address) in [
        ("homepage", &manifest.homepage),
        ("documentation", &manifest.documentation),
        ("repository", &manifest.repository),
    ] {
        if let Some(address) = address {
            web_address(field, address)?;
        }
    }
    if let Some(text) = &manifest.rust_version {
        let is_plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        if !is_plain || VersionReq::parse(text).is_err() {
            return Err(unreadable("invalid `rust-version` value"));
        }
    }
    labels(manifest)?;
    features(manifest)?;
    if manifest.dependencies.len() > MOST_DEPENDENCIES {
        return refused(format!(
            "crates.io only allows a maximum number of {MOST_DEPENDENCIES} dependencies.\n\n{MORE}"
        ));
    }
    manifest.dependencies.iter().try_for_each(dependency)
}

const MORE: &str = "If you have a use case that requires an increase of this limit, please send \
    us an email to help@crates.io to discuss the details.";

fn required(manifest: &Manifest) -> Checked {
    let empty = |field: &Option<String>| field.as_ref().is_none_or(String::is_empty);
    let mut missing = Vec::new();
    if empty(&manifest.description) {
        missing.push("description");
    }
    if empty(&manifest.license) && empty(&manifest.license_file) {
        missing.push("license");
    }
    if missing.is_empty() {
        return Ok(());
    }
    refused(format!(
        "missing or empty metadata fields: {}. Please see \
         https://doc.rust-lang.org/cargo/reference/manifest.html for more information on \
         configuring these fields",
        missing.join(", ")
    ))
}

fn description_and_license(manifest: &Manifest) -> Checked {
    let description = manifest.description.as_deref().unwrap_or_default();
    if description.len() > LONGEST_DESCRIPTION {
        return refused(format!(
            "The `description` is too long. A maximum of {LONGEST_DESCRIPTION} characters are \
             currently allowed."
        ));
    }
    let mode = spdx::ParseMode {
        allow_slash_as_or_operator: true,
        allow_imprecise_license_names: false,
        allow_postfix_plus_on_gpl: true,
        allow_deprecated: true,
        allow_unknown: false,
    };
    let Some(license) = &manifest.license else {
        return Ok(());
    };
    match spdx::Expression::parse_mode(license, mode) {
        Ok(_) => Ok(()),
        Err(error) => refused(format!(
            "unknown or invalid license expression; see http://opensource.org/licenses for \
             options, and http://spdx.org/licenses/ for their identifiers\n\
             Note: If you have a non-standard license that is not listed by SPDX, use the \
             license-file field to specify the path to a file containing the text of the \
             license.\n\
             See https://doc.rust-lang.org/cargo/reference/manifest.html#the-license-and-license-file-fields \
             for more information.\n{error}"
        )),
    }
}

fn web_address(field: &str, address: &str) -> Checked {
    if !address.starts_with("http://") && !address.starts_with("https://") {
        return refused(format!(
            "URL for field `{field}` must begin with http:// or https:// (url: {address})"
        ));
    }
    match url::Url::parse(address) {
        Ok(_) => Ok(()),
        Err(_) => refused(format!("`{field}` is not a valid url: `{address}`")),
    }
}

fn labels(manifest: &Manifest) -> Checked {
    if manifest.keywords.len() > 5 {
        return refused("expected at most 5 keywords per crate");
    }
    for keyword in &manifest.keywords {
        if keyword.len() > 20 {
            return refused(format!(
                "\"{keyword}\" is an invalid keyword (keywords must have less than 20 characters)"
            ));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+');
        if !keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !keyword.chars().all(is_plain)
        {
            return refused(format!("\"{keyword}\" is an invalid keyword"));
        }
    }
    if manifest.categories.len() > 5 {
        return refused("expected at most 5 categories per crate");
    }
    Ok(())
}

fn features(manifest: &Manifest) -> Checked {
    let blog = "Take a look at \
        https://blog.rust-lang.org/2023/10/26/broken-badges-and-23k-keywords.html to understand \
        why this restriction was introduced.";
    let count = manifest.features.len();
    if count > MOST_FEATURES {
        return refused(format!(
            "crates.io only allows a maximum number of {MOST_FEATURES} features, but your crate \
             is declaring {count} features.\n\n{blog}\n\n{MORE}"
        ));
    }
    for (name, enables) in &manifest.features {
        feature_name(name)?;
        let count = enables.len();
        if count > MOST_FEATURES {
            return refused(format!(
                "crates.io only allows a maximum number of {MOST_FEATURES} features or \
                 dependencies that another feature can enable, but the \"{name}\" feature of \
                 your crate is enabling {count} features or dependencies.\n\n{blog}\n\n{MORE}"
            ));
        }
        enables.iter().try_for_each(|enabled| feature(enabled))?;
    }
    Ok(())
}

fn feature_name(name: &str) -> Checked {
    let mut characters = name.chars();
    let Some(first) = characters.next() else {
        return refused("feature cannot be empty");
    };
    if !(unicode_ident::is_xid_start(first) || first == '_' || first.is_ascii_digit()) {
        return refused(format!(
            "invalid character `{first}` in feature `{name}`, the first character must be a \
             Unicode XID start character or digit (most letters or `_` or `0` to `9`)"
        ));
    }
    let is_plain = |c: char| unicode_ident::is_xid_continue(c) || matches!(c, '+' | '-' | '.');
    match characters.find(|&c| !is_plain(c)) {
        Some(odd) => refused(format!(
            "invalid character `{odd}` in feature `{name}`, characters must be Unicode XID \
             characters, `+`, `-`, or `.` (numbers, `+`, `-`, `_`, `.`, or most letters)"
        )),
        None => Ok(()),
    }
}

/// Checks what a feature enables, or a dependency is asked for.
fn feature(text: &str) -> Checked {
    if let Some((dependency, feature)) = text.split_once('/') {
        dependency_name(dependency.strip_suffix('?').unwrap_or(dependency))?;
        feature_name(feature)
    } else if let Some((_, dependency)) = text.split_once("dep:") {
        dependency_name(dependency)
    } else {
        feature_name(text)
    }
}

fn dependency(dependency: &Dependency) -> Checked {
    let name = &dependency.name;
    crate_name("dependency", name)?;
    dependency
        .features
        .iter()
        .try_for_each(|one| feature(one))?;
    // Cargo writes `registry-index`, which nobody reads.
    if dependency.registry.as_ref().is_some_and(|r| !r.is_empty()) {
        return refused(format!(
            "Dependency `{name}` is hosted on another registry. Cross-registry dependencies are \
             not permitted on crates.io."
        ));
    }
    match VersionReq::parse(&dependency.requirement) {
        Err(_) => {
            return refused(format!(
                "\"{}\" is an invalid version requirement",
                dependency.requirement
            ));
        }
        Ok(requirement) if requirement == VersionReq::STAR => {
            return refused(format!(
                "wildcard (`*`) dependency constraints are not allowed on crates.io. Crate with \
                 this problem: `{name}` See \
                 https://doc.rust-lang.org/cargo/faq.html#can-libraries-use--as-a-version-for-their-dependencies \
                 for more information"
            ));
        }
        Ok(_) => {}
    }
    dependency
        .renamed
        .as_deref()
        .map_or(Ok(()), dependency_name)
}
