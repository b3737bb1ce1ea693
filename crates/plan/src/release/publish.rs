//! The crates' way to the registry, dependencies first.

use std::collections::{BTreeMap, BTreeSet};

use stagegate_config::schema::{Config, FreshProject};
use stagegate_config::stage::Stage;

use crate::facts::Facts;
use crate::model::{
    Action, AddOwners, Blocker, ConsumerBuild, Plan, Publish, PublishedCrate, ResolveDepth, Step,
    count,
};
use crate::preflight::{limits, owners};

/// Adds one step a crate, all beside each other: each needs only the steps of the
/// crates that it depends on itself, so that a slow one holds up nobody else.
pub fn steps(facts: &Facts, config: &Config, levels: &[Vec<String>], plan: &mut Plan) {
    let edges = edges(facts, levels);
    let heights = heights(levels, &edges);
    let mut first = true;
    for level in levels {
        let mut level: Vec<&String> = level.iter().collect();
        // What most others wait for goes first, where there is a choice.
        level.sort_by_key(|name| std::cmp::Reverse(heights[name.as_str()]));
        for name in level {
            let action = Action::Publish(Publish {
                package: name.clone(),
                version: plan.version_of(name).clone(),
            });
            let title = format!(
                "publish {name} {} to {}",
                plan.version_of(name),
                config.registry.name
            );
            let mut step = Step::new(step_of(name), Stage::Publish, title, action);
            step.parallel_with_previous = !first;
            step.depends_on = edges[name.as_str()].iter().map(|n| step_of(n)).collect();
            plan.steps.push(step);
            first = false;
        }
    }
}

/// Adds a step for the owners of each crate that is new, once all are published: a name that the
/// registry refuses holds no upload up.
pub fn owners(facts: &Facts, config: &Config, crates: &[String], plan: &mut Plan) {
    let (Some(Ok(registry)), false) = (&facts.registry, config.registry.owners.is_empty()) else {
        return;
    };
    for name in owners::new_crates(registry, crates) {
        let owners = config.registry.owners.clone();
        let title = format!("add {} to the owners of {name}", owners.join(", "));
        let action = Action::AddOwners(AddOwners {
            package: name.clone(),
            owners,
        });
        let id = format!("owners:{name}");
        plan.steps
            .push(Step::new(id, Stage::Publish, title, action));
    }
}

fn step_of(package: &str) -> String {
    format!("publish:{package}")
}

type Edges<'n> = BTreeMap<&'n str, BTreeSet<&'n str>>;

/// Returns what each crate waits for. A development dependency that gave way in a circle stands in
/// a later level, and is not waited for.
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

/// Returns how many crates, one after the other, wait for each.
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

/// Adds a fresh project with what was published, as far as the configuration wants it.
pub fn fresh_project(facts: &Facts, config: &Config, levels: &[Vec<String>], plan: &mut Plan) {
    let depth = match config.registry.fresh_project {
        FreshProject::Off => return,
        FreshProject::Resolve => ResolveDepth::Lockfile,
        FreshProject::Build => ResolveDepth::Build,
    };
    let crates: Vec<PublishedCrate> = levels
        .iter()
        .flatten()
        .map(|name| PublishedCrate {
            name: name.clone(),
            library: is_library(facts, name),
        })
        .collect();
    if crates.is_empty() {
        return;
    }
    let title = match depth {
        ResolveDepth::Lockfile => "resolve the new versions in a fresh project",
        ResolveDepth::Build => "resolve and build the new versions in a fresh project",
    };
    let docs = (config.registry.name == "crates-io").then(|| config.registry.docs.clone());
    let action = Action::ConsumerBuild(ConsumerBuild {
        crates,
        depth,
        docs,
    });
    plan.steps
        .push(Step::new("fresh-project", Stage::Verify, title, action));
}

fn is_library(facts: &Facts, name: &str) -> bool {
    let package = facts.workspace.package(name);
    package.is_some_and(|package| {
        let targets = &package.metadata.targets;
        targets.iter().any(|target| {
            target.is_lib() || target.is_proc_macro() || target.is_rlib() || target.is_dylib()
        })
    })
}

/// Bytes of a package that crates.io takes.
const LARGEST_PACKAGE: u64 = 10 * 1024 * 1024;

/// Adds what is worth knowing of it before saying yes.
pub fn notes(facts: &Facts, plan: &mut Plan) {
    let Some(Ok(registry)) = &facts.registry else {
        return;
    };
    let published: Vec<&str> = plan.steps.iter().filter_map(published).collect();
    if published.is_empty() {
        return;
    }
    let is_new = |name: &&str| registry.versions.get(*name).is_some_and(Vec::is_empty);
    let (new, known): (Vec<&str>, Vec<&str>) = published.iter().partition(|name| is_new(name));
    if !new.is_empty() {
        plan.notes
            .push(format!("new on {}: {}", registry.name, new.join(", ")));
    }
    plan.notes.extend(sizes(facts, &published));
    if let Ok(places) = &registry.token {
        plan.notes
            .push(format!("the token for {} comes {places}", registry.name));
    }
    plan.notes.push(format!(
        "{} to publish, at most {} one after the other; each waits until the index shows what it depends on",
        count(published.len(), "crate"),
        longest_chain(plan)
    ));
    if registry.name == "crates-io" {
        plan.notes.extend(limits::note(new.len(), known.len()));
    }
}

/// Returns how large the packages will be at most, and which may be too large.
fn sizes(facts: &Facts, published: &[&str]) -> Vec<String> {
    let sizes: Vec<(&str, u64)> = published
        .iter()
        .filter_map(|name| Some((*name, *facts.sizes.get(*name)?)))
        .collect();
    let Some((largest, size)) = sizes.iter().max_by_key(|(_, size)| *size) else {
        return Vec::new();
    };
    let mut notes = vec![format!(
        "{} KiB of tracked files before packing; the largest crate is {largest} with {} KiB",
        sizes
            .iter()
            .map(|(_, size)| size)
            .sum::<u64>()
            .div_ceil(1024),
        size.div_ceil(1024)
    )];
    let crates_io = matches!(&facts.registry, Some(Ok(registry)) if registry.name == "crates-io");
    let large = sizes
        .iter()
        .filter(|(_, size)| crates_io && *size > LARGEST_PACKAGE);
    notes.extend(large.map(|(name, _)| {
        format!(
            "{name} may be more than the {} MiB packed that crates.io takes; that is measured before any upload",
            LARGEST_PACKAGE >> 20
        )
    }));
    notes
}

fn published(step: &Step) -> Option<&str> {
    match &step.action {
        Action::Publish(Publish { package, .. }) => Some(package),
        _ => None,
    }
}

/// Refuses a release that uploads nothing although packages go to some registry: it has the wrong
/// one in mind, and would end as if it had published them.
pub(crate) fn check_registry(
    facts: &Facts,
    config: &Config,
    levels: &[Vec<String>],
    blockers: &mut Vec<Blocker>,
) {
    let name = &config.registry.name;
    let lists = facts
        .workspace
        .packages
        .iter()
        .filter_map(|package| package.metadata.publish.as_ref());
    let others: BTreeSet<&str> = lists.flatten().map(String::as_str).collect();
    if !levels.is_empty() || others.is_empty() || others.contains(name.as_str()) {
        return;
    }
    let others: Vec<&str> = others.into_iter().collect();
    blockers.push(Blocker::new(
        format!(
            "nothing of this workspace may be published to {name}: the manifests say `publish = {others:?}`"
        ),
        format!(
            "write `name = {:?}` into [registry] of stagegate.toml, or {name:?} into the manifests",
            others[0]
        ),
    ));
}

/// Returns how many uploads have to follow each other.
fn longest_chain(plan: &Plan) -> usize {
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| published(step).is_some()) {
        let below = step
            .depends_on
            .iter()
            .filter_map(|need| depths.get(need.as_str()));
        let depth = 1 + below.max().copied().unwrap_or(0);
        depths.insert(&step.id, depth);
    }
    depths.into_values().max().unwrap_or(0)
}
