//! The lockfiles of other workspaces in the repository follow, as far as they can.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};
use stagegate_manifest::{DependencyKind, FileEdit, Workspace, bump_lockfile};

use crate::facts::{Facts, OtherWorkspace};
use crate::version::VersionBump;

/// Returns the edits of those that follow, and a note for each that does not.
pub fn edits(facts: &Facts, bumps: &[VersionBump<'_>]) -> (Vec<FileEdit>, Vec<String>) {
    let mut edits = Vec::new();
    let mut notes = Vec::new();
    for other in &facts.other_workspaces {
        let to = moved(&facts.workspace, other, bumps);
        if let Some(refusal) = refusal(other, &to) {
            notes.push(refusal);
            continue;
        }
        match bump_lockfile(&other.lockfile, &other.text, &to) {
            Ok(edit) => edits.extend(edit),
            Err(error) => notes.push(format!("{} is left as it is: {error}", other.lockfile)),
        }
    }
    (edits, notes)
}

/// Returns the members that the other workspace locks and that move, with both versions.
fn moved<'a>(
    workspace: &'a Workspace,
    other: &OtherWorkspace,
    bumps: &'a [VersionBump<'_>],
) -> BTreeMap<&'a str, (&'a Version, &'a Version)> {
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> = other.needs.iter().map(|need| need.name.as_str()).collect();
    let mut to = BTreeMap::new();
    while let Some(package) = open.pop().and_then(|name| workspace.package(name)) {
        if !reached.insert(package.name.as_str()) {
            continue;
        }
        let built = package
            .internal
            .iter()
            .filter(|d| d.kind != DependencyKind::Development);
        open.extend(built.map(|d| d.name.as_str()));
        let moved = bumps.iter().find(|one| one.group.has(&package.name));
        if let Some(one) = moved.filter(|one| one.to != package.version) {
            to.insert(package.name.as_str(), (&package.version, &one.to));
        }
    }
    to
}

/// Returns why the other workspace does not resolve any more, if it does not.
fn refusal(other: &OtherWorkspace, to: &BTreeMap<&str, (&Version, &Version)>) -> Option<String> {
    other.needs.iter().find_map(|need| {
        let (_, version) = to.get(need.name.as_str())?;
        let requirement = need.requirement.as_deref()?;
        let accepts = VersionReq::parse(requirement).ok()?.matches(version);
        (!accepts).then(|| {
            format!(
                "{} requires {} {requirement}, which {version} is not: change it after the release; {} is left as it is",
                need.manifest, need.name, other.lockfile
            )
        })
    })
}
