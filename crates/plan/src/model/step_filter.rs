//! How much of a plan one run obeys: the whole, or a part that leaves the rest
//! to another machine.

use std::str::FromStr;

use stagegate_config::stage::Stage;

use crate::model::Step;

/// How much of a plan one run obeys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StepFilter {
    /// All that is not done yet.
    #[default]
    Whole,
    /// Nothing: the plan is written down, for others to obey.
    Plan,
    /// What comes before the end of a stage.
    Until(Stage),
    /// One step by its id, whatever else is to be done before or after it. Only
    /// for one that needs nothing but the release commit.
    Only(String),
}

impl StepFilter {
    /// Returns whether a step belongs to it.
    pub fn has(&self, step: &Step) -> bool {
        match self {
            StepFilter::Whole => true,
            StepFilter::Plan => false,
            StepFilter::Until(stage) => step.stage <= *stage,
            StepFilter::Only(id) => step.id == *id,
        }
    }
}

impl FromStr for StepFilter {
    type Err = String;

    /// Parses `plan`, or a stage's name.
    fn from_str(text: &str) -> Result<StepFilter, String> {
        match text {
            "plan" => Ok(StepFilter::Plan),
            stage => stage
                .parse()
                .map(StepFilter::Until)
                .map_err(|e: String| format!("{e}; or write `plan`")),
        }
    }
}
