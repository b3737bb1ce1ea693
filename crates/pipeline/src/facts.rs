//! What the survey found. Plain data; the plan is made from nothing else.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use semver::Version;
use stagegate_deploy::{PastDeploy, Target};
use stagegate_github::{Release, Repository, RepositoryFacts, Server};
use stagegate_manifest::Workspace;
use stagegate_registry::IndexVersion;

use crate::blocker::Blocker;
use crate::plan::CommitIdentity;

/// Something the survey looked for: found, or the reason why it could not look.
pub type Found<T> = Result<T, Blocker>;

/// What the survey found.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When.
    pub at: Timestamp,
    /// The same as a local date, `YYYY-MM-DD`.
    pub date: String,
    /// The workspace's packages.
    pub workspace: Workspace,
    /// Manifests and lockfile, relative to the root.
    pub files: BTreeMap<Utf8PathBuf, Vec<u8>>,
    /// The changelog's place and text, if there is one.
    pub changelog: Option<(Utf8PathBuf, Found<String>)>,
    /// The git checkout.
    pub git: Found<GitFacts>,
    /// Programs and their versions.
    pub tools: Vec<ToolFacts>,
    /// The audit gate's database.
    pub advisories: Option<Found<String>>,
    /// The registry; `None` where nothing is to be published.
    pub registry: Option<Found<RegistryFacts>>,
    /// GitHub; `None` where there is no release to make.
    pub github: Option<Found<GitHubFacts>>,
    /// The hosts of the environment.
    pub hosts: Vec<HostSurvey>,
}

/// The git checkout.
#[derive(Clone, Debug, PartialEq)]
pub struct GitFacts {
    /// The branch; `None` when no branch is checked out.
    pub branch: Option<String>,
    /// The commit.
    pub head: String,
    /// Paths that differ from it.
    pub dirty: Vec<String>,
    /// Who commits.
    pub identity: Option<CommitIdentity>,
    /// Commits are to be signed.
    pub sign_commits: bool,
    /// Tags are to be signed.
    pub sign_tags: bool,
    /// Tags here, and the commits they mean.
    pub tags: BTreeMap<String, String>,
    /// The remote.
    pub remote: Found<RemoteFacts>,
}

/// The remote.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteFacts {
    /// Its address.
    pub url: String,
    /// Where its branch stands, relative to ours.
    pub relation: Relation,
    /// Tags there, and the commits they mean.
    pub tags: BTreeMap<String, String>,
}

/// How a remote's branch stands to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The same commit.
    Same,
    /// Ours has more.
    Ahead,
    /// The remote's has commits that ours has not.
    Behind,
    /// There is no such branch there yet.
    Absent,
}

/// A program.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolFacts {
    /// Its name.
    pub name: &'static str,
    /// What it says of itself, or why it cannot be used.
    pub version: Found<String>,
}

/// The registry.
#[derive(Clone, Debug)]
pub struct RegistryFacts {
    /// Its name.
    pub name: String,
    /// Whether there is a token, and the variable that would hold one.
    pub token: Found<()>,
    /// Every publishable crate's versions there.
    pub versions: BTreeMap<String, Vec<IndexVersion>>,
}

/// GitHub.
#[derive(Clone, Debug)]
pub struct GitHubFacts {
    /// The server.
    pub server: Server,
    /// The repository.
    pub repository: Repository,
    /// What it says of it.
    pub facts: RepositoryFacts,
    /// The release that it calls the latest.
    pub latest: Option<Release>,
    /// The release of the version in question, drafts included.
    pub existing: Option<Release>,
}

/// One host.
#[derive(Clone, Debug)]
pub struct HostSurvey {
    /// Its address.
    pub target: Target,
    /// What it is like.
    pub found: Found<stagegate_deploy::HostFacts>,
    /// The pair that ran before the one that runs now.
    pub previous: Option<PastDeploy>,
}

impl Facts {
    /// The version that the workspace has now: the highest of its publishable
    /// packages, or of all where none is publishable.
    pub fn current_version(&self, registry: &str) -> Option<Version> {
        let publishable = self
            .workspace
            .packages
            .iter()
            .filter(|p| p.publishable_to(registry));
        publishable
            .map(|p| &p.version)
            .max()
            .or_else(|| self.workspace.packages.iter().map(|p| &p.version).max())
            .cloned()
    }
}
