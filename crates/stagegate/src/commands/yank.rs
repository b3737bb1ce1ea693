//! `yank`: a version withdrawn from new resolutions, or given back.

use semver::Version;
use stagegate_plan::model::StepFilter;
use stagegate_plan::request::{Request, YankRequest};

use crate::cli::Session;
use crate::commands::execute::{Invocation, execute};
use crate::commands::shared_args::ResumeArgs;
use crate::exit_code::Exit;

/// `yank`
#[derive(Debug, clap::Args)]
pub struct Args {
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
    pub(crate) resume: ResumeArgs,
}

/// Yanks, or takes a yank back.
pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<Exit> {
    let request = YankRequest {
        version: args.version,
        crates: args.crates,
        reason: args.reason,
        undo: args.undo,
    };
    let id = request.run_id();
    let invocation = Invocation {
        verb: id.verb(),
        cli_args: Some(request.words()),
        subject: Some(id.subject().to_owned()),
        request: Some(Request::Yank(request)),
        dry_run: args.dry_run,
        resume: &args.resume,
        filter: StepFilter::Whole,
    };
    execute(&session.open()?, invocation, session.format)
}
