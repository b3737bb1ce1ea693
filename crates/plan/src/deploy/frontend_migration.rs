//! What the frontend was before, where it changes its form: a service that a bundle
//! replaces, or a bundle that a service replaces.
//!
//! A service of before is stopped when every host has the bundle and nothing can go back any
//! more, by steps of their own, so that whoever is asked has read it. A bundle of before is
//! only files, and who serves them is not ours to know: they stay, and the plan says so.

use stagegate_config::stage::Stage;
use stagegate_deploy::{FrontendStep, HostFacts, Part, ServiceStep, Target};

use crate::facts::Facts;
use crate::model::{Action, DeployBundle, DeployService, Plan, Step};

/// Adds the steps that end services, and says which bundles stay.
pub fn add_steps(facts: &Facts, plan: &mut Plan) {
    let steps = plan.steps.iter();
    let ended: Vec<Step> = steps
        .filter_map(|step| decommission(facts, plan, step))
        .collect();
    let notes: Vec<String> = plan
        .steps
        .iter()
        .filter_map(|step| stays(facts, plan, step))
        .collect();
    plan.notes.extend(notes);
    let flips = |step: &Step| matches!(step.action, Action::DeployBundle(_));
    let Some(last) = plan.steps.iter().rposition(flips) else {
        return;
    };
    let count = ended.len();
    let ended = ended.into_iter().enumerate().map(|(at, step)| Step {
        parallel_with_previous: at > 0,
        max_failures: count,
        ..step
    });
    plan.steps.splice(last + 1..last + 1, ended);
}

fn found<'a>(facts: &'a Facts, target: &Target) -> Option<&'a HostFacts> {
    let survey = facts.hosts.iter().find(|host| host.target == *target)?;
    survey.found.as_ref().ok()
}

/// Returns the step that ends the service on the host that this one gives a bundle.
fn decommission(facts: &Facts, plan: &Plan, step: &Step) -> Option<Step> {
    let Action::DeployBundle(DeployBundle {
        step: FrontendStep::Flip,
        placement,
    }) = &step.action
    else {
        return None;
    };
    let target = &plan.placement(*placement).ok()?.target;
    let was = found(facts, target)?.running_frontend.as_ref()?;
    let label = step.id.rsplit_once('@').map_or("", |(_, label)| label);
    let title = format!(
        "stop the frontend's service {} for good on {target}",
        was.release
    );
    let action = Action::DeployBundle(DeployBundle {
        step: FrontendStep::Decommission,
        placement: *placement,
    });
    let id = format!("frontend.decommission@{label}");
    Some(Step::new(id, Stage::DeployFrontend, title, action))
}

/// Says what becomes of a host whose bundle a service replaces.
fn stays(facts: &Facts, plan: &Plan, step: &Step) -> Option<String> {
    let Action::DeployService(DeployService {
        part: Part::Frontend,
        step: ServiceStep::Confirm,
        placement,
    }) = &step.action
    else {
        return None;
    };
    let target = &plan.placement(*placement).ok()?.target;
    let files = found(facts, target)?.previous_bundle.as_deref()?;
    Some(format!(
        "{target}: the frontend was a bundle, and its files stay; when nothing serves them any more, `rm -r {files}/current {files}/served`"
    ))
}
