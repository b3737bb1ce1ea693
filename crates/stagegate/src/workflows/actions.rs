//! The actions of others that the workflows use, each pinned by its commit.

/// Checks the repository out.
pub(super) const CHECKOUT: &str =
    "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2";
/// Keeps files from one run to the next.
pub(super) const CACHE: &str = "actions/cache@5a3ec84eff668545956fd18022155c47e93e2684 # v4.2.3";
/// Hands a file on to later jobs.
pub(super) const UPLOAD: &str =
    "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2";
/// Takes what earlier jobs handed on.
pub(super) const DOWNLOAD: &str =
    "actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093 # v4.3.0";
/// Attests where files were built.
pub(super) const ATTEST: &str =
    "actions/attest-build-provenance@e8998f949152b193b063cb0ec769d69d929409be # v2.4.0";
