//! The pace that a registry asks for: after a 429, uploads go one at a time,
//! and each waits as long as was asked.
//!
//! A registry counts new crates and new versions apart (crates.io: 5 new crates,
//! then one in 10 minutes; 30 new versions, then one a minute), so there is a
//! pace for each: a new crate's long wait holds up no new version.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The pace of one kind of upload.
#[derive(Debug, Default)]
pub(crate) struct RateLimit {
    /// Until when the registry asked to wait; set from the first refusal on.
    until: Mutex<Option<Instant>>,
    turn: Mutex<()>,
}

/// The paces of every registry, of both kinds.
#[derive(Debug, Default)]
pub(crate) struct RateLimits(Mutex<BTreeMap<(String, bool), Arc<RateLimit>>>);

impl RateLimits {
    /// The pace of a registry's new crates, or that of new versions.
    pub(crate) fn of(&self, registry: &str, is_new: bool) -> Arc<RateLimit> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = known.entry((registry.to_owned(), is_new)).or_default();
        Arc::clone(pace)
    }
}

impl RateLimit {
    /// The turn of one upload, where the registry has asked for patience; all
    /// at once where it has not.
    pub(crate) fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        self.until()?;
        Some(self.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long to wait before the next upload.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.until()
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// The registry asked to wait.
    pub(crate) fn asked(&self, now: Instant, wait: Duration) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        // An absurd wait beyond the clock's end is as good as none that is known.
        *until = Some(
            now.checked_add(wait)
                .unwrap_or(now)
                .max(until.unwrap_or(now)),
        );
    }

    fn until(&self) -> Option<Instant> {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_until_the_registry_asks() {
        let pace = RateLimit::default();
        let now = Instant::now();
        assert!(pace.turn().is_none());
        assert_eq!(pace.wait(now), Duration::ZERO);
        pace.asked(now, Duration::from_secs(60));
        // A shorter wait that another upload was told does not cut it short.
        pace.asked(now, Duration::from_secs(5));
        assert_eq!(pace.wait(now), Duration::from_secs(60));
        assert_eq!(pace.wait(now + Duration::from_secs(61)), Duration::ZERO);
        let turn = pace.turn();
        assert!(turn.is_some());
        assert!(pace.turn.try_lock().is_err(), "one at a time");
    }
}
