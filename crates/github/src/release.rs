//! A GitHub release and its assets.

use serde::{Deserialize, Serialize};

/// A release as GitHub reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// GitHub's number for it.
    pub id: u64,
    /// The tag it belongs to; a draft names one that need not exist yet.
    pub tag_name: String,
    /// The title.
    pub name: Option<String>,
    /// The notes, Markdown.
    pub body: Option<String>,
    /// Not yet visible to the public, and not found by its tag.
    pub draft: bool,
    /// Marked as not meant for everybody.
    pub prerelease: bool,
    /// Once published, assets and tag cannot change any more.
    #[serde(default)]
    pub immutable: bool,
    /// Where people see it.
    pub html_url: String,
    /// What is attached.
    #[serde(default)]
    pub assets: Vec<Asset>,
}

/// A file attached to a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// GitHub's number for it.
    pub id: u64,
    /// The file's name as GitHub keeps it.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// `uploaded`, or `starter` for one whose upload broke off.
    pub state: String,
    /// `sha256:HEX` of what GitHub holds; absent on assets from before June 2025
    /// and on some GitHub Enterprise versions.
    pub digest: Option<String>,
}

/// What a release is made from. Names and notes, never a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseDraft {
    /// The tag, which is pushed before.
    pub tag_name: String,
    /// The title.
    pub name: String,
    /// The notes, Markdown.
    pub body: String,
    /// A version with a pre-release part.
    pub prerelease: bool,
}
