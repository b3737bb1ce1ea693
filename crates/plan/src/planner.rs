//! The plan: everything that will happen, as data.
//!
//! Made by a pure function from facts and request, or not at all: then it is
//! every blocker at once. It can be printed, saved, compared and resumed, and
//! it holds no closure and no secret. The run obeys it and decides nothing.

use stagegate_config::schema::Config;
use stagegate_config::stage::Stage;

use crate::deploy::{frontend_migration, host_files, rollback};
use crate::facts::Facts;
use crate::model::{Blocker, Blockers, Plan, Verb};
use crate::request::Request;
use crate::{check, custom_step, deploy, hotfix, pull_request, release, yank};

/// What became of a request: a plan, or problems, or a plan and what keeps it from being run.
#[derive(Debug)]
pub struct Draft {
    /// What would happen; absent where the problems leave too little to say.
    pub plan: Option<Plan>,
    /// Every problem that was found.
    pub blockers: Vec<Blocker>,
}

impl Draft {
    /// Returns the plan, which may be run.
    ///
    /// # Errors
    ///
    /// Every problem at once, if there is one.
    pub fn into_plan(self) -> Result<Plan, Blockers> {
        match self.plan {
            Some(plan) if self.blockers.is_empty() => Ok(plan),
            _ => Err(Blockers(self.blockers)),
        }
    }
}

/// Turns facts and request into a plan, or into **every** blocker at once.
/// Pure: reads nothing, and gives the same answer for the same input.
pub fn plan(facts: &Facts, config: &Config, request: &Request) -> Result<Plan, Blockers> {
    draft(facts, config, request).into_plan()
}

/// Turns facts and request into a plan as far as it can be made, and every blocker: for
/// people who want to see both.
pub fn draft(facts: &Facts, config: &Config, request: &Request) -> Draft {
    let mut blockers = Vec::new();
    let mut plan = match request {
        Request::Release(wanted) => release::plan(facts, config, wanted, &mut blockers),
        Request::Deploy(wanted) => deploy::plan(facts, config, wanted, &mut blockers),
        Request::Rollback(wanted) => rollback::plan(facts, config, wanted, &mut blockers),
        Request::Yank(wanted) => yank::plan(facts, config, wanted, &mut blockers),
        Request::Hotfix(wanted) => hotfix::plan(facts, config, wanted, &mut blockers),
        Request::Prepare(wanted) => pull_request::plan(facts, config, wanted, &mut blockers),
        Request::Check(wanted) => check::plan(facts, config, wanted, &mut blockers),
    };
    if let Some(plan) = &mut plan {
        if let Some((stage, step)) = unplaced(plan, config).filter(|_| !is_partial(request)) {
            blockers.push(Blocker::new(
                format!(
                    "the step `{step}` is placed at the stage {stage}, which is not part of this run"
                ),
                "place it at another stage in stagegate.toml, or leave it out",
            ));
        }
        plan.host_files = host_files::of(facts, plan);
        frontend_migration::add_steps(facts, plan);
    }
    Draft { plan, blockers }
}

/// Returns whether a release is only of what is missing: stages that are done are no part of it.
fn is_partial(request: &Request) -> bool {
    matches!(request, Request::Release(wanted) if wanted.unpublished)
}

fn unplaced(plan: &Plan, config: &Config) -> Option<(Stage, String)> {
    if plan.run_id.verb() != Verb::Release {
        return None;
    }
    custom_step::unplaced(&plan.steps, &config.steps).next()
}
