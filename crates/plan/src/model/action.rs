//! What a step does: a closed set, each with all its data.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use semver::Version;
use serde::{Deserialize, Serialize};
use stagegate_config::pattern::PathPattern;
use stagegate_config::schema::Level;
use stagegate_config::stage::Stage;
use stagegate_deploy::{Direction, FrontendStep, Part, ServiceStep};
use stagegate_github::Repository;
use stagegate_manifest::FileEdit;
use url::Url;

use crate::model::{CommitIdentity, PlacementId};

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Runs a cargo command in the workspace; it passes or not.
    RunGate(GateCommand),
    /// Looks every locked package up in an advisory database.
    AuditDependencies(AuditDependencies),
    /// Changes files in the release tree.
    EditFiles(EditFiles),
    /// Runs a team's own command in the release tree; the files that it changes are part
    /// of the release commit.
    ChangeTree(ChangeTree),
    /// Makes the release commit, on no branch yet, under a private reference.
    CreateCommitObject(CreateCommitObject),
    /// Packages crates from the release tree, and keeps the files.
    PackageCrates(PackageCrates),
    /// Builds the packaged set as a user's cargo would see it, once.
    VerifyPackages(VerifyPackages),
    /// Compares what the registry has already with what the release commit gives, and keeps
    /// the registry's files.
    ComparePublished(ComparePublished),
    /// Builds binaries and bundle from the release tree.
    Build(Build),
    /// Takes binary and bundle from a host that runs them, instead of building them.
    FetchArtifacts(FetchArtifacts),
    /// Keeps a file of the release tree for the GitHub release, made first by a
    /// command if there is one.
    BuildAsset(BuildAsset),
    /// Lists what packages are made of, in CycloneDX.
    WriteSbom(WriteSbom),
    /// Asks the registry whether it would take every upload, before anything is public.
    CheckAccess(CheckAccess),
    /// Moves the branch, and the checked-out files, to the release commit.
    MoveBranch(MoveBranch),
    /// Creates the annotated tag.
    CreateTag(CreateTag),
    /// Pushes branch and tags together or not at all.
    Push(Push),
    /// Creates the draft release.
    DraftRelease(DraftRelease),
    /// Attaches packaged crates, binaries and `SHA256SUMS`, and compares digests.
    UploadAssets(UploadAssets),
    /// Uploads one crate and waits until the index shows it.
    Publish(Publish),
    /// Adds owners to a crate that the release has created.
    AddOwners(AddOwners),
    /// Brings a branch of ours to the remote, in place of what the plan saw there.
    PushBranch(PushBranch),
    /// Opens a pull request, or brings one up to date.
    OpenPullRequest(Proposal),
    /// Closes a release pull request that another one takes the place of.
    ClosePullRequest(ClosePullRequest),
    /// Takes the published versions into a fresh project, as a user would.
    ConsumerBuild(ConsumerBuild),
    /// Makes the GitHub release public.
    PublishGithubRelease(PublishGithubRelease),
    /// One step of a service's deploy on one host.
    DeployService(DeployService),
    /// Changes the app's data for a release, on one host for all.
    MigrateData(MigrateData),
    /// One step of a bundle's deploy on one host.
    DeployBundle(DeployBundle),
    /// Asks registry, GitHub, remote and hosts what users now see.
    VerifyRelease(VerifyRelease),
    /// Yanks or gives back one crate's version.
    Yank(Yank),
    /// Says in the GitHub release that the version is yanked, or no longer.
    MarkRelease(MarkRelease),
    /// Says so in the changelog, as a commit on the branch that is pushed.
    MarkChangelog(MarkChangelog),
    /// Creates a branch at a sealed commit and checks it out.
    CreateBranch(CreateBranch),
    /// Brings back what ran on a host before this run, if this run changed it.
    RollBackHost(RollBackHost),
    /// A team's own command.
    CustomCommand(CustomCommand),
    /// Asks the index which direct dependencies are behind.
    FindOutdated(FindOutdated),
    /// Follows the links between tracked documents.
    CheckLinks(CheckLinks),
    /// Looks for credentials in tracked files.
    FindSecrets(FindSecrets),
    /// Checks packages with the Rust version that they state.
    CheckMsrv(CheckMsrv),
}

fn backend() -> Part {
    Part::Backend
}

impl Action {
    /// Returns what a finding means, if this is a gate.
    pub fn gate_level(&self) -> Option<Level> {
        match self {
            Action::RunGate(command) => Some(command.level),
            Action::AuditDependencies(AuditDependencies { level, .. })
            | Action::FindOutdated(FindOutdated { level, .. })
            | Action::CheckLinks(CheckLinks { level, .. })
            | Action::FindSecrets(FindSecrets { level, .. })
            | Action::CheckMsrv(CheckMsrv { level, .. }) => Some(*level),
            _ => None,
        }
    }

    /// Tells whether it brings a release to a host: its failure undoes what the run has begun
    /// there.
    pub fn is_part_of_a_deploy(&self) -> bool {
        matches!(
            self,
            Action::DeployService(_) | Action::DeployBundle(_) | Action::MigrateData(_)
        )
    }
}

/// A crate that was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedCrate {
    /// Its name.
    pub name: String,
    /// Others can depend on it.
    pub library: bool,
}

/// How far a fresh project is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResolveDepth {
    /// To its lockfile.
    Lockfile,
    /// To its build.
    Build,
}

/// A gate that is a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateCommand {
    /// The stage, whose name the gate goes by.
    pub gate: Stage,
    /// What its failure means.
    pub level: Level,
    /// Arguments after `cargo`.
    pub args: Vec<String>,
    /// Environment on top.
    pub env: Vec<(String, String)>,
}

/// A GitHub release, wherever its GitHub is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReleaseRef {
    /// The repository.
    pub repository: Repository,
    /// The tag.
    pub tag: String,
}

/// What a pull request says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The repository.
    pub repository: Repository,
    /// The title.
    pub title: String,
    /// The text, Markdown.
    pub body: String,
    /// The branch that is to be merged.
    pub head: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// Labels that it has, beside those that people give it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// A release pull request that another one takes the place of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClosePullRequest {
    /// The repository.
    pub repository: Repository,
    /// Its number.
    pub number: u64,
    /// The branch of the one in its place.
    pub successor: String,
}

/// A binary to build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binary {
    /// The package.
    pub package: String,
    /// The binary's name.
    pub name: String,
}

/// A bundle to build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrontendBuild {
    /// Program and arguments.
    pub run: Vec<String>,
    /// Where the bundle then lies, relative to the tree.
    pub dist: Utf8PathBuf,
}

/// Looks every locked package up in an advisory database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditDependencies {
    /// What a finding means.
    pub level: Level,
    /// The database's directory; absent: RustSec's own, fetched.
    pub database: Option<Utf8PathBuf>,
    /// Advisories that do not count.
    pub ignore: Vec<String>,
}

/// Changes files in the release tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditFiles {
    /// The commit that the tree is laid from.
    pub base: String,
    /// The files, as the plan's edits have them.
    pub files: Vec<Utf8PathBuf>,
}

/// Runs a team's own command in the release tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeTree {
    /// The commit that the tree is laid from.
    pub base: String,
    /// The private reference of the files as an earlier command leaves them; absent: as
    /// the plan's edits do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The private reference of the files as this one leaves them.
    pub reference: String,
    /// The command.
    pub command: CustomCommand,
}

/// Makes the release commit, on no branch yet, under a private reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateCommitObject {
    /// The commit it follows.
    pub parent: String,
    /// Its message.
    pub message: String,
    /// Who makes it.
    pub identity: CommitIdentity,
    /// Sign it, as git is configured to.
    pub sign: bool,
    /// The private reference.
    pub reference: String,
    /// The private reference of the files that it holds, where commands of the team's own
    /// change some; absent: those of the plan's edits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
}

/// Packages crates from the release tree, and keeps the files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PackageCrates {
    /// Names, dependencies first.
    pub crates: Vec<String>,
    /// Those that go to other registries than the main one, by the registry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub elsewhere: BTreeMap<String, Vec<String>>,
    /// Those that do not go to the main registry at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_elsewhere: Vec<String>,
}

/// Builds the packaged set as a user's cargo would see it, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifyPackages {
    /// Names, dependencies first.
    pub crates: Vec<String>,
}

/// Compares what the registry has already with what the release commit gives, and keeps the
/// registry's files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparePublished {
    /// Names, dependencies first.
    pub crates: Vec<String>,
    /// The registry, where it is not the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
}

/// Builds binaries and bundle from the release tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// The tree's commit or reference.
    pub revision: String,
    /// What cargo builds in release mode.
    pub binaries: Vec<Binary>,
    /// What the frontend's own command builds.
    pub frontend: Option<FrontendBuild>,
    /// The target triple that cargo builds for; absent: none is named to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// Takes binary and bundle from a host that runs them, instead of building them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FetchArtifacts {
    /// The host, and what runs there.
    pub placement: PlacementId,
    /// The program.
    pub backend: bool,
    /// The bundle.
    pub frontend: bool,
}

/// Keeps a file of the release tree for the GitHub release, made first by a
/// command if there is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BuildAsset {
    /// Program and arguments.
    pub build: Option<Vec<String>>,
    /// The file, relative to the tree.
    pub file: Utf8PathBuf,
    /// What it is called in the release.
    pub name: String,
}

/// Lists what packages are made of, in CycloneDX.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WriteSbom {
    /// What the list is called in the release.
    pub name: String,
    /// What it is about.
    pub subject: String,
    /// The version of that.
    pub version: Version,
    /// The packages that are shipped.
    pub packages: Vec<String>,
    /// The target triples that they are built for, beside this machine's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
}

/// Moves the branch, and the checked-out files, to the release commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MoveBranch {
    /// The branch.
    pub branch: String,
    /// Where it must stand before.
    pub parent: String,
    /// The private reference of the release commit.
    pub reference: String,
}

/// Creates the annotated tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateTag {
    /// Its name.
    pub name: String,
    /// Its message.
    pub message: String,
    /// The private reference of the release commit.
    pub reference: String,
    /// Who makes it.
    pub identity: CommitIdentity,
    /// Sign it, as git is configured to.
    pub sign: bool,
}

/// Pushes branch and tags together or not at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Push {
    /// The remote's name.
    pub remote: String,
    /// The branch.
    pub branch: String,
    /// The tags.
    pub tags: Vec<String>,
    /// The private reference of the release commit.
    pub reference: String,
}

/// Creates the draft release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DraftRelease {
    /// Which release.
    pub release: ReleaseRef,
    /// Title.
    pub name: String,
    /// Notes, Markdown.
    pub notes: String,
    /// Has a pre-release part.
    pub prerelease: bool,
}

/// Attaches packaged crates, binaries and `SHA256SUMS`, and compares digests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UploadAssets {
    /// Which release.
    pub release: ReleaseRef,
    /// The crates whose packages are attached.
    pub crates: Vec<String>,
    /// The binaries that are attached.
    pub binaries: Vec<String>,
    /// The target triples whose builds of them are; none: the one build there is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Other files that are kept for it.
    pub files: Vec<String>,
}

/// Uploads one crate and waits until the index shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Publish {
    /// Its name.
    pub package: String,
    /// Its version: what is sent has to be this one.
    pub version: Version,
    /// The registry, where it is not the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
}

/// Adds owners to a crate that the release has created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddOwners {
    /// Its name.
    pub package: String,
    /// Who is to own it, as the registry calls them.
    pub owners: Vec<String>,
}

impl AddOwners {
    /// Returns those who are not among the owners that a registry lists.
    pub fn missing_in(&self, known: &[String]) -> Vec<&String> {
        missing_owners(&self.owners, known)
    }
}

/// Returns the owners that are wanted and that a registry does not list.
pub(crate) fn missing_owners<'o>(wanted: &'o [String], known: &[String]) -> Vec<&'o String> {
    let is_known = |owner: &&String| {
        let login = owner.strip_prefix("crates.io:").unwrap_or(owner);
        known.iter().any(|known| known.eq_ignore_ascii_case(login))
    };
    wanted.iter().filter(|owner| !is_known(owner)).collect()
}

/// Brings a branch of ours to the remote, in place of what the plan saw there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PushBranch {
    /// The remote's name.
    pub remote: String,
    /// The branch.
    pub branch: String,
    /// The private reference of the commit.
    pub reference: String,
    /// Where the branch stood at the remote.
    pub there: Option<String>,
}

/// Takes the published versions into a fresh project, as a user would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsumerBuild {
    /// What was published.
    pub crates: Vec<PublishedCrate>,
    /// How far.
    pub depth: ResolveDepth,
    /// Who builds the documentation, where that is asked.
    pub docs: Option<Url>,
    /// The registry, where it is not the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
}

/// Makes the GitHub release public.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishGithubRelease {
    /// Which release.
    pub release: ReleaseRef,
    /// Becomes the latest one.
    pub latest: bool,
}

/// One step of a service's deploy on one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeployService {
    /// The part that is deployed; absent in plans of before: the backend.
    #[serde(default = "backend")]
    pub part: Part,
    /// Which.
    pub step: ServiceStep,
    /// Where and what.
    pub placement: PlacementId,
}

/// Changes the app's data for a release, on one host for all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MigrateData {
    /// Which way.
    pub direction: Direction,
    /// Where, and for which release.
    pub placement: PlacementId,
}

/// One step of a bundle's deploy on one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeployBundle {
    /// Which.
    pub step: FrontendStep,
    /// Where and what.
    pub placement: PlacementId,
}

/// Asks registry, GitHub, remote and hosts what users now see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifyRelease {
    /// Crates that must be in the index with the bytes we packaged.
    pub crates: Vec<String>,
    /// The releases that must be public.
    pub releases: Vec<ReleaseRef>,
    /// The remote that must have the tags.
    pub remote: String,
    /// The tags.
    pub tags: Vec<String>,
    /// Hosts whose running release must be this one.
    pub hosts: Vec<PlacementId>,
    /// Hosts whose frontend, a service, must be this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frontends: Vec<PlacementId>,
    /// The page that must answer.
    pub url: Option<Url>,
    /// Crates of other registries than the main one, by the registry.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub elsewhere: BTreeMap<String, Vec<String>>,
}

/// Yanks or gives back one crate's version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Yank {
    /// The crate.
    pub package: String,
    /// The version.
    pub version: Version,
    /// Give it back.
    pub undo: bool,
    /// The registry, where it is not the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
}

/// Says in the GitHub release that the version is yanked, or no longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarkRelease {
    /// Which release.
    pub release: ReleaseRef,
    /// What is written above its notes.
    pub note: String,
    /// Take the mark away.
    pub undo: bool,
}

/// Says so in the changelog, as a commit on the branch that is pushed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarkChangelog {
    /// The change.
    pub edit: FileEdit,
    /// The commit's message.
    pub message: String,
    /// The branch.
    pub branch: String,
    /// The remote it is pushed to.
    pub remote: String,
    /// Where the branch stands before.
    pub parent: String,
    /// Who makes the commit.
    pub identity: CommitIdentity,
}

/// Creates a branch at a sealed commit and checks it out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateBranch {
    /// Its name.
    pub name: String,
    /// The private reference of the commit.
    pub reference: String,
}

/// Brings back what ran on a host before this run, if this run changed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollBackHost {
    /// What this run brought there.
    pub placement: PlacementId,
}

/// A team's own command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomCommand {
    /// Program and arguments.
    pub run: Vec<String>,
    /// Exits with 0 when it is already done.
    pub probe: Option<Vec<String>>,
    /// Secrets of the environment that it is given, by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_env: Vec<String>,
    /// What it is told of the release, on top of its environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
}

/// Asks the index which direct dependencies are behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindOutdated {
    /// What a finding means.
    pub level: Level,
    /// Packages that may stay behind.
    pub ignore: Vec<String>,
}

/// Follows the links between tracked documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckLinks {
    /// What a finding means.
    pub level: Level,
    /// Which documents; absent: all that are Markdown.
    pub paths: Option<Vec<PathPattern>>,
}

/// Looks for credentials in tracked files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindSecrets {
    /// What a finding means.
    pub level: Level,
    /// Files that do not count.
    pub allow: Vec<PathPattern>,
}

/// Checks packages with the Rust version that they state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckMsrv {
    /// What a finding means.
    pub level: Level,
    /// Packages by the version they state.
    pub stated: BTreeMap<Version, Vec<String>>,
}

/// Asks the registry whether it would take every upload, before anything is public.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckAccess {
    /// The uploads, in the order of their dependencies.
    pub uploads: Vec<PlannedUpload>,
    /// The registry, where it is not the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
}

/// An upload that the plan comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedUpload {
    /// The crate.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The registry does not know the crate yet.
    pub is_new: bool,
}
