//! What happens, as it happens: one stream for terminal, JSON lines,
//! annotations and summaries. The library prints nothing.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use stagegate_config::schema::Level;
use stagegate_config::stage::Stage;

use crate::model::{Plan, TimeBreakdown};

/// One thing that happened. Lifecycle events are kept; [`Event::Progress`]
/// may be lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A run begins or goes on.
    RunStarted {
        /// The plan that is executed.
        plan: Box<Plan>,
        /// Steps that an earlier run has done.
        done_before: usize,
    },
    /// A step begins.
    StepStarted {
        /// The step's id.
        step: String,
        /// Its stage.
        stage: Stage,
        /// Its title.
        title: String,
        /// Milliseconds since the run began.
        at: u64,
    },
    /// A step gets on.
    Progress {
        /// The step's id.
        step: String,
        /// What it is at.
        text: String,
        /// How far, of `total`.
        done: Option<u64>,
        /// How much there is.
        total: Option<u64>,
    },
    /// A gate objects to a place in a file; the step's own end follows.
    Finding {
        /// The step's id.
        step: String,
        /// What the gate's failure means.
        level: Level,
        /// Where, and what.
        finding: Finding,
    },
    /// The app was asked through its public port while a new release serves it.
    Probed {
        /// The step's id.
        step: String,
        /// Milliseconds since the step began.
        at: u64,
        /// Milliseconds until it answered as it should; none if it did not.
        latency: Option<f64>,
    },
    /// A step has changed files of the release commit.
    Patch {
        /// The step's id.
        step: String,
        /// What it changed, as `git diff` shows it.
        patch: String,
    },
    /// A step is done.
    StepDone {
        /// The step's id.
        step: String,
        /// How it came to be done.
        outcome: StepOutcome,
        /// What shows it.
        evidence: String,
        /// Milliseconds since the run began.
        at: u64,
        /// Wall seconds.
        seconds: f64,
        /// Where they went.
        time: TimeBreakdown,
    },
    /// A step failed; the run ends with this.
    StepFailed {
        /// The step's id.
        step: String,
        /// What was attempted, on what, and the cause.
        error: String,
        /// Milliseconds since the run began.
        at: u64,
        /// Wall seconds.
        seconds: f64,
        /// Where they went.
        time: TimeBreakdown,
    },
    /// What this run has begun on hosts is undone, because a step failed.
    RollbackStarted {
        /// Undo steps that follow.
        steps: usize,
        /// What failed, and why.
        cause: String,
        /// Milliseconds since the run began.
        at: u64,
    },
    /// An undo step begins.
    UndoStarted {
        /// The step's id.
        step: String,
        /// Its stage.
        stage: Stage,
        /// Its title.
        title: String,
        /// Milliseconds since the run began.
        at: u64,
    },
    /// An undo step is done.
    UndoDone {
        /// The step's id.
        step: String,
        /// What shows it.
        evidence: String,
        /// Milliseconds since the run began.
        at: u64,
        /// Wall seconds.
        seconds: f64,
        /// Where they went.
        time: TimeBreakdown,
    },
    /// An undo step failed; the other ones go on.
    UndoFailed {
        /// The step's id.
        step: String,
        /// What was attempted, on what, and the cause.
        error: String,
        /// Milliseconds since the run began.
        at: u64,
        /// Wall seconds.
        seconds: f64,
        /// Where they went.
        time: TimeBreakdown,
    },
    /// The run ended.
    RunEnded {
        /// How.
        end: RunEnd,
        /// The one line that says what to do next.
        next: String,
        /// Wall seconds.
        seconds: f64,
        /// The hosts whose rollback is not complete, as `user@host:port`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unrestored: Vec<String>,
    },
}

impl Event {
    /// Returns its name, as it stands in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Event::RunStarted { .. } => "run-started",
            Event::StepStarted { .. } => "step-started",
            Event::Progress { .. } => "progress",
            Event::Patch { .. } => "patch",
            Event::Finding { .. } => "finding",
            Event::Probed { .. } => "probed",
            Event::StepDone { .. } => "step-done",
            Event::StepFailed { .. } => "step-failed",
            Event::RollbackStarted { .. } => "rollback-started",
            Event::UndoStarted { .. } => "undo-started",
            Event::UndoDone { .. } => "undo-done",
            Event::UndoFailed { .. } => "undo-failed",
            Event::RunEnded { .. } => "run-ended",
        }
    }
}

/// A place in a file, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The file, from the checkout's top.
    pub file: Utf8PathBuf,
    /// The line, counted from 1.
    pub line: u64,
    /// The column, counted from 1.
    pub column: Option<u64>,
    /// What kind of thing it is, in a few words.
    pub title: String,
    /// What is wrong.
    pub message: String,
}

/// How a step came to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// By this run, now.
    Performed,
    /// It was there already, and a probe confirmed it.
    Found,
    /// The journal has it from an earlier run.
    Before,
    /// It failed, and its level is `warn`.
    Warned,
    /// It passed, and its evidence ends with something to look at.
    Noted,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// Everything in the plan is done.
    Completed,
    /// The part that was asked for is done; the rest can go on from it.
    Paused,
    /// Somebody asked to stop; it can go on.
    Interrupted,
    /// The question before the point of no return was answered with no.
    Declined,
    /// A step failed.
    Failed,
    /// A deploy was undone: every host runs what it ran before.
    RolledBack,
    /// A deploy was to be undone, and some hosts still differ.
    RollbackIncomplete,
}
