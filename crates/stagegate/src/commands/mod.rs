//! The commands: one file per verb, with its arguments and its `run`.

pub(crate) mod changelog;
pub(crate) mod check;
pub(crate) mod ci;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod environment_hosts;
pub(crate) mod execute;
pub(crate) mod history;
pub(crate) mod host;
pub(crate) mod hotfix;
pub(crate) mod init;
pub(crate) mod list_changes;
pub(crate) mod logs;
pub(crate) mod man;
#[cfg(feature = "rehearsal")]
pub(crate) mod rehearse;
pub(crate) mod release;
pub(crate) mod rollback;
pub(crate) mod schema;
pub(crate) mod shared_args;
pub(crate) mod status;
pub(crate) mod yank;

use clap::Subcommand;
use shared_args::EnvironmentArgs;

use crate::cli::Session;
use crate::exit_code::Exit;

/// Reports a command line that clap could read and that still makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Names the command. An `xtask` of your own can flatten it into its subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Release a version: gates, bump, tag, publish, GitHub release, deploy
    Release(release::Args),
    /// Deploy the app: backend, then frontend
    Deploy(deploy::Args),
    /// Roll back to the release that ran before
    Rollback(rollback::Args),
    /// Withdraw a version from new resolutions, or give it back
    Yank(yank::Args),
    /// Make a branch from a released version, ready for a fix
    Hotfix(hotfix::Args),
    /// Add stagegate to a workspace: xtask, alias, stagegate.toml, workflows
    Init(init::Args),
    /// Run the gates on what is checked out
    Check(check::Args),
    /// Write the workflows for GitHub Actions, or work within them
    #[command(subcommand)]
    Ci(ci::Task),
    /// Show what is released, what runs where, and what is in progress
    Status(EnvironmentArgs),
    /// Show what was deployed to each host, by whom, and how it ended
    History(history::Args),
    /// Print what the app logs on its hosts
    Logs(logs::Args),
    /// Check hosts, or make them ready for the app
    #[command(subcommand)]
    Host(host::Task),
    /// Check every precondition of a release, with remedies
    Doctor(EnvironmentArgs),
    /// Check the changelogs, or print the section of a version
    #[command(subcommand)]
    Changelog(changelog::Task),
    /// Print the JSON Schema of stagegate.toml, for editors
    Schema,
    /// Print what a shell needs to complete commands and options
    Completions(completions::Args),
    /// Print the manual page, or write one for each command
    Man(man::Args),
    /// Run a whole release against fakes on this machine
    #[cfg(feature = "rehearsal")]
    Rehearse(rehearse::Args),
}

/// Runs one command.
pub(crate) fn run(command: Command, session: &Session) -> anyhow::Result<Exit> {
    match command {
        Command::Release(args) => release::run(args, session),
        Command::Deploy(args) => deploy::run(args, session),
        Command::Rollback(args) => rollback::run(args, session),
        Command::Yank(args) => yank::run(args, session),
        Command::Hotfix(args) => hotfix::run(args, session),
        Command::Init(args) => init::run(&args, session),
        Command::Check(args) => check::run(args, session),
        Command::Ci(task) => ci::run(task, session),
        Command::Status(args) => status::run(&args, session),
        Command::History(args) => history::run(&args, session),
        Command::Logs(args) => logs::run(&args, session),
        Command::Host(task) => host::run(&task, session),
        Command::Doctor(args) => doctor::run(&args, session),
        Command::Changelog(task) => changelog::run(&task, session),
        Command::Schema => schema::run(),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
        #[cfg(feature = "rehearsal")]
        Command::Rehearse(args) => rehearse::run(args, session),
    }
}
