//! Which run is meant: what is done, and to what.
//!
//! It names the journal, the release tree and the private reference, so it is stable and
//! safe in a path.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Gates alone.
    Check,
    /// A release.
    Release,
    /// The pull request of a release.
    Prepare,
    /// A branch for a fix.
    Hotfix,
    /// A deploy.
    Deploy,
    /// A rollback.
    Rollback,
    /// A yank.
    Yank,
    /// A yank taken back.
    Unyank,
}

/// Which run is meant, as `release-1.4.0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RunId {
    verb: Verb,
    subject: String,
}

impl Verb {
    const ALL: [Verb; 8] = [
        Verb::Check,
        Verb::Release,
        Verb::Prepare,
        Verb::Hotfix,
        Verb::Deploy,
        Verb::Rollback,
        Verb::Yank,
        Verb::Unyank,
    ];

    /// Returns its name, as run ids have it.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Check => "check",
            Verb::Release => "release",
            Verb::Prepare => "prepare",
            Verb::Hotfix => "hotfix",
            Verb::Deploy => "deploy",
            Verb::Rollback => "rollback",
            Verb::Yank => "yank",
            Verb::Unyank => "unyank",
        }
    }

    /// Tells whether runs of this verb are about an environment's hosts: those of one do not
    /// concern those of another.
    pub fn is_on_environment(self) -> bool {
        matches!(self, Verb::Deploy | Verb::Rollback)
    }

    /// Returns the command that means it, as it is typed.
    pub fn command(self) -> &'static str {
        match self {
            Verb::Prepare => "release prepare",
            Verb::Unyank => "yank",
            other => other.name(),
        }
    }
}

impl RunId {
    /// Creates the id of a run that does `verb` to `subject`; an empty subject is left out.
    pub fn new(verb: Verb, subject: impl Into<String>) -> RunId {
        RunId {
            verb,
            subject: subject.into(),
        }
    }

    /// Returns what the run does.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// Returns what it does it to: a version, or an environment.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the id of another run about the same.
    pub fn with_verb(&self, verb: Verb) -> RunId {
        RunId::new(verb, self.subject.clone())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb.name())?;
        match self.subject.as_str() {
            "" => Ok(()),
            subject => write!(f, "-{subject}"),
        }
    }
}

impl FromStr for RunId {
    type Err = String;

    fn from_str(text: &str) -> Result<RunId, String> {
        let read = |verb: Verb| match text.strip_prefix(verb.name())? {
            "" => Some(RunId::new(verb, "")),
            rest => Some(RunId::new(verb, rest.strip_prefix('-')?)),
        };
        let found = Verb::ALL.into_iter().find_map(read);
        found.ok_or_else(|| format!("`{text}` is not the id of a run, such as `release-1.4.0`"))
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for RunId {
    type Error = String;

    fn try_from(text: String) -> Result<RunId, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let check = |text: &str, verb: Verb, subject: &str| {
            let id = RunId::new(verb, subject);
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        };
        check("release-1.4.0-rc.1", Verb::Release, "1.4.0-rc.1");
        check(
            "prepare-core=1.0.0,cli=2.0.0",
            Verb::Prepare,
            "core=1.0.0,cli=2.0.0",
        );
        check("unyank-1.4.0,core", Verb::Unyank, "1.4.0,core");
        check("deploy-pre-production", Verb::Deploy, "pre-production");
        check("check", Verb::Check, "");
        assert!("lunch-1.0.0".parse::<RunId>().is_err());
        assert!("released-1.0.0".parse::<RunId>().is_err());
    }
}
