//! What each command does: choose the world, ask, hand over, show.

mod changelog;
mod check;
mod ci;
mod doctor;
mod history;
mod host;
mod hosts;
mod init;
mod logs;
mod obey;
mod prepare;
mod question;
#[cfg(feature = "rehearsal")]
pub(crate) mod rehearse;
mod status;

use anyhow::Context as _;
use camino::Utf8PathBuf;
use stagegate_engine::context::Context;
use stagegate_engine::interrupt::Interrupt;
use stagegate_plan::model::StepFilter;
use stagegate_plan::request::{
    DeployRequest, HotfixRequest, ReleaseRequest, Request, RollbackRequest, YankRequest,
};

use crate::cli::{Cli, Format, ReleaseTask, ResumeArgs, Task};
use crate::exit::Exit;

/// A command line that clap could read and that still cannot be followed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// A plan that is gone on with is not made anew: what shapes a plan has no say in it.
fn only_to_begin(going: &ResumeArgs, option: &str, given: bool) -> Result<(), Usage> {
    match given && going.resume && !going.resume_or_start {
        true => Err(Usage(format!(
            "{option} is for a plan that is made, and --resume goes on with one that is; leave one of them out"
        ))),
        false => Ok(()),
    }
}

/// Runs one command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<Exit> {
    let here = std::env::current_dir().context("reading the current directory")?;
    let here = Utf8PathBuf::from_path_buf(here).map_err(|path| {
        Usage(format!(
            "the path {} is not UTF-8; move the workspace",
            path.display()
        ))
    })?;
    let interrupt = Interrupt::from_signals().context("following signals")?;
    let format = crate::render::format(cli.format);
    let open = || {
        let context = Context::open(&here, cli.config.as_deref(), interrupt.clone())?;
        if format == Format::Github {
            context.confide(std::sync::Arc::new(crate::render::runner::mask));
        }
        anyhow::Ok(context)
    };
    match cli.task {
        Task::Release(args) => {
            if let Some(ReleaseTask::Prepare(wanted)) = args.instead {
                return prepare::prepare(&open()?, wanted, format);
            }
            only_to_begin(&args.going, "--tagged", args.tagged)?;
            only_to_begin(&args.going, "--override-freeze", args.freeze.why.is_some())?;
            let words: Vec<String> = args.versions.iter().map(ToString::to_string).collect();
            let target = obey::release_target(&args.versions, args.pre.as_deref());
            let portion = args.part.portion();
            let request = ReleaseRequest {
                versions: args.versions,
                pre: args.pre,
                skip: args.skip,
                freeze_override: args.freeze.why,
                environment: args.environment.name,
                tagged: args.tagged,
                handed_on: portion != StepFilter::Whole,
            };
            let named = !request.versions.is_empty();
            let order = obey::Order {
                verb: "release",
                words: named.then(|| words.join(" ")),
                request: named.then_some(Request::Release(request)),
                dry_run: args.dry_run,
                going: &args.going,
                target,
                portion,
            };
            obey::obey(&open()?, order, format)
        }
        Task::Deploy(args) => {
            only_to_begin(&args.going, "--override-freeze", args.freeze.why.is_some())?;
            let request = DeployRequest {
                part: args.part.into(),
                version: args.version.clone(),
                from: args.from,
                freeze_override: args.freeze.why,
                environment: args.environment.name.clone(),
            };
            let words = format!("{} --env {}", request.part.name(), request.environment);
            let target = Some(format!("deploy-{}", request.environment));
            let order = obey::Order {
                verb: "deploy",
                words: Some(words),
                request: Some(Request::Deploy(request)),
                dry_run: args.dry_run,
                going: &args.going,
                target,
                portion: StepFilter::Whole,
            };
            obey::obey(&open()?, order, format)
        }
        Task::Rollback(args) => {
            let request = RollbackRequest {
                part: args.part.into(),
                environment: args.environment.name.clone(),
            };
            let words = format!("{} --env {}", request.part.name(), request.environment);
            let target = Some(format!("rollback-{}", request.environment));
            let order = obey::Order {
                verb: "rollback",
                words: Some(words),
                request: Some(Request::Rollback(request)),
                dry_run: args.dry_run,
                going: &args.going,
                target,
                portion: StepFilter::Whole,
            };
            obey::obey(&open()?, order, format)
        }
        Task::Yank(args) => {
            let request = YankRequest {
                version: args.version,
                crates: args.crates,
                reason: args.reason,
                undo: args.undo,
            };
            let order = obey::Order {
                verb: "yank",
                words: Some(request.words()),
                target: Some(request.target()),
                request: Some(Request::Yank(request)),
                dry_run: args.dry_run,
                going: &args.going,
                portion: StepFilter::Whole,
            };
            obey::obey(&open()?, order, format)
        }
        Task::Hotfix(args) => {
            let request = HotfixRequest {
                version: args.version,
                package: args.package,
            };
            let order = obey::Order {
                verb: "hotfix",
                words: Some(request.words()),
                request: Some(Request::Hotfix(request)),
                dry_run: args.dry_run,
                going: &args.going,
                target: None,
                portion: StepFilter::Whole,
            };
            obey::obey(&open()?, order, format)
        }
        Task::Init(args) => init::init(&here, &args, &interrupt, format),
        Task::Check(args) => check::check(&open()?, args.gates, format),
        Task::Ci(task) => ci::ci(&open()?, task, format),
        Task::Status(environment) => status::status(&open()?, &environment.name, format),
        Task::History(args) => history::history(&open()?, &args, format),
        Task::Logs(args) => logs::logs(&open()?, &args, format),
        Task::Host(task) => host::host(&open()?, &task, format),
        Task::Changelog(question) => changelog::changelog(&open()?, &question, format),
        Task::Doctor(environment) => doctor::doctor(&open()?, &environment.name, format),
        #[cfg(feature = "rehearsal")]
        Task::Rehearse(args) => rehearse::rehearse(&here, args, format, &interrupt),
    }
}
