//! The executor: performs a plan step by step, and decides nothing.
//!
//! Layers, lowest first: `branch_moved` < `rate_limit` < `step` < `release_tree` < `schedule` <
//! `recorder` < `batch` < `rollback` < `run`.

pub(crate) mod batch;
pub(crate) mod branch_moved;
pub(crate) mod rate_limit;
pub(crate) mod recorder;
pub(crate) mod release_tree;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod schedule;
pub mod step;

pub use run::{Confirm, Resume, RunOptions, RunOutcome};
