//! Other programs: how they are run, and what we know of each.

pub mod advisory_db;
pub(crate) mod default_branch;
pub mod git;
pub mod process;
pub mod secret_env;
pub mod tokens;
pub mod toolchain;
