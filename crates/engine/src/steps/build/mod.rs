//! Steps that build what is released or deployed.

pub mod asset;
pub mod build;
