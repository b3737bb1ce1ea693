//! What a run did, gathered from its events: what outputs and summary are made of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use stagegate_config::stage::Stage;
use stagegate_plan::model::{Action, Blocker, Event, Plan, RunEnd, Step, StepOutcome};

/// What a run did.
#[derive(Debug)]
pub(super) struct Record {
    /// Its plan.
    pub(super) plan: Plan,
    /// Steps that an earlier run has done.
    pub(super) done_before: usize,
    /// When it began.
    pub(super) began: Timestamp,
    /// The steps that were begun or had been done, in that order.
    pub(super) steps: Vec<Seen>,
    /// How the app answered while a new release was watched, by step.
    pub(super) probes: BTreeMap<String, Vec<Answer>>,
    /// How it ended, and what to do next.
    pub(super) end: Option<(RunEnd, String, f64)>,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) id: String,
    pub(super) stage: Stage,
    pub(super) title: String,
    /// Milliseconds from the run's beginning; none for what an earlier run did.
    pub(super) began: Option<u64>,
    pub(super) seconds: f64,
    pub(super) state: State,
    /// What shows it, or the error.
    pub(super) words: String,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not ended.
    Open,
    /// Done, and how.
    Done(StepOutcome),
    /// Failed.
    Failed,
}

/// One probe: seconds since the watch began, and milliseconds until the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) at: f64,
    pub(super) latency: Option<f64>,
}

impl Record {
    pub(super) fn new(plan: &Plan, done_before: usize, began: Timestamp) -> Record {
        Record {
            plan: plan.clone(),
            done_before,
            began,
            steps: Vec::new(),
            probes: BTreeMap::new(),
            end: None,
        }
    }

    /// Takes in one event.
    pub(super) fn hear(&mut self, event: &Event) {
        match event {
            Event::StepStarted {
                step,
                stage,
                title,
                at,
            } => self.steps.push(Seen {
                id: step.clone(),
                stage: *stage,
                title: title.clone(),
                began: Some(*at),
                seconds: 0.0,
                state: State::Open,
                words: String::new(),
            }),
            Event::StepDone {
                step,
                outcome,
                evidence,
                seconds,
                ..
            } => self.end_step(step, State::Done(*outcome), evidence, *seconds),
            Event::StepFailed {
                step,
                error,
                seconds,
                ..
            } => self.end_step(step, State::Failed, error, *seconds),
            Event::Probed { step, at, latency } => {
                let answers = self.probes.entry(step.clone()).or_default();
                answers.push(Answer {
                    at: *at as f64 / 1000.0,
                    latency: *latency,
                });
            }
            Event::RunEnded { end, next, seconds } => {
                self.end = Some((*end, next.clone(), *seconds));
            }
            Event::RunStarted { .. } | Event::Progress { .. } | Event::Finding { .. } => {}
        }
    }

    fn end_step(&mut self, id: &str, state: State, words: &str, seconds: f64) {
        let open = |seen: &&mut Seen| seen.id == id && seen.state == State::Open;
        if let Some(seen) = self.steps.iter_mut().rev().find(open) {
            seen.state = state;
            seen.seconds = seconds;
            words.clone_into(&mut seen.words);
        } else if let Some(step) = self.step(id) {
            let seen = Seen {
                id: id.to_owned(),
                stage: step.stage,
                title: step.title.clone(),
                began: None,
                seconds,
                state,
                words: words.to_owned(),
            };
            self.steps.push(seen);
        }
    }

    fn step(&self, id: &str) -> Option<&Step> {
        let mut all = self.plan.steps.iter().chain(&self.plan.rollback_steps);
        all.find(|step| step.id == id)
    }

    /// Whether other steps are under way beside one.
    pub(super) fn is_joined(&self, id: &str) -> bool {
        let open = |seen: &Seen| seen.state == State::Open && seen.id != id;
        self.steps.iter().any(open)
    }

    /// The actions that are done, by this run or by an earlier one.
    pub(super) fn done(&self) -> impl Iterator<Item = &Action> {
        let done = self.steps.iter().filter(
            |seen| matches!(seen.state, State::Done(outcome) if outcome != StepOutcome::Warned),
        );
        done.filter_map(|seen| Some(&self.step(&seen.id)?.action))
    }

    /// The names of the stages that begin with a step: its own, and those that run
    /// side by side with it and wait for nothing.
    pub(super) fn round(&self, id: &str) -> String {
        let groups = self.plan.groups();
        let found = groups
            .iter()
            .find(|group| group.iter().any(|step| step.id == id));
        let mut names: Vec<&str> = Vec::new();
        let group = found.copied().unwrap_or_default();
        let waits = |step: &Step| !step.depends_on.is_empty() || !step.after_settled.is_empty();
        let ordered = group.iter().any(waits);
        for step in group.iter().filter(|step| !ordered || step.id == id) {
            if !names.contains(&step.stage.name()) {
                names.push(step.stage.name());
            }
        }
        match names.is_empty() {
            true => "the way back".to_owned(),
            false => names.join(", "),
        }
    }
}

/// The words for how a run ended.
pub(super) fn ended(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Completed => "completed",
        RunEnd::Paused => "paused",
        RunEnd::Interrupted => "interrupted",
        RunEnd::Declined => "declined",
        RunEnd::Failed => "failed",
        RunEnd::RolledBack => "rolled-back",
    }
}

/// A blocker in one text.
pub(super) fn blocker(blocker: &Blocker) -> String {
    format!("{}\n→ {}", blocker.what, blocker.remedy)
}
