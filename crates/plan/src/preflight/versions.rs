//! Whether a version can be released: its number, its tag, its place in the registry.

use semver::Version;
use stagegate_registry::IndexVersion;

use crate::facts::{Facts, GitFacts};
use crate::model::Blocker;
use crate::version::VersionBump;

/// Checks the version itself.
pub fn version(facts: &Facts, one: &VersionBump<'_>, tagged: bool, blockers: &mut Vec<Blocker>) {
    let (tag, version, current) = (one.tag(), &one.to, &one.group.version);
    let numbers = |v: &Version| (v.major, v.minor, v.patch);
    let is_behind = match one.group.is_development {
        // Any candidate of these numbers comes after what was only called so.
        true => numbers(version) < numbers(current),
        false => version.cmp_precedence(current).is_lt(),
    };
    if is_behind {
        blockers.push(Blocker::new(
            format!("{version} is not greater than {current}, the version that the workspace has"),
            "ask for a greater version",
        ));
    }
    if let Ok(git) = &facts.git {
        for tag in one.tags() {
            tagged_already(git, one, &tag, tagged, blockers);
        }
    }
    if let Some(Ok(github)) = &facts.github {
        let taken = github
            .releases
            .iter()
            .filter(|release| release.tag_name == tag);
        for release in taken {
            let state = match release.draft {
                true => "a draft of a release",
                false => "a release",
            };
            blockers.push(Blocker::new(
                format!(
                    "GitHub has {state} for {tag} that this run has not made: {}",
                    release.html_url
                ),
                "remove it there, or ask for the next version; if a run of yours made it, resume that run with `--resume`",
            ));
        }
    }
    for registry in facts.registries() {
        // A registry takes two versions that differ in build metadata only as one.
        let taken = |known: &IndexVersion| known.vers.cmp_precedence(version).is_eq();
        let goes = |name: &str| {
            let package = facts.workspace.package(name);
            package.is_some_and(|package| package.publishable_to(&registry.name))
        };
        let has = |versions: &[IndexVersion]| versions.iter().any(taken);
        let published: Vec<_> = registry
            .versions
            .iter()
            .filter(|(name, v)| one.group.has(name) && goes(name) && has(v))
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

/// Refuses a release whose tag is there already.
fn tagged_already(
    git: &GitFacts,
    one: &VersionBump<'_>,
    tag: &str,
    tagged: bool,
    blockers: &mut Vec<Blocker>,
) {
    let version = &one.to;
    let here = git.tags.get(tag).map(|commit| (commit, "in this checkout"));
    let there = git.remote.as_ref().ok().and_then(|r| r.tags.get(tag));
    // Somebody tagged what is checked out, and wants that released.
    let meant = |commit: &&String| tagged && **commit == git.head && *version == one.group.version;
    let known = here.or(there.map(|commit| (commit, "at the remote")));
    let known = known.filter(|(commit, _)| !meant(commit));
    if let Some((commit, place)) = known {
        blockers.push(Blocker::new(
            format!(
                "{version} is already tagged: {tag} is {} {place}",
                &commit[..commit.len().min(12)]
            ),
            "ask for the next version; if that release was interrupted, continue it with `--resume`",
        ));
    }
}
