//! The frontend as a static bundle, and the end of one that was a service before.

pub(crate) mod bundle;
pub(crate) mod decommission;
