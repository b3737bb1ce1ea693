//! The crates' way to the registry, dependencies first.

use std::collections::{BTreeMap, BTreeSet};

use super::action::Action;
use super::{Plan, Step};
use crate::facts::Facts;
use crate::{Config, Stage};

/// One step a crate, all beside each other: each needs only the steps of the
/// crates that it depends on itself, so that a slow one holds up nobody else.
pub(super) fn steps(facts: &Facts, config: &Config, levels: &[Vec<String>], plan: &mut Plan) {
    let edges = edges(facts, levels);
    let heights = heights(levels, &edges);
    let mut first = true;
    for level in levels {
        let mut level: Vec<&String> = level.iter().collect();
        // What most others wait for goes first, where there is a choice.
        level.sort_by_key(|name| std::cmp::Reverse(heights[name.as_str()]));
        for name in level {
            let action = Action::Publish {
                package: name.clone(),
            };
            let title = format!(
                "publish {name} {} to {}",
                plan.version_of(name),
                config.registry.name
            );
            let mut step = Step::new(step_of(name), Stage::Publish, title, action);
            step.beside = !first;
            step.needs = edges[name.as_str()].iter().map(|n| step_of(n)).collect();
            plan.steps.push(step);
            first = false;
        }
    }
}

fn step_of(package: &str) -> String {
    format!("publish:{package}")
}

type Edges<'n> = BTreeMap<&'n str, BTreeSet<&'n str>>;

/// What each crate waits for. A development dependency that gave way in a
/// circle stands in a later level, and is not waited for.
fn edges<'n>(facts: &'n Facts, levels: &'n [Vec<String>]) -> Edges<'n> {
    let mut edges = Edges::new();
    let mut earlier: BTreeSet<&str> = BTreeSet::new();
    for level in levels {
        for name in level {
            let package = facts.workspace.package(name);
            let needs = package
                .into_iter()
                .flat_map(|package| &package.internal)
                .filter(|dependency| dependency.is_published())
                .filter_map(|dependency| earlier.get(dependency.name.as_str()).copied());
            edges.insert(name, needs.collect());
        }
        earlier.extend(level.iter().map(String::as_str));
    }
    edges
}

/// How many crates, one after the other, wait for each.
fn heights<'n>(levels: &'n [Vec<String>], edges: &Edges<'n>) -> BTreeMap<&'n str, usize> {
    let mut heights: BTreeMap<&str, usize> = edges.keys().map(|name| (*name, 0)).collect();
    for name in levels.iter().rev().flatten() {
        let above = heights[name.as_str()] + 1;
        for need in &edges[name.as_str()] {
            let height = heights.entry(need).or_default();
            *height = above.max(*height);
        }
    }
    heights
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
