//! One step of a plan: done or not done, never half.

use serde::{Deserialize, Serialize};
use stagegate_config::stage::Stage;

use crate::model::Action;

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// One step: done or not done, never half.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in the plan, and stable: the journal speaks of it.
    pub id: String,
    /// The stage it belongs to.
    pub stage: Stage,
    /// What it does, for people.
    pub title: String,
    /// May run beside the step before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parallel_with_previous: bool,
    /// Steps of the same run of steps side by side that must be done before
    /// this one starts, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// Steps of the same run of steps that must have ended before this one
    /// starts, well or in a way that is borne.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_settled: Vec<String>,
    /// Failures in the same run of steps that hold up only what needs the step
    /// that failed; one more, and nothing new starts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max_failures: usize,
    /// The first of those that cannot be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
    /// What is to be done, with all its data.
    pub action: Action,
}

impl Step {
    /// Creates a step that stands alone: nothing runs in parallel with it, and no failure
    /// is tolerated.
    pub fn new(
        id: impl Into<String>,
        stage: Stage,
        title: impl Into<String>,
        action: Action,
    ) -> Step {
        Step {
            id: id.into(),
            stage,
            title: title.into(),
            parallel_with_previous: false,
            depends_on: Vec::new(),
            after_settled: Vec::new(),
            max_failures: 0,
            irreversible: false,
            action,
        }
    }

    pub(crate) fn parallel_with_previous(mut self) -> Step {
        self.parallel_with_previous = true;
        self
    }
}
