//! The plan of the gates alone: what a pull request has to pass.

use stagegate_config::schema::{Config, Level};
use stagegate_config::stage::Stage;

use crate::facts::Facts;
use crate::gates;
use crate::model::{Blocker, Plan, RunId, Step, Verb};
use crate::request::CheckRequest;

/// Returns the gates that are on, in their order. `semver` is not among them: what a change may do
/// depends on the version, which only a release knows.
pub fn gates_that_are_on(config: &Config, states_a_rust_version: bool) -> Vec<Stage> {
    let levels = config.gates.levels().into_iter();
    let on = levels
        .filter(|(stage, level)| *level != Level::Off && *stage != Stage::Semver)
        .map(|(stage, _)| stage);
    on.filter(|stage| *stage != Stage::Msrv || states_a_rust_version)
        .collect()
}

pub(crate) fn plan(
    facts: &Facts,
    config: &Config,
    wanted: &CheckRequest,
    blockers: &mut Vec<Blocker>,
) -> Option<Plan> {
    let tools = facts.tools.iter().map(|tool| &tool.version);
    blockers.extend(tools.filter_map(|version| version.clone().err()));
    let version = facts
        .main_group(config)
        .map(|group| group.version.clone())
        .or_else(|| Some(facts.workspace.packages.first()?.version.clone()))?;
    let mut notes = Vec::new();
    let packages: Vec<&str> = match wanted.selection.is_whole() {
        true => Vec::new(),
        false => {
            blockers.extend(facts.groups.clone().err());
            let all = facts.workspace.packages.iter().map(|p| p.name.as_str());
            all.filter(|name| wanted.selection.means(name)).collect()
        }
    };
    let all = gates::steps(facts, config, &[], &packages, &mut notes);
    for gate in &wanted.gates {
        if !all.iter().any(|step| step.stage == *gate) {
            let on: Vec<&str> = all.iter().map(|step| step.id.as_str()).collect();
            blockers.push(Blocker::new(
                format!("{gate} is no gate that is on here"),
                format!(
                    "name one of {}, or turn it on in stagegate.toml",
                    on.join(", ")
                ),
            ));
        }
    }
    let advisories = facts
        .advisories
        .iter()
        .filter_map(|found| found.clone().err());
    if wanted.gates.is_empty() || wanted.gates.contains(&Stage::Audit) {
        blockers.extend(advisories);
    }
    let plan = Plan {
        cli_args: wanted
            .gates
            .iter()
            .map(|gate| gate.name())
            .collect::<Vec<_>>()
            .join(" "),
        title: "check".to_owned(),
        notes,
        steps: all,
        ..Plan::new(RunId::new(Verb::Check, ""), version, facts.at)
    };
    let left_out = |step: &&Step| !wanted.gates.is_empty() && !wanted.gates.contains(&step.stage);
    let mut without: Vec<Stage> = plan
        .steps
        .iter()
        .filter(left_out)
        .map(|s| s.stage)
        .collect();
    without.dedup();
    let mut plan = plan.without(&without);
    plan.notes.clear();
    Some(plan)
}
