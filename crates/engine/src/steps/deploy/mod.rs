//! Steps on a host, over SSH.

pub mod deploy;
