//! Facts of the hosts.

use stagegate_deploy::{KnownGood, Part, Target};

use crate::facts::SurveyResult;

/// A host, and what runs there.
#[derive(Clone, Debug)]
pub struct RunningHost {
    /// Its address.
    pub target: Target,
    /// The app as it has it.
    pub app: stagegate_deploy::App,
    /// What runs.
    pub found: SurveyResult<stagegate_deploy::HostStatus>,
}

/// How far two commits are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitDistance {
    /// Commits that the second has and the first does not.
    pub ahead: u64,
    /// Commits that the first has and the second does not.
    pub behind: u64,
}

/// One host.
#[derive(Clone, Debug)]
pub struct HostSurvey {
    /// Its address.
    pub target: Target,
    /// What it is like.
    pub found: SurveyResult<stagegate_deploy::HostFacts>,
    /// The pair that it is known to run well, and the one before it.
    pub known: KnownGood,
}

impl HostSurvey {
    /// Returns the version and the commit of a part that users meet there: where its traffic
    /// leads, or what was confirmed last.
    pub fn release_of(&self, part: Part) -> Option<(String, String)> {
        let found = self.found.as_ref().ok()?;
        let switch = match part {
            Part::Backend => found.running.as_ref(),
            Part::Frontend => found.running_frontend.as_ref(),
        };
        if let Some(switch) = switch {
            return Some((switch.version.clone(), switch.commit.clone()));
        }
        let pair = self.known.current.as_ref()?;
        let confirmed = match part {
            Part::Backend => pair.backend.as_ref(),
            Part::Frontend => pair.frontend.as_ref(),
        }?;
        Some((confirmed.version.to_string(), confirmed.commit.clone()))
    }

    /// Returns the version of the backend that users meet there, if one is known.
    pub fn runs(&self) -> Option<semver::Version> {
        let running = self.found.as_ref().ok()?.running.as_ref()?;
        running.version.parse().ok()
    }
}
