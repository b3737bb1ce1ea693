//! Exit codes: documented, and chosen in one place.

use std::process::ExitCode;

use stagegate_config::error::ConfigError;
use stagegate_deploy::DeployError;
use stagegate_engine::journal::JournalError;
use stagegate_engine::steps::gates::command::GateFailed;
use stagegate_engine::tools::process::Stopped;
use stagegate_plan::model::{Blockers, RunEnd};

/// How the process ends. The table in RELEASE.md is made from these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for is done.
    Success = 0,
    /// Something failed that has no code of its own; the message says what.
    Failure = 1,
    /// The command line cannot be understood, or a question could not be asked.
    Usage = 2,
    /// Something stands in the way; nothing was changed.
    Blocked = 3,
    /// `stagegate.toml` cannot be used; nothing was changed.
    Config = 4,
    /// A gate did not pass; nothing was changed.
    Gate = 5,
    /// A step failed half-way; `--resume` goes on.
    Stopped = 6,
    /// A deploy went back to the release before; users are served by that one.
    RolledBack = 7,
    /// The journal is locked, damaged, missing, or of another plan.
    Journal = 8,
    /// The question before the point of no return was answered with no.
    Declined = 9,
    /// Somebody asked to stop (Ctrl-C, SIGTERM); `--resume` goes on.
    Interrupted = 130,
}

impl Exit {
    /// All of them.
    pub const ALL: [Exit; 11] = [
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
        Exit::Interrupted,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it means, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Success => "everything asked for is done",
            Exit::Failure => "something failed that has no code of its own",
            Exit::Usage => {
                "the command line cannot be understood, or a question could not be asked"
            }
            Exit::Blocked => "something stands in the way; nothing was changed",
            Exit::Config => "stagegate.toml cannot be used; nothing was changed",
            Exit::Gate => "a gate did not pass; nothing was changed",
            Exit::Stopped => "a step failed half-way; --resume goes on",
            Exit::RolledBack => "a deploy went back to the release before",
            Exit::Journal => "the journal is locked, damaged, missing, or of another plan",
            Exit::Declined => "the question before the point of no return was answered with no",
            Exit::Interrupted => "somebody asked to stop; --resume goes on",
        }
    }

    /// The code for an error that ended a command before or outside a run.
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
            if cause.is::<super::command::Usage>() {
                return Exit::Usage;
            }
        }
        Exit::Failure
    }

    /// The code for the way a run ended.
    pub(crate) fn of_run(end: RunEnd, failure: Option<&anyhow::Error>) -> Exit {
        let is = |test: fn(&(dyn std::error::Error + 'static)) -> bool| {
            failure.is_some_and(|e| e.chain().any(test))
        };
        match end {
            RunEnd::Completed | RunEnd::Paused => Exit::Success,
            RunEnd::Interrupted => Exit::Interrupted,
            RunEnd::Declined => Exit::Declined,
            RunEnd::RolledBack => Exit::RolledBack,
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
