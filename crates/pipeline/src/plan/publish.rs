//! The crates' way to the registry, dependencies first.

use super::action::Action;
use super::{Plan, Step};
use crate::facts::Facts;
use crate::{Config, Stage};

/// One step a crate; those of a level stand beside each other.
pub(super) fn steps(config: &Config, levels: &[Vec<String>], plan: &mut Plan) {
    for level in levels {
        for (index, name) in level.iter().enumerate() {
            let action = Action::Publish {
                package: name.clone(),
            };
            let title = format!(
                "publish {name} {} to {}",
                plan.version_of(name),
                config.registry.name
            );
            let step = Step::new(format!("publish:{name}"), Stage::Publish, title, action);
            plan.steps
                .push(if index == 0 { step } else { step.beside() });
        }
    }
}

/// What is worth knowing of it before saying yes.
pub(super) fn notes(facts: &Facts, plan: &mut Plan) {
    let Some(Ok(registry)) = &facts.registry else {
        return;
    };
    let new: Vec<_> = registry
        .versions
        .iter()
        .filter(|(_, v)| v.is_empty())
        .map(|(n, _)| n.as_str())
        .collect();
    if !new.is_empty() {
        plan.notes
            .push(format!("new on {}: {}", registry.name, new.join(", ")));
    }
    // crates.io takes 5 new crates at once, then one in 10 minutes.
    if registry.name == "crates-io" && new.len() > 5 {
        let minutes = (new.len() - 5) * 10;
        plan.notes.push(format!(
            "crates.io takes 5 new crates at once, then 1 in 10 minutes: expect {minutes} minutes of waiting"
        ));
    }
}
