//! Whether what is published can be resolved: internal dependencies that stay, and cycles of dev-dependencies.

use stagegate_config::schema::Config;
use stagegate_manifest::{DependencyKind, InternalDependency, Package};

use crate::facts::{Facts, RegistryFacts};
use crate::model::Blocker;
use crate::version::VersionBump;

/// Checks that a sibling that stays is in the registry as it is, or nobody can resolve
/// what is published on top of it.
pub fn check_internal_deps(
    facts: &Facts,
    config: &Config,
    bumps: &[VersionBump<'_>],
    blockers: &mut Vec<Blocker>,
) {
    let moved = |name: &str| bumps.iter().any(|one| one.group.has(name));
    for registry in facts.registries() {
        let packages = facts.workspace.packages.iter();
        let published = packages.filter(|p| moved(&p.name) && p.publishable_to(&registry.name));
        for package in published {
            let edges = package.internal.iter().filter(|d| d.is_published());
            for dependency in edges {
                let source = source_of(facts, registry, package, dependency, blockers);
                let Some(source) = source else { continue };
                if moved(&dependency.name) {
                    let problem = goes_elsewhere(facts, config, package, (source, dependency));
                    blockers.extend(problem);
                    continue;
                }
                if !dependency.has_version {
                    continue;
                }
                if !is_there(source, dependency) {
                    let blocker = Blocker::new(
                        format!(
                            "{} requires {} {}, and {} has no such version",
                            package.name, dependency.name, dependency.requirement, source.name
                        ),
                        format!("release it too: add `{}=VERSION`", dependency.name),
                    );
                    // Of each registry that the package goes to.
                    if !blockers.contains(&blocker) {
                        blockers.push(blocker);
                    }
                }
            }
        }
    }
    let packages = facts.workspace.packages.iter();
    let published =
        packages.filter(|p| moved(&p.name) && p.publishable_to_any(&config.registry.names()));
    for package in published {
        blockers.extend(moved_alone(facts, config, package, bumps));
    }
}

/// Returns what is wrong where a sibling of the release does not go to the registry that it is
/// taken from.
fn goes_elsewhere(
    facts: &Facts,
    config: &Config,
    package: &Package,
    (source, dependency): (&RegistryFacts, &InternalDependency),
) -> Option<Blocker> {
    let sibling = facts.workspace.package(&dependency.name)?;
    // What goes nowhere, and is named by no registry, is said where the order is made.
    let is_said = dependency.registry.is_none() && !sibling.may_go_to_any(&config.registry.names());
    let goes = sibling.publishable_to(&source.name) || sibling.left_out || sibling.is_in_registry;
    (!is_said && !goes && !is_there(source, dependency)).then(|| {
        Blocker::new(
            format!(
                "{} would take its sibling {} from {}, and {} does not go there",
                package.name, dependency.name, source.name, dependency.name
            ),
            format!(
                "add \"{}\" to `publish` in {}, or name the registry that it goes to beside its version in {}",
                source.name, sibling.manifest_path, package.manifest_path
            ),
        )
    })
}

fn is_there(source: &RegistryFacts, dependency: &InternalDependency) -> bool {
    let known = source.versions.get(&dependency.name).into_iter().flatten();
    known
        .into_iter()
        .any(|v| !v.yanked && dependency.requirement.matches(&v.vers))
}

/// Returns the registry that a package, published to one, takes a sibling from; nothing where
/// that cannot be, which becomes a problem. Cargo takes a dependency that names no registry
/// from crates.io, wherever the package itself is published (The Cargo Book, "Publishing to
/// an alternate registry"), and publishes nothing to crates.io that depends on another
/// registry.
fn source_of<'f>(
    facts: &'f Facts,
    registry: &'f RegistryFacts,
    package: &Package,
    dependency: &InternalDependency,
    blockers: &mut Vec<Blocker>,
) -> Option<&'f RegistryFacts> {
    let index = dependency.registry.as_deref();
    let sibling = facts.workspace.package(&dependency.name);
    let goes_to =
        |there: &RegistryFacts| sibling.is_some_and(|sibling| sibling.publishable_to(&there.name));
    if registry.is_named_by(index) {
        return Some(registry);
    }
    let source = facts.registry_named_by(index);
    if registry.name == "crates-io" {
        blockers.push(Blocker::new(
            format!(
                "{}: published to crates-io, {} would take its sibling {} from another registry, and crates.io takes no such package",
                package.manifest_path, package.name, dependency.name
            ),
            format!(
                "leave `registry` out beside the version of {}, or keep {} from crates-io with `publish = [\"REGISTRY\"]`",
                dependency.name, package.name
            ),
        ));
        return None;
    }
    match (index, source) {
        (_, Some(source)) if goes_to(source) || is_there(source, dependency) => Some(source),
        (None, _) => {
            blockers.push(Blocker::new(
                format!(
                    "{}: published to {}, {} would take its sibling {} from crates.io",
                    package.manifest_path, registry.name, package.name, dependency.name
                ),
                format!(
                    "write `registry = \"{}\"` beside the version of {}",
                    registry.name, dependency.name
                ),
            ));
            None
        }
        // A registry that this release has nothing to do with.
        (Some(_), _) => None,
    }
}

/// Siblings whose new version is written and not published, as they are left out: nobody
/// could resolve what comes to require it.
fn moved_alone<'a>(
    facts: &'a Facts,
    config: &'a Config,
    package: &'a Package,
    bumps: &'a [VersionBump<'_>],
) -> impl Iterator<Item = Blocker> + use<'a> {
    let needs = package
        .internal
        .iter()
        .filter(|d| d.is_published() && d.has_version && facts.is_left_out(&d.name));
    needs.filter_map(move |dependency| {
        let one = bumps.iter().find(|one| one.group.has(&dependency.name))?;
        let sibling = facts.workspace.package(&dependency.name)?;
        (sibling.version != one.to && sibling.may_go_to_any(&config.registry.names())).then(|| {
            Blocker::new(
                format!(
                    "{} would require {} {}, which is left out of this release",
                    package.name, dependency.name, one.to
                ),
                format!("release {} too", dependency.name),
            )
        })
    })
}

/// Refuses a release that comes to require a candidate: it makes everybody who takes the
/// release take the candidate with it.
pub fn check_candidates(
    facts: &Facts,
    config: &Config,
    bumps: &[VersionBump<'_>],
    blockers: &mut Vec<Blocker>,
) {
    let moved = |name: &str| bumps.iter().find(|one| one.group.has(name));
    let packages = facts.workspace.packages.iter();
    for package in packages.filter(|p| p.publishable_to_any(&config.registry.names())) {
        let Some(one) = moved(&package.name).filter(|one| one.to.pre.is_empty()) else {
            continue;
        };
        let needed = package.internal.iter().filter(|d| d.has_version);
        let built = needed.filter(|d| d.kind != DependencyKind::Development);
        for dependency in built {
            let candidate = moved(&dependency.name).filter(|other| !other.to.pre.is_empty());
            if let Some(candidate) = candidate {
                blockers.push(Blocker::new(
                    format!(
                        "{} {} is a release and would require {} {}, which is a candidate",
                        package.name, one.to, dependency.name, candidate.to
                    ),
                    format!(
                        "make {} a candidate too, or release {} first",
                        one.group.name, candidate.group.name
                    ),
                ));
            }
        }
    }
}

/// Checks cycles of development dependencies: a registry takes a crate only if it knows the
/// names of all that it depends on; in a circle, a development dependency may be published
/// after it.
pub fn check_dev_dep_cycles(facts: &Facts, levels: &[Vec<String>], blockers: &mut Vec<Blocker>) {
    let level = |name: &str| {
        levels
            .iter()
            .position(|level| level.iter().any(|n| n == name))
    };
    for registry in facts.registries() {
        let packages = facts.workspace.packages.iter();
        for package in packages.filter(|p| p.publishable_to(&registry.name)) {
            let later = |name: &str| level(name) > level(&package.name);
            for dependency in package.internal.iter().filter(|d| d.is_published()) {
                let is_new = registry
                    .versions
                    .get(&dependency.name)
                    .is_some_and(Vec::is_empty);
                if is_new && later(&dependency.name) {
                    blockers.push(Blocker::new(
                        format!(
                            "{}: the development dependency `{}` is new on {} and can only be published after `{}`",
                            package.manifest_path, dependency.name, registry.name, package.name
                        ),
                        "leave out its `version` until it is published: a `path` alone is enough for tests",
                    ));
                }
            }
        }
    }
}
