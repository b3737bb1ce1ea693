//! One line of a journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stagegate_plan::model::Plan;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// The plan that is obeyed from here to the end.
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
    /// The whole plan is done.
    Completed {
        /// When.
        at: Timestamp,
    },
}
