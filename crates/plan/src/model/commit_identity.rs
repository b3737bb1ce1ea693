//! Who a commit or a tag is made by.

use serde::{Deserialize, Serialize};

/// Author, committer or tagger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitIdentity {
    /// `user.name`
    pub name: String,
    /// `user.email`
    pub email: String,
}
