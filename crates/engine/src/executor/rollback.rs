//! The way back: a backend failed on one host, so that the others, too, are to run
//! what they ran before.
//!
//! It is part of the plan, and what it did is written down like any step. A run
//! that is gone on with asks each of these hosts again, whatever the journal says.

use std::collections::BTreeSet;
use std::time::Instant;

use stagegate_deploy::Direction;
use stagegate_plan::model::{Action, Event, Plan, RunEnd, Step};

use crate::context::Context;
use crate::executor::schedule::Schedule;
use crate::executor::{RunOutcome, batch};
use crate::journal::Journal;

/// The step that brings back the host of a step, if the plan has one.
pub(crate) fn of<'a>(plan: &'a Plan, step: &Step) -> Option<&'a Step> {
    let undoes = |back: &&Step| match (&step.action, &back.action) {
        (
            Action::Service { place, .. } | Action::Frontend { place, .. },
            Action::Rollback { place: there },
        ) => there.target == place.target,
        (
            Action::Migrate {
                direction: Direction::Forward,
                ..
            },
            Action::Migrate { .. },
        ) => true,
        _ => false,
    };
    plan.rollback_steps.iter().find(undoes)
}

/// Goes it, where a failed backend asks for it: on every host that this run has
/// begun with. One host alone is left as its own deploy left it.
pub(crate) fn go(
    plan: &Plan,
    context: &Context,
    ended: &mut RunOutcome,
    journal: &mut Journal,
    start: Instant,
    emit: &mut dyn FnMut(&Event),
) -> anyhow::Result<()> {
    let failed = ended.failure.as_ref().and_then(|(id, _)| {
        let step = plan.steps.iter().find(|step| step.id == *id)?;
        let ours = matches!(step.action, Action::Service { .. } | Action::Migrate { .. });
        ours.then_some(step)
    });
    if failed.is_none() || plan.rollback_steps.len() < 2 {
        return Ok(());
    }
    let begun: Vec<Step> = plan
        .rollback_steps
        .iter()
        .filter(|back| {
            plan.steps.iter().any(|step| {
                journal.was_started(&step.id) && of(plan, step).is_some_and(|b| b.id == back.id)
            })
        })
        .cloned()
        .collect();
    let mut schedule = Schedule::new(&begun, BTreeSet::new());
    let failure = batch::pass(plan, context, &mut schedule, journal, start, emit)?;
    if failure.is_none() && schedule.waiting().is_empty() {
        ended.end = RunEnd::RolledBack;
        return Ok(());
    }
    // What could not be brought back is the more urgent thing to hear.
    ended.end = RunEnd::Failed;
    if let Some((step, error)) = failure {
        let cause = ended
            .failure
            .take()
            .map(|(id, error)| format!("{id} failed ({error:#}), and "));
        let cause = cause.unwrap_or_default();
        ended.failure = Some((
            step,
            error.context(format!("{cause}not every host could be brought back")),
        ));
    }
    Ok(())
}
