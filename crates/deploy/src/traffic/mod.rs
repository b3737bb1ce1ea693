//! The switch: what goes over SSH when users are led to another slot, and back.
//!
//! [`switch_step`] sends one file to one script on the host: [`switch_file`] makes the file,
//! [`switchctl`] the script, of `switchctl.sh` (arm, confirm, revert, drain),
//! `route_traffic.sh` (one group of functions for each method) and `socket_activation.sh`.
//! [`nftables`] has the kernel's rules, [`socket_activation`] the units of a listener that
//! systemd holds, [`handover`] the moment in which two slots accept from one.

pub(crate) mod handover;
pub(crate) mod nftables;
pub(crate) mod socket_activation;
pub(crate) mod switch_file;
pub(crate) mod switch_step;
pub(crate) mod switchctl;
