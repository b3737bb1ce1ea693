//! The run of a plan: performs it step by step, and decides nothing.
//!
//! For each step: write down that it begins, ask whether its effect is already there, bring
//! it about if not, ask again where that shows more than the act itself, write down that it
//! is done. Killing the process between any two of these loses nothing and repeats nothing.

use std::collections::BTreeSet;
use std::time::Instant;

use stagegate_config::stage::Stage;
use stagegate_deploy::{DeployError, ServiceStep};
use stagegate_plan::deploy::unconfirmed;
use stagegate_plan::model::{Action, DeployService, Event, Phase, Plan, RunEnd, Step, StepFilter};

use crate::context::Context;
use crate::executor::batch::Environment;
use crate::executor::branch_moved::BranchMoved;
use crate::executor::rate_limit::RateLimits;
use crate::executor::recorder::StepRecorder;
use crate::executor::release_tree;
use crate::executor::schedule::Schedule;
use crate::executor::step::{Dispatch, Probe, StepContext};
use crate::executor::{batch, rollback};
use crate::journal::Journal;
use crate::tools::process::Stopped;

/// How a run ended, with the cause if it was one.
pub struct RunOutcome {
    /// How.
    pub end: RunEnd,
    /// The step it ended at, and why.
    pub failure: Option<(String, anyhow::Error)>,
    /// The hosts whose rollback is not complete, as `user@host:port`.
    pub unrestored: Vec<String>,
    /// More steps failed than the plan tolerates.
    exceeded_failure_budget: bool,
}

impl RunOutcome {
    fn ended(end: RunEnd) -> RunOutcome {
        RunOutcome {
            end,
            failure: None,
            unrestored: Vec::new(),
            exceeded_failure_budget: false,
        }
    }
}

/// Asked before the first step that cannot be undone.
pub type Confirm<'a> = &'a mut dyn FnMut(&Plan, &Step) -> bool;

/// What is wanted of a plan.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// How much of it.
    pub filter: &'a StepFilter,
    /// How whoever reads the last line goes on.
    pub resume: Resume<'a>,
}

/// How a run is gone on with.
#[derive(Clone, Copy, Debug)]
pub enum Resume<'a> {
    /// By this command, `… --resume`.
    Command(&'a str),
    /// By running the failed jobs of the workflow once more, which take up the journal.
    FailedJobs,
}

impl Resume<'_> {
    /// Returns what to do, to stand in a sentence.
    fn words(self) -> String {
        match self {
            Resume::Command(command) => format!("resume with `{command}`"),
            Resume::FailedJobs => "re-run the failed jobs of this workflow run".to_owned(),
        }
    }

    /// Returns how the rest of a plan is run, to stand in a sentence.
    fn rest(self) -> String {
        match self {
            Resume::Command(command) => format!("resume the rest with `{command}`"),
            Resume::FailedJobs => "the next job continues".to_owned(),
        }
    }

    /// Returns how a run that can go no further is begun anew, to stand in a sentence.
    fn begin_again(self) -> &'static str {
        match self {
            Resume::Command(_) => {
                "give this release up (the book says how, under Troubleshooting), pull, and start again"
            }
            Resume::FailedJobs => {
                "re-run all jobs of this workflow run: it begins again from the branch"
            }
        }
    }

    /// Returns how it is begun again, to stand in a sentence.
    fn restart(self) -> String {
        match self {
            Resume::Command(command) => {
                let command = command.trim_end_matches(" --resume");
                format!("start again with `{command}`")
            }
            Resume::FailedJobs => "start the workflow again".to_owned(),
        }
    }
}

/// Runs the plan, as far as the options say.
pub(crate) fn run(
    (plan, dispatch): (&Plan, Dispatch),
    context: &Context,
    journal: Journal,
    RunOptions { filter, resume }: RunOptions<'_>,
    confirm: Confirm<'_>,
    emit: &mut dyn FnMut(&Event),
) -> anyhow::Result<RunOutcome> {
    let start = Instant::now();
    let rate_limits = RateLimits::default();
    let environment = Environment {
        plan,
        context,
        dispatch,
        rate_limits: &rate_limits,
    };
    if makes_a_commit(plan) && !journal.has_begun(plan) {
        release_tree::discard_leftovers(context, plan)?;
    }
    let mut recorder = StepRecorder::new(journal, start, emit);
    let done = |step: &&Step| recorder.journal.is_done(&step.id);
    let done_before = plan.steps.iter().filter(done).count();
    recorder.tell(&Event::RunStarted {
        plan: Box::new(plan.clone()),
        done_before,
    });
    let forward = run_forward(environment, filter, confirm, &mut recorder);
    // However it ended, a workflow's token is not left lying around.
    let given_back = context.give_token_back();
    let mut outcome = forward?;
    if outcome.exceeded_failure_budget {
        rollback::run(environment, &mut outcome, &mut recorder)?;
    }
    let next = next_line((plan, context.command), &outcome, resume, &recorder.journal);
    let next = match given_back {
        Ok(()) => next,
        Err(error) => format!("{next} ({error:#})"),
    };
    let ended = Event::RunEnded {
        end: outcome.end,
        next,
        seconds: start.elapsed().as_secs_f64(),
        unrestored: outcome.unrestored.clone(),
    };
    match outcome.end {
        RunEnd::Completed => {
            release_tree::remove(context, plan);
            release_tree::forget_files(context, plan);
            recorder.complete()?(&ended);
        }
        RunEnd::RolledBack if is_over_once_undone(plan) => recorder.close_rolled_back()?(&ended),
        _ => recorder.tell(&ended),
    }
    Ok(outcome)
}

/// Tells whether nothing of a plan is left once its hosts are back: a release is still public,
/// and its deploy may be repeated.
fn is_over_once_undone(plan: &Plan) -> bool {
    plan.run_id.verb().is_on_environment()
}

/// Returns whether others have pushed to the branch before the release was.
fn is_overtaken(outcome: &RunOutcome) -> bool {
    let failure = outcome.failure.as_ref();
    failure.is_some_and(|(_, error)| error.chain().any(|cause| cause.is::<BranchMoved>()))
}

fn makes_a_commit(plan: &Plan) -> bool {
    let makes = |step: &Step| matches!(step.action, Action::CreateCommitObject(_));
    plan.steps.iter().any(makes)
}

/// Returns the one line that says what to do next.
fn next_line(
    (plan, command): (&Plan, &str),
    outcome: &RunOutcome,
    resume: Resume<'_>,
    journal: &Journal,
) -> String {
    let unconfirmed = || {
        let done = |step: &Step| journal.is_done(&step.id);
        unconfirmed::warning(plan, &done)
    };
    match outcome.end {
        RunEnd::Completed => match &plan.next_step_hint {
            Some(hint) => format!("{} is done; {hint}", plan.title),
            None => format!("{} is done; nothing is left to do", plan.title),
        },
        RunEnd::Paused => format!("this part is done; {}", resume.rest()),
        RunEnd::Interrupted => {
            format!(
                "stopped at a safe point; {}{}",
                resume.words(),
                unconfirmed()
            )
        }
        RunEnd::Declined => {
            format!(
                "nothing was published; {} when you are ready",
                resume.words()
            )
        }
        RunEnd::Failed if left_no_trace(plan, outcome) => format!(
            "nothing was changed; fix the errors above and commit, then {}",
            resume.restart()
        ),
        RunEnd::Failed if is_overtaken(outcome) => format!(
            "nothing is published, and the branch has moved on; {}",
            resume.begin_again()
        ),
        RunEnd::Failed => {
            format!(
                "fix the errors above, then {}{}",
                resume.words(),
                unconfirmed()
            )
        }
        RunEnd::RolledBack if is_over_once_undone(plan) => format!(
            "traffic is back on the previous release; find out why, then {}",
            resume.restart()
        ),
        RunEnd::RolledBack => format!(
            "traffic is back on the previous release; find out why, then {}, or yank and release a fix",
            resume.words()
        ),
        RunEnd::RollbackIncomplete => format!(
            "rollback incomplete: {} may not run the previous release; fix the errors above, then roll back the rest with `{}`",
            outcome.unrestored.join(", "),
            rollback_command(plan, command)
        ),
    }
}

/// Returns the command that takes the hosts of the plan back to the previous release.
fn rollback_command(plan: &Plan, command: &str) -> String {
    match &plan.environment {
        Some(environment) => format!("{command} rollback both --env {environment}"),
        None => format!("{command} rollback both"),
    }
}

/// Whether it ended in a gate or in what is prepared apart.
fn left_no_trace(plan: &Plan, outcome: &RunOutcome) -> bool {
    let Some((failed, _)) = &outcome.failure else {
        return false;
    };
    plan.steps
        .iter()
        .any(|step| step.id == *failed && step.stage < Stage::Commit)
}

fn run_forward(
    environment: Environment<'_>,
    filter: &StepFilter,
    confirm: Confirm<'_>,
    recorder: &mut StepRecorder<'_>,
) -> anyhow::Result<RunOutcome> {
    let Environment { plan, context, .. } = environment;
    let mut left = false;
    for batch in plan.batches() {
        let (wanted, others): (Vec<&Step>, Vec<&Step>) =
            batch.iter().partition(|step| filter.has(step));
        left |= others.iter().any(|s| !recorder.journal.is_done(&s.id));
        // A step that is not wanted is as good as done for those of its batch.
        let mut done: BTreeSet<&str> = others.iter().map(|step| step.id.as_str()).collect();
        for step in wanted {
            if let Some(evidence) = settled(environment, step, &recorder.journal) {
                recorder.done_before(step, evidence);
                done.insert(step.id.as_str());
            }
        }
        let mut schedule = Schedule::new(batch, done);
        if schedule.waiting().is_empty() {
            continue;
        }
        if context.interrupt.asked() {
            return Ok(RunOutcome::ended(RunEnd::Interrupted));
        }
        let state = recorder.journal.state();
        let point_of_no_return = schedule
            .waiting()
            .iter()
            .find(|s| s.irreversible && !state.was_started(Phase::Forward, &s.id));
        if let Some(step) = point_of_no_return
            && !confirm(plan, step)
        {
            return Ok(RunOutcome::ended(RunEnd::Declined));
        }
        let failure = batch::run(environment, Phase::Forward, &mut schedule, recorder)?;
        if let Some((step, error)) = failure {
            let end = if error.is::<Stopped>() {
                RunEnd::Interrupted
            } else if went_back(&error) {
                RunEnd::RolledBack
            } else {
                RunEnd::Failed
            };
            return Ok(RunOutcome {
                exceeded_failure_budget: end != RunEnd::Interrupted
                    && !schedule.within_failure_budget(),
                failure: Some((step, error)),
                ..RunOutcome::ended(end)
            });
        }
        if !schedule.waiting().is_empty() {
            return Ok(RunOutcome::ended(RunEnd::Interrupted));
        }
    }
    Ok(RunOutcome::ended(match left {
        true => RunEnd::Paused,
        false => RunEnd::Completed,
    }))
}

/// Returns what shows that a step of an earlier run needs nothing more. The journal's word
/// is enough, but for a host that may have gone back by itself while nobody was there, or
/// was rolled back: then the host is asked again.
fn settled(
    Environment {
        plan,
        context,
        dispatch,
        rate_limits,
    }: Environment<'_>,
    step: &Step,
    journal: &Journal,
) -> Option<String> {
    let state = journal.state();
    let evidence = state.evidence(Phase::Forward, &step.id)?;
    let unconfirmed =
        confirmation_of(plan, step).is_some_and(|confirmation| !journal.is_done(confirmation));
    let undone = || {
        rollback::undo_of(plan, step).is_some_and(|undo| state.was_started(Phase::Undo, &undo.id))
    };
    if !unconfirmed && !undone() {
        return Some(evidence.to_owned());
    }
    let mut ctx = StepContext::new((plan, context), rate_limits, step, &|_| {});
    // A host that cannot be asked is met again, with its error, by the step itself.
    match dispatch(&step.action).probe(&mut ctx) {
        Ok(Probe::Done(evidence)) => Some(evidence),
        Ok(Probe::Absent | Probe::Conflict(_)) | Err(_) => None,
    }
}

/// Returns the step that confirms a service on its host, for one of the steps before it.
fn confirmation_of<'p>(plan: &'p Plan, step: &Step) -> Option<&'p str> {
    let Action::DeployService(DeployService {
        part,
        step: kind,
        placement,
    }) = &step.action
    else {
        return None;
    };
    if *kind == ServiceStep::Confirm {
        return None;
    }
    let confirms = |other: &&Step| {
        matches!(
            &other.action,
            Action::DeployService(DeployService { part: of, step: ServiceStep::Confirm, placement: there })
                if of == part && plan.is_one_host(*there, *placement)
        )
    };
    let found = plan.steps.iter().find(confirms);
    found.map(|step| step.id.as_str())
}

/// Whether a failed deploy left its host on the previous release.
fn went_back(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| matches!(cause.downcast_ref(), Some(DeployError::RolledBack { .. })))
}
