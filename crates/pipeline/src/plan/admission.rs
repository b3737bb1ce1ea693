//! What keeps a version from being released, apart from the preconditions.

use semver::BuildMetadata;
use stagegate_manifest::{MetadataProblem, metadata_problems};
use stagegate_registry::{IndexVersion, Token};

use super::moves::Move;
use crate::Config;
use crate::blocker::Blocker;
use crate::facts::Facts;
use crate::group::Group;
use crate::token_source::TokenPlaces;

/// The version itself.
pub(super) fn version(facts: &Facts, one: &Move<'_>, tagged: bool, blockers: &mut Vec<Blocker>) {
    let (tag, version, current) = (one.tag(), &one.to, &one.group.version);
    if version < current {
        blockers.push(Blocker::new(
            format!("{version} is not greater than {current}, the version that the workspace has"),
            "ask for a greater version",
        ));
    }
    if version.build != BuildMetadata::EMPTY {
        blockers.push(Blocker::new(
            format!(
                "{version} has build metadata (`+{}`): registries take two versions that differ in it only as one",
                version.build
            ),
            "leave out the part from `+` on",
        ));
    }
    if let Ok(git) = &facts.git {
        let here = git
            .tags
            .get(&tag)
            .map(|commit| (commit, "in this checkout"));
        let there = git.remote.as_ref().ok().and_then(|r| r.tags.get(&tag));
        // Somebody tagged what is checked out, and wants that released.
        let meant = |commit: &&String| tagged && **commit == git.head && version == current;
        let known = here.or(there.map(|commit| (commit, "at the remote")));
        let known = known.filter(|(commit, _)| !meant(commit));
        if let Some((commit, place)) = known {
            blockers.push(Blocker::new(
                format!(
                    "{version} is already tagged: {tag} is {} {place}",
                    &commit[..commit.len().min(12)]
                ),
                "ask for the next version; if that release broke off, go on with `--resume`",
            ));
        }
    }
    if let Some(Ok(registry)) = &facts.registry {
        let has = |versions: &[IndexVersion]| versions.iter().any(|v| v.vers == *version);
        let published: Vec<_> = registry
            .versions
            .iter()
            .filter(|(name, v)| one.group.has(name) && has(v))
            .map(|(name, _)| name.as_str())
            .collect();
        if !published.is_empty() {
            blockers.push(Blocker::new(
                format!("{version} is already published on {}: {}", registry.name, published.join(", ")),
                "ask for the next version; a registry never takes a number twice, not even a yanked one",
            ));
        }
    }
}

/// A sibling that stays must be in the registry as it is, or nobody can resolve
/// what is published on top of it.
pub(super) fn siblings(
    facts: &Facts,
    config: &Config,
    moves: &[Move<'_>],
    blockers: &mut Vec<Blocker>,
) {
    let Some(Ok(registry)) = &facts.registry else {
        return;
    };
    let moved = |name: &str| moves.iter().any(|one| one.group.has(name));
    let published = facts
        .workspace
        .packages
        .iter()
        .filter(|p| moved(&p.name) && p.publishable_to(&config.registry.name));
    for package in published {
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

/// An asset of a group that there is not would silently be left out.
pub(super) fn assets(config: &Config, groups: &[Group], blockers: &mut Vec<Blocker>) {
    let known = |name: &String| groups.iter().any(|group| group.name == *name);
    for asset in &config.assets {
        if let Some(name) = asset.group.as_ref().filter(|name| !known(name)) {
            blockers.push(Blocker::new(
                format!(
                    "the [[asset]] {} belongs to `{name}`, which is no version group",
                    asset.file
                ),
                "correct its `group` in stagegate.toml, or leave it out",
            ));
        }
    }
}

/// What the manifests' metadata would be refused for.
pub(super) fn metadata(facts: &Facts, config: &Config, blockers: &mut Vec<Blocker>) {
    for package in facts
        .workspace
        .packages
        .iter()
        .filter(|p| p.publishable_to(&config.registry.name))
    {
        let crates_io = config.registry.name == "crates-io";
        let holds = |problem: &MetadataProblem| crates_io || problem.holds_everywhere();
        for problem in metadata_problems(package).into_iter().filter(holds) {
            blockers.push(Blocker::new(
                format!("{}: {problem}", package.manifest_path),
                "correct the manifest, or set `publish = false`",
            ));
        }
    }
}

/// A workflow's identity publishes what is known, and nothing new.
pub(super) fn token(facts: &Facts, levels: &[Vec<String>], blockers: &mut Vec<Blocker>) {
    let Some(Ok(registry)) = &facts.registry else {
        return;
    };
    let Ok(TokenPlaces { plain: None, .. }) = &registry.token else {
        return;
    };
    let new: Vec<&str> = levels
        .iter()
        .flatten()
        .filter(|name| registry.versions.get(*name).is_some_and(Vec::is_empty))
        .map(String::as_str)
        .collect();
    if !new.is_empty() {
        blockers.push(Blocker::new(
            format!(
                "new on {}, and trusted publishing cannot create a crate: {}",
                registry.name,
                new.join(", ")
            ),
            format!(
                "give a token in {} for this once, or publish them by hand first",
                Token::variable(&registry.name)
            ),
        ));
    }
}

/// A registry takes a crate only if it knows the names of all that it depends
/// on; in a circle, a development dependency may be published after it.
pub(super) fn circles(
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
