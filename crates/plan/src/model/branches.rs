//! The names that branches of stagegate's own begin with.

/// What the names of such branches begin with.
pub const HOTFIX_BRANCH_PREFIX: &str = "hotfix/";

/// What the names of such branches begin with.
pub const RELEASE_BRANCH_PREFIX: &str = "release/";
