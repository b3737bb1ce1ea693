//! Who may write: asked again by whoever obeys a plan that others made.

use stagegate_config::schema::Config;

use crate::facts::Facts;
use crate::model::{Action, Blockers, Plan, Publish};
use crate::preflight::{checks, token};

/// Checks whether the registry and GitHub will take what the plan is to bring them.
///
/// # Errors
/// Every reason why not, at once; nothing was changed.
pub fn access(facts: &Facts, config: &Config, plan: &Plan) -> Result<(), Blockers> {
    let checks = checks::of(facts, config).into_iter();
    let mut blockers: Vec<_> = checks
        .filter(|check| checks::is_access(facts, check))
        .filter_map(|check| check.outcome.err())
        .collect();
    let published = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Publish(Publish { package, .. }) => Some(package.clone()),
        _ => None,
    });
    token::token(facts, &[published.collect()], &mut blockers);
    match blockers.is_empty() {
        true => Ok(()),
        false => Err(Blockers(blockers)),
    }
}
