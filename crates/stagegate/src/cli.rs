//! The command line, as clap reads it.

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};
use semver::Version;
use stagegate_config::stage::Stage;
use stagegate_plan::model::StepFilter;
use stagegate_plan::version::GroupVersion;

/// Takes a Cargo workspace from merged to published, released and running.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) task: Task,
    /// Lay this file over stagegate.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<Utf8PathBuf>,
    /// What is printed: text for people, one JSON event a line, or a log for GitHub's
    /// runner, which is the default there
    #[arg(long, global = true, value_enum)]
    pub(crate) format: Option<Format>,
}

/// For whom to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// People
    Human,
    /// Programs
    Json,
    /// GitHub's runner
    Github,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Release a version: gates, bump, tag, publish, GitHub release, deploy
    Release(Release),
    /// Deploy the app: backend, then frontend
    Deploy(Deploy),
    /// Bring back the pair that ran before
    Rollback(Rollback),
    /// Withdraw a version from new resolutions, or give it back
    Yank(Yank),
    /// Make a branch from a released version, ready for a fix
    Hotfix(Hotfix),
    /// Make stagegate part of a workspace: xtask, alias, stagegate.toml, workflows
    Init(Init),
    /// Run the gates on what is checked out
    Check(Check),
    /// Write the workflows for GitHub Actions, or work within them
    #[command(subcommand)]
    Ci(Ci),
    /// Say what is released, what runs where, and what is half done
    Status(Environment),
    /// Say what was deployed to each host, by whom, and how it ended
    History(History),
    /// Print what the app says on its hosts
    Logs(Logs),
    /// Check hosts, or make them ready for the app
    #[command(subcommand)]
    Host(HostTask),
    /// Check every precondition of a release, with remedies
    Doctor(Environment),
    /// Check the changelogs, or print what they say of a version
    #[command(subcommand)]
    Changelog(Changelog),
    /// Run a whole release against fakes on this machine
    #[cfg(feature = "rehearsal")]
    Rehearse(Rehearse),
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Release {
    #[command(subcommand)]
    pub(crate) instead: Option<ReleaseTask>,
    /// A version such as 1.4.0, or `major`, `minor`, `patch`, `auto`; where
    /// versions differ, NAME=VERSION each
    #[arg(value_name = "VERSION", required_unless_present = "resume")]
    pub(crate) versions: Vec<GroupVersion>,
    /// Make a pre-release of it under this label, such as `rc`
    #[arg(long, value_name = "LABEL", conflicts_with = "resume")]
    pub(crate) pre: Option<String>,
    /// The tag is there already, at the commit that is checked out
    #[arg(long)]
    pub(crate) tagged: bool,
    #[command(flatten)]
    pub(crate) part: PartOfPlan,
    /// Print the plan and stop; nothing can be written
    #[arg(long, conflicts_with_all = ["resume", "yes"])]
    pub(crate) dry_run: bool,
    /// Leave a stage out (may be given more than once)
    #[arg(long, value_name = "STAGE", conflicts_with = "resume")]
    pub(crate) skip: Vec<Stage>,
    #[command(flatten)]
    pub(crate) freeze: DespiteFreeze,
    #[command(flatten)]
    pub(crate) going: ResumeArgs,
    #[command(flatten)]
    pub(crate) environment: Environment,
}

/// What to do about a release instead of it.
#[derive(Debug, Subcommand)]
pub(crate) enum ReleaseTask {
    /// Open or update a pull request with what the release would change in the files;
    /// merging it releases
    Prepare(Prepare),
}

#[derive(Debug, Args)]
pub(crate) struct Prepare {
    /// A version, as for a release
    #[arg(value_name = "VERSION", required_unless_present = "resume")]
    pub(crate) versions: Vec<GroupVersion>,
    /// Print the plan and stop; nothing can be written
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) going: ResumeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PartOfPlan {
    /// Stop once this stage is done, or once the `plan` is written down; another
    /// machine can go on (`ci pack`)
    #[arg(long, value_name = "STAGE")]
    until: Option<StepFilter>,
    /// Do this one step of a plan that is begun, and no other
    #[arg(
        long,
        value_name = "STEP",
        requires = "resume",
        conflicts_with = "until"
    )]
    only: Option<String>,
}

impl PartOfPlan {
    /// How much of the plan is wanted.
    pub(crate) fn portion(self) -> StepFilter {
        let only = self.only.map(StepFilter::Only);
        only.or(self.until).unwrap_or_default()
    }
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Go on with a run that was stopped, by its own plan
    #[arg(long)]
    pub(crate) resume: bool,
    /// With --resume: begin, if nothing is begun
    #[arg(long, requires = "resume")]
    pub(crate) resume_or_start: bool,
    /// Do not ask before the point of no return
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DespiteFreeze {
    /// Deploy although deploys are frozen, and say why in the hosts' records
    #[arg(long = "despite-freeze", value_name = "WHY")]
    pub(crate) why: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Environment {
    /// The environment in stagegate.toml
    #[arg(long = "env", value_name = "NAME", default_value = "production")]
    pub(crate) name: String,
}

/// Which half of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The service
    Backend,
    /// The bundle
    Frontend,
    /// The service, and once it is confirmed, the bundle
    Both,
}

impl From<Part> for stagegate_plan::request::Part {
    fn from(part: Part) -> Self {
        match part {
            Part::Backend => Self::Backend,
            Part::Frontend => Self::Frontend,
            Part::Both => Self::Both,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// Which half of the app
    #[arg(value_enum)]
    pub(crate) part: Part,
    /// A released version; without it, what is checked out
    #[arg(long, value_name = "V")]
    pub(crate) version: Option<Version>,
    /// The very artifacts that this environment runs, instead of a build
    #[arg(long, value_name = "ENV", conflicts_with_all = ["version", "resume"])]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) freeze: DespiteFreeze,
    /// Print the plan and stop; nothing can be written
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) going: ResumeArgs,
    #[command(flatten)]
    pub(crate) environment: Environment,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// Which half of the app
    #[arg(value_enum)]
    pub(crate) part: Part,
    /// Print the plan and stop; nothing can be written
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) going: ResumeArgs,
    #[command(flatten)]
    pub(crate) environment: Environment,
}

#[derive(Debug, Args)]
pub(crate) struct Yank {
    /// The version
    pub(crate) version: Version,
    /// Only this crate (may be given more than once)
    #[arg(long = "crate", value_name = "NAME")]
    pub(crate) crates: Vec<String>,
    /// Why, for the GitHub release and the commit
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Give it back
    #[arg(long)]
    pub(crate) undo: bool,
    /// Print the plan and stop; nothing can be written
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) going: ResumeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The workspace; absent: the one around
    #[arg(long, value_name = "PATH")]
    pub(crate) workspace: Option<Utf8PathBuf>,
    /// Take the crate `stagegate` from this directory instead of crates.io
    #[arg(long, value_name = "PATH")]
    pub(crate) from: Option<Utf8PathBuf>,
    /// Show what would be written and stop
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The gates; without any, all that are on
    #[arg(value_name = "GATE")]
    pub(crate) gates: Vec<Stage>,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// How many deploys of each host, newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) last: usize,
    #[command(flatten)]
    pub(crate) environment: Environment,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Go on with what is said from now on, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many lines of each host to begin with
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub(crate) lines: usize,
    #[command(flatten)]
    pub(crate) environment: Environment,
}

/// What to do about hosts.
#[derive(Debug, Subcommand)]
pub(crate) enum HostTask {
    /// Say whether each host is ready for a deploy, and what to do if not
    Check(Environment),
    /// Show what each host lacks, ask, and make it: account, directories, env file
    Bootstrap(Bootstrap),
}

#[derive(Debug, Args)]
pub(crate) struct Bootstrap {
    /// Show what is lacking and stop
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) environment: Environment,
}

/// What to do about workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum Ci {
    /// Write .github/workflows from stagegate.toml
    Write {
        /// Overwrite what was written or changed by hand
        #[arg(long)]
        force: bool,
    },
    /// Say how .github/workflows differs from what would be written
    Check,
    /// Say which part of the app has changed, in GITHUB_OUTPUT
    Changed {
        /// The commit that was deployed before
        #[arg(long, value_name = "COMMIT")]
        since: String,
    },
    /// Put what is begun here into one file, for another machine
    Pack {
        /// The file
        file: Utf8PathBuf,
    },
    /// Take up what other machines have packed
    Unpack {
        /// Where their files lie, at any depth
        directory: Utf8PathBuf,
    },
}

/// What to ask of the changelogs.
#[derive(Debug, Subcommand)]
pub(crate) enum Changelog {
    /// Read every changelog of the workspace, and name what should be mended
    Check,
    /// Print what is written of a version
    Show {
        /// A version such as 1.4.0, or `unreleased`
        version: Section,
    },
}

/// A section of a changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// What no release contains yet.
    Unreleased,
    /// A version's.
    Of(Version),
}

impl std::str::FromStr for Section {
    type Err = String;

    fn from_str(text: &str) -> Result<Section, String> {
        if text.eq_ignore_ascii_case("unreleased") {
            return Ok(Section::Unreleased);
        }
        let wrong = |e| format!("{e}; write a version such as 1.4.0, or `unreleased`");
        Version::parse(text).map(Section::Of).map_err(wrong)
    }
}

impl std::fmt::Display for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Section::Unreleased => f.write_str("[Unreleased]"),
            Section::Of(version) => version.fmt(f),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Hotfix {
    /// The released version to mend
    pub(crate) version: Version,
    /// A crate whose version it is, where versions differ
    #[arg(long = "crate", value_name = "NAME")]
    pub(crate) package: Option<String>,
    /// Print the plan and stop; nothing can be written
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) going: ResumeArgs,
}

#[cfg(feature = "rehearsal")]
#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    /// The version to rehearse, as for `release`
    #[arg(value_name = "VERSION", default_value = "minor")]
    pub(crate) versions: Vec<GroupVersion>,
    /// Make a pre-release of it under this label, such as `rc`
    #[arg(long, value_name = "LABEL")]
    pub(crate) pre: Option<String>,
    /// Let something go wrong (may be given more than once; `list` shows all)
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<String>,
    /// Keep the world's directory afterwards
    #[arg(long)]
    pub(crate) keep: bool,
    /// Rehearse this workspace instead of the one around; nothing in it changes
    #[arg(long, value_name = "PATH")]
    pub(crate) workspace: Option<Utf8PathBuf>,
    /// Leave a stage out (may be given more than once)
    #[arg(long, value_name = "STAGE")]
    pub(crate) skip: Vec<Stage>,
    /// How long the new backend is watched, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) stabilize: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
