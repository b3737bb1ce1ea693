//! Steps that build what is released or deployed.

pub mod artifact;
pub mod asset;
