//! Facts of what happened since a release.

use std::collections::BTreeSet;

/// What happened to a group since its last release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The tag of that release, or its commit where it has no tag; absent before the first.
    pub since: Option<String>,
    /// The commits that touched its packages' directories, newest first.
    pub commits: Vec<CommitFacts>,
}

impl History {
    /// Returns whether there is anything to release.
    pub fn has_changed(&self) -> bool {
        self.since.is_none() || !self.commits.is_empty()
    }
}

/// A commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitFacts {
    /// Its id, hexadecimal.
    pub id: String,
    /// Its whole message.
    pub message: String,
    /// The name of its author.
    pub author: String,
    /// The author's address.
    pub email: String,
    /// When it was written, in seconds since 1970.
    pub time: i64,
    /// The packages whose files it touched.
    pub packages: BTreeSet<String>,
}
