//! The state of one unit, as the supervisor keeps it.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use rustix::process::Pid;

use super::unit_file::Service;

/// systemd's `ActiveState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ActiveState {
    Inactive,
    Activating,
    /// `active`.
    Running,
    Deactivating,
    Failed,
}

impl ActiveState {
    pub(super) fn name(self) -> &'static str {
        match self {
            ActiveState::Inactive => "inactive",
            ActiveState::Activating => "activating",
            ActiveState::Running => "active",
            ActiveState::Deactivating => "deactivating",
            ActiveState::Failed => "failed",
        }
    }
}

/// One loaded unit.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) service: Arc<Service>,
    pub(super) active: ActiveState,
    /// The main process, and the group that it leads.
    pub(super) main: Option<Pid>,
    /// Automatic restarts since it was started.
    pub(super) restarts: u32,
    /// Since when it is active.
    pub(super) since: Option<Timestamp>,
    /// `PORT` in its environment.
    pub(super) port: Option<u16>,
    /// Starts of late, for the start limit.
    pub(super) starts: Vec<Instant>,
    /// Counts runs, so that a watcher knows whether the run it watches is still meant.
    pub(super) run: u64,
    /// Made by `systemd-run`: gone when it has ended.
    pub(super) transient: bool,
}

impl Unit {
    pub(super) fn new(service: Service, transient: bool) -> Unit {
        Unit {
            service: Arc::new(service),
            active: ActiveState::Inactive,
            main: None,
            restarts: 0,
            since: None,
            port: None,
            starts: Vec::new(),
            run: 0,
            transient,
        }
    }

    /// Returns whether it has a process, or is between two.
    pub(super) fn is_up(&self) -> bool {
        matches!(
            self.active,
            ActiveState::Running | ActiveState::Activating | ActiveState::Deactivating
        )
    }
}

/// `NAME@INSTANCE.service` into template file and instance.
pub(super) fn template_of(name: &str) -> Option<(String, &str)> {
    let stem = name.strip_suffix(".service")?;
    let (template, instance) = stem
        .split_once('@')
        .filter(|(_, instance)| !instance.is_empty())?;
    Some((format!("{template}@.service"), instance))
}

/// Returns whether a name is one of a unit: no path, no option.
pub(super) fn is_unit_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ":-_.@".contains(c);
    !name.is_empty() && !name.starts_with(['-', '.']) && name.chars().all(plain)
}
