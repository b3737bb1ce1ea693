//! The run: obeys a plan, step by step, and decides nothing.
//!
//! For each step: write down that it begins, ask the world whether it is
//! already there, do it if not, ask again where that shows more than the act
//! itself, write down that it is done. Killing the process between any two of
//! these loses nothing and repeats nothing.

mod asset;
mod audit;
mod branch;
mod build;
mod commit;
mod deploy;
mod edit;
mod gate;
mod github;
mod links;
mod msrv;
mod outcome;
mod outdated;
mod package;
mod produce;
mod prove;
mod publish;
mod push;
mod sbom;
mod seal;
mod secrets;
mod step;
mod tag;
mod tracked;
mod tree;
mod yank;

use std::sync::mpsc;
use std::time::Instant;

use jiff::Timestamp;

pub use gate::GateFailed;
pub(crate) use step::{Effect, Probe};
pub(crate) use yank::NOTE;

use crate::account::Account;
use crate::event::{Event, RunEnd, StepOutcome};
use crate::journal::{Journal, Record};
use crate::plan::Step;
use crate::{Plan, World};

/// How a run ended, with the cause if it was one.
pub struct Ended {
    /// How.
    pub end: RunEnd,
    /// The step it ended at, and why.
    pub failure: Option<(String, anyhow::Error)>,
}

/// Asked before the first step that cannot be taken back.
pub type Confirm<'a> = &'a mut dyn FnMut(&Plan, &Step) -> bool;

/// Obeys the plan. `resume` is the command that goes on with it, for the last line.
pub fn run(
    plan: &Plan,
    world: &World,
    mut journal: Journal,
    resume: &str,
    confirm: Confirm<'_>,
    emit: &mut dyn FnMut(&Event),
) -> anyhow::Result<Ended> {
    let start = Instant::now();
    let done_before = plan
        .steps
        .iter()
        .filter(|s| journal.done().contains_key(&s.id))
        .count();
    emit(&Event::RunStarted {
        plan: Box::new(plan.clone()),
        done_before,
    });
    let ended = pass(plan, world, &mut journal, start, confirm, emit)?;
    let next = match &ended.end {
        RunEnd::Completed => {
            tree::remove(world, plan);
            journal.complete()?;
            match &plan.then {
                Some(then) => format!("{} is done; {then}", plan.title),
                None => format!("{} is done; nothing is left to do", plan.title),
            }
        }
        RunEnd::Interrupted => format!("stopped at a safe point; go on with `{resume}`"),
        RunEnd::Declined => {
            format!("nothing was published; go on with `{resume}` when you are ready")
        }
        RunEnd::Failed if left_no_trace(plan, &ended) => format!(
            "nothing was changed; mend what is said above and commit it, then begin again with `{}`",
            resume.trim_end_matches(" --resume")
        ),
        RunEnd::Failed => format!("mend what is said above, then go on with `{resume}`"),
        RunEnd::RolledBack => {
            format!(
                "users are back on the release before; find out why, then go on with `{resume}`, or yank and release a fix"
            )
        }
    };
    emit(&Event::RunEnded {
        end: ended.end,
        next,
        seconds: start.elapsed().as_secs_f64(),
    });
    Ok(ended)
}

/// Whether it ended in a gate or in what is prepared apart.
fn left_no_trace(plan: &Plan, ended: &Ended) -> bool {
    let Some((failed, _)) = &ended.failure else {
        return false;
    };
    plan.steps
        .iter()
        .any(|step| step.id == *failed && step.stage < crate::Stage::Commit)
}

fn pass(
    plan: &Plan,
    world: &World,
    journal: &mut Journal,
    start: Instant,
    confirm: Confirm<'_>,
    emit: &mut dyn FnMut(&Event),
) -> anyhow::Result<Ended> {
    let ended = |end| Ok(Ended { end, failure: None });
    for group in &plan.groups() {
        let mut open = Vec::new();
        for step in *group {
            match settled(plan, world, step, journal) {
                Some(evidence) => {
                    emit(&done_event(
                        step,
                        StepOutcome::Before,
                        evidence,
                        start,
                        0.0,
                        Account::default(),
                    ));
                }
                None => open.push(step),
            }
        }
        if open.is_empty() {
            continue;
        }
        if world.interrupt.asked() {
            return ended(RunEnd::Interrupted);
        }
        if let Some(step) = open
            .iter()
            .find(|s| s.no_return && !journal.was_started(&s.id))
            && !confirm(plan, step)
        {
            return ended(RunEnd::Declined);
        }
        if let Some((step, error)) = side_by_side(plan, world, &open, journal, start, emit)? {
            let end = if error.is::<crate::command::Stopped>() {
                RunEnd::Interrupted
            } else if deploy::went_back(&error) {
                RunEnd::RolledBack
            } else {
                RunEnd::Failed
            };
            return Ok(Ended {
                end,
                failure: Some((step, error)),
            });
        }
    }
    ended(RunEnd::Completed)
}

/// What shows that a step of an earlier run needs nothing more. The journal's
/// word is enough, but for a host that may have gone back by itself while
/// nobody was there: until a backend is confirmed, the host is asked again.
fn settled(plan: &Plan, world: &World, step: &Step, journal: &Journal) -> Option<String> {
    let evidence = journal.done().get(&step.id)?;
    match deploy::confirmation_of(plan, step) {
        Some(confirmation) if !journal.done().contains_key(confirmation) => {
            let mut effect = Effect::new(plan, world, step, &|_| {});
            // A host that cannot be asked is met again, with its error, by the step itself.
            match step::probe(&mut effect, &step.action) {
                Ok(Probe::Done(evidence)) => Some(evidence),
                Ok(Probe::Absent | Probe::Conflict(_)) | Err(_) => None,
            }
        }
        _ => Some(evidence.clone()),
    }
}

fn done_event(
    step: &Step,
    outcome: StepOutcome,
    evidence: String,
    start: Instant,
    seconds: f64,
    account: Account,
) -> Event {
    Event::StepDone {
        step: step.id.clone(),
        outcome,
        evidence,
        at: millis(start),
        seconds,
        account,
    }
}

fn millis(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

enum Message {
    Event(Event),
    Ended {
        step: String,
        result: anyhow::Result<step::Performed>,
        seconds: f64,
        account: Account,
    },
}

/// Runs the steps of one group, each on a thread of its own. The journal is
/// written by this thread only; a step that fails lets the others end.
fn side_by_side(
    plan: &Plan,
    world: &World,
    steps: &[&Step],
    journal: &mut Journal,
    start: Instant,
    emit: &mut dyn FnMut(&Event),
) -> anyhow::Result<Option<(String, anyhow::Error)>> {
    for step in steps {
        journal.append(&Record::Started {
            at: Timestamp::now(),
            step: step.id.clone(),
        })?;
        emit(&Event::StepStarted {
            step: step.id.clone(),
            stage: step.stage,
            title: step.title.clone(),
            at: millis(start),
        });
    }
    let (send, messages) = mpsc::channel();
    let mut failure = None;
    std::thread::scope(|threads| -> anyhow::Result<()> {
        for step in steps {
            let send = send.clone();
            threads.spawn(move || one(plan, world, step, &send));
        }
        drop(send);
        for message in messages {
            match message {
                Message::Event(event) => emit(&event),
                Message::Ended {
                    step: id,
                    result,
                    seconds,
                    account,
                } => {
                    let step = steps
                        .iter()
                        .find(|s| s.id == id)
                        .expect("only these steps run");
                    match result {
                        Ok(step::Performed { outcome, evidence }) => {
                            journal.append(&Record::Done {
                                at: Timestamp::now(),
                                step: id,
                                evidence: evidence.clone(),
                            })?;
                            emit(&done_event(
                                step, outcome, evidence, start, seconds, account,
                            ));
                        }
                        // Nothing failed: it stands where a resumed run takes it up.
                        Err(error) if error.is::<crate::command::Stopped>() => {
                            failure.get_or_insert((id, error));
                        }
                        Err(error) => {
                            let text = format!("{error:#}");
                            journal.append(&Record::Failed {
                                at: Timestamp::now(),
                                step: id.clone(),
                                error: text.clone(),
                            })?;
                            emit(&Event::StepFailed {
                                step: id.clone(),
                                error: text,
                                at: millis(start),
                                seconds,
                                account,
                            });
                            failure.get_or_insert((id, error));
                        }
                    }
                }
            }
        }
        Ok(())
    })?;
    Ok(failure)
}

fn one(plan: &Plan, world: &World, step: &Step, send: &mpsc::Sender<Message>) {
    let began = Instant::now();
    let tell = |event: Event| {
        // The receiver outlives every step; were it gone, nobody would listen.
        let _ = send.send(Message::Event(event));
    };
    let mut effect = Effect::new(plan, world, step, &tell);
    let result = step::perform(&mut effect, &step.action);
    let account = effect.account;
    let _ = send.send(Message::Ended {
        step: step.id.clone(),
        result,
        seconds: began.elapsed().as_secs_f64(),
        account,
    });
}
