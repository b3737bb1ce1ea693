//! Cargo registry index and web API with typed outcomes.
//!
//! Publishing cannot be undone, so what matters about an upload is what is
//! known afterwards: it happened, it did not, or nobody can say yet. Every
//! outcome here is one of these, and callers branch on types. The protocol is
//! that of the Cargo book (sparse index, `config.json`, web API), as crates.io
//! and other registries speak it.
//!
//! It refuses to repeat: no request is sent twice, no redirect of a write is
//! followed, and nothing waits. Pacing and looking before a retry are the
//! caller's. It speaks to sparse indexes only, not to git ones, and never shows
//! a token.

mod api;
mod cargo_config;
mod config;
mod error;
mod index;
mod names;
mod new_crate;
mod provider;
mod registry;
mod retry_after;
mod token;
mod trusted;
mod upload;
mod yank;

pub use cargo_config::{CRATES_IO_INDEX, CargoConfig, CargoConfigError, Provider};
pub use error::RegistryError;
pub use index::{IndexDependency, IndexVersion};
pub use new_crate::new_crate;
pub use provider::{Keep, ProvidedToken, ProviderError, ProviderRegistry, TokenUse};
pub use registry::{Registry, Timeouts};
pub use token::{Token, TokenError};
pub use trusted::{TRUSTED_LIFETIME, TrustedError};
pub use upload::{Upload, UploadError, Uploaded};
pub use yank::YankError;
