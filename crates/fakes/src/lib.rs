//! The fake environment of a rehearsal: registry, GitHub, git remote, SSH host.
//!
//! Everything here stands in for something real, on this machine's loopback
//! only, and refuses what it does not understand: an answer that the real
//! thing would not give teaches nothing. Each fake can be told to
//! misbehave, by one table of faults that rehearsals and tests share.

pub mod checkout;
pub mod environment;
pub mod fault;
pub mod github;
pub mod host;
pub mod identity;
pub mod kill;
pub mod load;
pub mod registry;
