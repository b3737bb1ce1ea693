//! What a host keeps of a deploy, and is asked before and after each step: the lease, the
//! record, the state of a service, the releases that stay.

pub(crate) mod health_probe;
pub(crate) mod lease;
pub(crate) mod poll;
pub(crate) mod record;
pub(crate) mod retention;
pub(crate) mod service_deploy;
pub(crate) mod state;
