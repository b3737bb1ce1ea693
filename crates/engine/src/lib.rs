//! The engine: everything that acts.
//!
//! - [`survey`] asks every source and returns facts; it writes nothing.
//! - [`executor`] performs a plan step by step, with a [`journal`] that survives
//!   any kill and a stream of events for whoever shows them.
//! - [`steps`] has one type per step, in the folder of what it touches.
//! - [`tools`] runs other programs.
//!
//! Plan, rehearsal and real run share this one path. There is no mode in here:
//! which registry, GitHub and host are meant is said by the [`context`].
//!
//! Layers, lowest first: `interrupt` < `parallel` < `timing` < `tools` < `connections` < `deploy_jobs` <
//! `context` < `journal` < `survey` < `executor` < `steps` < `abandon` < `run_bundle`.

mod abandon;
pub mod connections;
pub mod context;
mod deploy_jobs;
pub mod executor;
pub mod interrupt;
pub mod journal;
pub mod parallel;
pub mod run_bundle;
pub mod steps;
pub mod survey;
mod timing;
pub mod tools;

pub use abandon::Abandoned;

use stagegate_plan::model::{Event, Plan, RunId};

use crate::context::Context;
use crate::executor::{Confirm, RunOptions, RunOutcome};
use crate::journal::Journal;

/// Runs a plan, as far as the options say; `confirm` is asked before the first step that
/// cannot be undone, and `emit` is told every event.
///
/// # Errors
/// When the journal cannot be written. A step that fails is an outcome, not an error.
pub fn run(
    plan: &Plan,
    context: &Context,
    journal: Journal,
    options: RunOptions<'_>,
    confirm: Confirm<'_>,
    emit: &mut dyn FnMut(&Event),
) -> anyhow::Result<RunOutcome> {
    let planned = (plan, steps::step_type as executor::step::Dispatch);
    executor::run::run(planned, context, journal, options, confirm, emit)
}

/// Gives up a run in progress: its leases end, its journal is set aside, and what it has done
/// stays.
///
/// # Errors
/// When its journal cannot be read or written. A host that cannot be reached is no error: its
/// lease ends by itself.
pub fn abandon(context: &Context, id: &RunId) -> anyhow::Result<Abandoned> {
    abandon::abandon(context, id)
}
