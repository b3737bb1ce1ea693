//! Steps with packages and the registry.

mod directory_source;
pub mod package;
pub mod publish;
pub mod sbom;
pub mod verify;
pub mod yank;
