//! Exit codes: documented, and chosen in one place.

use std::process::ExitCode;

use stagegate_config::error::ConfigError;
use stagegate_deploy::DeployError;
use stagegate_engine::executor::step::GateFailed;
use stagegate_engine::journal::JournalError;
use stagegate_engine::tools::process::Stopped;
use stagegate_plan::model::{Blockers, RunEnd};

/// How the process ends. The documented table of exit codes is made from these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for is done.
    Success = 0,
    /// Something failed that has no code of its own; the message says what.
    Failure = 1,
    /// The command line cannot be understood, or a question could not be asked.
    Usage = 2,
    /// Problems were found; nothing was changed.
    Blocked = 3,
    /// `stagegate.toml` cannot be used; nothing was changed.
    Config = 4,
    /// A gate did not pass; nothing was changed.
    Gate = 5,
    /// A step failed half-way; `--resume` continues.
    Stopped = 6,
    /// A deploy went back to the release before; users are served by that one.
    RolledBack = 7,
    /// The journal is locked, damaged, missing, or of another plan.
    Journal = 8,
    /// The question before the point of no return was answered with no.
    Declined = 9,
    /// A deploy was to be undone, and some hosts still differ.
    RollbackIncomplete = 10,
    /// Somebody asked to stop (Ctrl-C, SIGTERM); `--resume` continues.
    Interrupted = 130,
}

impl Exit {
    /// All of them.
    pub const ALL: [Exit; 12] = [
        Exit::Success,
        Exit::Failure,
        Exit::Usage,
        Exit::Blocked,
        Exit::Config,
        Exit::Gate,
        Exit::Stopped,
        Exit::RolledBack,
        Exit::Journal,
        Exit::Declined,
        Exit::RollbackIncomplete,
        Exit::Interrupted,
    ];

    /// Returns the number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Returns what it means, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Success => "everything asked for is done",
            Exit::Failure => "something failed that has no code of its own",
            Exit::Usage => {
                "the command line cannot be understood, or a question could not be asked"
            }
            Exit::Blocked => "problems were found; nothing was changed",
            Exit::Config => "stagegate.toml cannot be used; nothing was changed",
            Exit::Gate => "a gate did not pass; nothing was changed",
            Exit::Stopped => "a step failed half-way; --resume continues",
            Exit::RolledBack => "a deploy was undone; traffic is back on the previous release",
            Exit::Journal => "the journal is locked, damaged, missing, or of another plan",
            Exit::RollbackIncomplete => {
                "a deploy was to be undone, and some hosts still differ; the message names them"
            }
            Exit::Declined => "the question before the point of no return was answered with no",
            Exit::Interrupted => "you asked to stop; --resume continues",
        }
    }

    /// Returns the code for an error that ended a command before or outside a run.
    pub fn of(error: &anyhow::Error) -> Exit {
        for cause in error.chain() {
            if cause.is::<Blockers>() {
                return Exit::Blocked;
            }
            if cause.is::<ConfigError>() {
                return Exit::Config;
            }
            if cause.is::<JournalError>() {
                return Exit::Journal;
            }
            if cause.is::<Stopped>() {
                return Exit::Interrupted;
            }
            if cause.is::<crate::commands::Usage>() {
                return Exit::Usage;
            }
        }
        Exit::Failure
    }

    /// Returns the code for the way a run ended.
    pub(crate) fn of_run(end: RunEnd, failure: Option<&anyhow::Error>) -> Exit {
        let is = |test: fn(&(dyn std::error::Error + 'static)) -> bool| {
            failure.is_some_and(|e| e.chain().any(test))
        };
        match end {
            RunEnd::Completed | RunEnd::Paused => Exit::Success,
            RunEnd::Interrupted => Exit::Interrupted,
            RunEnd::Declined => Exit::Declined,
            RunEnd::RolledBack => Exit::RolledBack,
            RunEnd::RollbackIncomplete => Exit::RollbackIncomplete,
            RunEnd::Failed if is(|cause| cause.is::<GateFailed>()) => Exit::Gate,
            RunEnd::Failed
                if is(|cause| {
                    matches!(cause.downcast_ref(), Some(DeployError::RolledBack { .. }))
                }) =>
            {
                Exit::RolledBack
            }
            RunEnd::Failed => Exit::Stopped,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
