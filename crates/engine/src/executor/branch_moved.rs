//! The one failure after which a run cannot go on, and can only begin again: others have pushed
//! to the branch before the release was.

/// The branch has commits at the remote that the release does not hold.
#[derive(Debug, thiserror::Error)]
#[error(
    "conflict: {remote} has commits on {branch} that are not in the release ({there}); nothing is published yet, so begin again from there"
)]
pub(crate) struct BranchMoved {
    /// The remote's name.
    pub(crate) remote: String,
    /// The branch.
    pub(crate) branch: String,
    /// Where the remote has it.
    pub(crate) there: String,
}
