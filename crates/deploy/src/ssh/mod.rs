//! The connection to a host: who it is, what is run on it, and what is sent to it.
//!
//! A [`command::Command`] is a value; [`host::Host`] runs it. Nothing here knows of apps or
//! releases.

pub(crate) mod channel_writer;
pub(crate) mod command;
pub(crate) mod connect;
pub(crate) mod host;
pub(crate) mod http;
pub(crate) mod known_hosts;
pub(crate) mod proxy_process;
pub(crate) mod shell;
pub(crate) mod ssh_config;
