//! What somebody asked for.

use semver::Version;
use stagegate_config::stage::Stage;

use crate::model::{RunId, Verb};
use crate::version::{GroupVersion, Selection, VersionRequest};

/// What somebody asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// A new version, from gates to production.
    Release(ReleaseRequest),
    /// The app, from an existing version or the checked-out one.
    Deploy(DeployRequest),
    /// The app, back to the pair that ran before.
    Rollback(RollbackRequest),
    /// A version withdrawn, or given back.
    Yank(YankRequest),
    /// A branch from a released version, ready for a fix.
    Hotfix(HotfixRequest),
    /// A pull request with what a release would change in the files.
    Prepare(ReleaseRequest),
    /// The gates, and nothing after them.
    Check(CheckRequest),
}

/// `release`
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseRequest {
    /// The versions.
    pub versions: Vec<GroupVersion>,
    /// The packages that are meant, where not all are.
    pub selection: Selection,
    /// Make pre-releases under this label.
    pub pre: Option<String>,
    /// Stages to leave out.
    pub skip: Vec<Stage>,
    /// Why it is deployed although deploys are frozen.
    pub freeze_override: Option<String>,
    /// The environment to deploy to.
    pub environment: String,
    /// The tag is there already, at the commit that is checked out.
    pub tagged: bool,
    /// Nothing to release is no problem.
    pub if_changed: bool,
    /// What the registry lacks of the versions that the manifests have, whoever began to
    /// release them.
    pub unpublished: bool,
    /// The plan is executed elsewhere: who may write to the registry and to GitHub
    /// is asked there.
    pub handed_on: bool,
}

/// `check`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckRequest {
    /// The gates; empty: all that are on.
    pub gates: Vec<Stage>,
    /// The packages that are meant, where not all are.
    pub selection: Selection,
}

/// Which half of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The service.
    Backend,
    /// The bundle.
    Frontend,
    /// The service, and once it is confirmed, the bundle.
    Both,
}

impl Part {
    /// Returns whether the service is meant.
    pub fn backend(self) -> bool {
        self != Part::Frontend
    }

    /// Returns whether the bundle is meant.
    pub fn frontend(self) -> bool {
        self != Part::Backend
    }

    /// Returns the word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Part::Backend => "backend",
            Part::Frontend => "frontend",
            Part::Both => "both",
        }
    }
}

/// `deploy`
#[derive(Clone, Debug, PartialEq)]
pub struct DeployRequest {
    /// Which half.
    pub part: Part,
    /// A released version; absent: what is checked out.
    pub version: Option<Version>,
    /// The environment whose very artifacts are deployed; absent: they are built.
    pub from: Option<String>,
    /// Why it is deployed although deploys are frozen.
    pub freeze_override: Option<String>,
    /// The environment.
    pub environment: String,
}

/// `rollback`
#[derive(Clone, Debug, PartialEq)]
pub struct RollbackRequest {
    /// Which half.
    pub part: Part,
    /// The environment.
    pub environment: String,
}

/// `yank`
#[derive(Clone, Debug, PartialEq)]
pub struct YankRequest {
    /// The version.
    pub version: Version,
    /// These crates only; empty: all that were released with it.
    pub crates: Vec<String>,
    /// Why, for those who read of it.
    pub reason: Option<String>,
    /// Give it back.
    pub undo: bool,
}

/// `hotfix`
#[derive(Clone, Debug, PartialEq)]
pub struct HotfixRequest {
    /// The released version to mend.
    pub version: Version,
    /// A package of the group that is meant; absent: the main one.
    pub package: Option<String>,
}

impl ReleaseRequest {
    /// Returns whether commits and interfaces decide.
    pub fn asks_for_auto(&self) -> bool {
        self.versions
            .iter()
            .any(|wanted| wanted.version == VersionRequest::Auto)
    }

    /// Returns whether groups are meant that only their history can tell.
    pub fn asks_for_history(&self) -> bool {
        let unnamed = |wanted: &GroupVersion| {
            wanted.group.is_none() && !matches!(wanted.version, VersionRequest::Exact(_))
        };
        self.asks_for_auto() || self.versions.iter().any(unnamed)
    }

    /// Returns whether no host will be touched.
    pub fn skips_deploy(&self) -> bool {
        self.skip.contains(&Stage::DeployBackend) && self.skip.contains(&Stage::DeployFrontend)
    }
}

impl YankRequest {
    /// Returns what is typed to mean it again.
    pub fn words(&self) -> String {
        let crates = self.crates.iter().map(|name| format!(" --crate {name}"));
        let undo = if self.undo { " --undo" } else { "" };
        format!("{}{}{undo}", self.version, crates.collect::<String>())
    }

    /// Returns the id of the run.
    pub fn run_id(&self) -> RunId {
        let verb = match self.undo {
            true => Verb::Unyank,
            false => Verb::Yank,
        };
        let crates = self.crates.iter().map(|name| format!(",{name}"));
        RunId::new(
            verb,
            format!("{}{}", self.version, crates.collect::<String>()),
        )
    }
}

impl HotfixRequest {
    /// Returns what is typed to mean it again.
    pub fn words(&self) -> String {
        match &self.package {
            Some(package) => format!("{} --crate {package}", self.version),
            None => self.version.to_string(),
        }
    }
}
