//! Problems that keep a plan from being made, each with its remedy. All of them, at once.

use std::fmt;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::model::count;

/// One problem that keeps a plan from being made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// What is wrong, naming file, line, command or host.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// Where to look, if it is about a place in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<FilePlace>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePlace {
    /// The file, relative to the checkout's top.
    pub file: Utf8PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl Blocker {
    /// Creates one from what is wrong and what to do about it.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Blocker {
        Blocker {
            what: what.into(),
            remedy: remedy.into(),
            place: None,
        }
    }

    /// Says where to look: a file, relative to the checkout's top, and a line, which may be
    /// unknown.
    pub fn at(self, file: Utf8PathBuf, line: Option<usize>) -> Blocker {
        let place = line.map(|line| FilePlace { file, line });
        Blocker { place, ..self }
    }
}

impl From<stagegate_config::resolve::ResolveError> for Blocker {
    fn from(error: stagegate_config::resolve::ResolveError) -> Blocker {
        Blocker::new(error.to_string(), error.remedy())
    }
}

/// Every problem that was found; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blockers(pub Vec<Blocker>);

impl fmt::Display for Blockers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems = count(self.0.len(), "problem");
        write!(f, "{problems} found; nothing was changed")?;
        for blocker in &self.0 {
            write!(f, "\n  {}\n    → {}", blocker.what, blocker.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Blockers {}
