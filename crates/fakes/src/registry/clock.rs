//! The registry's clock. It runs with the machine's, and can be put forward, so that a limit
//! of a day is tested in no time.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

#[derive(Debug)]
pub(crate) struct Clock {
    start: Timestamp,
    started: Instant,
    skipped: Duration,
}

impl Clock {
    pub(crate) fn starting_at(start: Option<Timestamp>) -> Clock {
        Clock {
            start: start.unwrap_or_else(Timestamp::now),
            started: Instant::now(),
            skipped: Duration::ZERO,
        }
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.skipped += by;
    }

    /// Returns the time since this clock started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed() + self.skipped
    }

    pub(crate) fn now(&self) -> Timestamp {
        // Beyond the calendar no time passes.
        self.start
            .checked_add(self.elapsed())
            .unwrap_or(Timestamp::MAX)
    }
}

/// Writes a time as an HTTP-date.
pub(crate) fn http_date(at: Timestamp) -> String {
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at)
        // A date beyond the calendar is no date; neither is this.
        .unwrap_or_else(|_| "never".to_owned())
}
