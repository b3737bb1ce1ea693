//! What a release changes in the workspace's files.

use std::collections::BTreeMap;

use stagegate_config::schema::{Config, Requirements};
use stagegate_config::stage::Stage;
use stagegate_manifest::{FileEdit, RequirementPolicy, bump, normalized, relative_to};

use crate::facts::Facts;
use crate::model::Blocker;
use crate::release::{changelogs, other_lockfiles, replacements};
use crate::request::ReleaseRequest;
use crate::version::VersionBump;

/// Manifests, lockfile and what else names the version, and the changelogs apart from them.
pub struct Edits {
    /// Manifests, lockfile, and the files of `[[release.replace]]`.
    pub bump: Vec<FileEdit>,
    /// The changelogs.
    pub changelogs: Vec<FileEdit>,
    /// What people should know of files: those that would have to follow and do not, and
    /// what is generated.
    pub left: Vec<String>,
    /// What each group's release says of itself, Markdown.
    pub notes: BTreeMap<String, String>,
}

impl Edits {
    /// Returns no edit, and what the changelogs, or the commits before a tag, say already.
    pub(crate) fn none(facts: &Facts, bumps: &[VersionBump<'_>]) -> Edits {
        let notes = bumps
            .iter()
            .map(|one| (one.group.name.clone(), changelogs::written(facts, one)));
        Edits {
            bump: Vec::new(),
            changelogs: Vec::new(),
            left: Vec::new(),
            notes: notes.collect(),
        }
    }
}

pub(crate) fn edits(
    facts: &Facts,
    config: &Config,
    wanted: &ReleaseRequest,
    bumps: &[VersionBump<'_>],
    blockers: &mut Vec<Blocker>,
) -> Edits {
    let (lockfiles, left) = other_lockfiles::edits(facts, bumps);
    let mut bump = manifests(facts, config, bumps, blockers);
    bump.extend(lockfiles);
    let mut told = changelogs::Told::default();
    for one in bumps {
        match wanted.skip.contains(&Stage::Changelog) {
            true => drop(told.notes.insert(one.group.name.clone(), String::new())),
            false => changelogs::tell(facts, config, one, &mut told, blockers),
        }
    }
    let mut left = left;
    left.extend(told.remarks);
    let mut edits = Edits {
        bump,
        left,
        changelogs: told.edits.into_values().collect(),
        notes: told.notes,
    };
    replacements::replace(facts, config, bumps, &mut edits, blockers);
    edits
}

pub(crate) fn manifests(
    facts: &Facts,
    config: &Config,
    bumps: &[VersionBump<'_>],
    blockers: &mut Vec<Blocker>,
) -> Vec<FileEdit> {
    let mut to = BTreeMap::new();
    for one in bumps {
        let members = facts
            .workspace
            .packages
            .iter()
            .filter(|p| one.group.has(&p.name));
        to.extend(
            members
                .filter(|p| p.version != one.to)
                .map(|p| (p.name.clone(), one.to.clone())),
        );
    }
    let read = |path: &camino::Utf8Path| {
        let relative = relative_to(&facts.workspace.root, &normalized(path));
        facts
            .files
            .get(&relative)
            .cloned()
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    };
    let policy = match config.release.requirements {
        Requirements::Learn => RequirementPolicy::Learn,
        Requirements::Follow => RequirementPolicy::Follow,
        Requirements::AsNeeded => RequirementPolicy::AsNeeded,
    };
    bump(&facts.workspace, &read, &to, policy).unwrap_or_else(|e| {
        let blocker = Blocker::new(
            e.to_string(),
            "write the version in a way that cargo reads, then try again",
        );
        blockers.push(match e.place() {
            Some((path, line)) => blocker.at(facts.in_checkout(path), line),
            None => blocker,
        });
        Vec::new()
    })
}
