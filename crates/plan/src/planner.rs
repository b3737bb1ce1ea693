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
use crate::{check, deploy, hotfix, pull_request, release, yank};

/// Turns facts and request into a plan, or into **every** blocker at once.
/// Pure: reads nothing, and gives the same answer for the same input.
pub fn plan(facts: &Facts, config: &Config, request: &Request) -> Result<Plan, Blockers> {
    let mut blockers = Vec::new();
    let plan = match request {
        Request::Release(wanted) => release::plan(facts, config, wanted, &mut blockers),
        Request::Deploy(wanted) => deploy::plan(facts, config, wanted, &mut blockers),
        Request::Rollback(wanted) => rollback::plan(facts, config, wanted, &mut blockers),
        Request::Yank(wanted) => yank::plan(facts, config, wanted, &mut blockers),
        Request::Hotfix(wanted) => hotfix::plan(facts, config, wanted, &mut blockers),
        Request::Prepare(wanted) => pull_request::plan(facts, config, wanted, &mut blockers),
        Request::Check(wanted) => check::plan(facts, config, wanted, &mut blockers),
    };
    match plan {
        Some(mut plan) if blockers.is_empty() => {
            if let Some((stage, step)) = unplaced(&plan, config) {
                return Err(Blockers(vec![Blocker::new(
                    format!(
                        "the step `{step}` is placed at the stage {stage}, which is not part of this run"
                    ),
                    "place it at another stage in stagegate.toml, or leave it out",
                )]));
            }
            plan.host_files = host_files::of(facts, &plan.steps);
            frontend_migration::settle(facts, &mut plan);
            Ok(plan)
        }
        _ => Err(Blockers(blockers)),
    }
}

fn unplaced(plan: &Plan, config: &Config) -> Option<(Stage, String)> {
    if plan.run_id.verb() != Verb::Release {
        return None;
    }
    let placed = |step: &&stagegate_config::schema::CustomStep| {
        let stage = step
            .after
            .or(step.before)
            .expect("checked when the configuration was read");
        !plan.steps.iter().any(|s| s.stage == stage)
    };
    let step = config.steps.iter().find(placed)?;
    Some((step.after.or(step.before)?, step.run.join(" ")))
}
