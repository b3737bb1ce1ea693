//! Steps on a host, over SSH.

mod bundle;
mod fetch_artifacts;
pub(crate) mod leases;
mod migrate_data;
mod on_host;
mod roll_back_host;
mod service;
