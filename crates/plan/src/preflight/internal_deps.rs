//! Whether what is published can be resolved: internal dependencies that stay, and cycles of dev-dependencies.

use stagegate_config::schema::Config;
use stagegate_manifest::{DependencyKind, InternalDependency, Package};

use crate::facts::Facts;
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
    let Some(Ok(registry)) = &facts.registry else {
        return;
    };
    let moved = |name: &str| bumps.iter().any(|one| one.group.has(name));
    let published = facts
        .workspace
        .packages
        .iter()
        .filter(|p| moved(&p.name) && p.publishable_to(&config.registry.name));
    for package in published {
        check_registries(package, config, blockers);
        blockers.extend(moved_alone(facts, config, package, bumps));
        let stay = package
            .internal
            .iter()
            .filter(|d| d.is_published() && d.has_version && !moved(&d.name));
        for dependency in stay {
            let there = registry
                .versions
                .get(&dependency.name)
                .is_some_and(|known| {
                    known
                        .iter()
                        .any(|v| !v.yanked && dependency.requirement.matches(&v.vers))
                });
            if !there {
                blockers.push(Blocker::new(
                    format!(
                        "{} requires {} {}, and {} has no such version",
                        package.name, dependency.name, dependency.requirement, registry.name
                    ),
                    format!("release it too: add `{}=VERSION`", dependency.name),
                ));
            }
        }
    }
}

/// Checks where siblings come from. Cargo takes a dependency that names no registry from
/// crates.io, wherever the package itself is published (The Cargo Book, "Publishing to an
/// alternate registry").
fn check_registries(package: &Package, config: &Config, blockers: &mut Vec<Blocker>) {
    let registry = &config.registry.name;
    if registry == "crates-io" {
        return;
    }
    let from_crates_io = |d: &&InternalDependency| d.is_published() && !d.has_registry;
    for dependency in package.internal.iter().filter(from_crates_io) {
        blockers.push(Blocker::new(
            format!(
                "{}: published to {registry}, {} would take its sibling {} from crates.io",
                package.manifest_path, package.name, dependency.name
            ),
            format!(
                "write `registry = \"{registry}\"` beside the version of {}",
                dependency.name
            ),
        ));
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
        (sibling.version != one.to && sibling.may_go_to(&config.registry.name)).then(|| {
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
    for package in packages.filter(|p| p.publishable_to(&config.registry.name)) {
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
pub fn check_dev_dep_cycles(
    facts: &Facts,
    config: &Config,
    levels: &[Vec<String>],
    blockers: &mut Vec<Blocker>,
) {
    let Some(Ok(registry)) = &facts.registry else {
        return;
    };
    let level = |name: &str| {
        levels
            .iter()
            .position(|level| level.iter().any(|n| n == name))
    };
    let new = |name: &str| registry.versions.get(name).is_some_and(Vec::is_empty);
    for package in facts
        .workspace
        .packages
        .iter()
        .filter(|p| p.publishable_to(&config.registry.name))
    {
        let later = |name: &str| level(name) > level(&package.name);
        for dependency in package.internal.iter().filter(|d| d.is_published()) {
            if new(&dependency.name) && later(&dependency.name) {
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
