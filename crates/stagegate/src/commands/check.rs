//! `check`: the gates, on what is checked out.

use stagegate_config::stage::Stage;
use stagegate_engine::executor::{Resume, RunOptions};
use stagegate_engine::journal::Journal;
use stagegate_engine::survey::{Scope, survey};
use stagegate_plan::model::StepFilter;
use stagegate_plan::planner::plan;
use stagegate_plan::request::{CheckRequest, Request};

use crate::cli::Session;
use crate::commands::shared_args::PackageArgs;
use crate::exit_code::Exit;
use crate::output;

/// `check`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The gates; without any, all that are on
    #[arg(value_name = "GATE")]
    pub(crate) gates: Vec<Stage>,
    #[command(flatten)]
    pub(crate) packages: PackageArgs,
}

/// Runs gates.
pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<Exit> {
    let (context, format) = (&session.open()?, session.format);
    let gates = args.gates;
    let words: Vec<&str> = gates.iter().map(|gate| gate.name()).collect();
    let packages = args.packages.words();
    let again = format!("{} check {}{packages}", context.command, words.join(" "));
    let selection = args.packages.selection();
    let request = Request::Check(CheckRequest { gates, selection });
    let facts = survey(context, &Scope::of(&request))?;
    let plan = plan(&facts, &context.config, &request)?;
    std::fs::create_dir_all(context.output())?;
    std::fs::write(context.output().join(".gitignore"), "*\n")?;
    // Gates leave nothing to resume, and may run while a release is in progress.
    let journal = Journal::begin(&context.output().join("check"), &plan, None)?;
    let mut renderer = output::renderer(format);
    let options = RunOptions {
        filter: &StepFilter::Whole,
        resume: Resume::Command(again.trim_end()),
    };
    let ended = stagegate_engine::run(
        &plan,
        context,
        journal,
        options,
        &mut |_, _| true,
        &mut |event| renderer.event(event),
    )?;
    let failure = ended.failure.as_ref().map(|(_, error)| error);
    Ok(Exit::of_run(ended.end, failure))
}
