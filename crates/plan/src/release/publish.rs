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

/// An upload: a crate, and the registry that it goes to where that is not the main one.
type PlannedCrate = (String, Option<String>);

/// Adds one step for each upload, all beside each other: each needs only the steps of the
/// crates that it depends on itself, so that a slow one holds up nobody else.
pub fn steps(
    facts: &Facts,
    config: &Config,
    levels: &[Vec<String>],
    uploads: &[PlannedCrate],
    plan: &mut Plan,
) {
    let edges = edges(facts, levels);
    let heights = heights(levels, &edges);
    let mut first = true;
    for level in levels {
        let mut level: Vec<&String> = level.iter().collect();
        // What most others wait for goes first, where there is a choice.
        level.sort_by_key(|name| std::cmp::Reverse(heights[name.as_str()]));
        for (name, other) in level.into_iter().flat_map(|name| {
            uploads
                .iter()
                .filter(move |(crate_name, _)| crate_name == name)
        }) {
            let registry = other.as_ref().unwrap_or(&config.registry.name);
            let action = Action::Publish(Publish {
                package: name.clone(),
                version: plan.version_of(name).clone(),
                registry: other.clone(),
            });
            let title = format!("publish {name} {} to {registry}", plan.version_of(name));
            let id = step_of(name, other.as_deref());
            let mut step = Step::new(id, Stage::Publish, title, action);
            step.parallel_with_previous = !first;
            let needs = edges[name.as_str()].iter();
            step.depends_on = needs
                .flat_map(|need| needed(facts, config, uploads, (name, other), need))
                .collect();
            plan.steps.push(step);
            first = false;
        }
    }
}

/// Returns the steps of a sibling that an upload waits for: where the sibling is taken from, and
/// where both go, as a registry may ask for the names of all that a crate depends on.
fn needed(
    facts: &Facts,
    config: &Config,
    uploads: &[PlannedCrate],
    (name, other): (&str, &Option<String>),
    need: &str,
) -> Vec<String> {
    let package = facts.workspace.package(name);
    let edges = package.into_iter().flat_map(|package| &package.internal);
    let sources = edges
        .filter(|d| d.name == need)
        .filter_map(|d| facts.registry_named_by(d.registry.as_deref()))
        .map(|source| config.registry.other(&source.name));
    let places: BTreeSet<Option<String>> = sources.chain([other.clone()]).collect();
    let planned = |place: &Option<String>| {
        uploads
            .iter()
            .any(|(name, other)| name == need && other == place)
    };
    let planned = places.into_iter().filter(planned);
    planned
        .map(|place| step_of(need, place.as_deref()))
        .collect()
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

fn step_of(package: &str, other: Option<&str>) -> String {
    match other {
        None => format!("publish:{package}"),
        Some(other) => format!("publish:{package}@{other}"),
    }
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

/// Adds a fresh project with what was published to a registry, as far as the configuration wants
/// it.
pub fn fresh_project(
    facts: &Facts,
    config: &Config,
    (other, crates): (Option<String>, Vec<String>),
    plan: &mut Plan,
) {
    let depth = match config.registry.fresh_project {
        FreshProject::Off => return,
        FreshProject::Resolve => ResolveDepth::Lockfile,
        FreshProject::Build => ResolveDepth::Build,
    };
    let crates: Vec<PublishedCrate> = crates
        .into_iter()
        .map(|name| PublishedCrate {
            library: is_library(facts, &name),
            name,
        })
        .collect();
    if crates.is_empty() {
        return;
    }
    let (id, place) = match &other {
        None => ("fresh-project".to_owned(), String::new()),
        Some(other) => (format!("fresh-project@{other}"), format!(" from {other}")),
    };
    let title = match depth {
        ResolveDepth::Lockfile => format!("resolve the new versions{place} in a fresh project"),
        ResolveDepth::Build => {
            format!("resolve and build the new versions{place} in a fresh project")
        }
    };
    let registry = other.as_deref().unwrap_or(&config.registry.name);
    let docs = (registry == "crates-io").then(|| config.registry.docs.clone());
    let action = Action::ConsumerBuild(ConsumerBuild {
        crates,
        depth,
        docs,
        registry: other,
    });
    plan.steps.push(Step::new(id, Stage::Verify, title, action));
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
pub fn notes(facts: &Facts, config: &Config, plan: &mut Plan) {
    let mut sized = false;
    for registry in facts.registries() {
        let other = config.registry.other(&registry.name);
        let uploads = plan.steps.iter().filter_map(published);
        let here = uploads.filter(|(_, place)| *place == other.as_deref());
        let published: Vec<String> = here.map(|(name, _)| name.to_owned()).collect();
        if published.is_empty() {
            continue;
        }
        let is_new = |name: &&String| registry.versions.get(*name).is_some_and(Vec::is_empty);
        let (new, known): (Vec<&String>, Vec<&String>) = published.iter().partition(is_new);
        if !new.is_empty() {
            let new: Vec<&str> = new.iter().map(|name| name.as_str()).collect();
            plan.notes
                .push(format!("new on {}: {}", registry.name, new.join(", ")));
        }
        if !sized {
            let names: Vec<&str> = published.iter().map(String::as_str).collect();
            plan.notes.extend(sizes(facts, &names));
            sized = true;
        }
        if other.is_some() {
            plan.notes
                .extend(sources(facts, &registry.name, &published));
        }
        if let Ok(places) = &registry.token {
            plan.notes
                .push(format!("the token for {} comes {places}", registry.name));
        }
        if registry.name == "crates-io" {
            plan.notes.extend(limits::note(new.len(), known.len()));
        }
    }
    let uploads: Vec<&str> = plan
        .steps
        .iter()
        .filter_map(published)
        .map(|(n, _)| n)
        .collect();
    let crates: BTreeSet<&str> = uploads.iter().copied().collect();
    if uploads.is_empty() {
        return;
    }
    let uploaded = match uploads.len() == crates.len() {
        true => String::new(),
        false => format!(" by {}", count(uploads.len(), "upload")),
    };
    plan.notes.push(format!(
        "{} to publish{uploaded}, at most {} one after the other; each waits until the index shows what it depends on",
        count(crates.len(), "crate"),
        longest_chain(plan)
    ));
}

/// Returns which crates of another registry than the main one take siblings from elsewhere, as
/// cargo has it where a manifest names no registry.
fn sources(facts: &Facts, registry: &str, published: &[String]) -> Option<String> {
    let from_crates_io = |name: &&String| {
        let package = facts.workspace.package(name);
        let mut edges = package.into_iter().flat_map(|package| &package.internal);
        edges.any(|d| d.is_published() && d.registry.is_none())
    };
    let names: Vec<&str> = published
        .iter()
        .filter(from_crates_io)
        .map(String::as_str)
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "on {registry}, {} will take siblings from crates-io, as their manifests name no registry for them",
            names.join(", ")
        )
    })
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

fn published(step: &Step) -> Option<(&str, Option<&str>)> {
    match &step.action {
        Action::Publish(Publish {
            package, registry, ..
        }) => Some((package, registry.as_deref())),
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
    let names = config.registry.names();
    let packages = &facts.workspace.packages;
    let lists = packages
        .iter()
        .filter_map(|package| package.metadata.publish.as_ref());
    let others: BTreeSet<&str> = lists.flatten().map(String::as_str).collect();
    let gets_some = |name: &&str| packages.iter().any(|p| p.may_go_to(name));
    if levels.is_empty() && !others.is_empty() && !names.iter().any(|name| others.contains(name)) {
        let others: Vec<&str> = others.into_iter().collect();
        blockers.push(Blocker::new(
            format!(
                "nothing of this workspace may be published to {}: the manifests say `publish = {others:?}`",
                names.join(" or ")
            ),
            format!(
                "write `name = {:?}` into [registry] of stagegate.toml, or {:?} into the manifests",
                others[0], names[0]
            ),
        ));
        return;
    }
    for other in names[1..].iter().filter(|name| !gets_some(name)) {
        blockers.push(Blocker::new(
            format!("nothing of this workspace may be published to {other}, which `registry.also` names"),
            format!("allow it in a manifest (`publish = [\"{other}\"]`), or remove it from stagegate.toml"),
        ));
    }
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
