//! Connections to hosts, kept from one step to the next.
//!
//! To be admitted costs a host more than any command of ours. A connection that is kept
//! may have been lost meanwhile, so whoever takes one begins with a question, and asks
//! again over a new one. What confirms a switch never takes one: it must prove that the
//! host still admits us.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stagegate_deploy::{Host, Target};

/// Longer than from one step to the next, shorter than the patience of servers.
const IDLE_TTL: Duration = Duration::from_secs(30);

/// Connections that nobody uses at the moment.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<Vec<(Instant, Host)>>);

impl Connections {
    /// Returns one to that host, if there is any.
    pub(crate) fn take(&self, target: &Target) -> Option<Host> {
        let mut idle = self.idle();
        idle.retain(|(since, _)| since.elapsed() < IDLE_TTL);
        let at = idle.iter().position(|(_, host)| host.target() == target)?;
        Some(idle.swap_remove(at).1)
    }

    /// Drops those to that host: who comes next is admitted anew.
    pub(crate) fn drop_all(&self, target: &Target) {
        self.idle().retain(|(_, host)| host.target() != target);
    }

    /// Keeps one for whoever comes next.
    pub(crate) fn keep(&self, host: Host) {
        self.idle().push((Instant::now(), host));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Instant, Host)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
