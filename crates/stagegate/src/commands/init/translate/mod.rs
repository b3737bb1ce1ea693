//! How a workspace is released today, in the words of `stagegate.toml`.
//!
//! Pure: texts and what stagegate learns by itself come in; settings with their origin, and
//! notes about what cannot be said, go out. Only what differs from what is learned or the
//! default becomes a setting. A file that cannot be read is a note, never an error: it is
//! another tool's file.

mod cargo_release;
mod conventions;
mod dist;
mod placeholders;
mod release_plz;
mod settings;
#[cfg(test)]
mod tests;
mod workflows;

use std::collections::BTreeMap;
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value};

pub(super) use settings::Settings;

/// What is known of a workspace before it is translated.
#[derive(Default)]
pub(super) struct Sources {
    /// The files that may say something, relative to the workspace's root; the workflows
    /// under `.github/workflows`, wherever the checkout's top is.
    pub(super) files: BTreeMap<Utf8PathBuf, Result<String, String>>,
    /// The packages that may be released.
    pub(super) members: Vec<Member>,
    /// What moves together, and with which tags, as far as the checkout tells.
    pub(super) moves: Vec<Moves>,
    /// The branch that releases are made from.
    pub(super) branch: String,
    /// The remote that releases are pushed to.
    pub(super) remote: String,
    /// Whether git signs commits here.
    pub(super) signs_commits: bool,
    /// Whether git signs tags here.
    pub(super) signs_tags: bool,
}

/// A package that may be released.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Relative to the workspace's root; empty for the package that is there.
    pub(super) directory: Utf8PathBuf,
}

/// Packages that have one version.
#[derive(Clone, Debug)]
pub(super) struct Moves {
    pub(super) name: String,
    pub(super) members: Vec<String>,
    /// The forms of their tags, names filled in.
    pub(super) tags: Vec<String>,
}

/// Something that no setting says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// The file, and the key in it.
    pub(super) origin: String,
    /// Why, or what to do instead.
    pub(super) text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.text)
    }
}

/// What becomes of the ways that releases are made today.
#[derive(Default)]
pub(super) struct Translation {
    /// What `stagegate.toml` says.
    pub(super) settings: Settings,
    /// What it does not.
    pub(super) notes: Vec<Note>,
}

impl Translation {
    fn note(&mut self, origin: impl Into<String>, text: impl Into<String>) {
        let note = Note {
            origin: origin.into(),
            text: text.into(),
        };
        // Several packages may have the same to say.
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Says why a key has no counterpart, unless it has the value, in JSON, that it has anyway.
    fn note_unusual(&mut self, origin: String, value: &serde_json::Value, usual: &str, why: &str) {
        let usual: serde_json::Value = serde_json::from_str(usual).unwrap_or_default();
        if *value != usual {
            self.note(origin, why);
        }
    }

    /// Sets one key.
    fn set(&mut self, table: &str, key: &str, value: impl Into<toml_edit::Value>, origin: &str) {
        let refused = self.settings.set(table, key, value.into(), origin);
        self.refused(origin, refused);
    }

    /// Adds a table with all its keys.
    fn table(&mut self, table: &str, pairs: Vec<(&'static str, toml_edit::Value)>, origin: &str) {
        let refused = self.settings.table(table, pairs, origin);
        self.refused(origin, refused);
    }

    /// Adds an entry to an array of tables.
    fn entry(&mut self, table: &str, pairs: Vec<(&'static str, toml_edit::Value)>, origin: &str) {
        let refused = self.settings.entry(table, pairs, origin);
        self.refused(origin, refused);
    }

    fn refused(&mut self, origin: &str, refused: Result<(), String>) {
        if let Err(why) = refused {
            self.note(origin, why);
        }
    }

    /// Leaves out every setting, because together they are not valid.
    pub(super) fn without_settings(&mut self, why: &str) {
        self.settings = Settings::default();
        self.note(
            "stagegate.toml",
            format!("what other tools say cannot be written together, and is left out: {why}"),
        );
    }

    /// Leaves out what was translated of versions and tags, because together it cannot be
    /// used.
    pub(super) fn without_conventions(&mut self, why: &str) {
        for origin in self.settings.remove_conventions() {
            self.note(
                origin,
                format!(
                    "stagegate cannot have these versions and tags together: {why}; what it \
                     learns from your tags stays, look at it with `--dry-run`"
                ),
            );
        }
    }
}

impl Sources {
    /// Returns the tables of a file, if it is there and can be read; if it cannot be, a note
    /// says so.
    fn toml(&self, file: &str, into: &mut Translation) -> Option<Map<String, Value>> {
        let text = match self.files.get(Utf8Path::new(file))? {
            Ok(text) => text,
            Err(why) => {
                into.note(
                    file,
                    format!("cannot be read, and nothing of it is translated: {why}"),
                );
                return None;
            }
        };
        match toml_edit::de::from_str(text) {
            Ok(Value::Object(map)) => Some(map),
            Ok(_) => None,
            Err(error) => {
                let why = error.message().trim().replace('\n', ", ");
                into.note(
                    file,
                    format!("is not TOML as it should be, and nothing of it is translated: {why}"),
                );
                None
            }
        }
    }
}

/// Returns the first of these files that is there.
fn first<'f>(sources: &Sources, files: &[&'f str]) -> Option<&'f str> {
    let there = |file: &&&str| sources.files.contains_key(Utf8Path::new(file));
    files.iter().find(there).copied()
}

/// Returns every file that may say how a workspace is released, but for workflows.
pub(super) fn places(members: &[Member]) -> Vec<Utf8PathBuf> {
    let at_the_root = ["Cargo.toml", "release.toml"]
        .iter()
        .chain(&release_plz::FILES)
        .chain(&dist::FILES)
        .chain(&CLIFF);
    let mut places: Vec<Utf8PathBuf> = at_the_root.map(Utf8PathBuf::from).collect();
    for member in members {
        places.push(member.directory.join("Cargo.toml"));
        places.push(member.directory.join("release.toml"));
    }
    places.sort();
    places.dedup();
    places
}

/// Where stagegate looks for git-cliff's configuration.
const CLIFF: [&str; 3] = ["cliff.toml", ".cliff.toml", ".config/cliff.toml"];

/// Translates all that is there.
pub(super) fn translate(sources: &Sources) -> Translation {
    let mut into = Translation::default();
    cargo_release::translate(sources, &mut into);
    release_plz::translate(sources, &mut into);
    if let Some(file) = first(sources, &CLIFF)
        && sources.toml(file, &mut into).is_some()
    {
        into.note(
            file,
            "is used as it is for the sections that are generated; `changelog_mode` says when",
        );
    }
    let has_dist = dist::translate(sources, &mut into);
    workflows::translate(sources, has_dist, &mut into);
    into
}
