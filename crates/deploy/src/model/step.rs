//! The steps of a deploy, and what probing or performing one says.
//!
//! Every step can be probed (a question, nothing is written) and performed (idempotent).
//! Their order is the enums' order; a caller journals around them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The steps of a backend's deploy, in order.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceStep {
    /// Take the lease and bring the release to the host, or let the host build it.
    Upload,
    /// Start it in the idle slot.
    Start,
    /// Ask it on its own port until it is healthy; users do not meet it yet.
    Health,
    /// Arm the dead man's switch, and let new connections reach it.
    Switch,
    /// Watch it through the public port; revert the switch at any breach.
    Stabilize,
    /// Make it permanent, drain the old slot, keep the last releases, end the lease.
    Confirm,
}

impl ServiceStep {
    /// All steps, in order.
    pub const ALL: [ServiceStep; 6] = [
        ServiceStep::Upload,
        ServiceStep::Start,
        ServiceStep::Health,
        ServiceStep::Switch,
        ServiceStep::Stabilize,
        ServiceStep::Confirm,
    ];
}

/// The steps of a frontend's deploy, in order.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum FrontendStep {
    /// Take the lease and bring the bundle to the host.
    Upload,
    /// Let `current` name it, by one rename; end the lease.
    Flip,
    /// Stop the service that the frontend was before, for good.
    Decommission,
}

impl FrontendStep {
    /// The steps of every deploy of a bundle, in order; a service of before is decommissioned when
    /// all hosts have the bundle.
    pub const ALL: [FrontendStep; 2] = [FrontendStep::Upload, FrontendStep::Flip];
}

/// Which way a migration goes.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The data become what the release needs.
    Forward,
    /// They become what they were before it, by the command that is declared for it.
    Undo,
}

/// Whether a step's effect is already there.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub enum Probe {
    /// It is not.
    Absent,
    /// It is; a short sentence says by what one sees it.
    Done(String),
    /// Something else is there that must not be overwritten, and what to do about it.
    Conflict(String),
}

/// What a step is doing, for whoever watches; may be lost.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Progress {
    /// A short phrase.
    pub text: String,
    /// How far it is.
    pub done: Option<u64>,
    /// How far it goes, in the same unit.
    pub total: Option<u64>,
    /// How the app answered a probe through its public port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probed: Option<Probed>,
}

/// One probe of what users get.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
pub struct Probed {
    /// Since the watch began.
    pub at: Duration,
    /// Until it answered as it should, through the SSH connection; none if it did
    /// not.
    pub latency: Option<Duration>,
}

impl Progress {
    /// Creates progress that is not counted.
    pub(crate) fn text(text: impl Into<String>) -> Progress {
        Progress {
            text: text.into(),
            done: None,
            total: None,
            probed: None,
        }
    }

    /// Creates progress that is counted.
    pub(crate) fn counted(text: impl Into<String>, done: u64, total: u64) -> Progress {
        Progress {
            text: text.into(),
            done: Some(done),
            total: Some(total),
            probed: None,
        }
    }

    /// Creates the progress of one probe of what users get.
    pub(crate) fn probed(text: impl Into<String>, probed: Probed) -> Progress {
        Progress {
            text: text.into(),
            done: None,
            total: None,
            probed: Some(probed),
        }
    }
}
