//! `stagegate.toml`: what may be configured, and what follows from it.
//!
//! - [`schema`] has one file per table, with a default for everything.
//! - [`load`] reads the file and lays a second one over it.
//! - [`resolve`] turns an environment's table into hosts and the app as each of
//!   them has it. It does no I/O.
//! - [`json_schema()`] describes the file to editors.
//!
//! Refuses to hold secrets: it names environment variables and files only.
//!
//! Layers, lowest first: `error` < `name_pattern` < `pattern` < `stage` < `text_value` < `schema` < `load` < `resolve` <
//! `json_schema`.

pub mod error;
mod json_schema;
pub mod load;
pub mod name_pattern;
pub mod pattern;
pub mod resolve;
pub mod schema;
pub mod stage;
mod text_value;

pub use error::ConfigError;
pub use json_schema::json_schema;
pub use load::FILE_NAME;
pub use schema::Config;
pub use stage::Stage;
