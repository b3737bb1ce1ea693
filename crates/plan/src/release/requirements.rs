//! What becomes of requirements between siblings, for people.

use semver::{Comparator, Op, Version};
use stagegate_config::schema::{Config, Requirements};
use stagegate_manifest::InternalDependency;

use crate::facts::Facts;
use crate::version::VersionBump;

/// Returns the requirements that do not follow a sibling's new version, because they named an
/// older one before.
pub(crate) fn notes(facts: &Facts, config: &Config, bumps: &[VersionBump<'_>]) -> Vec<String> {
    if config.release.requirements != Requirements::Learn {
        return Vec::new();
    }
    let mut notes = Vec::new();
    let moved = |name: &str| bumps.iter().find(|one| one.group.has(name));
    let packages = facts.workspace.packages.iter();
    let released = packages.filter(|p| p.publishable_to_any(&config.registry.names()));
    for package in released.filter(|p| moved(&p.name).is_some()) {
        for dependency in package.internal.iter().filter(|d| d.is_published()) {
            let Some(sibling) = facts.workspace.package(&dependency.name) else {
                continue;
            };
            let Some(one) = moved(&sibling.name) else {
                continue;
            };
            if stays(dependency, &sibling.version, &one.to) {
                notes.push(format!(
                    "learned: {} requires {} {}, not its current version; {} is accepted, so that stays",
                    package.name, sibling.name, dependency.requirement, one.to
                ));
            }
        }
    }
    notes.dedup();
    notes
}

/// Returns whether a requirement names another version than the current one, and accepts the new.
fn stays(dependency: &InternalDependency, current: &Version, new: &Version) -> bool {
    let [one] = dependency.requirement.comparators.as_slice() else {
        return false;
    };
    let Comparator {
        op: Op::Caret | Op::Tilde,
        major,
        minor: Some(minor),
        patch: Some(patch),
        pre,
    } = one
    else {
        return false;
    };
    let named = (*major, *minor, *patch, pre);
    let is_current = named == (current.major, current.minor, current.patch, &current.pre);
    !is_current && dependency.requirement.matches(new)
}
