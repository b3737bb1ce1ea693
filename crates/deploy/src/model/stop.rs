//! How a service is stopped.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What tells a program to end, by the signal's own name.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopSignal {
    /// What nearly every program obeys.
    #[default]
    #[serde(rename = "SIGTERM")]
    Term,
    /// As Ctrl-C sends it.
    #[serde(rename = "SIGINT")]
    Int,
    /// nginx and others finish their connections first.
    #[serde(rename = "SIGQUIT")]
    Quit,
    /// The program's own meaning.
    #[serde(rename = "SIGUSR1")]
    Usr1,
    /// The program's own meaning.
    #[serde(rename = "SIGUSR2")]
    Usr2,
    /// Apache httpd finishes its connections first.
    #[serde(rename = "SIGWINCH")]
    Winch,
}

impl StopSignal {
    /// Returns its name, as systemd's `KillSignal=` has it.
    pub fn name(self) -> &'static str {
        match self {
            StopSignal::Term => "SIGTERM",
            StopSignal::Int => "SIGINT",
            StopSignal::Quit => "SIGQUIT",
            StopSignal::Usr1 => "SIGUSR1",
            StopSignal::Usr2 => "SIGUSR2",
            StopSignal::Winch => "SIGWINCH",
        }
    }
}

/// How a service is stopped.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Stop {
    /// What tells it to end.
    pub signal: StopSignal,
    /// Seconds until it is killed.
    pub seconds: u64,
}

impl Default for Stop {
    /// Half a minute: its connections were drained before.
    fn default() -> Stop {
        Stop {
            signal: StopSignal::Term,
            seconds: 30,
        }
    }
}
