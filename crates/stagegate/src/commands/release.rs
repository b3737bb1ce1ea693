//! `release`: a version, from gates to production; and `release prepare`, its pull request.

use clap::Subcommand;
use stagegate_config::stage::Stage;
use stagegate_plan::model::{StepFilter, Verb};
use stagegate_plan::request::{ReleaseRequest, Request};
use stagegate_plan::version::GroupVersion;

use crate::cli::Session;
use crate::commands::execute::{Invocation, execute, release_subject};
use crate::commands::list_changes;
use crate::commands::shared_args::{
    EnvironmentArgs, FilterArgs, FreezeArgs, PackageArgs, ResumeArgs,
};
use crate::exit_code::Exit;

/// `release`
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    pub(crate) instead: Option<Instead>,
    /// A version such as 1.4.0, or `major`, `minor`, `patch`, `auto`; where
    /// versions differ, NAME=VERSION each
    #[arg(value_name = "VERSION", required_unless_present_any = ["resume", "abandon", "list_changes", "unpublished"])]
    pub(crate) versions: Vec<GroupVersion>,
    /// List what happened since the last releases, and which versions that calls for
    #[arg(long, conflicts_with_all = ["versions", "resume", "dry_run", "pre", "unpublished"])]
    pub(crate) list_changes: bool,
    /// Make a pre-release of it under this label, such as `rc`
    #[arg(long, value_name = "LABEL", conflicts_with = "resume")]
    pub(crate) pre: Option<String>,
    #[command(flatten)]
    pub(crate) packages: PackageArgs,
    /// The tag is there already, at the commit that is checked out
    #[arg(long)]
    pub(crate) tagged: bool,
    /// Publish what the registry lacks of the versions that the manifests have, with
    /// tag and GitHub release, whoever began it
    #[arg(long, conflicts_with_all = ["versions", "pre", "tagged", "resume"])]
    pub(crate) unpublished: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Print the plan and stop; nothing can be written
    #[arg(long, conflicts_with_all = ["resume", "yes"])]
    pub(crate) dry_run: bool,
    /// Leave a stage out (may be given more than once)
    #[arg(long, value_name = "STAGE", conflicts_with = "resume")]
    pub(crate) skip: Vec<Stage>,
    #[command(flatten)]
    pub(crate) freeze: FreezeArgs,
    #[command(flatten)]
    pub(crate) resume: ResumeArgs,
    #[command(flatten)]
    pub(crate) environment: EnvironmentArgs,
}

/// What to do about a release instead of it.
#[derive(Debug, Subcommand)]
pub(crate) enum Instead {
    /// Open or update a pull request with what the release would change in the files;
    /// merging it releases
    Prepare(PrepareArgs),
}

/// `release prepare`
#[derive(Debug, clap::Args)]
pub(crate) struct PrepareArgs {
    /// A version, as for a release
    #[arg(value_name = "VERSION", required_unless_present_any = ["resume", "abandon"])]
    pub(crate) versions: Vec<GroupVersion>,
    #[command(flatten)]
    pub(crate) packages: PackageArgs,
    /// Succeed without a pull request if nothing has changed since the last release
    #[arg(long, conflicts_with = "resume")]
    pub(crate) if_changed: bool,
    /// Print the plan and stop; nothing can be written
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) resume: ResumeArgs,
}

/// Releases, or prepares a release.
pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<Exit> {
    if let Some(Instead::Prepare(args)) = args.instead {
        return prepare(args, session);
    }
    if args.list_changes {
        return list_changes::run(session, args.packages.selection());
    }
    args.resume.only_to_start("--tagged", args.tagged)?;
    args.resume
        .only_to_start("--override-freeze", args.freeze.why.is_some())?;
    let cli_args: Vec<String> = args.versions.iter().map(ToString::to_string).collect();
    let subject = release_subject(&args.versions, args.pre.as_deref());
    let filter = args.filter.filter();
    let selection = args.packages.selection();
    args.resume
        .only_to_start("--package or --exclude", !selection.is_whole())?;
    let request = ReleaseRequest {
        versions: args.versions,
        selection,
        pre: args.pre,
        skip: args.skip,
        freeze_override: args.freeze.why,
        environment: args.environment.name,
        tagged: args.tagged,
        if_changed: false,
        unpublished: args.unpublished,
        handed_on: filter != StepFilter::Whole,
    };
    let named = !request.versions.is_empty() || request.unpublished;
    let cli_args = match request.unpublished {
        true => "--unpublished".to_owned(),
        false => cli_args.join(" "),
    };
    let invocation = Invocation {
        verb: Verb::Release,
        cli_args: named.then_some(cli_args),
        request: named.then_some(Request::Release(request)),
        dry_run: args.dry_run,
        resume: &args.resume,
        subject,
        filter,
    };
    execute(&session.open()?, invocation, session.format)
}

fn prepare(args: PrepareArgs, session: &Session) -> anyhow::Result<Exit> {
    let cli_args: Vec<String> = args.versions.iter().map(ToString::to_string).collect();
    let subject = release_subject(&args.versions, None);
    let selection = args.packages.selection();
    args.resume
        .only_to_start("--package or --exclude", !selection.is_whole())?;
    let request = ReleaseRequest {
        versions: args.versions,
        selection,
        pre: None,
        skip: Vec::new(),
        freeze_override: None,
        environment: String::new(),
        tagged: false,
        if_changed: args.if_changed,
        unpublished: false,
        handed_on: false,
    };
    let named = !cli_args.is_empty();
    let invocation = Invocation {
        verb: Verb::Prepare,
        cli_args: named.then(|| cli_args.join(" ")),
        request: named.then_some(Request::Prepare(request)),
        dry_run: args.dry_run,
        resume: &args.resume,
        subject,
        filter: StepFilter::Whole,
    };
    execute(&session.open()?, invocation, session.format)
}
