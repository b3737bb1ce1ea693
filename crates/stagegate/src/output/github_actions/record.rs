//! What a run did: the reducer's state, and when it began.

use jiff::Timestamp;
use stagegate_plan::model::{
    Action, Blocker, Event, Plan, RunEnd, RunState, Step, StepOutcome, StepStatus,
};

/// What a run did.
#[derive(Debug)]
pub(super) struct Record {
    /// What its events come to.
    pub(super) state: RunState,
    /// When it began.
    pub(super) began: Timestamp,
}

impl Record {
    pub(super) fn new(began: Timestamp) -> Record {
        Record {
            state: RunState::default(),
            began,
        }
    }

    /// Takes in one event. One that cannot be is the engine's mistake, and shown as such.
    pub(super) fn hear(&mut self, event: &Event) {
        if let Err(error) = self.state.apply(event) {
            let text = format!("stagegate told what cannot be: {error}; please report it");
            super::say(&super::command("warning", &[], &text));
        }
    }

    /// Returns the plan.
    pub(super) fn plan(&self) -> &Plan {
        self.state
            .plan
            .as_ref()
            .expect("a run starts with its plan")
    }

    /// Returns whether other steps run at the same time as one.
    pub(super) fn is_joined(&self, id: &str) -> bool {
        self.state.runs_beside_others(id)
    }

    /// Returns the actions that are done, by this run or by an earlier one.
    pub(super) fn done(&self) -> impl Iterator<Item = &Action> {
        let done = self.state.steps.iter().filter(
            |run| matches!(run.status, StepStatus::Done(outcome) if outcome != StepOutcome::Warned),
        );
        done.filter_map(|run| Some(&self.state.step(run.phase, &run.id)?.action))
    }

    /// Returns the names of the stages that begin with a step: its own, and those that run
    /// side by side with it and wait for nothing.
    pub(super) fn round(&self, id: &str) -> String {
        let batches = self.plan().batches();
        let found = batches
            .iter()
            .find(|batch| batch.iter().any(|step| step.id == id));
        let mut names: Vec<&str> = Vec::new();
        let batch = found.copied().unwrap_or_default();
        let waits = |step: &Step| !step.depends_on.is_empty() || !step.after_settled.is_empty();
        let ordered = batch.iter().any(waits);
        for step in batch.iter().filter(|step| !ordered || step.id == id) {
            if !names.contains(&step.stage.name()) {
                names.push(step.stage.name());
            }
        }
        match names.is_empty() {
            true => "rollback".to_owned(),
            false => names.join(", "),
        }
    }
}

/// Returns the word for how a run ended, as outputs have it.
pub(super) fn ended(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Completed => "completed",
        RunEnd::Paused => "paused",
        RunEnd::Interrupted => "interrupted",
        RunEnd::Declined => "declined",
        RunEnd::Failed => "failed",
        RunEnd::RolledBack => "rolled-back",
        RunEnd::RollbackIncomplete => "rollback-incomplete",
    }
}

/// Returns a problem in one text.
pub(super) fn blocker(blocker: &Blocker) -> String {
    format!("{}\n→ {}", blocker.what, blocker.remedy)
}
