//! The steps: one type each, with `probe` and `perform`, in the folder of what it touches.

pub mod build;
pub mod deploy;
pub mod gates;
pub mod git;
pub mod github;
pub mod package;
pub mod verify;
