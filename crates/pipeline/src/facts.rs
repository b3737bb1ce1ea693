//! What the survey found. Plain data; the plan is made from nothing else.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use jiff::Timestamp;
use stagegate_deploy::{KnownGood, Target};
use stagegate_github::{Release, Repository, RepositoryFacts, Server};
use stagegate_manifest::Workspace;
use stagegate_registry::IndexVersion;

use crate::Config;
use crate::blocker::Blocker;
use crate::group::Group;
use crate::plan::CommitIdentity;
use crate::token_source::TokenPlaces;

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
    /// The packages that move together.
    pub groups: Found<Vec<Group>>,
    /// Every changelog that there is, by the name its group knows it under.
    pub changelogs: BTreeMap<Utf8PathBuf, ChangelogFacts>,
    /// What happened since each group's last release, where that was asked for.
    pub history: BTreeMap<String, History>,
    /// How each group's public interface changed since then, where that was asked for.
    pub interfaces: BTreeMap<String, Found<Interface>>,
    /// The git checkout.
    pub git: Found<GitFacts>,
    /// Programs and their versions.
    pub tools: Vec<ToolFacts>,
    /// Whether the standard libraries of the release's targets are installed, if they are
    /// built for here.
    pub targets: BTreeMap<String, Found<()>>,
    /// The audit gate's database.
    pub advisories: Option<Found<String>>,
    /// The registry; `None` where nothing is to be published.
    pub registry: Option<Found<RegistryFacts>>,
    /// GitHub; `None` where there is no release to make.
    pub github: Option<Found<GitHubFacts>>,
    /// Bytes of tracked files by package: more than its package will have.
    pub sizes: BTreeMap<String, u64>,
    /// The hosts of the environment.
    pub hosts: Vec<HostSurvey>,
    /// What runs on the hosts of the environment that is promoted from.
    pub promoted: Vec<RunningHost>,
}

/// A changelog.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangelogFacts {
    /// The file, relative to the root, with links followed.
    pub file: Utf8PathBuf,
    /// What is in it.
    pub text: Found<String>,
}

/// What happened to a group since its last release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The tag of that release; absent before the first.
    pub since: Option<String>,
    /// The commits that touched its packages' directories, newest first.
    pub commits: Vec<CommitFacts>,
}

impl History {
    /// Whether there is anything to release.
    pub fn has_changed(&self) -> bool {
        self.since.is_none() || !self.commits.is_empty()
    }
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitFacts {
    /// Its id, hexadecimal.
    pub id: String,
    /// Its whole message.
    pub message: String,
}

/// How a public interface changed, by what cargo-semver-checks lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// There is no library to compare.
    Absent,
    /// Nothing that asks for more than a patch.
    Same,
    /// What asks for a minor version. Few additions do: a new function passes
    /// as a patch, and it is the commits that tell of it.
    Grown,
    /// Something that callers may rely on is gone or different.
    Broken,
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

impl GitFacts {
    /// The commit of a released version's tag.
    ///
    /// # Errors
    /// The tag is not in this checkout.
    pub fn tagged(&self, tag: &str, config: &Config) -> Found<&String> {
        self.tags.get(tag).ok_or_else(|| {
            Blocker::new(
                format!("there is no tag {tag} in this checkout"),
                format!(
                    "fetch it (`git fetch {} tag {tag}`), or name a released version",
                    config.release.remote
                ),
            )
        })
    }

    /// The branch that a release goes on: a hotfix's own, or the configured one.
    pub fn release_branch<'a>(&'a self, config: &'a Config) -> &'a str {
        let current = self.branch.as_deref();
        let hotfix = current.filter(|branch| branch.starts_with(crate::plan::HOTFIXES));
        hotfix.unwrap_or(&config.release.branch)
    }
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
    /// Branches of release pull requests there, and their commits.
    pub prepared: BTreeMap<String, String>,
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
    /// Where its token would come from.
    pub token: Found<TokenPlaces>,
    /// Every publishable crate's versions there.
    pub versions: BTreeMap<String, Vec<IndexVersion>>,
    /// Who may publish each crate that is there, or why that is not known; of a
    /// large workspace only some are asked for.
    pub owners: BTreeMap<String, Result<Vec<String>, String>>,
    /// The categories it knows, where it tells.
    pub categories: Option<BTreeSet<String>>,
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

/// A host, and what runs there.
#[derive(Clone, Debug)]
pub struct RunningHost {
    /// Its address.
    pub target: Target,
    /// The app as it has it.
    pub app: stagegate_deploy::App,
    /// What runs.
    pub found: Found<stagegate_deploy::HostStatus>,
}

/// One host.
#[derive(Clone, Debug)]
pub struct HostSurvey {
    /// Its address.
    pub target: Target,
    /// What it is like.
    pub found: Found<stagegate_deploy::HostFacts>,
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

impl Facts {
    /// The group that a release is about first: the app's own, else the
    /// workspace's, else the first.
    pub fn main_group(&self, config: &Config) -> Option<&Group> {
        crate::group::main(self.groups.as_ref().ok()?, config)
    }

    /// The group of a package, or the main one where none is named.
    ///
    /// # Errors
    /// What is wrong with the groups, or a package that is in none of them.
    pub fn group_of(&self, package: Option<&str>, config: &Config) -> Found<&Group> {
        let groups = self.groups.as_ref().map_err(Clone::clone)?;
        let found = match package {
            Some(package) => groups.iter().find(|group| group.has(package)),
            None => crate::group::main(groups, config),
        };
        found.ok_or_else(|| {
            let names: Vec<_> = groups.iter().flat_map(|g| &g.members).cloned().collect();
            Blocker::new(
                match package {
                    Some(package) => {
                        format!("`{package}` is no package of this workspace that has releases")
                    }
                    None => "no package of this workspace has releases".to_owned(),
                },
                format!("name one of {}", names.join(", ")),
            )
        })
    }
}

impl Interface {
    /// The kind of version that it calls for, and why.
    pub(crate) fn call_for(self, group: &Group) -> Option<(crate::plan::Kind, String)> {
        let (kind, why) = match self {
            Interface::Absent | Interface::Same => return None,
            Interface::Grown => (crate::plan::Kind::Minor, "the public interface grew"),
            Interface::Broken => (
                crate::plan::Kind::Major,
                "the public interface changed in a way that breaks callers",
            ),
        };
        let kind = kind.for_version(&group.version);
        Some((kind, format!("{}: {why}", kind.name())))
    }
}
