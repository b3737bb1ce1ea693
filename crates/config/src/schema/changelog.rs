//! `changelog_mode`: where a release's notes come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a release's notes come from, and whether they are written into changelogs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangelogMode {
    /// What is written under `[Unreleased]`; where nothing is, a section generated from the
    /// commits since the last release.
    #[default]
    Auto,
    /// What is written under `[Unreleased]`. Nothing there is a problem.
    Promote,
    /// A section generated from the commits. Something under `[Unreleased]` is a problem.
    Generate,
    /// Generated from the commits, and no file is written.
    Off,
}
