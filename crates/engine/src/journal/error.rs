//! What goes wrong with journals, each with what to do next.

use camino::Utf8PathBuf;

/// What went wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Somebody else writes journals in this checkout.
    #[error(
        "another stagegate is at work in this checkout ({lock} is locked); wait for it, or end it, then try again"
    )]
    Locked {
        /// The lock file.
        lock: Utf8PathBuf,
    },
    /// The file cannot be read or written.
    #[error("the journal {path} cannot be {verb}: {source}")]
    Io {
        /// The journal.
        path: Utf8PathBuf,
        /// `read`, `written`, …
        verb: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not a record.
    #[error(
        "{path}:{line}: this is not a journal record ({cause}); nothing was done. Keep the file, and ask the world with `status` before you remove it"
    )]
    Damaged {
        /// The journal.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        cause: String,
    },
    /// There is nothing to go on with.
    #[error(
        "there is no journal of {target} ({path}), so there is nothing to resume; begin it without --resume"
    )]
    Nothing {
        /// `release-1.4.0`
        target: String,
        /// Where it would be.
        path: Utf8PathBuf,
    },
    /// It has been begun already.
    #[error(
        "{target} has been begun already, {done} of {steps} steps are done; go on with --resume (to give it up, remove {path})"
    )]
    Begun {
        /// `release-1.4.0`
        target: String,
        /// The journal.
        path: Utf8PathBuf,
        /// Steps done.
        done: usize,
        /// Steps in all.
        steps: usize,
    },
    /// The journal is of another plan than the one it is wanted for.
    #[error(
        "{path} is the journal of another plan: {what}; nothing was done. Go on with that one (`{resume}`), or remove the file to give it up"
    )]
    AnotherPlan {
        /// The journal.
        path: Utf8PathBuf,
        /// In which way it differs.
        what: String,
        /// The command that goes on with it.
        resume: String,
    },
}
