//! Where a step's time went: cargo, git, other commands, waiting, ourselves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Seconds by cause. What is left of the wall time is stagegate's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeBreakdown {
    /// In cargo and what it starts.
    pub cargo: f64,
    /// In git.
    pub git: f64,
    /// In a team's own commands.
    pub commands: f64,
    /// Waiting because it was asked for: a registry's index, a stabilization.
    pub waiting: f64,
}

/// What a stretch of time was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeCategory {
    /// cargo
    Cargo,
    /// git
    Git,
    /// a team's own command
    Command,
    /// a wait that was asked for
    Waiting,
}

impl TimeBreakdown {
    /// Records a duration.
    pub fn record(&mut self, on: TimeCategory, duration: Duration) {
        let seconds = duration.as_secs_f64();
        match on {
            TimeCategory::Cargo => self.cargo += seconds,
            TimeCategory::Git => self.git += seconds,
            TimeCategory::Command => self.commands += seconds,
            TimeCategory::Waiting => self.waiting += seconds,
        }
    }

    /// Returns all that is not stagegate's own.
    pub fn others(&self) -> f64 {
        self.cargo + self.git + self.commands + self.waiting
    }

    /// Adds another breakdown.
    pub fn add(&mut self, other: &TimeBreakdown) {
        self.cargo += other.cargo;
        self.git += other.git;
        self.commands += other.commands;
        self.waiting += other.waiting;
    }
}
