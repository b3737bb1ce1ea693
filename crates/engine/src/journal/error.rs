//! What goes wrong with journals, each with what to do next.

use camino::Utf8PathBuf;
use stagegate_plan::model::{IllegalTransition, RunId};

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
        "{path}:{line}: this is not a journal record ({cause}); nothing was done. Keep the file, and look at what is there with `status` before you remove it"
    )]
    Damaged {
        /// The journal.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        cause: String,
    },
    /// A record cannot follow those before it.
    #[error(
        "{path}: {cause}; nothing was written. This is a mistake of stagegate's: please report it"
    )]
    Illegal {
        /// The journal.
        path: Utf8PathBuf,
        /// Why.
        cause: IllegalTransition,
    },
    /// There is nothing to go on with.
    #[error(
        "there is no journal of {id} ({path}), so there is nothing to resume; begin it without --resume"
    )]
    Nothing {
        /// Which run.
        id: RunId,
        /// Where it would be.
        path: Utf8PathBuf,
    },
    /// It was started already.
    #[error(
        "{id} was started already, {done} of {steps} steps are done; continue it with --resume, or give it up with --abandon ({path})"
    )]
    Begun {
        /// Which run.
        id: RunId,
        /// The journal.
        path: Utf8PathBuf,
        /// Steps done.
        done: usize,
        /// Steps in all.
        steps: usize,
    },
    /// The journal is of another plan than the one it is wanted for.
    #[error(
        "{path} is the journal of another plan: {what}; nothing was done. Go on with that one (`{resume}`), or give it up (`{abandon}`)"
    )]
    AnotherPlan {
        /// The journal.
        path: Utf8PathBuf,
        /// In which way it differs.
        what: String,
        /// The command that goes on with it.
        resume: String,
        /// The command that gives it up.
        abandon: String,
    },
}
