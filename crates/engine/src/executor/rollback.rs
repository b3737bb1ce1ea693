//! The rollback: a deploy failed, so every host that this run has begun with is to run what
//! it ran before, with both its parts.
//!
//! It is part of the plan, and what it did is written down like any step. Whether there is
//! one is decided by what this run has begun, on one host as on many: nobody is left with a
//! backend of one release and a frontend of another. A run that is resumed afterwards asks
//! each of these hosts again, whatever the journal says.

use std::collections::BTreeSet;

use stagegate_deploy::{Direction, FrontendStep, ServiceStep};
use stagegate_plan::model::{
    Action, DeployBundle, DeployService, MigrateData, Phase, Plan, RollBackHost, RunEnd, Step,
};

use crate::executor::batch;
use crate::executor::batch::Environment;
use crate::executor::recorder::StepRecorder;
use crate::executor::run::RunOutcome;
use crate::executor::schedule::Schedule;

/// Returns the step that undoes a step, if the plan has one.
pub(crate) fn undo_of<'p>(plan: &'p Plan, step: &Step) -> Option<&'p Step> {
    let undoes = |back: &&Step| match (&step.action, &back.action) {
        (
            Action::DeployService(DeployService { placement, .. })
            | Action::DeployBundle(DeployBundle { placement, .. }),
            Action::RollBackHost(RollBackHost { placement: there }),
        ) => plan.is_one_host(*there, *placement),
        (
            Action::MigrateData(MigrateData {
                direction: Direction::Forward,
                ..
            }),
            Action::MigrateData(_),
        ) => true,
        _ => false,
    };
    plan.rollback_steps.iter().find(undoes)
}

/// Whether users meet something else once this step is begun, or once it is done.
fn reaches_users(step: &Step, recorder: &StepRecorder<'_>) -> bool {
    let state = recorder.journal.state();
    match &step.action {
        Action::DeployBundle(DeployBundle {
            step: FrontendStep::Flip,
            ..
        }) => state.was_started(Phase::Forward, &step.id),
        // A service that is switched to and not confirmed goes back by itself.
        Action::DeployService(DeployService {
            step: ServiceStep::Confirm,
            ..
        }) => state.evidence(Phase::Forward, &step.id).is_some(),
        _ => false,
    }
}

/// Returns the undo steps that what was begun asks for.
fn begun(plan: &Plan, recorder: &StepRecorder<'_>) -> Vec<Step> {
    let state = recorder.journal.state();
    let begun: BTreeSet<&str> = plan
        .steps
        .iter()
        .filter(|step| state.was_started(Phase::Forward, &step.id))
        .filter_map(|step| Some(undo_of(plan, step)?.id.as_str()))
        .collect();
    let undone = plan.rollback_steps.iter();
    undone
        .filter(|step| begun.contains(step.id.as_str()))
        .cloned()
        .collect()
}

/// Undoes what this run has begun on hosts, where the failure asks for it.
pub(crate) fn run(
    environment: Environment<'_>,
    outcome: &mut RunOutcome,
    recorder: &mut StepRecorder<'_>,
) -> anyhow::Result<()> {
    let plan = environment.plan;
    let Some((id, error)) = &outcome.failure else {
        return Ok(());
    };
    let failed = plan.steps.iter().find(|step| step.id == *id);
    if !failed.is_some_and(|step| step.action.is_part_of_a_deploy()) {
        return Ok(());
    }
    let steps = begun(plan, recorder);
    let hosts = plan
        .rollback_steps
        .iter()
        .filter(|step| matches!(step.action, Action::RollBackHost(_)));
    // A host alone whose users never met the new release was left as it was by the step
    // that failed.
    let alone = hosts.count() < 2;
    let reached = plan.steps.iter().any(|step| reaches_users(step, recorder));
    if steps.is_empty() || (alone && !reached) {
        return Ok(());
    }
    let cause = format!("{id} failed: {error:#}");
    recorder.rollback(steps.len(), &cause)?;
    let mut schedule = Schedule::new(&steps, BTreeSet::new());
    let failure = batch::run(environment, Phase::Undo, &mut schedule, recorder)?;
    let state = recorder.journal.state();
    let left: Vec<&Step> = steps
        .iter()
        .filter(|step| state.evidence(Phase::Undo, &step.id).is_none())
        .collect();
    if left.is_empty() {
        outcome.end = RunEnd::RolledBack;
        return Ok(());
    }
    outcome.end = RunEnd::RollbackIncomplete;
    outcome.unrestored = left.iter().filter_map(|step| host_of(plan, step)).collect();
    outcome.unrestored.dedup();
    if let Some((step, error)) = failure {
        let text = format!("{cause}, and not every host could be brought back");
        outcome.failure = Some((step, error.context(text)));
    }
    Ok(())
}

fn host_of(plan: &Plan, step: &Step) -> Option<String> {
    let (Action::RollBackHost(RollBackHost { placement })
    | Action::MigrateData(MigrateData { placement, .. })) = &step.action
    else {
        return None;
    };
    let there = plan.placement(*placement).ok()?;
    Some(there.target.to_string())
}
