//! `check`: the gates, on what is checked out.

use stagegate_config::stage::Stage;
use stagegate_engine::context::Context;
use stagegate_engine::executor::RunOptions;
use stagegate_engine::journal::Journal;
use stagegate_engine::survey::{Scope, survey};
use stagegate_plan::model::StepFilter;
use stagegate_plan::planner::plan;
use stagegate_plan::request::{CheckRequest, Request};

use crate::cli::Format;
use crate::exit::Exit;
use crate::render;

pub(super) fn check(context: &Context, gates: Vec<Stage>, format: Format) -> anyhow::Result<Exit> {
    let words: Vec<&str> = gates.iter().map(|gate| gate.name()).collect();
    let again = format!("cargo xtask check {}", words.join(" "));
    let request = Request::Check(CheckRequest { gates });
    let facts = survey(context, &Scope::of(&request))?;
    let plan = plan(&facts, &context.config, &request)?;
    std::fs::create_dir_all(context.output())?;
    std::fs::write(context.output().join(".gitignore"), "*\n")?;
    // Gates leave nothing to go on with, and may run while a release is under way.
    let journal = Journal::begin(&context.output().join("check"), &plan, None)?;
    let mut renderer = render::renderer(format);
    let wish = RunOptions {
        portion: &StepFilter::Whole,
        resume: again.trim_end(),
    };
    let ended = stagegate_engine::executor::run(
        &plan,
        context,
        journal,
        wish,
        &mut |_, _| true,
        &mut |event| renderer.event(event),
    )?;
    let failure = ended.failure.as_ref().map(|(_, error)| error);
    Ok(Exit::of_run(ended.end, failure))
}
