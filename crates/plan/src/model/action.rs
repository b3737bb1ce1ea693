//! What a step does: a closed set, each with all its data.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use semver::Version;
use serde::{Deserialize, Serialize};
use stagegate_config::pattern::PathPattern;
use stagegate_config::schema::Level;
use stagegate_config::stage::Stage;
use stagegate_deploy::{App, Direction, FrontendStep, Part, ServiceStep, Target};
use stagegate_github::{Repository, Server};
use stagegate_manifest::FileEdit;
use url::Url;

use crate::model::CommitIdentity;

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Runs a cargo command in the workspace; it passes or not.
    Gate(GateCommand),
    /// Looks every locked package up in an advisory database.
    Audit {
        /// What a finding means.
        level: Level,
        /// The database's directory; absent: RustSec's own, fetched.
        database: Option<Utf8PathBuf>,
        /// Advisories that do not count.
        ignore: Vec<String>,
    },
    /// Changes files in the release tree.
    Edit {
        /// The commit that the tree is laid from.
        base: String,
        /// The changes.
        edits: Vec<FileEdit>,
    },
    /// Makes the release commit, on no branch yet, under a private reference.
    CreateCommitObject {
        /// The commit it follows.
        parent: String,
        /// Its message.
        message: String,
        /// Who makes it.
        identity: CommitIdentity,
        /// Sign it, as git is configured to.
        sign: bool,
        /// The private reference.
        reference: String,
        /// What the commit holds.
        edits: Vec<FileEdit>,
    },
    /// Packages crates from the release tree, and keeps the files.
    Package {
        /// Names, dependencies first.
        crates: Vec<String>,
    },
    /// Builds the packaged set as a user's cargo would see it, once.
    VerifyPackages {
        /// Names, dependencies first.
        crates: Vec<String>,
    },
    /// Builds binaries and bundle from the release tree.
    Build {
        /// The tree's commit or reference.
        revision: String,
        /// What cargo builds in release mode.
        binaries: Vec<Binary>,
        /// What the frontend's own command builds.
        frontend: Option<FrontendBuild>,
        /// The target triple that cargo builds for; absent: none is named to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// Takes binary and bundle from a host that runs them, instead of building them.
    Fetch {
        /// The host, and what runs there.
        place: Place,
        /// The program.
        backend: bool,
        /// The bundle.
        frontend: bool,
    },
    /// Keeps a file of the release tree for the GitHub release, made first by a
    /// command if there is one.
    BuildAsset {
        /// Program and arguments.
        build: Option<Vec<String>>,
        /// The file, relative to the tree.
        file: Utf8PathBuf,
        /// What it is called in the release.
        name: String,
    },
    /// Lists what packages are made of, in CycloneDX.
    Sbom {
        /// What the list is called in the release.
        name: String,
        /// What it is about.
        subject: String,
        /// The version of that.
        version: Version,
        /// The packages that are shipped.
        packages: Vec<String>,
        /// The target triples that they are built for, beside this machine's.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<String>,
    },
    /// Moves the branch, and the checked-out files, to the release commit.
    Commit {
        /// The branch.
        branch: String,
        /// Where it must stand before.
        parent: String,
        /// The private reference of the release commit.
        reference: String,
        /// The files that change.
        edits: Vec<FileEdit>,
    },
    /// Creates the annotated tag.
    Tag {
        /// Its name.
        name: String,
        /// Its message.
        message: String,
        /// The private reference of the release commit.
        reference: String,
        /// Who makes it.
        identity: CommitIdentity,
        /// Sign it, as git is configured to.
        sign: bool,
    },
    /// Pushes branch and tags together or not at all.
    Push {
        /// The remote's name.
        remote: String,
        /// The branch.
        branch: String,
        /// The tags.
        tags: Vec<String>,
        /// The private reference of the release commit.
        reference: String,
    },
    /// Creates the draft release.
    Draft {
        /// Which release.
        release: ReleaseRef,
        /// Title.
        name: String,
        /// Notes, Markdown.
        notes: String,
        /// Has a pre-release part.
        prerelease: bool,
    },
    /// Attaches packaged crates, binaries and `SHA256SUMS`, and compares digests.
    Assets {
        /// Which release.
        release: ReleaseRef,
        /// The crates whose packages are attached.
        crates: Vec<String>,
        /// The binaries that are attached.
        binaries: Vec<String>,
        /// The target triples whose builds of them are; none: the one build there is.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<String>,
        /// Other files that are kept for it.
        files: Vec<String>,
    },
    /// Uploads one crate and waits until the index shows it.
    Publish {
        /// Its name.
        package: String,
    },
    /// Brings a branch of ours to the remote, in place of what the plan saw there.
    PushBranch {
        /// The remote's name.
        remote: String,
        /// The branch.
        branch: String,
        /// The private reference of the commit.
        reference: String,
        /// Where the branch stood at the remote.
        there: Option<String>,
    },
    /// Opens a pull request, or brings one up to date.
    Propose(Proposal),
    /// Takes the published versions into a fresh project, as a user would.
    ConsumerBuild {
        /// What was published.
        crates: Vec<PublishedCrate>,
        /// How far.
        depth: ResolveDepth,
        /// Who builds the documentation, where that is asked.
        docs: Option<Url>,
    },
    /// Makes the GitHub release public.
    PublishGithubRelease {
        /// Which release.
        release: ReleaseRef,
        /// Becomes the latest one.
        latest: bool,
    },
    /// One step of a service's deploy on one host.
    Service {
        /// The part that is deployed; absent in plans of before: the backend.
        #[serde(default = "backend")]
        part: Part,
        /// Which.
        step: ServiceStep,
        /// Where and what.
        place: Place,
    },
    /// Changes the app's data for a release, on one host for all.
    Migrate {
        /// Which way.
        direction: Direction,
        /// Where, and for which release.
        place: Place,
    },
    /// One step of a bundle's deploy on one host.
    Frontend {
        /// Which.
        step: FrontendStep,
        /// Where and what.
        place: Place,
    },
    /// Asks registry, GitHub, remote and hosts what users now see.
    VerifyRelease {
        /// Crates that must be in the index with the bytes we packaged.
        crates: Vec<String>,
        /// The releases that must be public.
        releases: Vec<ReleaseRef>,
        /// The remote that must have the tags.
        remote: String,
        /// The tags.
        tags: Vec<String>,
        /// Hosts whose running release must be this one.
        hosts: Vec<Place>,
        /// Hosts whose frontend, a service, must be this one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        frontends: Vec<Place>,
        /// The page that must answer.
        url: Option<Url>,
    },
    /// Yanks or gives back one crate's version.
    Yank {
        /// The crate.
        package: String,
        /// The version.
        version: Version,
        /// Give it back.
        undo: bool,
    },
    /// Says in the GitHub release that the version is yanked, or no longer.
    MarkRelease {
        /// Which release.
        release: ReleaseRef,
        /// What is written above its notes.
        note: String,
        /// Take the mark away.
        undo: bool,
    },
    /// Says so in the changelog, as a commit on the branch that is pushed.
    MarkChangelog {
        /// The change.
        edit: FileEdit,
        /// The commit's message.
        message: String,
        /// The branch.
        branch: String,
        /// The remote it is pushed to.
        remote: String,
        /// Where the branch stands before.
        parent: String,
        /// Who makes the commit.
        identity: CommitIdentity,
    },
    /// Creates a branch at a sealed commit and checks it out.
    Branch {
        /// Its name.
        name: String,
        /// The private reference of the commit.
        reference: String,
    },
    /// Brings back what ran on a host before this run, if this run changed it.
    Rollback {
        /// What this run brought there.
        place: Place,
    },
    /// A team's own command.
    Command {
        /// Program and arguments.
        run: Vec<String>,
        /// Exits with 0 when it is already done.
        probe: Option<Vec<String>>,
    },
    /// Asks the index which direct dependencies are behind.
    Outdated {
        /// What a finding means.
        level: Level,
        /// Packages that may stay behind.
        ignore: Vec<String>,
    },
    /// Follows the links between tracked documents.
    Links {
        /// What a finding means.
        level: Level,
        /// Which documents; absent: all that are Markdown.
        paths: Option<Vec<PathPattern>>,
    },
    /// Looks for credentials in tracked files.
    Secrets {
        /// What a finding means.
        level: Level,
        /// Files that do not count.
        allow: Vec<PathPattern>,
    },
    /// Checks packages with the Rust version that they state.
    Msrv {
        /// What a finding means.
        level: Level,
        /// Packages by the version they state.
        stated: BTreeMap<Version, Vec<String>>,
    },
}

fn backend() -> Part {
    Part::Backend
}

impl Action {
    /// What a finding means, if this is a gate.
    pub fn gate_level(&self) -> Option<Level> {
        match self {
            Action::Gate(command) => Some(command.level),
            Action::Audit { level, .. }
            | Action::Outdated { level, .. }
            | Action::Links { level, .. }
            | Action::Secrets { level, .. }
            | Action::Msrv { level, .. } => Some(*level),
            _ => None,
        }
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
    /// The server.
    pub server: Server,
    /// The repository.
    pub repository: Repository,
    /// The tag.
    pub tag: String,
}

/// What a pull request says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The server.
    pub server: Server,
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

/// One version of an app on one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The host.
    pub target: Target,
    /// The app.
    pub app: App,
    /// The version.
    pub version: Version,
    /// The commit, or a reference to it.
    pub revision: String,
    /// Built for this run; otherwise it is on the host.
    pub built: bool,
}
