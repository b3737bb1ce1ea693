//! A team's own steps, put among ours.

use semver::Version;
use stagegate_config::schema::CustomStep;

use crate::model::{Action, CustomCommand, Step};

/// Puts a team's own step where it belongs; a step whose stage is not in the
/// plan is left out here and reported by the caller.
pub fn place(steps: &mut Vec<Step>, custom: &CustomStep, version: &Version) {
    let fill = |words: &[String]| -> Vec<String> {
        words
            .iter()
            .map(|w| w.replace("{version}", &version.to_string()))
            .collect()
    };
    let run = fill(&custom.run);
    let name = custom.name.clone().unwrap_or_else(|| run.join(" "));
    let at = match (custom.before, custom.after) {
        (Some(stage), _) => steps
            .iter()
            .position(|s| s.stage == stage)
            .map(|i| (i, stage)),
        (_, Some(stage)) => steps
            .iter()
            .rposition(|s| s.stage == stage)
            .map(|i| (i + 1, stage)),
        (None, None) => None,
    };
    let Some((index, stage)) = at else { return };
    let action = Action::CustomCommand(CustomCommand {
        run,
        probe: custom.probe.as_deref().map(fill),
        pass_env: custom.pass_env.clone(),
    });
    let mut step = Step::new(format!("step:{name}"), stage, name, action);
    // Steps that run beside each other stay together.
    step.parallel_with_previous = false;
    steps.insert(index, step);
    // What waits for steps before it also waits for this one.
    if let Some(next) = steps.get_mut(index + 1)
        && next.parallel_with_previous
        && (custom.before.is_some()
            || !next.depends_on.is_empty()
            || !next.after_settled.is_empty())
    {
        next.parallel_with_previous = false;
    }
}
