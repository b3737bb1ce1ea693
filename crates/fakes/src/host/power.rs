//! How a fake host goes down and comes up again, and how one of its services crashes.
//!
//! A reboot forgets what a real one forgets: processes, transient units and timers, rules,
//! `/run`, and every connection. The journal stays.

use std::sync::Arc;

use rustix::process::Signal;

use super::firewall::Ruleset;
use super::relay::Relay;
use super::supervisor::{Supervisor, signal};

impl Supervisor {
    /// Ends every process at once, and forgets what a reboot forgets.
    pub(super) fn power_off(&self) {
        let mut state = self.state();
        state.down = true;
        for group in state.units.values().filter_map(|unit| unit.main) {
            signal(group, Signal::KILL);
        }
        for group in std::mem::take(&mut state.commands) {
            signal(group, Signal::KILL);
        }
        for (_, timer) in std::mem::take(&mut state.timers) {
            timer.abort();
        }
        state.rules = Ruleset::default();
        state.relay = Relay::default();
    }

    /// Goes down and comes up: enabled units start again, connections are cut.
    pub(super) async fn reboot(self: &Arc<Self>) {
        self.power_off();
        self.cut.send_modify(|count| *count += 1);
        self.until(|state| {
            state
                .units
                .values()
                .all(|unit| unit.main.is_none())
                .then_some(())
        })
        .await;
        drop(std::fs::remove_dir_all(self.root.join("run")));
        drop(std::fs::create_dir_all(self.root.join("run")));
        {
            let mut state = self.state();
            state.units.clear();
            state.down = false;
        }
        for name in self.enabled() {
            let started = match self.load(&name) {
                Ok(()) => self.start(&name).await,
                Err(error) => Err(error),
            };
            if let Err((_, why)) = started {
                self.state().journal.add(&name, 3, &why);
            }
        }
    }

    /// Returns the units that start with the host.
    fn enabled(&self) -> Vec<String> {
        let directory = self.unit_directory().join("multi-user.target.wants");
        let Ok(entries) = directory.read_dir_utf8() else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .flatten()
            .map(|entry| entry.file_name().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Kills the service that was told that port, as a crash of its own would.
    pub(super) fn crash(&self, port: u16) {
        let main = self
            .state()
            .units
            .values()
            .find(|unit| unit.port == Some(port))
            .and_then(|unit| unit.main);
        if let Some(group) = main {
            signal(group, Signal::KILL);
        }
    }
}
