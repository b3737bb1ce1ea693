//! Branches that leave no room for another.

use crate::model::Blocker;

/// Returns a branch beside which no other can be made.
pub fn in_the_way(branch: &str) -> Blocker {
    Blocker::new(
        format!(
            "the branch {branch} leaves no room for the one that is to be made: git keeps branches as files"
        ),
        format!(
            "rename it (`git branch --move {branch} NAME`, and at the remote), or delete it if it is not needed"
        ),
    )
}
