//! Steps in the git repository and at its remote.

pub mod branch;
pub mod change_tree;
pub mod commit;
pub mod create_commit;
pub mod edit;
mod mark_changelog;
pub mod push;
pub mod tag;
