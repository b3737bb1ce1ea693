//! The stand-in world of a stagegate rehearsal: registry, GitHub, git remote, SSH host.

pub mod host;
pub mod load;
