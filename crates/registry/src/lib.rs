//! Cargo registry index and web API with typed outcomes.
//!
//! Publishing cannot be undone, so what matters about an upload is what is
//! known afterwards: it happened, it did not, or nobody can say yet. Every
//! outcome here is one of these, and callers branch on types; what crates.io says in
//! prose only is read in one module. A response that comes before an upload is sent to its
//! end is that upload's outcome. The protocol is that of the Cargo book (sparse index, `config.json`, web API), as crates.io
//! and other registries speak it.
//!
//! It refuses to repeat: no request is sent twice, no redirect of a write is
//! followed, and nothing waits. Pacing and looking before a retry are the
//! caller's. It speaks to sparse indexes only, not to git ones, and never shows
//! a token.

mod access;
mod api;
mod cargo_config;
mod config;
pub mod crates_io;
mod early_response;
mod error;
mod index;
mod names;
mod new_crate;
mod owners;
mod provider;
mod registry;
mod retry_after;
mod token;
mod trial;
mod trusted;
mod upload;
mod yank;

pub use access::AccessProblem;
pub use cargo_config::{CRATES_IO_INDEX, CargoConfig, CargoConfigError, Provider, Replacement};
pub use error::RegistryError;
pub use index::{IndexDependency, IndexVersion};
pub use new_crate::new_crate;
pub use owners::OwnerError;
pub use provider::{Keep, ProvidedToken, ProviderError, ProviderRegistry, TokenUse};
pub use registry::{CrateInfo, Published, Registry, Timeouts};
pub use token::{Token, TokenError};
pub use trial::Trial;
pub use trusted::{Coverage, Lease, TRUSTED_LIFETIME, TrustProblem, TrustedError};
pub use upload::{Upload, UploadError, Uploaded};
pub use yank::YankError;
