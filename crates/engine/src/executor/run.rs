//! The run: obeys a plan, step by step, and decides nothing.
//!
//! For each step: write down that it begins, ask the world whether it is
//! already there, do it if not, ask again where that shows more than the act
//! itself, write down that it is done. Killing the process between any two of
//! these loses nothing and repeats nothing.

use std::collections::BTreeSet;
use std::time::Instant;

use stagegate_plan::deploy::unconfirmed;
use stagegate_plan::model::{Event, Plan, RunEnd, Step, StepFilter, StepOutcome, TimeBreakdown};

use crate::context::Context;
use crate::executor::schedule::Schedule;
use crate::executor::step::{Probe, StepContext};
use crate::executor::{batch, rollback, step};
use crate::journal::Journal;
use crate::release_tree;
use crate::steps::deploy::deploy;

/// How a run ended, with the cause if it was one.
pub struct RunOutcome {
    /// How.
    pub end: RunEnd,
    /// The step it ended at, and why.
    pub failure: Option<(String, anyhow::Error)>,
    /// It failed at more than is borne: what other hosts run is in question.
    exceeded_failure_budget: bool,
}

/// Asked before the first step that cannot be taken back.
pub type Confirm<'a> = &'a mut dyn FnMut(&Plan, &Step) -> bool;

/// What somebody wants of a plan.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// How much of it.
    pub portion: &'a StepFilter,
    /// The command that goes on with it, for the last line.
    pub resume: &'a str,
}

/// Obeys the plan, as far as is wished.
pub fn run(
    plan: &Plan,
    context: &Context,
    mut journal: Journal,
    RunOptions { portion, resume }: RunOptions<'_>,
    confirm: Confirm<'_>,
    emit: &mut dyn FnMut(&Event),
) -> anyhow::Result<RunOutcome> {
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
    let passed = pass((plan, portion), context, &mut journal, start, confirm, emit);
    // However it ended, a workflow's token is not left lying around.
    let given_back = context.give_token_back();
    let mut ended = passed?;
    if ended.exceeded_failure_budget {
        rollback::go(plan, context, &mut ended, &mut journal, start, emit)?;
    }
    let next = match &ended.end {
        RunEnd::Completed => {
            release_tree::remove(context, plan);
            journal.complete()?;
            match &plan.next_step_hint {
                Some(then) => format!("{} is done; {then}", plan.title),
                None => format!("{} is done; nothing is left to do", plan.title),
            }
        }
        RunEnd::Paused => format!("this part is done; the rest goes on with `{resume}`"),
        RunEnd::Interrupted => {
            let led = unconfirmed::word(plan, journal.done());
            format!("stopped at a safe point; go on with `{resume}`{led}")
        }
        RunEnd::Declined => {
            format!("nothing was published; go on with `{resume}` when you are ready")
        }
        RunEnd::Failed if left_no_trace(plan, &ended) => format!(
            "nothing was changed; mend what is said above and commit it, then begin again with `{}`",
            resume.trim_end_matches(" --resume")
        ),
        RunEnd::Failed => {
            let led = unconfirmed::word(plan, journal.done());
            format!("mend what is said above, then go on with `{resume}`{led}")
        }
        RunEnd::RolledBack => {
            format!(
                "users are back on the release before; find out why, then go on with `{resume}`, or yank and release a fix"
            )
        }
    };
    let next = match given_back {
        Ok(()) => next,
        Err(error) => format!("{next} ({error:#})"),
    };
    emit(&Event::RunEnded {
        end: ended.end,
        next,
        seconds: start.elapsed().as_secs_f64(),
    });
    Ok(ended)
}

/// Whether it ended in a gate or in what is prepared apart.
fn left_no_trace(plan: &Plan, ended: &RunOutcome) -> bool {
    let Some((failed, _)) = &ended.failure else {
        return false;
    };
    plan.steps
        .iter()
        .any(|step| step.id == *failed && step.stage < stagegate_config::stage::Stage::Commit)
}

fn pass(
    (plan, portion): (&Plan, &StepFilter),
    context: &Context,
    journal: &mut Journal,
    start: Instant,
    confirm: Confirm<'_>,
    emit: &mut dyn FnMut(&Event),
) -> anyhow::Result<RunOutcome> {
    let mut left = false;
    let ended = |end| {
        Ok(RunOutcome {
            end,
            failure: None,
            exceeded_failure_budget: false,
        })
    };
    for group in plan.groups() {
        let mut done = BTreeSet::new();
        let (wanted, others): (Vec<&Step>, Vec<&Step>) =
            group.iter().partition(|step| portion.has(step));
        left |= others.iter().any(|s| !journal.done().contains_key(&s.id));
        // A step that is not wished for is as good as done for those of its group.
        done.extend(others.iter().map(|step| step.id.as_str()));
        for step in wanted {
            if let Some(evidence) = settled(plan, context, step, journal) {
                emit(&batch::done_event(
                    step,
                    StepOutcome::Before,
                    evidence,
                    start,
                    0.0,
                    TimeBreakdown::default(),
                ));
                done.insert(step.id.as_str());
            }
        }
        let mut schedule = Schedule::new(group, done);
        if schedule.waiting().is_empty() {
            continue;
        }
        if context.interrupt.asked() {
            return ended(RunEnd::Interrupted);
        }
        let line = schedule
            .waiting()
            .iter()
            .find(|s| s.irreversible && !journal.was_started(&s.id));
        if let Some(step) = line
            && !confirm(plan, step)
        {
            return ended(RunEnd::Declined);
        }
        let failure = batch::pass(plan, context, &mut schedule, journal, start, emit)?;
        if let Some((step, error)) = failure {
            let end = if error.is::<crate::tools::process::Stopped>() {
                RunEnd::Interrupted
            } else if deploy::went_back(&error) {
                RunEnd::RolledBack
            } else {
                RunEnd::Failed
            };
            return Ok(RunOutcome {
                exceeded_failure_budget: end != RunEnd::Interrupted
                    && !schedule.within_failure_budget(),
                end,
                failure: Some((step, error)),
            });
        }
        if !schedule.waiting().is_empty() {
            return ended(RunEnd::Interrupted);
        }
    }
    ended(if left {
        RunEnd::Paused
    } else {
        RunEnd::Completed
    })
}

/// What shows that a step of an earlier run needs nothing more. The journal's
/// word is enough, but for a host that may have gone back by itself while
/// nobody was there, or was brought back: then the host is asked again.
fn settled(plan: &Plan, context: &Context, step: &Step, journal: &Journal) -> Option<String> {
    let evidence = journal.done().get(&step.id)?;
    let unconfirmed = deploy::confirmation_of(plan, step)
        .is_some_and(|confirmation| !journal.done().contains_key(confirmation));
    let taken_back = || rollback::of(plan, step).is_some_and(|back| journal.was_started(&back.id));
    if !unconfirmed && !taken_back() {
        return Some(evidence.clone());
    }
    let mut ctx = StepContext::new(plan, context, step, &|_| {});
    // A host that cannot be asked is met again, with its error, by the step itself.
    match step::probe(&mut ctx, &step.action) {
        Ok(Probe::Done(evidence)) => Some(evidence),
        Ok(Probe::Absent | Probe::Conflict(_)) | Err(_) => None,
    }
}
