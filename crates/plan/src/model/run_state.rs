//! The state of a run, folded from its events.
//!
//! This is the one reducer: the journal checks its records with it, the renderers show
//! what it holds, and the reports are made from it. It refuses what cannot happen (a step
//! that ends without having begun, an undo without a rollback), so that a mistake in
//! whoever tells the events is found where it is made.

use std::collections::BTreeMap;

use stagegate_config::stage::Stage;

use crate::model::{Event, Plan, RunEnd, Step, StepOutcome, TimeBreakdown};

/// What a run has come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunState {
    /// Its plan; absent before the run has started.
    pub plan: Option<Box<Plan>>,
    /// Steps that an earlier run has done.
    pub done_before: usize,
    /// Every time that a step was begun or found done, in that order.
    pub steps: Vec<StepRun>,
    /// How the app answered while a new release was watched, by step.
    pub probes: BTreeMap<String, Vec<ProbeSample>>,
    /// Why what was begun is being undone, if it is.
    pub rollback: Option<String>,
    /// How the run ended, if it has.
    pub end: Option<Ended>,
    /// Counts the runs that this is folded from: a step may begin once in each.
    epoch: usize,
    latest: BTreeMap<(Phase, String), usize>,
}

/// Whether a step goes forward or undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// A step of the plan.
    Forward,
    /// A rollback step.
    Undo,
}

/// One time that a step was begun.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRun {
    /// The step's id.
    pub id: String,
    /// Forward, or undo.
    pub phase: Phase,
    /// Its stage.
    pub stage: Stage,
    /// Its title.
    pub title: String,
    /// Milliseconds from the run's start; absent for what an earlier run did.
    pub began: Option<u64>,
    /// Wall seconds; zero while it runs.
    pub seconds: f64,
    /// Where they went.
    pub time: TimeBreakdown,
    /// How it stands.
    pub status: StepStatus,
    /// What shows that it is done, or the error; empty while it runs.
    pub text: String,
    epoch: usize,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepStatus {
    /// It has begun and not ended.
    Running,
    /// It is done.
    Done(StepOutcome),
    /// It failed.
    Failed,
}

/// One answer of the app.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeSample {
    /// Seconds since the step began.
    pub at: f64,
    /// Milliseconds until it answered as it should; absent if it did not.
    pub latency: Option<f64>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// How.
    pub end: RunEnd,
    /// What to do next, in one line.
    pub next: String,
    /// Wall seconds.
    pub seconds: f64,
    /// The hosts whose rollback is not complete, as `user@host:port`.
    pub unrestored: Vec<String>,
}

/// An event that cannot follow what came before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalTransition {
    /// Something happened before the run started, or after it ended.
    #[error("{0} outside of a run")]
    OutsideOfARun(&'static str),
    /// A step is not part of the plan.
    #[error("the step `{0}` is not part of the plan")]
    UnknownStep(String),
    /// A step began twice in one run.
    #[error("the step `{0}` began twice in one run")]
    BeganTwice(String),
    /// A step ended that had not begun.
    #[error("the step `{0}` ended without having begun")]
    NotBegun(String),
    /// A step was undone, and no rollback had started.
    #[error("the step `{0}` was undone outside of a rollback")]
    NoRollback(String),
}

impl RunState {
    /// Takes in one event.
    ///
    /// # Errors
    /// When the event cannot follow what came before; the state is then unchanged.
    pub fn apply(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        if let Event::RunStarted { plan, done_before } = event {
            self.start(plan, *done_before);
            return Ok(());
        }
        if self.plan.is_none() || self.end.is_some() {
            return Err(IllegalTransition::OutsideOfARun(event.name()));
        }
        match event {
            Event::RunStarted { .. } => {}
            Event::StepStarted { step, at, .. } => self.begin(Phase::Forward, step, Some(*at))?,
            Event::UndoStarted { step, at, .. } => self.begin(Phase::Undo, step, Some(*at))?,
            Event::StepDone {
                step,
                outcome,
                evidence,
                seconds,
                time,
                ..
            } => {
                // What an earlier run did has not begun in this one.
                if *outcome == StepOutcome::Before {
                    self.begin(Phase::Forward, step, None)?;
                }
                let status = StepStatus::Done(*outcome);
                self.finish(Phase::Forward, step, status, evidence, *seconds, time)?;
            }
            Event::UndoDone {
                step,
                evidence,
                seconds,
                time,
                ..
            } => {
                let status = StepStatus::Done(StepOutcome::Performed);
                self.finish(Phase::Undo, step, status, evidence, *seconds, time)?;
            }
            Event::StepFailed {
                step,
                error,
                seconds,
                time,
                ..
            } => self.finish(
                Phase::Forward,
                step,
                StepStatus::Failed,
                error,
                *seconds,
                time,
            )?,
            Event::UndoFailed {
                step,
                error,
                seconds,
                time,
                ..
            } => self.finish(Phase::Undo, step, StepStatus::Failed, error, *seconds, time)?,
            Event::RollbackStarted { cause, .. } => self.rollback = Some(cause.clone()),
            Event::Probed { step, at, latency } => {
                let sample = ProbeSample {
                    at: *at as f64 / 1000.0,
                    latency: *latency,
                };
                self.probes.entry(step.clone()).or_default().push(sample);
            }
            Event::Progress { .. } | Event::Finding { .. } | Event::Patch { .. } => {}
            Event::RunEnded {
                end,
                next,
                seconds,
                unrestored,
            } => {
                self.end = Some(Ended {
                    end: *end,
                    next: next.clone(),
                    seconds: *seconds,
                    unrestored: unrestored.clone(),
                });
            }
        }
        Ok(())
    }

    fn start(&mut self, plan: &Plan, done_before: usize) {
        self.plan = Some(Box::new(plan.clone()));
        self.done_before = done_before;
        self.rollback = None;
        self.end = None;
        self.epoch += 1;
    }

    /// Returns how a step stands; absent where it has never begun.
    pub fn status(&self, phase: Phase, step: &str) -> Option<StepStatus> {
        let at = self.latest.get(&(phase, step.to_owned()))?;
        Some(self.steps[*at].status)
    }

    /// Returns what shows that a step is done, by this run or an earlier one.
    pub fn evidence(&self, phase: Phase, step: &str) -> Option<&str> {
        let at = self.latest.get(&(phase, step.to_owned()))?;
        let run = &self.steps[*at];
        matches!(run.status, StepStatus::Done(_)).then_some(run.text.as_str())
    }

    /// Returns whether a step was ever begun.
    pub fn was_started(&self, phase: Phase, step: &str) -> bool {
        self.latest.contains_key(&(phase, step.to_owned()))
    }

    /// Returns whether other steps run at the same time as one.
    pub fn runs_beside_others(&self, step: &str) -> bool {
        let other = |run: &StepRun| run.status == StepStatus::Running && run.id != step;
        self.steps.iter().any(other)
    }

    /// Returns a step of the plan, or one of its rollback steps.
    pub fn step(&self, phase: Phase, id: &str) -> Option<&Step> {
        let plan = self.plan.as_ref()?;
        let steps = match phase {
            Phase::Forward => &plan.steps,
            Phase::Undo => &plan.rollback_steps,
        };
        steps.iter().find(|step| step.id == id)
    }

    fn begin(
        &mut self,
        phase: Phase,
        id: &str,
        began: Option<u64>,
    ) -> Result<(), IllegalTransition> {
        let Some(step) = self.step(phase, id) else {
            return Err(IllegalTransition::UnknownStep(id.to_owned()));
        };
        if phase == Phase::Undo && self.rollback.is_none() {
            return Err(IllegalTransition::NoRollback(id.to_owned()));
        }
        let key = (phase, id.to_owned());
        if let Some(at) = self.latest.get(&key)
            && self.steps[*at].epoch == self.epoch
        {
            return Err(IllegalTransition::BeganTwice(id.to_owned()));
        }
        let run = StepRun {
            id: id.to_owned(),
            phase,
            stage: step.stage,
            title: step.title.clone(),
            began,
            seconds: 0.0,
            time: TimeBreakdown::default(),
            status: StepStatus::Running,
            text: String::new(),
            epoch: self.epoch,
        };
        self.latest.insert(key, self.steps.len());
        self.steps.push(run);
        Ok(())
    }

    fn finish(
        &mut self,
        phase: Phase,
        id: &str,
        status: StepStatus,
        text: &str,
        seconds: f64,
        time: &TimeBreakdown,
    ) -> Result<(), IllegalTransition> {
        let at = self.latest.get(&(phase, id.to_owned())).copied();
        let running = at.filter(|at| self.steps[*at].status == StepStatus::Running);
        let Some(at) = running else {
            return Err(IllegalTransition::NotBegun(id.to_owned()));
        };
        let run = &mut self.steps[at];
        run.status = status;
        run.seconds = seconds;
        run.time = *time;
        text.clone_into(&mut run.text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::waves::backends;

    fn started(step: &str) -> Event {
        Event::StepStarted {
            step: step.to_owned(),
            stage: Stage::DeployBackend,
            title: String::new(),
            at: 0,
        }
    }

    fn done(step: &str, outcome: StepOutcome) -> Event {
        Event::StepDone {
            step: step.to_owned(),
            outcome,
            evidence: "seen".to_owned(),
            at: 0,
            seconds: 1.0,
            time: TimeBreakdown::default(),
        }
    }

    fn undo(step: &str) -> Event {
        Event::UndoStarted {
            step: step.to_owned(),
            stage: Stage::Stabilize,
            title: String::new(),
            at: 0,
        }
    }

    fn run_started() -> Event {
        Event::RunStarted {
            plan: Box::new(backends(&["d@a", "d@b"])),
            done_before: 0,
        }
    }

    #[test]
    fn what_cannot_happen_is_refused() {
        let check = |events: &[Event], want: Result<(), IllegalTransition>| {
            let mut state = RunState::default();
            let (last, before) = events.split_last().unwrap();
            for event in before {
                state.apply(event).unwrap();
            }
            let unchanged = state.clone();
            assert_eq!(state.apply(last), want, "{last:?}");
            if want.is_err() {
                assert_eq!(state, unchanged);
            }
        };
        let upload = "backend.upload@a";
        check(
            &[started(upload)],
            Err(IllegalTransition::OutsideOfARun("step-started")),
        );
        check(&[run_started(), started(upload)], Ok(()));
        check(
            &[run_started(), started("nobody")],
            Err(IllegalTransition::UnknownStep("nobody".to_owned())),
        );
        check(
            &[run_started(), done(upload, StepOutcome::Performed)],
            Err(IllegalTransition::NotBegun(upload.to_owned())),
        );
        check(&[run_started(), done(upload, StepOutcome::Before)], Ok(()));
        check(
            &[run_started(), started(upload), started(upload)],
            Err(IllegalTransition::BeganTwice(upload.to_owned())),
        );
        // A run that goes on looks again at what an earlier one did.
        check(
            &[
                run_started(),
                started(upload),
                done(upload, StepOutcome::Performed),
                run_started(),
                started(upload),
            ],
            Ok(()),
        );
        check(
            &[run_started(), undo("back@a")],
            Err(IllegalTransition::NoRollback("back@a".to_owned())),
        );
        let rollback = Event::RollbackStarted {
            steps: 1,
            cause: "it crashed".to_owned(),
            at: 0,
        };
        check(&[run_started(), rollback.clone(), undo("back@a")], Ok(()));
        check(
            &[run_started(), rollback, started("back@a")],
            Err(IllegalTransition::UnknownStep("back@a".to_owned())),
        );
        let ended = Event::RunEnded {
            end: RunEnd::Completed,
            next: String::new(),
            seconds: 0.0,
            unrestored: Vec::new(),
        };
        check(
            &[run_started(), ended, started(upload)],
            Err(IllegalTransition::OutsideOfARun("step-started")),
        );
    }

    #[test]
    fn the_last_word_on_a_step_counts() {
        let upload = "backend.upload@a";
        let mut state = RunState::default();
        for event in [
            run_started(),
            started(upload),
            done(upload, StepOutcome::Performed),
        ] {
            state.apply(&event).unwrap();
        }
        assert_eq!(state.evidence(Phase::Forward, upload), Some("seen"));
        state.apply(&run_started()).unwrap();
        state.apply(&started(upload)).unwrap();
        assert_eq!(state.evidence(Phase::Forward, upload), None);
        assert_eq!(
            state.status(Phase::Forward, upload),
            Some(StepStatus::Running)
        );
        assert!(!state.was_started(Phase::Undo, upload));
    }
}
