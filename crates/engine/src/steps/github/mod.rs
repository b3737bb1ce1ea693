//! Steps at GitHub.

pub mod assets;
mod mark_release;
pub mod pull_request;
pub mod release;
