//! Facts of the hosts.

use stagegate_deploy::{KnownGood, Target};

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
    /// The version of the backend that users meet there, if one is known.
    pub fn runs(&self) -> Option<semver::Version> {
        let running = self.found.as_ref().ok()?.running.as_ref()?;
        running.version.parse().ok()
    }
}
