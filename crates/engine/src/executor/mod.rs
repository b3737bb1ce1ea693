//! The executor: performs a plan step by step, and decides nothing.
//!
//! Layers, lowest first: `step` < `rate_limit` < `schedule` < `batch` < `rollback` < `run`.

pub mod batch;
pub mod rate_limit;
pub mod rollback;
pub mod run;
pub mod schedule;
pub mod step;

pub use run::{Confirm, RunOptions, RunOutcome, run};
