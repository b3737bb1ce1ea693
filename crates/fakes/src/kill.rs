//! The client's sudden death, at a named record of its journal, or the wish that
//! it stop.
//!
//! SIGKILL from within is SIGKILL: nothing is flushed, nothing unwinds. It is
//! sent by the process to itself because nobody outside could hit the very
//! moment before or after a record.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use rustix::process::Signal;

/// The variable that says when: `before:N` or `after:N`; with `:INT` behind it the
/// process is asked to stop, as a runner does that cancels a job.
pub const VARIABLE: &str = "STAGEGATE_REHEARSAL_KILL";

/// Which side of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The effect happened, the record is not written.
    Before,
    /// The record is on the disk, what follows it has not begun.
    After,
}

/// The N-th record that this process writes.
#[derive(Debug)]
pub struct KillAt {
    when: When,
    record: usize,
    signal: Signal,
    seen: AtomicUsize,
}

impl KillAt {
    /// Reads `before:N` or `after:N`, N from 1, or the same with `:INT`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> anyhow::Result<KillAt> {
        let (text, signal) = match text.strip_suffix(":INT") {
            Some(text) => (text, Signal::INT),
            None => (text, Signal::KILL),
        };
        let (when, record) = text.split_once(':').context("write before:N or after:N")?;
        let when = match when {
            "before" => When::Before,
            "after" => When::After,
            _ => anyhow::bail!("`{when}` is neither before nor after"),
        };
        let record: usize = record
            .parse()
            .with_context(|| format!("`{record}` is not a number"))?;
        anyhow::ensure!(record > 0, "records are counted from 1");
        Ok(KillAt {
            when,
            record,
            signal,
            seen: AtomicUsize::new(0),
        })
    }

    /// Reads what the environment asks for.
    ///
    /// # Errors
    /// When it asks for something that cannot be understood.
    pub fn from_environment() -> anyhow::Result<Option<KillAt>> {
        std::env::var(VARIABLE)
            .ok()
            .map(|text| KillAt::parse(&text).with_context(|| VARIABLE))
            .transpose()
    }

    /// Called before and after every record; does not return from a fatal one.
    pub fn at(&self, when: When) {
        if self.is_fatal(when) {
            // Nothing can be done about a failure, and nothing needs to be.
            let _ = rustix::process::kill_process(rustix::process::getpid(), self.signal);
        }
    }

    fn is_fatal(&self, when: When) -> bool {
        let seen = match when {
            When::Before => self.seen.fetch_add(1, Ordering::SeqCst) + 1,
            When::After => self.seen.load(Ordering::SeqCst),
        };
        when == self.when && seen == self.record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_is_the_one_that_was_named() {
        let fatal = |text: &str| {
            let kill = KillAt::parse(text).unwrap();
            let mut moments = Vec::new();
            for record in 1..=3 {
                for when in [When::Before, When::After] {
                    if kill.is_fatal(when) {
                        moments.push((record, when));
                    }
                }
            }
            moments
        };
        assert_eq!(fatal("before:2"), [(2, When::Before)]);
        assert_eq!(fatal("after:3"), [(3, When::After)]);
        assert_eq!(fatal("after:1:INT"), [(1, When::After)]);
        assert!(KillAt::parse("after:0").is_err());
        assert!(KillAt::parse("soon").is_err());
    }
}
