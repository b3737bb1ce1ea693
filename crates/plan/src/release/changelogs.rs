//! What a release says of itself: what people have written, or what its commits tell.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use stagegate_changelog::{
    Change, Changelog, ChangelogError, CompareLinks, Generated, Release, generate,
};
use stagegate_config::schema::{ChangelogMode, Config};
use stagegate_manifest::FileEdit;

use crate::facts::{ChangelogFacts, CommitFacts, Facts};
use crate::model::Blocker;
use crate::release::spoken;
use crate::version::VersionBump;
use crate::version::groups::config_of;

/// What the changelogs of a release come to.
#[derive(Default)]
pub struct Told {
    /// The files that change, by their names.
    pub edits: BTreeMap<Utf8PathBuf, FileEdit>,
    /// What people should know of them: what is generated, and what is left to them.
    pub remarks: BTreeSet<String>,
    /// What each group's release says of itself, Markdown.
    pub notes: BTreeMap<String, String>,
    /// Commits are needed that may not be here.
    gap: bool,
}

/// Everything that the notes of one group are made of.
struct Group<'a> {
    facts: &'a Facts,
    one: &'a VersionBump<'a>,
    mode: ChangelogMode,
    repository: Option<String>,
}

/// Promotes what a group's changelogs have gathered, generates what nobody has written,
/// and adds both to `told`. One of several changelogs may have nothing new; a pre-release
/// only borrows what is gathered for the release.
pub(crate) fn tell(
    facts: &Facts,
    config: &Config,
    one: &VersionBump<'_>,
    told: &mut Told,
    blockers: &mut Vec<Blocker>,
) {
    let group = Group {
        facts,
        one,
        mode: mode_of(config, one),
        repository: repository(facts),
    };
    let said = match group.mode {
        ChangelogMode::Off => None,
        _ => group.write(told, blockers),
    };
    let notes = match said {
        Some(notes) => notes,
        // No file is written, and still the release has something to say.
        None if facts.history_gap.is_some() => {
            let gap = facts.history_gap.iter();
            let what = gap.map(|gap| format!("{}: the notes do not tell of commits", gap.what));
            told.remarks.extend(what);
            String::new()
        }
        None => match group.generated(&group.commits(None)) {
            Ok(generated) => {
                told.remarks.extend(generated.left_out);
                if !generated.body.is_empty() {
                    told.remarks.insert(group.generated_remark(&generated.body));
                }
                generated.body
            }
            Err(error) => {
                blockers.push(blocker(&error));
                String::new()
            }
        },
    };
    if told.gap
        && let Some(gap) = facts
            .history_gap
            .as_ref()
            .filter(|gap| !blockers.contains(gap))
    {
        blockers.push(gap.clone());
    }
    let notes = match notes.is_empty() {
        true => one.reasons.join("\n"),
        false => notes,
    };
    told.notes.insert(one.group.name.clone(), notes);
}

/// Returns what is told of a version that is released as it stands: its sections, or where nobody
/// has written one and no tag says where it ends, its commits.
pub(crate) fn written(facts: &Facts, one: &VersionBump<'_>) -> String {
    let group = Group {
        facts,
        one,
        mode: ChangelogMode::Promote,
        repository: repository(facts),
    };
    let mut notes = String::new();
    let mut seen = BTreeSet::new();
    for path in &one.group.changelogs {
        let found = facts.changelogs.get(path);
        let Some(found) = found.filter(|found| seen.insert(&found.file)) else {
            continue;
        };
        let Ok(text) = &found.text else { continue };
        let Ok(changelog) = Changelog::parse(text) else {
            continue;
        };
        if let Some(section) = changelog.section(&one.to) {
            group.say(&mut notes, &changelog.notes(section), found);
        }
    }
    let tags = facts.git.as_ref().ok().map(|git| &git.tags);
    let is_tagged = tags.is_some_and(|tags| tags.contains_key(&one.tag()));
    if notes.is_empty() && !is_tagged && facts.history_gap.is_none() {
        let generated = group.generated(&group.commits(None));
        notes = generated.map_or_else(|_| String::new(), |generated| generated.body);
    }
    notes
}

/// Returns the mode of a group: its own, or that of the release.
fn mode_of(config: &Config, one: &VersionBump<'_>) -> ChangelogMode {
    config_of(config, one.group)
        .and_then(|group| group.changelog_mode)
        .unwrap_or(config.release.changelog_mode)
}

/// Returns where people browse the repository.
fn repository(facts: &Facts) -> Option<String> {
    let github = facts.github.as_ref()?.as_ref().ok()?;
    let web = web_of(&github.server.api);
    Some(format!("{web}/{}", github.facts.full_name))
}

/// Returns where people browse, from where programs ask.
pub(crate) fn web_of(api: &url::Url) -> String {
    let origin = api.origin().ascii_serialization();
    origin.replace("://api.github.com", "://github.com")
}

/// What is new in one changelog.
enum News {
    /// The file after the release, if it changes, and the notes.
    Told(Option<String>, String),
    /// The same, told from the commits.
    Generated(Option<String>, String),
}

impl Group<'_> {
    /// Writes the group's changelogs, and returns the notes; nothing where there is no
    /// changelog that can be written.
    fn write(&self, told: &mut Told, blockers: &mut Vec<Blocker>) -> Option<String> {
        let mut notes = String::new();
        let mut empty = Vec::new();
        let mut seen = Vec::new();
        let mut whole = false;
        for path in &self.one.group.changelogs {
            let Some(found) = self.facts.changelogs.get(path) else {
                continue;
            };
            // Several names may lead to one file. What cannot be read is a blocker
            // of the preconditions.
            if seen.contains(&&found.file) || told.edits.contains_key(&found.file) {
                continue;
            }
            let Ok(text) = &found.text else {
                seen.push(&found.file);
                continue;
            };
            if found.is_asciidoc() {
                told.remarks.insert(format!(
                    "{} is AsciiDoc, which stagegate does not edit: write the section of {} yourself, or by a `[[step]]` before = \"commit\"",
                    found.file, self.one.to
                ));
                continue;
            }
            if Changelog::parse(text).is_ok_and(|changelog| changelog.points_elsewhere()) {
                continue;
            }
            seen.push(&found.file);
            let package = self.package_of(found);
            match self.news(text, package, told) {
                Ok(News::Told(new, said)) => {
                    self.change(found, text, new, told);
                    self.say(&mut notes, &said, found);
                }
                Ok(News::Generated(new, said)) => {
                    self.change(found, text, new, told);
                    // What is told of the whole group is not told of its packages again.
                    whole |= package.is_none();
                    if package.is_none() || !whole {
                        told.remarks.insert(self.generated_remark(&said));
                        self.say(&mut notes, &said, found);
                    }
                }
                Err(error) => empty.push((path, error)),
            }
        }
        let none = empty.iter().all(|(_, error)| is_empty(error));
        if notes.is_empty() && none && self.mode != ChangelogMode::Promote {
            // What happened to packages that have no changelog.
            match self.generated(&self.commits(None)) {
                Ok(generated) if generated.body.is_empty() => {}
                Ok(generated) => {
                    told.remarks.insert(self.generated_remark(&generated.body));
                    notes = generated.body;
                }
                Err(error) => blockers.push(blocker(&error)),
            }
        }
        let fine = !notes.is_empty() || !self.one.asked;
        for (path, error) in empty {
            if matches!(error, ChangelogError::Generator { .. }) {
                blockers.push(blocker(&error));
            } else if !(fine && is_empty(&error)) {
                let blocker = Blocker::new(
                    format!("{path}: {error}"),
                    "write down under `## [Unreleased]` what is new for users, commit it, and try again (or `--skip changelog`)",
                );
                // Where there is no such heading, the file's beginning is the place for it.
                let line = error.line().or(Some(1));
                // What keeps the file from being read is a precondition's to say.
                if !blockers.iter().any(|known| known.what == blocker.what) {
                    blockers.push(blocker.at(self.facts.subdirectory.join(path), line));
                }
            }
        }
        (!seen.is_empty()).then_some(notes)
    }

    /// Notes down what becomes of a file.
    fn change(&self, found: &ChangelogFacts, text: &str, new: Option<String>, told: &mut Told) {
        if let Some(new) = new {
            let edit = FileEdit::from_texts(found.file.clone(), text.as_bytes(), new.as_bytes());
            told.edits.insert(found.file.clone(), edit);
        }
    }

    /// Adds what a changelog says to the notes.
    fn say(&self, notes: &mut String, said: &str, found: &ChangelogFacts) {
        if !notes.is_empty() && !said.is_empty() {
            let whose = self.package_of(found).unwrap_or(found.file.as_str());
            notes.push_str(&format!("\n\n### {whose}\n\n"));
        }
        notes.push_str(said);
    }

    /// Shows generated text, for people to read before it is written.
    fn generated_remark(&self, text: &str) -> String {
        let lines = text.lines().map(|line| format!("    {line}"));
        let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
        format!(
            "the notes of {} are generated from its commits:\n{}",
            spoken(std::slice::from_ref(self.one)),
            lines.join("\n")
        )
    }

    /// Returns what a changelog says of the release.
    fn news(
        &self,
        text: &str,
        package: Option<&str>,
        told: &mut Told,
    ) -> Result<News, ChangelogError> {
        let changelog = Changelog::parse(text)?;
        let candidate = !self.one.to.pre.is_empty();
        let gathered = changelog.unreleased().filter(|_| changelog.has_news());
        if let Some(notes) = prepared(&changelog, self.one) {
            return Ok(News::Told(None, notes));
        }
        if self.mode == ChangelogMode::Generate
            && let Some(section) = gathered
        {
            return Err(ChangelogError::Gathered { line: section.line });
        }
        if let (true, Some(section)) = (candidate, gathered) {
            return Ok(News::Told(None, changelog.notes(section)));
        }
        let links = self.repository.clone().map(|repository| CompareLinks {
            repository,
            tag_prefix: self.one.group.tag_prefix().to_owned(),
        });
        let why = match changelog.coming(&self.one.to) {
            Ok(section) if !candidate => {
                let notes = changelog.notes(section);
                let promoted = changelog.promote(&self.one.to, &self.facts.date, links.as_ref())?;
                return Ok(News::Told(Some(promoted), notes));
            }
            Ok(section) => return Ok(News::Told(None, changelog.notes(section))),
            Err(error) if is_empty(&error) => error,
            Err(error) => return Err(error),
        };
        if self.mode == ChangelogMode::Promote {
            return match (candidate, package) {
                (true, _) => Ok(News::Told(None, String::new())),
                _ => Err(why),
            };
        }
        // Commits that are not here must not be read as none.
        told.gap |= self.facts.history_gap.is_some();
        let generated = self.generated(&self.commits(package))?;
        told.remarks.extend(generated.left_out.iter().cloned());
        if generated.body.is_empty() {
            return match candidate {
                true => Ok(News::Told(None, String::new())),
                false => Err(why),
            };
        }
        // A candidate has a section of its own where it is the habit to have no other.
        let keeps = candidate && changelog.unreleased().is_some();
        let new = match keeps {
            true => None,
            false => Some(changelog.insert(
                &self.one.to,
                &self.facts.date,
                &generated,
                links.as_ref(),
            )?),
        };
        Ok(News::Generated(new, generated.body))
    }

    /// Returns the commits since the last release, of the whole group or of one of its packages.
    fn commits(&self, package: Option<&str>) -> Vec<&CommitFacts> {
        let history = self.facts.history.get(&self.one.group.name);
        let commits = history.into_iter().flat_map(|history| &history.commits);
        let concerns =
            |commit: &&CommitFacts| package.is_none_or(|package| commit.packages.contains(package));
        commits.filter(concerns).collect()
    }

    fn generated(&self, commits: &[&CommitFacts]) -> Result<Generated, ChangelogError> {
        let change = |commit: &&CommitFacts| Change {
            id: commit.id.clone(),
            message: commit.message.clone(),
            author: commit.author.clone(),
            email: commit.email.clone(),
            time: commit.time,
        };
        let changes: Vec<Change> = commits.iter().map(change).collect();
        let history = self.facts.history.get(&self.one.group.name);
        let cliff = self.facts.cliff.as_ref();
        generate(
            &changes,
            Release {
                version: &self.one.to,
                tag: &self.one.tag(),
                previous: history.and_then(|history| history.since.as_deref()),
                date: &self.facts.date,
                repository: self.repository.as_deref(),
                cliff: cliff.map(|(file, text)| (file.as_str(), text.as_str())),
            },
        )
    }

    /// Returns the package whose changelog it is, where it is one of the group's and not at the
    /// root.
    fn package_of(&self, found: &ChangelogFacts) -> Option<&str> {
        let directory = found.file.parent().filter(|d| *d != Utf8Path::new(""))?;
        let directory = self.facts.workspace.root.join(directory);
        let packages = &self.facts.workspace.packages;
        let package = packages.iter().find(|p| p.directory() == directory)?;
        Some(package.name.as_str())
    }
}

/// Returns whether nothing is wrong but that nobody has written anything.
fn is_empty(error: &ChangelogError) -> bool {
    matches!(
        error,
        ChangelogError::NoUnreleased
            | ChangelogError::EmptyUnreleased { .. }
            | ChangelogError::EmptyVersion { .. }
    )
}

fn blocker(error: &ChangelogError) -> Blocker {
    Blocker::new(
        error.to_string(),
        "correct the file, or set `changelog_mode = \"promote\"` and write the section yourself",
    )
}

/// Returns the notes of a version whose section stands in the changelog already, dated: what
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
