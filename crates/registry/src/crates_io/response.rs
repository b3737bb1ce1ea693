//! What crates.io means by the words of a refusal.
//!
//! The protocol has a status and prose, and no code between them. This is the one place
//! that reads the prose; everybody else branches on types. The texts are those of crates.io
//! at commit 57fa0006 of 2026-08-21, named by file. Other registries word things in their
//! own way, and what is not recognized stays unnamed.

use jiff::Timestamp;

use super::Rule;
use crate::access::AccessProblem;

/// Returns whether the registry says that it has this version. crates.io says so with
/// status 400 (`publish.rs`, `duplicate_version_error`; once with 200), kellnr in words of
/// its own, others with status 409.
pub(crate) fn is_already_uploaded(status: u16, detail: &str) -> bool {
    let detail = detail.to_lowercase();
    status == 409
        || detail.contains("already uploaded")
        || detail.contains("version already exists")
}

/// Returns whether the registry says that somebody is an owner already
/// (`src/controllers/krate/owners.rs`, `add_owner`).
pub(crate) fn is_already_owner(status: u16, detail: &str) -> bool {
    matches!(status, 200 | 400) && detail.to_lowercase().contains("is already an owner")
}

/// Returns whether the registry takes no writes for now, so that nothing happened
/// (`src/util/errors.rs`: a write to a read-only database).
pub(crate) fn is_read_only(status: u16, detail: &str) -> bool {
    status == 503 && detail.to_lowercase().contains("read-only")
}

/// Returns why an account or token may not do what was asked.
pub(crate) fn access_problem(status: u16, detail: &str) -> Option<AccessProblem> {
    let detail = detail.to_lowercase();
    let known = ACCESS
        .iter()
        .find(|(text, _)| detail.contains(text))
        .map(|(_, problem)| *problem);
    match (status, known) {
        (401 | 403, known) => Some(known.unwrap_or(AccessProblem::Other)),
        // Some registries put what is wrong into a success.
        (200, known) => known,
        // The one of these that comes as a plain bad request.
        (400, Some(AccessProblem::UnverifiedEmail)) => Some(AccessProblem::UnverifiedEmail),
        _ => None,
    }
}

/// `src/auth.rs`, `src/util/errors.rs`, `publish.rs`, `version/update.rs`.
const ACCESS: [(&str, AccessProblem); 18] = [
    ("requires authentication", AccessProblem::NoToken),
    ("missing `authorization` header", AccessProblem::NoToken),
    ("does not match the format", AccessProblem::UnknownToken),
    (
        "invalid `authorization` header",
        AccessProblem::UnknownToken,
    ),
    ("authentication failed", AccessProblem::UnknownToken),
    ("invalid authentication token", AccessProblem::LeaseEnded),
    ("required permissions", AccessProblem::Scope),
    ("don't seem to be an owner", AccessProblem::NotOwner),
    ("must already be an owner", AccessProblem::NotOwner),
    ("only owners have permission", AccessProblem::NotOwner),
    (
        "team members don't have permission",
        AccessProblem::NotPersonally,
    ),
    (
        "only members of a team or organization owners",
        AccessProblem::NotInTeam,
    ),
    (
        "only be published using trusted publishing",
        AccessProblem::TrustedPublishingOnly,
    ),
    ("is not valid for crate", AccessProblem::NotCovered),
    (
        "do not support creating new crates",
        AccessProblem::NewCrate,
    ),
    ("verified email address", AccessProblem::UnverifiedEmail),
    ("account is locked until", AccessProblem::AccountLocked),
    (
        "account is indefinitely locked",
        AccessProblem::AccountLocked,
    ),
];

/// Returns which rule a refusal is about.
pub(crate) fn rule(status: u16, detail: &str) -> Option<Rule> {
    if !matches!(status, 200 | 400 | 413) {
        return None;
    }
    RULES
        .iter()
        .find(|(text, _)| detail.contains(text))
        .map(|(_, rule)| *rule)
}

/// `publish.rs`, `crates_io_validation/src/lib.rs`, `crates_io_tarball/src/lib.rs`. The
/// first that fits counts.
const RULES: [(&str, Rule); 32] = [
    ("was recently deleted", Rule::RecentlyDeleted),
    ("with a reserved name", Rule::ReservedName),
    ("was previously named", Rule::Spelling),
    ("JSON metadata blob too large", Rule::MetadataSize),
    ("max upload size is", Rule::PackedSize),
    ("too large when decompressed", Rule::UnpackedSize),
    ("invalid semver version", Rule::Version),
    ("version number is too long", Rule::Version),
    (
        "missing or empty metadata fields: description",
        Rule::Description,
    ),
    ("missing or empty metadata fields: license", Rule::License),
    ("`description` is too long", Rule::DescriptionLength),
    ("invalid license expression", Rule::LicenseExpression),
    ("must begin with http:// or https://", Rule::Url),
    ("is not a valid url", Rule::Url),
    ("invalid `rust-version` value", Rule::RustVersion),
    ("keywords per crate", Rule::KeywordCount),
    ("is an invalid keyword", Rule::Keyword),
    ("categories per crate", Rule::CategoryCount),
    (
        "category slugs are not currently supported",
        Rule::UnknownCategory,
    ),
    (
        "features or dependencies that another feature",
        Rule::FeatureEnables,
    ),
    ("features, but your crate is declaring", Rule::FeatureCount),
    ("in feature `", Rule::FeatureName),
    ("feature cannot be empty", Rule::FeatureName),
    ("maximum number of", Rule::DependencyCount),
    ("dependency name", Rule::DependencyName),
    ("wildcard (`*`)", Rule::DependencyRequirement),
    ("invalid version requirement", Rule::DependencyRequirement),
    ("no known crate named", Rule::UnknownDependency),
    ("hosted on another registry", Rule::DependencyRegistry),
    ("uploaded tarball", Rule::Archive),
    ("`Cargo.toml` manifest file", Rule::Archive),
    ("crate name", Rule::Name),
];

/// Returns when the name of a deleted crate is free again.
pub(crate) fn free_again(detail: &str) -> Option<Timestamp> {
    let (_, after) = detail.split_once("will be available after ")?;
    after.trim_end_matches('.').parse().ok()
}

/// Returns whether the registry got as far as the archive of an upload that has none: name
/// and version are as they must be, and token and account may upload
/// (`publish.rs`, `read_tarball_bytes`).
pub(crate) fn got_to_archive(status: u16, detail: &str) -> bool {
    status == 400 && detail == "invalid tarball length"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registries_say_of_a_version_they_have() {
        for (status, detail) in [
            (400, "crate version `1.0.0` is already uploaded"),
            (200, "crate version `1.0.0` is already uploaded"),
            (400, "ERROR: Crate with version already exists: a-1.0.0"),
            (409, "conflict"),
        ] {
            assert!(is_already_uploaded(status, detail), "{detail}");
        }
        assert!(!is_already_uploaded(400, "missing description"));
    }

    #[test]
    fn accounts_and_tokens_are_told_from_packages() {
        let email = "A verified email address is required to publish crates to crates.io.";
        for (status, detail, expected) in [
            (400, email, Some(AccessProblem::UnverifiedEmail)),
            (
                403,
                "this action requires authentication",
                Some(AccessProblem::NoToken),
            ),
            (
                403,
                "authentication failed",
                Some(AccessProblem::UnknownToken),
            ),
            (
                403,
                "Invalid authentication token",
                Some(AccessProblem::LeaseEnded),
            ),
            (
                403,
                "The provided access token is not valid for crate `x`",
                Some(AccessProblem::NotCovered),
            ),
            (
                403,
                "This account is indefinitely locked. Reason: r",
                Some(AccessProblem::AccountLocked),
            ),
            (403, "words of another registry", Some(AccessProblem::Other)),
            (400, "authentication failed", None),
            (404, "crate `x` does not exist", None),
        ] {
            assert_eq!(access_problem(status, detail), expected, "{detail}");
        }
    }

    #[test]
    fn a_refusal_names_its_rule() {
        for (status, detail, expected) in [
            (
                400,
                "cannot upload a crate with a reserved name",
                Some(Rule::ReservedName),
            ),
            (
                400,
                "crates.io only allows a maximum number of 300 features, but your crate is declaring 301 features.",
                Some(Rule::FeatureCount),
            ),
            (
                400,
                "crates.io only allows a maximum number of 500 dependencies.",
                Some(Rule::DependencyCount),
            ),
            (
                400,
                "the dependency name `d` is too long (max 64 characters)",
                Some(Rule::DependencyName),
            ),
            (400, "crate name cannot be empty", Some(Rule::Name)),
            (413, "max upload size is: 10485760", Some(Rule::PackedSize)),
            (403, "cannot upload a crate with a reserved name", None),
            (400, "words of another registry", None),
        ] {
            assert_eq!(rule(status, detail), expected, "{detail}");
        }
    }

    #[test]
    fn a_deleted_name_says_when_it_is_free() {
        let detail = "A crate with the name `x` was recently deleted. Reuse of this name will \
                      be available after 2026-12-01T10:00:00Z.";
        assert_eq!(
            free_again(detail),
            Some("2026-12-01T10:00:00Z".parse().unwrap())
        );
        assert_eq!(free_again("was recently deleted"), None);
    }
}
