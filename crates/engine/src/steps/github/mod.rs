//! Steps at GitHub.

pub mod assets;
pub mod pull_request;
pub mod release;
