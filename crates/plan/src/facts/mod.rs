//! What the survey found. Plain data; the plan is made from nothing else.

mod changelog;
mod git;
mod github;
mod history;
mod hosts;
mod other_workspace;
mod packing;
mod registry;
mod token_places;

pub use changelog::ChangelogFacts;
pub use git::{BranchDivergence, GitFacts, RemoteFacts, TaggedCommit};
pub use github::GitHubFacts;
pub use history::{CommitFacts, History};
pub use hosts::{CommitDistance, HostSurvey, RunningHost};
pub use other_workspace::{OtherDependency, OtherWorkspace};
pub use packing::PackingFacts;
pub use registry::RegistryFacts;
pub use token_places::TokenPlaces;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use stagegate_config::schema::Config;
use stagegate_manifest::{Package, Workspace, normalized, relative_to};

use crate::model::Blocker;
use crate::version::{ApiChange, Group};

/// Something the survey looked for: found, or the reason why it could not look.
pub type SurveyResult<T> = Result<T, Blocker>;

/// What the survey found.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When.
    pub at: Timestamp,
    /// What people type to call this program, for what they are told to do next.
    pub command: &'static str,
    /// The same as a local date, `YYYY-MM-DD`.
    pub date: String,
    /// The workspace's directory within the git checkout; empty at its top.
    pub subdirectory: Utf8PathBuf,
    /// The workspace's packages.
    pub workspace: Workspace,
    /// Manifests, lockfile and the files of `[[release.replace]]`, relative to the root.
    pub files: BTreeMap<Utf8PathBuf, Vec<u8>>,
    /// Other workspaces of the repository that lock members of this one.
    pub other_workspaces: Vec<OtherWorkspace>,
    /// The packages that move together.
    pub groups: SurveyResult<Vec<Group>>,
    /// Whether there are other groups, of which nobody asked for a package.
    pub has_other_groups: bool,
    /// What was learned of how the workspace is released, and from what.
    pub conventions: Vec<String>,
    /// Every changelog that there is, by the name its group knows it under.
    pub changelogs: BTreeMap<Utf8PathBuf, ChangelogFacts>,
    /// The team's configuration for generated changelogs: the file, and what is in it.
    pub cliff: Option<(Utf8PathBuf, String)>,
    /// What happened since each group's last release, where that was asked for.
    pub history: BTreeMap<String, History>,
    /// Why this checkout cannot tell what happened, where it cannot.
    pub history_gap: Option<Blocker>,
    /// How each group's public interface changed since then, where that was asked for.
    pub interfaces: BTreeMap<String, SurveyResult<ApiChange>>,
    /// The git checkout.
    pub git: SurveyResult<GitFacts>,
    /// The commit that workspace and files are of, where it is another than the one that is
    /// checked out.
    pub tagged: Option<TaggedCommit>,
    /// Programs and their versions.
    pub tools: Vec<ToolFacts>,
    /// Whether the standard libraries of the release's targets are installed, if they are
    /// built for here.
    pub targets: BTreeMap<String, SurveyResult<()>>,
    /// The audit gate's database.
    pub advisories: Option<SurveyResult<String>>,
    /// The registry; `None` where nothing is to be published.
    pub registry: Option<SurveyResult<RegistryFacts>>,
    /// The other registries that a release publishes to.
    pub more_registries: Vec<SurveyResult<RegistryFacts>>,
    /// GitHub; `None` where there is no release to make.
    pub github: Option<SurveyResult<GitHubFacts>>,
    /// Bytes of tracked files by package: more than its package will have.
    pub sizes: BTreeMap<String, u64>,
    /// What would be packed otherwise than the checkout has it, by package.
    pub packing: BTreeMap<String, PackingFacts>,
    /// The hosts of the environment.
    pub hosts: Vec<HostSurvey>,
    /// How far what hosts run is from what goes out: by the commit that runs and the one
    /// that is to run. Where this clone lacks one of them, there is no entry.
    pub distances: BTreeMap<(String, String), CommitDistance>,
    /// What runs on the hosts of the environment that is promoted from.
    pub promoted: Vec<RunningHost>,
}

/// A program.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolFacts {
    /// Its name.
    pub name: &'static str,
    /// What it says of itself, or why it cannot be used.
    pub version: SurveyResult<String>,
}

impl Facts {
    /// Returns the group that a release is about first: the app's own, else the workspace's, else
    /// the first.
    pub fn main_group(&self, config: &Config) -> Option<&Group> {
        crate::version::groups::main(self.groups.as_ref().ok()?, config)
    }

    /// Returns a file of the workspace by its path within the checkout.
    pub(crate) fn in_checkout(&self, path: &Utf8Path) -> Utf8PathBuf {
        let within = relative_to(&self.workspace.root, &normalized(path));
        self.subdirectory.join(within)
    }

    /// Returns a package's manifest by its path within the checkout, and the line where what is
    /// said of the package begins.
    pub(crate) fn in_manifest(&self, package: &Package) -> (Utf8PathBuf, Option<usize>) {
        let path = &package.manifest_path;
        let within = relative_to(&self.workspace.root, &normalized(path));
        let text = self
            .files
            .get(&within)
            .map(|text| String::from_utf8_lossy(text));
        let head = |text: &str| text.lines().position(|line| line.trim() == "[package]");
        let line = text.and_then(|text| head(&text)).map(|at| at + 1);
        (self.subdirectory.join(within), line)
    }

    /// Returns every registry, the main one first, or why it could not be asked.
    pub(crate) fn every_registry(&self) -> impl Iterator<Item = &SurveyResult<RegistryFacts>> {
        self.registry.iter().chain(&self.more_registries)
    }

    /// Returns every registry that could be asked, the main one first.
    pub(crate) fn registries(&self) -> impl Iterator<Item = &RegistryFacts> {
        self.every_registry()
            .filter_map(|found| found.as_ref().ok())
    }

    /// Returns the registry that a manifest means by an index, if a release publishes there.
    pub(crate) fn registry_named_by(&self, index: Option<&str>) -> Option<&RegistryFacts> {
        self.registries()
            .find(|registry| registry.is_named_by(index))
    }

    /// Returns the commit that workspace and files are of.
    pub(crate) fn released_commit(&self) -> Option<&str> {
        let tagged = self.tagged.as_ref().map(|tagged| tagged.commit.as_str());
        tagged.or_else(|| self.git.as_ref().ok().map(|git| git.head.as_str()))
    }

    /// Returns the tag of a version that was released, in the form that tags had then.
    pub(crate) fn tag_of(&self, group: &Group, version: &semver::Version) -> String {
        let tags = self.git.as_ref().ok().map(|git| &git.tags);
        let exists = |tag: &str| tags.is_some_and(|tags| tags.contains_key(tag));
        group.existing_tag_of(version, &exists)
    }

    /// Returns whether releases leave a package out.
    pub fn is_left_out(&self, package: &str) -> bool {
        let package = self.workspace.package(package);
        package.is_some_and(|package| package.left_out)
    }

    /// Returns the group of a package, or the main one where none is named.
    ///
    /// # Errors
    /// What is wrong with the groups, or a package that is in none of them.
    pub fn group_of(&self, package: Option<&str>, config: &Config) -> SurveyResult<&Group> {
        let groups = self.groups.as_ref().map_err(Clone::clone)?;
        let found = match package {
            Some(package) => groups.iter().find(|group| group.has(package)),
            None => crate::version::groups::main(groups, config),
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
