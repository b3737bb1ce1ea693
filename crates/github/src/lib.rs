//! GitHub releases, assets and pull requests, as a release pipeline needs them.
//!
//! Blocking on the outside, octocrab on the inside: GitHub is the only place
//! of the pipeline that is asynchronous, and the runtime stays in this crate.
//!
//! What it refuses to do: it never repeats a request that changes something.
//! An answer that leaves open whether the change happened is
//! [`GitHubError::Ambiguous`], and the caller looks before it tries again.

mod client;
mod error;
mod identity;
mod pull;
mod release;
mod repository;
mod token;

pub use client::{GitHub, Server};
pub use error::GitHubError;
pub use identity::{IDENTITY_TOKEN, IDENTITY_URL, Identity, IdentityError, IdentitySource};
pub use pull::{HeadRepository, Label, Pull, PullDraft, PullHead};
pub use release::{Asset, Release, ReleaseDraft};
pub use repository::{Repository, RepositoryFacts, WriteAccess};
pub use token::Token;
