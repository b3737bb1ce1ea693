//! What crates.io asks of a package's metadata.

use axum::http::StatusCode;
use semver::VersionReq;

use super::metadata::{NewCrate, NewUpload};
use super::refusal::Refusal;

/// crates.io's limit for the packed size, in bytes.
const LARGEST_PACKAGE: usize = 10 << 20;

/// Checks an upload by itself; whether its dependencies are known, and its
/// version is new, is not asked here.
pub(crate) fn check(upload: &NewUpload) -> Result<(), Refusal> {
    if upload.bytes.len() > LARGEST_PACKAGE {
        return Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("max upload size is: {LARGEST_PACKAGE}"),
        ));
    }
    let metadata = &upload.metadata;
    if !is_name(&metadata.name) {
        return Err(Refusal::bad_request(format!(
            "\"{}\" is an invalid crate name (crate names must start with a letter, contain only \
             letters, numbers, hyphens, or underscores and have at most 64 characters)",
            metadata.name
        )));
    }
    required_fields(metadata)?;
    labels(metadata)?;
    addresses(metadata)?;
    for dependency in &metadata.deps {
        requirement(&dependency.name, &dependency.version_req)?;
        if let Some(registry) = &dependency.registry {
            return Err(Refusal::bad_request(format!(
                "Dependency `{}` is hosted on another registry ({registry}). Cross-registry \
                 dependencies are not permitted on crates.io.",
                dependency.name
            )));
        }
    }
    Ok(())
}

/// Whether a package may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn required_fields(metadata: &NewCrate) -> Result<(), Refusal> {
    let blank = |field: &Option<String>| field.as_ref().is_none_or(|text| text.trim().is_empty());
    let mut missing = Vec::new();
    if blank(&metadata.description) {
        missing.push("description");
    }
    if blank(&metadata.license) && blank(&metadata.license_file) {
        missing.push("license");
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::bad_request(format!(
        "missing or empty metadata fields: {}. Please see \
         https://doc.rust-lang.org/cargo/reference/manifest.html for more information on \
         configuring these fields",
        missing.join(", ")
    )))
}

fn labels(metadata: &NewCrate) -> Result<(), Refusal> {
    if metadata.keywords.len() > 5 {
        return Err(Refusal::bad_request(
            "expected at most 5 keywords per crate",
        ));
    }
    for keyword in &metadata.keywords {
        if keyword.len() > 20 {
            return Err(Refusal::bad_request(format!(
                "\"{keyword}\" is an invalid keyword (keywords must have less than 20 characters)"
            )));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+');
        if !keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !keyword.chars().all(is_plain)
        {
            return Err(Refusal::bad_request(format!(
                "\"{keyword}\" is an invalid keyword"
            )));
        }
    }
    if metadata.categories.len() > 5 {
        return Err(Refusal::bad_request(
            "expected at most 5 categories per crate",
        ));
    }
    Ok(())
}

fn addresses(metadata: &NewCrate) -> Result<(), Refusal> {
    let addresses = [
        ("homepage", &metadata.homepage),
        ("documentation", &metadata.documentation),
        ("repository", &metadata.repository),
    ];
    for (field, address) in addresses {
        let Some(address) = address else { continue };
        let is_web = url::Url::parse(address)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_web {
            return Err(Refusal::bad_request(format!(
                "URL for field `{field}` must begin with http:// or https:// (url: {address})"
            )));
        }
    }
    Ok(())
}

fn requirement(name: &str, text: &str) -> Result<(), Refusal> {
    match VersionReq::parse(text) {
        Err(_) => Err(Refusal::bad_request(format!(
            "\"{text}\" is an invalid version requirement"
        ))),
        Ok(requirement) if requirement == VersionReq::STAR => Err(Refusal::bad_request(format!(
            "wildcard (`*`) dependency constraints are not allowed on crates.io. Crate with this \
             problem: `{name}` See \
             https://doc.rust-lang.org/cargo/faq.html#can-libraries-use--as-a-version-for-their-dependencies \
             for more information"
        ))),
        Ok(_) => Ok(()),
    }
}
