//! Gates: what must hold before anything changes.

pub mod audit;
pub mod command;
pub mod findings;
pub mod links;
pub mod msrv;
pub mod outdated;
pub mod secrets;
pub mod tracked;
