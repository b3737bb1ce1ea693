//! `rollback`: the app, back to the release that ran before.

use stagegate_plan::model::Verb;
use stagegate_plan::request::{Request, RollbackRequest};

use crate::cli::Session;
use crate::commands::execute::{Invocation, execute};
use crate::commands::shared_args::{EnvironmentArgs, PartArg, ResumeArgs};
use crate::exit_code::Exit;

/// `rollback`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which half of the app
    #[arg(value_enum)]
    pub(crate) part: PartArg,
    /// Print the plan and stop; nothing can be written
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) resume: ResumeArgs,
    #[command(flatten)]
    pub(crate) environment: EnvironmentArgs,
}

/// Rolls back.
pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<Exit> {
    let request = RollbackRequest {
        part: args.part.into(),
        environment: args.environment.name,
    };
    let (part, environment) = (request.part, request.environment.clone());
    let invocation = Invocation::on_environment(
        Verb::Rollback,
        (part, &environment),
        Request::Rollback(request),
        args.dry_run,
        &args.resume,
    );
    execute(&session.open()?, invocation, session.format)
}
