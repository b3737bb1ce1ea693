//! What is deployed, where to, and how it can fail: data and pure functions of it.
//!
//! Nothing here speaks with a host, reads a file or looks at a clock.

pub(crate) mod app;
pub(crate) mod digest;
pub(crate) mod error;
pub(crate) mod host_build;
pub(crate) mod layout;
pub(crate) mod limits;
pub(crate) mod part;
pub(crate) mod part_kind;
pub(crate) mod problem;
pub(crate) mod shell_quote;
pub(crate) mod slot;
pub(crate) mod step;
pub(crate) mod stop;
pub(crate) mod switch;
pub(crate) mod switch_method;
pub(crate) mod target;
pub(crate) mod validate;
