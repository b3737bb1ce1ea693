//! Steps with packages and the registry.

pub mod check_access;
pub mod package;
pub mod publish;
pub mod sbom;
pub mod verify;
pub mod yank;
