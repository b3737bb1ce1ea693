//! `host`: checks whether hosts are ready for the app, and makes them ready.

use clap::Subcommand;
use stagegate_deploy::{DeployError, Provision};
use stagegate_engine::context::Context;
use stagegate_engine::survey::{Scope, survey};
use stagegate_plan::preflight::checks;

use crate::cli::{Format, Session};
use crate::commands::shared_args::EnvironmentArgs;
use crate::commands::{doctor, environment_hosts as hosts};
use crate::exit_code::Exit;
use crate::output::{Palette, line};
use crate::prompt::agreed;

/// What to do about hosts.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Check whether each host is ready for a deploy, with remedies
    Check(EnvironmentArgs),
    /// Show what each host lacks, ask, and make it: account, directories, env file
    Bootstrap(BootstrapArgs),
}

/// `host bootstrap`
#[derive(Debug, clap::Args)]
pub struct BootstrapArgs {
    /// Show what is lacking and stop
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) environment: EnvironmentArgs,
}

/// Checks hosts, or makes them ready.
pub(crate) fn run(task: &Task, session: &Session) -> anyhow::Result<Exit> {
    let (context, format) = (&session.open()?, session.format);
    match task {
        Task::Check(environment) => check(context, &environment.name, format),
        Task::Bootstrap(args) => bootstrap(context, args, format),
    }
}

fn check(context: &Context, environment: &str, format: Format) -> anyhow::Result<Exit> {
    hosts::needed(context, environment)?;
    let scope = Scope {
        environment: Some(environment.to_owned()),
        ..Scope::default()
    };
    let checks = checks::hosts(&survey(context, &scope)?);
    let ready = format!("every host of {environment} is ready");
    Ok(doctor::show(&checks, &ready, format))
}

/// Shows what each host lacks, asks, makes it, and checks again.
fn bootstrap(context: &Context, args: &BootstrapArgs, format: Format) -> anyhow::Result<Exit> {
    let environment = &args.environment.name;
    let there = hosts::needed(context, environment)?;
    let palette = Palette::for_stdout();
    let asked = hosts::ask(&there, stagegate_deploy::required_provisions);
    let mut plan: Vec<(usize, Vec<Provision>)> = Vec::new();
    for (at, (target, answer)) in asked.into_iter().enumerate() {
        let provisions = answer?;
        if provisions.is_empty() {
            line(&format!("{} {target} lacks nothing", palette.good("✓")));
            continue;
        }
        line(&palette.strong(&target.to_string()));
        for provision in &provisions {
            line(&format!("  {provision}"));
        }
        plan.push((at, provisions));
    }
    if !plan.is_empty() {
        if args.dry_run {
            return Ok(Exit::Success);
        }
        if !args.yes && !agreed()? {
            return Ok(Exit::Declined);
        }
    }
    for (at, provisions) in plan {
        let one = std::slice::from_ref(&there[at]);
        let made = hosts::ask(one, |host, _| {
            for provision in &provisions {
                stagegate_deploy::apply_provision(host, provision)?;
                line(&format!(
                    "{} {}: {provision}",
                    palette.good("✓"),
                    host.target()
                ));
            }
            Ok::<(), DeployError>(())
        });
        for (_, outcome) in made {
            outcome?;
        }
    }
    check(context, environment, format)
}
