//! `hotfix`: a branch from a released version, ready for a fix.

use semver::Version;
use stagegate_plan::model::{StepFilter, Verb};
use stagegate_plan::request::{HotfixRequest, Request};

use crate::cli::Session;
use crate::commands::execute::{Invocation, execute};
use crate::commands::shared_args::ResumeArgs;
use crate::exit_code::Exit;

/// `hotfix`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The released version to fix
    pub(crate) version: Version,
    /// A crate whose version it is, where versions differ
    #[arg(long = "crate", value_name = "NAME")]
    pub(crate) package: Option<String>,
    /// Print the plan and stop; nothing can be written
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) resume: ResumeArgs,
}

/// Makes the branch.
pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<Exit> {
    let request = HotfixRequest {
        version: args.version,
        package: args.package,
    };
    let invocation = Invocation {
        verb: Verb::Hotfix,
        cli_args: Some(request.words()),
        subject: None,
        request: Some(Request::Hotfix(request)),
        dry_run: args.dry_run,
        resume: &args.resume,
        filter: StepFilter::Whole,
    };
    execute(&session.open()?, invocation, session.format)
}
