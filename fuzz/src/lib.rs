//! What must hold of every input, however odd: one function for each fuzz target,
//! which panics where it does not.

pub mod changelog;
pub mod manifest;
