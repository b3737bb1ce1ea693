//! Steps that look at what users now see.

pub mod consumer_build;
pub mod release;
