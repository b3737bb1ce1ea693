//! What a release changes in the workspace's files.

use std::collections::BTreeMap;

use stagegate_changelog::{Changelog, ChangelogError, CompareLinks};
use stagegate_config::schema::{Config, Requirements};
use stagegate_config::stage::Stage;
use stagegate_manifest::{FileEdit, RequirementPolicy, bump, normalized, relative_to};

use crate::facts::{ChangelogFacts, Facts};
use crate::model::Blocker;
use crate::release::other_lockfiles;
use crate::request::ReleaseRequest;
use crate::version::VersionBump;

/// Manifests and lockfile, and the changelogs apart from them.
pub struct Edits {
    /// Manifests and lockfile.
    pub bump: Vec<FileEdit>,
    /// The changelogs.
    pub changelogs: Vec<FileEdit>,
    /// Files that would have to follow and do not, for people.
    pub left: Vec<String>,
    /// What each group's release says of itself, Markdown.
    pub notes: BTreeMap<String, String>,
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
    let mut edits = Edits {
        bump,
        left,
        changelogs: Vec::new(),
        notes: BTreeMap::new(),
    };
    let mut promoted = BTreeMap::new();
    for one in bumps {
        let notes = if wanted.skip.contains(&Stage::Changelog) {
            String::new()
        } else {
            changelogs(facts, one, &mut promoted, blockers)
        };
        edits.notes.insert(one.group.name.clone(), notes);
    }
    edits.changelogs = promoted.into_values().collect();
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
        blockers.push(Blocker::new(
            e.to_string(),
            "write the version in a way that cargo reads, then try again",
        ));
        Vec::new()
    })
}

/// Promotes what a group's changelogs have gathered, and answers with the
/// release's notes. One of several may have nothing new; a pre-release only
/// borrows what is gathered for the release.
fn changelogs(
    facts: &Facts,
    one: &VersionBump<'_>,
    promoted: &mut BTreeMap<camino::Utf8PathBuf, FileEdit>,
    blockers: &mut Vec<Blocker>,
) -> String {
    let mut notes = String::new();
    let mut empty = Vec::new();
    let mut seen = Vec::new();
    for path in &one.group.changelogs {
        let Some(found) = facts.changelogs.get(path) else {
            continue;
        };
        // Several names may lead to one file. What cannot be read is a blocker
        // of the preconditions.
        if seen.contains(&&found.file) || promoted.contains_key(&found.file) {
            continue;
        }
        seen.push(&found.file);
        let Ok(text) = &found.text else { continue };
        if Changelog::parse(text).is_ok_and(|changelog| changelog.points_elsewhere()) {
            continue;
        }
        match promote(facts, one, text) {
            Ok((edit, said)) => {
                if let Some(new) = edit {
                    let edit =
                        FileEdit::from_texts(found.file.clone(), text.as_bytes(), new.as_bytes());
                    promoted.insert(found.file.clone(), edit);
                }
                if !notes.is_empty() {
                    notes.push_str(&format!("\n\n### {}\n\n", said_of(facts, found)));
                }
                notes.push_str(&said);
            }
            Err(e) => empty.push((path, e)),
        }
    }
    let only_empty = |e: &ChangelogError| {
        matches!(
            e,
            ChangelogError::NoUnreleased
                | ChangelogError::EmptyUnreleased { .. }
                | ChangelogError::EmptyVersion { .. }
        )
    };
    let fine = !notes.is_empty() || !one.asked;
    for (path, e) in empty {
        if !(fine && only_empty(&e)) {
            blockers.push(Blocker::new(
                format!("{path}: {e}"),
                "write down under `## [Unreleased]` what is new for users, commit it, and try again (or `--skip changelog`)",
            ));
        }
    }
    if notes.is_empty() {
        return one.reasons.join("\n");
    }
    notes
}

/// The package whose changelog it is.
fn said_of(facts: &Facts, found: &ChangelogFacts) -> String {
    let directory = found.file.parent().map(|d| facts.workspace.root.join(d));
    let package = facts
        .workspace
        .packages
        .iter()
        .find(|p| Some(p.directory()) == directory);
    package.map_or_else(|| found.file.to_string(), |p| p.name.clone())
}

fn promote(
    facts: &Facts,
    one: &VersionBump<'_>,
    text: &str,
) -> Result<(Option<String>, String), ChangelogError> {
    let changelog = Changelog::parse(text)?;
    if !one.to.pre.is_empty() {
        let gathered = changelog.unreleased();
        let notes = gathered.map(|section| changelog.notes(section));
        return Ok((None, notes.unwrap_or_default()));
    }
    if let Some(notes) = prepared(&changelog, one) {
        return Ok((None, notes));
    }
    let notes = changelog.notes(changelog.coming(&one.to)?);
    let links = facts
        .github
        .as_ref()
        .and_then(|found| found.as_ref().ok())
        .map(|github| CompareLinks {
            repository: format!("{}/{}", web_of(&github.server.api), github.facts.full_name),
            tag_prefix: one.group.tag_prefix().to_owned(),
        });
    let promoted = changelog.promote(&one.to, &facts.date, links.as_ref())?;
    Ok((Some(promoted), notes))
}

/// Where people browse, from where programs ask.
pub(crate) fn web_of(api: &url::Url) -> String {
    let origin = api.origin().ascii_serialization();
    origin.replace("://api.github.com", "://github.com")
}

/// The notes of a version whose section stands in the changelog already, dated: what
/// a merged pull request has left, or somebody has written by hand.
fn prepared(changelog: &Changelog, one: &VersionBump<'_>) -> Option<String> {
    // Beside other unreleased changes, nobody can tell which of the two is meant.
    if one.group.version != one.to && changelog.has_news() {
        return None;
    }
    let section = changelog.section(&one.to)?;
    if section.date.is_none() || changelog.coming(&one.to).is_ok() {
        return None;
    }
    let notes = changelog.notes(section);
    (!notes.trim().is_empty()).then_some(notes)
}
