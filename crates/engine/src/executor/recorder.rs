//! What writes down and tells: a record in the journal, then an event for whoever shows it.
//!
//! The journal is written by the calling thread only: *started* before a step begins, *done*
//! before anything that depends on it is started.

use std::time::Instant;

use jiff::Timestamp;
use stagegate_plan::model::{Event, Phase, Step, StepOutcome, TimeBreakdown};

use crate::executor::step::Performed;
use crate::journal::{Journal, Record};
use crate::tools::process::Stopped;

/// Writes down and tells what one run does.
pub(crate) struct StepRecorder<'a> {
    pub(crate) journal: Journal,
    start: Instant,
    emit: &'a mut dyn FnMut(&Event),
}

/// The step that was not done, and why.
pub(crate) type Failure = (String, anyhow::Error);

impl<'a> StepRecorder<'a> {
    pub(crate) fn new(
        journal: Journal,
        start: Instant,
        emit: &'a mut dyn FnMut(&Event),
    ) -> StepRecorder<'a> {
        StepRecorder {
            journal,
            start,
            emit,
        }
    }

    /// Tells an event that is not written down.
    pub(crate) fn tell(&mut self, event: &Event) {
        (self.emit)(event);
    }

    /// Closes the journal of a completed plan.
    pub(crate) fn complete(self) -> anyhow::Result<&'a mut dyn FnMut(&Event)> {
        self.journal.complete()?;
        Ok(self.emit)
    }

    /// Closes the journal of a deploy that was undone.
    pub(crate) fn close_rolled_back(self) -> anyhow::Result<&'a mut dyn FnMut(&Event)> {
        self.journal.close_rolled_back()?;
        Ok(self.emit)
    }

    /// Tells that a step was done by an earlier run.
    pub(crate) fn done_before(&mut self, step: &Step, evidence: String) {
        let event = Event::StepDone {
            step: step.id.clone(),
            outcome: StepOutcome::Before,
            evidence,
            at: self.millis(),
            seconds: 0.0,
            time: TimeBreakdown::default(),
        };
        self.tell(&event);
    }

    /// Writes down that a rollback begins.
    pub(crate) fn rollback(&mut self, steps: usize, cause: &str) -> anyhow::Result<()> {
        self.journal.append(&Record::RollbackStarted {
            at: Timestamp::now(),
            cause: cause.to_owned(),
        })?;
        let event = Event::RollbackStarted {
            steps,
            cause: cause.to_owned(),
            at: self.millis(),
        };
        self.tell(&event);
        Ok(())
    }

    /// Writes down that a step begins.
    pub(crate) fn begin(&mut self, phase: Phase, step: &Step) -> anyhow::Result<()> {
        let (at, id) = (Timestamp::now(), step.id.clone());
        self.journal.append(&match phase {
            Phase::Forward => Record::Started { at, step: id },
            Phase::Undo => Record::UndoStarted { at, step: id },
        })?;
        let (step, stage, title) = (step.id.clone(), step.stage, step.title.clone());
        let at = self.millis();
        let event = match phase {
            Phase::Forward => Event::StepStarted {
                step,
                stage,
                title,
                at,
            },
            Phase::Undo => Event::UndoStarted {
                step,
                stage,
                title,
                at,
            },
        };
        self.tell(&event);
        Ok(())
    }

    /// Writes down how a step ended; the failure, if it is none that was asked for.
    pub(crate) fn end(
        &mut self,
        phase: Phase,
        step: &Step,
        result: anyhow::Result<Performed>,
        seconds: f64,
        time: TimeBreakdown,
    ) -> anyhow::Result<Option<Failure>> {
        match result {
            Ok(performed) => {
                self.done(phase, step, performed, seconds, time)?;
                Ok(None)
            }
            // Nothing failed: it stands where a resumed run takes it up.
            Err(error) if error.is::<Stopped>() => Ok(Some((step.id.clone(), error))),
            Err(error) => {
                self.failed(phase, step, format!("{error:#}"), seconds, time)?;
                Ok(Some((step.id.clone(), error)))
            }
        }
    }

    fn done(
        &mut self,
        phase: Phase,
        step: &Step,
        Performed { outcome, evidence }: Performed,
        seconds: f64,
        time: TimeBreakdown,
    ) -> anyhow::Result<()> {
        let (at, id, shown) = (Timestamp::now(), step.id.clone(), evidence.clone());
        self.journal.append(&match phase {
            Phase::Forward => Record::Done {
                at,
                step: id,
                evidence: shown,
            },
            Phase::Undo => Record::UndoDone {
                at,
                step: id,
                evidence: shown,
            },
        })?;
        let (step, at) = (step.id.clone(), self.millis());
        let event = match phase {
            Phase::Forward => Event::StepDone {
                step,
                outcome,
                evidence,
                at,
                seconds,
                time,
            },
            Phase::Undo => Event::UndoDone {
                step,
                evidence,
                at,
                seconds,
                time,
            },
        };
        self.tell(&event);
        Ok(())
    }

    fn failed(
        &mut self,
        phase: Phase,
        step: &Step,
        error: String,
        seconds: f64,
        time: TimeBreakdown,
    ) -> anyhow::Result<()> {
        let (at, id, text) = (Timestamp::now(), step.id.clone(), error.clone());
        self.journal.append(&match phase {
            Phase::Forward => Record::Failed {
                at,
                step: id,
                error: text,
            },
            Phase::Undo => Record::UndoFailed {
                at,
                step: id,
                error: text,
            },
        })?;
        let (step, at) = (step.id.clone(), self.millis());
        let event = match phase {
            Phase::Forward => Event::StepFailed {
                step,
                error,
                at,
                seconds,
                time,
            },
            Phase::Undo => Event::UndoFailed {
                step,
                error,
                at,
                seconds,
                time,
            },
        };
        self.tell(&event);
        Ok(())
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
