//! `deploy`: the app, from an existing version or the checked-out one.

use semver::Version;
use stagegate_plan::model::Verb;
use stagegate_plan::request::{DeployRequest, Request};

use crate::cli::Session;
use crate::commands::execute::{Invocation, execute};
use crate::commands::shared_args::{EnvironmentArgs, FreezeArgs, PartArg, ResumeArgs};
use crate::exit_code::Exit;

/// `deploy`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which half of the app
    #[arg(value_enum)]
    pub(crate) part: PartArg,
    /// A released version; without it, what is checked out
    #[arg(long, value_name = "V")]
    pub(crate) version: Option<Version>,
    /// The very artifacts that this environment runs, instead of a build
    #[arg(long, value_name = "ENV", conflicts_with_all = ["version", "resume"])]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) freeze: FreezeArgs,
    /// Print the plan and stop; nothing can be written
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) resume: ResumeArgs,
    #[command(flatten)]
    pub(crate) environment: EnvironmentArgs,
}

/// Deploys.
pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<Exit> {
    args.resume
        .only_to_start("--override-freeze", args.freeze.why.is_some())?;
    let request = DeployRequest {
        part: args.part.into(),
        version: args.version,
        from: args.from,
        freeze_override: args.freeze.why,
        environment: args.environment.name,
    };
    let (part, environment) = (request.part, request.environment.clone());
    let invocation = Invocation::on_environment(
        Verb::Deploy,
        (part, &environment),
        Request::Deploy(request),
        args.dry_run,
        &args.resume,
    );
    execute(&session.open()?, invocation, session.format)
}
