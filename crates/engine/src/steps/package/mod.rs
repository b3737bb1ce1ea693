//! Steps with packages and the registry.

pub mod archive;
pub mod check_access;
pub mod compare;
mod directory_source;
pub mod owners;
pub mod publish;
pub mod sbom;
pub mod verify;
pub mod yank;
