//! Preflight: whether a run may start. Every condition, with its remedy, before anything changes.

pub mod access;
pub mod assets;
pub mod attestations;
pub mod branches;
pub mod checkout;
pub mod checks;
pub mod freeze;
pub mod internal_deps;
pub mod limits;
pub mod metadata;
pub mod owners;
pub mod token;
pub mod versions;

pub use access::access;
pub use checks::{Check, CheckKind};
