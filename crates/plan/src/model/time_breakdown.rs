//! Where a step's time went: cargo, git, other commands, waiting, ourselves.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Seconds by cause. What is left of the wall time is stagegate's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// In cargo and what it starts.
    pub cargo: f64,
    /// In git.
    pub git: f64,
    /// In a team's own commands.
    pub commands: f64,
    /// Waiting because it was asked for: a registry's index, a stabilisation.
    pub waiting: f64,
}

/// What a stretch of time was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// cargo
    Cargo,
    /// git
    Git,
    /// a team's own command
    Command,
    /// a wait that was asked for
    Waiting,
}

impl Account {
    /// Books a duration.
    pub fn book(&mut self, on: Spent, duration: Duration) {
        let seconds = duration.as_secs_f64();
        match on {
            Spent::Cargo => self.cargo += seconds,
            Spent::Git => self.git += seconds,
            Spent::Command => self.commands += seconds,
            Spent::Waiting => self.waiting += seconds,
        }
    }

    /// Books what passes while `work` runs.
    pub fn during<T>(&mut self, on: Spent, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.book(on, start.elapsed());
        result
    }

    /// All that is not our own.
    pub fn others(&self) -> f64 {
        self.cargo + self.git + self.commands + self.waiting
    }

    /// Adds another account.
    pub fn add(&mut self, other: &Account) {
        self.cargo += other.cargo;
        self.git += other.git;
        self.commands += other.commands;
        self.waiting += other.waiting;
    }
}
