//! Bringing a release to a host: measured once, sent in few bytes, checked, immutable.
//!
//! A [`job::DeployJob`] is made before the steps and shared by all of them and all hosts.

pub(crate) mod apply_delta;
pub(crate) mod cache;
pub(crate) mod delta;
pub(crate) mod fetch;
pub(crate) mod host_digest;
pub(crate) mod job;
pub(crate) mod measure;
pub(crate) mod payload;
pub(crate) mod transfer;
pub(crate) mod upload;
pub(crate) mod upload_progress;
