//! One line of a journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stagegate_config::stage::Stage;
use stagegate_plan::model::{Event, Plan, StepOutcome, TimeBreakdown};

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// The plan that is executed from here to the end.
    Plan {
        /// When.
        at: Timestamp,
        /// [`Plan::digest`] of it.
        digest: String,
        /// The plan.
        plan: Box<Plan>,
    },
    /// A step is about to begin.
    Started {
        /// When.
        at: Timestamp,
        /// The step's id.
        step: String,
    },
    /// A step is done.
    Done {
        /// When.
        at: Timestamp,
        /// The step's id.
        step: String,
        /// What shows it.
        evidence: String,
    },
    /// A step failed; the run ended.
    Failed {
        /// When.
        at: Timestamp,
        /// The step's id.
        step: String,
        /// Why.
        error: String,
    },
    /// What was begun on hosts is being undone.
    RollbackStarted {
        /// When.
        at: Timestamp,
        /// What failed, and why.
        cause: String,
    },
    /// An undo step is about to begin.
    UndoStarted {
        /// When.
        at: Timestamp,
        /// The step's id.
        step: String,
    },
    /// An undo step is done.
    UndoDone {
        /// When.
        at: Timestamp,
        /// The step's id.
        step: String,
        /// What shows it.
        evidence: String,
    },
    /// An undo step failed.
    UndoFailed {
        /// When.
        at: Timestamp,
        /// The step's id.
        step: String,
        /// Why.
        error: String,
    },
    /// The whole plan is done.
    Completed {
        /// When.
        at: Timestamp,
    },
    /// A deploy was undone, and that is its end: another one begins anew.
    RolledBack {
        /// When.
        at: Timestamp,
    },
    /// Somebody gave it up.
    Abandoned {
        /// When.
        at: Timestamp,
    },
}

impl Record {
    /// Returns what happened, for the reducer; nothing for what ends a journal. Times are
    /// not part of it: a journal knows when, and nobody shows how long.
    pub fn event(&self) -> Option<Event> {
        let time = TimeBreakdown::default();
        // The reducer takes stage and title from the plan.
        let (stage, title) = (Stage::Commit, String::new());
        Some(match self {
            Record::Plan { plan, .. } => Event::RunStarted {
                plan: plan.clone(),
                done_before: 0,
            },
            Record::Started { step, .. } => Event::StepStarted {
                step: step.clone(),
                stage,
                title,
                at: 0,
            },
            Record::Done { step, evidence, .. } => Event::StepDone {
                step: step.clone(),
                outcome: StepOutcome::Performed,
                evidence: evidence.clone(),
                at: 0,
                seconds: 0.0,
                time,
            },
            Record::Failed { step, error, .. } => Event::StepFailed {
                step: step.clone(),
                error: error.clone(),
                at: 0,
                seconds: 0.0,
                time,
            },
            Record::RollbackStarted { cause, .. } => Event::RollbackStarted {
                steps: 0,
                cause: cause.clone(),
                at: 0,
            },
            Record::UndoStarted { step, .. } => Event::UndoStarted {
                step: step.clone(),
                stage,
                title,
                at: 0,
            },
            Record::UndoDone { step, evidence, .. } => Event::UndoDone {
                step: step.clone(),
                evidence: evidence.clone(),
                at: 0,
                seconds: 0.0,
                time,
            },
            Record::UndoFailed { step, error, .. } => Event::UndoFailed {
                step: step.clone(),
                error: error.clone(),
                at: 0,
                seconds: 0.0,
                time,
            },
            Record::Completed { .. } | Record::RolledBack { .. } | Record::Abandoned { .. } => {
                return None;
            }
        })
    }
}
