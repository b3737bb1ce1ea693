//! How a fake host can be told to misbehave.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One misbehaviour. Those that follow a switch happen once.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum HostFault {
    /// Whatever a command streams into a file meets ENOSPC.
    DiskFull,
    /// The host goes down and comes up again as soon as a switch is made.
    RebootAfterSwitch,
    /// Every SSH connection is cut as soon as a switch is made; new ones are admitted.
    ConnectionLostAfterSwitch,
    /// The service started last dies some time after the switch to it.
    BackendCrashes {
        /// How long after the switch.
        after: Duration,
    },
    /// A new service's own port answers 500 to whoever asks through SSH.
    BackendUnhealthy,
    /// Nothing listens on the SSH port.
    Unreachable,
    /// The known hosts file lists another key.
    ChangedHostKey,
    /// The known hosts file lists nothing.
    UnknownHostKey,
    /// The known hosts file marks the key as revoked.
    RevokedHostKey,
}
