//! What a front end asks the supervisor, and what it is answered: one JSON line each.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The variable that tells a front end where the supervisor listens.
pub(super) const SOCKET_VARIABLE: &str = "STAGEGATE_STAND_IN_HOST";
/// No question takes longer: systemd's own stop limit is 90 s.
pub(super) const LIMIT: Duration = Duration::from_secs(180);

/// A call of one of the fronted tools.
#[derive(Serialize, Deserialize, Debug)]
pub(super) struct Ask {
    /// `systemctl`, `nft`, ….
    pub(super) tool: String,
    pub(super) arguments: Vec<String>,
    /// Standard input, where the tool reads it.
    pub(super) input: String,
}

/// What the tool prints, and its exit status.
#[derive(Serialize, Deserialize, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) status: u8,
}

impl Answer {
    /// Success, printing that.
    pub(super) fn say(stdout: impl Into<String>) -> Answer {
        Answer {
            stdout: stdout.into(),
            ..Answer::default()
        }
    }

    /// Returns a status without words.
    pub(super) fn status(status: u8) -> Answer {
        Answer {
            status,
            ..Answer::default()
        }
    }

    /// Failure, with its reason on standard error.
    pub(super) fn fail(status: u8, stderr: impl Into<String>) -> Answer {
        let mut stderr = stderr.into();
        stderr.push('\n');
        Answer {
            stderr,
            status,
            ..Answer::default()
        }
    }

    /// Returns the refusal of what a fake does not understand.
    pub(super) fn refuse(tool: &str, what: impl std::fmt::Display) -> Answer {
        Answer::fail(
            64,
            format!("{tool}: the fake host does not understand {what}"),
        )
    }
}
