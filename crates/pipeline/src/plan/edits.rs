//! What a release changes in the workspace's files.

use semver::Version;
use stagegate_changelog::{Changelog, CompareLinks};
use stagegate_manifest::{FileEdit, bump};

use crate::blocker::Blocker;
use crate::facts::Facts;
use crate::request::ReleaseRequest;
use crate::{Config, Stage};

/// Manifests and lockfile, and the changelog apart from them.
pub(super) struct Edits {
    /// Manifests and lockfile.
    pub(super) bump: Vec<FileEdit>,
    /// The changelog.
    pub(super) changelog: Option<FileEdit>,
    /// What the release says of itself, Markdown.
    pub(super) notes: String,
}

pub(super) fn edits(
    facts: &Facts,
    config: &Config,
    wanted: &ReleaseRequest,
    current: &Version,
    version: &Version,
    blockers: &mut Vec<Blocker>,
) -> Edits {
    let mut edits = Edits {
        bump: Vec::new(),
        changelog: None,
        notes: String::new(),
    };
    let moves = facts
        .workspace
        .packages
        .iter()
        .filter(|p| p.publishable_to(&config.registry.name) || p.version == *current);
    let to = moves
        .filter(|p| p.version != *version)
        .map(|p| (p.name.clone(), version.clone()))
        .collect();
    let read = |path: &camino::Utf8Path| {
        let relative = path.strip_prefix(&facts.workspace.root).unwrap_or(path);
        facts
            .files
            .get(relative)
            .cloned()
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    };
    match bump(&facts.workspace, &read, &to) {
        Ok(bumped) => edits.bump = bumped,
        Err(e) => blockers.push(Blocker::new(
            e.to_string(),
            "write the version in a way that cargo reads, then try again",
        )),
    }
    let Some((path, text)) = facts
        .changelog
        .as_ref()
        .filter(|_| !wanted.skip.contains(&Stage::Changelog))
    else {
        return edits;
    };
    // An unreadable changelog is a blocker of the preconditions.
    let Ok(text) = text else { return edits };
    let links = facts
        .github
        .as_ref()
        .and_then(|found| found.as_ref().ok())
        .map(|github| CompareLinks {
            repository: format!("{}/{}", web_of(&github.server.api), github.facts.full_name),
            tag_prefix: config.release.tag_prefix().to_owned(),
        });
    let promoted = Changelog::parse(text).and_then(|changelog| {
        let promoted = changelog.promote(version, &facts.date, links.as_ref())?;
        let notes = changelog
            .unreleased()
            .map(|section| changelog.notes(section));
        Ok((promoted, notes))
    });
    match promoted {
        Ok((promoted, notes)) => {
            edits.changelog = Some(FileEdit::from_texts(path.clone(), text.as_bytes(), promoted.as_bytes()));
            edits.notes = notes.unwrap_or_default();
        }
        Err(e) => blockers.push(Blocker::new(
            format!("{path}: {e}"),
            "write down under `## [Unreleased]` what is new for users, commit it, and try again (or `--skip changelog`)",
        )),
    }
    edits
}

/// Where people browse, from where programs ask.
fn web_of(api: &url::Url) -> String {
    let origin = api.origin().ascii_serialization();
    origin.replace("://api.github.com", "://github.com")
}
