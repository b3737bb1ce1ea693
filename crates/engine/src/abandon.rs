//! Giving up a run in progress.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use stagegate_plan::deploy::unconfirmed;
use stagegate_plan::model::{Phase, Plan, RunId, Step};

use crate::context::Context;
use crate::journal::Journal;
use crate::steps::deploy::leases;

/// A run that was given up.
pub struct Abandoned {
    /// Its plan.
    pub plan: Plan,
    /// How many of its steps are done.
    pub done: usize,
    /// Where its journal is kept.
    pub kept: Utf8PathBuf,
    /// What becomes of hosts whose new release nobody has confirmed, to follow a sentence;
    /// empty where there are none.
    pub warning: String,
    /// The hosts that still hold its lease, as `user@host:port`, and why.
    pub unreached: BTreeMap<String, anyhow::Error>,
}

/// Gives up a run: its leases end, its journal is set aside, and what it has done stays.
///
/// # Errors
/// When its journal cannot be read or written. A host that cannot be reached is no error: its
/// lease ends by itself.
pub(crate) fn abandon(context: &Context, id: &RunId) -> anyhow::Result<Abandoned> {
    let (plan, journal) = Journal::resume(&context.state, id, None)?;
    let is_done = |step: &Step| journal.is_done(&step.id);
    let done = plan.steps.iter().filter(|step| is_done(step)).count();
    let warning = unconfirmed::warning(&plan, &is_done);
    let deploys = |step: &Step| {
        step.action.is_part_of_a_deploy() && journal.state().was_started(Phase::Forward, &step.id)
    };
    let unreached = match plan.steps.iter().any(deploys) {
        true => leases::give_up(context, &plan),
        false => BTreeMap::new(),
    };
    let kept = journal.abandon()?;
    Ok(Abandoned {
        plan,
        done,
        kept,
        warning,
        unreached,
    })
}
