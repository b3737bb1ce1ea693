//! The steps of one group, side by side: each on a thread of its own, started
//! when the schedule says so.
//!
//! The journal is written by the calling thread only, *started* before a step's
//! thread begins and *done* before anything that needs the step is started.

use std::sync::mpsc;
use std::time::Instant;

use jiff::Timestamp;
use stagegate_plan::model::{Event, Plan, Step, StepOutcome, TimeBreakdown};

use crate::context::Context;
use crate::executor::schedule::Schedule;
use crate::executor::step;
use crate::executor::step::StepContext;
use crate::journal::{Journal, Record};

/// What a step's thread says.
enum Message<'a> {
    Event(Event),
    Ended {
        step: &'a Step,
        result: anyhow::Result<step::Performed>,
        seconds: f64,
        account: TimeBreakdown,
    },
}

/// The first step that was not done, and why.
type Failure = Option<(String, anyhow::Error)>;

/// What writes down and tells, for the steps of one group.
struct StepRecorder<'a> {
    journal: &'a mut Journal,
    start: Instant,
    emit: &'a mut dyn FnMut(&Event),
    failure: Failure,
}

/// Runs what the schedule holds; a step that fails lets the others end. What is
/// left waiting in the schedule without a failure was not begun because
/// somebody asked to stop.
pub(crate) fn pass<'a>(
    plan: &Plan,
    context: &Context,
    schedule: &mut Schedule<'a>,
    journal: &mut Journal,
    start: Instant,
    emit: &mut dyn FnMut(&Event),
) -> anyhow::Result<Failure> {
    let (send, messages) = mpsc::channel::<Message<'a>>();
    let mut desk = StepRecorder {
        journal,
        start,
        emit,
        failure: None,
    };
    std::thread::scope(|threads| -> anyhow::Result<()> {
        loop {
            if context.interrupt.asked() {
                schedule.halt();
            }
            let ready = schedule.take_ready();
            for step in &ready {
                desk.begin(step)?;
            }
            for step in ready {
                let send = send.clone();
                threads.spawn(move || one(plan, context, step, &send));
            }
            if schedule.is_idle() {
                return Ok(());
            }
            match messages.recv().expect("we hold a sender ourselves") {
                Message::Event(event) => (desk.emit)(&event),
                Message::Ended {
                    step,
                    result,
                    seconds,
                    account,
                } => {
                    if desk.end(step, result, seconds, account)? {
                        schedule.done(&step.id);
                    } else {
                        schedule.failed(step);
                    }
                }
            }
        }
    })?;
    Ok(desk.failure)
}

impl StepRecorder<'_> {
    fn begin(&mut self, step: &Step) -> anyhow::Result<()> {
        self.journal.append(&Record::Started {
            at: Timestamp::now(),
            step: step.id.clone(),
        })?;
        (self.emit)(&Event::StepStarted {
            step: step.id.clone(),
            stage: step.stage,
            title: step.title.clone(),
            at: millis(self.start),
        });
        Ok(())
    }

    /// Whether it is done.
    fn end(
        &mut self,
        step: &Step,
        result: anyhow::Result<step::Performed>,
        seconds: f64,
        account: TimeBreakdown,
    ) -> anyhow::Result<bool> {
        match result {
            Ok(step::Performed { outcome, evidence }) => {
                self.journal.append(&Record::Done {
                    at: Timestamp::now(),
                    step: step.id.clone(),
                    evidence: evidence.clone(),
                })?;
                (self.emit)(&done_event(
                    step, outcome, evidence, self.start, seconds, account,
                ));
                return Ok(true);
            }
            // Nothing failed: it stands where a resumed run takes it up.
            Err(error) if error.is::<crate::tools::process::Stopped>() => {
                self.failure.get_or_insert((step.id.clone(), error));
            }
            Err(error) => {
                let text = format!("{error:#}");
                self.journal.append(&Record::Failed {
                    at: Timestamp::now(),
                    step: step.id.clone(),
                    error: text.clone(),
                })?;
                (self.emit)(&Event::StepFailed {
                    step: step.id.clone(),
                    error: text,
                    at: millis(self.start),
                    seconds,
                    time: account,
                });
                self.failure.get_or_insert((step.id.clone(), error));
            }
        }
        Ok(false)
    }
}

pub(crate) fn done_event(
    step: &Step,
    outcome: StepOutcome,
    evidence: String,
    start: Instant,
    seconds: f64,
    account: TimeBreakdown,
) -> Event {
    Event::StepDone {
        step: step.id.clone(),
        outcome,
        evidence,
        at: millis(start),
        seconds,
        time: account,
    }
}

fn millis(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn one<'a>(plan: &Plan, context: &Context, step: &'a Step, send: &mpsc::Sender<Message<'a>>) {
    let began = Instant::now();
    let tell = |event: Event| {
        // The receiver outlives every step; were it gone, nobody would listen.
        let _ = send.send(Message::Event(event));
    };
    let mut ctx = StepContext::new(plan, context, step, &tell);
    let result = step::perform(&mut ctx, &step.action);
    let account = ctx.time;
    let _ = send.send(Message::Ended {
        step,
        result,
        seconds: began.elapsed().as_secs_f64(),
        account,
    });
}
