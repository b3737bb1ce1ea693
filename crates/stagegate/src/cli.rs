//! The command line, as clap reads it: what every command shares.

use std::ffi::OsString;

use anyhow::Context as _;
use camino::Utf8PathBuf;
use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum};
use stagegate_engine::context::Context;
use stagegate_engine::interrupt::Interrupt;

use crate::command_name;
use crate::commands::{Command, Usage};
use crate::output;

/// Takes a Cargo workspace from merged to published, released and running.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
}

impl Cli {
    /// Reads the command line of this process, in the words of whoever called it.
    ///
    /// # Errors
    /// When it cannot be understood, or asks for help.
    pub(crate) fn of_this_process() -> Result<Cli, clap::Error> {
        let name = command_name::command_name();
        Cli::read(name, command_name::arguments(std::env::args_os()))
    }

    fn read(
        name: &'static str,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Cli, clap::Error> {
        let mut command = Cli::command().name(name).bin_name(name);
        let matches = command.try_get_matches_from_mut(arguments)?;
        Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// Options that every command takes.
#[derive(Clone, Debug, Default, Args)]
pub struct GlobalArgs {
    /// Overlay this file on stagegate.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<Utf8PathBuf>,
    /// What is printed: text for people, one JSON event a line, or a log for GitHub's
    /// runner, which is the default there
    #[arg(long, global = true, value_enum)]
    pub(crate) format: Option<Format>,
}

/// For whom to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// People
    Human,
    /// Programs
    Json,
    /// GitHub's runner
    Github,
}

/// Where a command runs, and for whom it prints.
pub(crate) struct Session {
    /// The current directory.
    pub(crate) here: Utf8PathBuf,
    /// What is printed.
    pub(crate) format: Format,
    /// The request to stop.
    pub(crate) interrupt: Interrupt,
    config: Option<Utf8PathBuf>,
}

impl Session {
    /// Creates the session of this process.
    ///
    /// # Errors
    /// When the current directory has no UTF-8 path, or signals cannot be followed.
    pub(crate) fn new(global: GlobalArgs) -> anyhow::Result<Session> {
        let here = std::env::current_dir().context("reading the current directory")?;
        let here = Utf8PathBuf::from_path_buf(here).map_err(|path| {
            Usage(format!(
                "the path {} is not UTF-8; move the workspace",
                path.display()
            ))
        })?;
        Ok(Session {
            here,
            format: output::format(global.format),
            interrupt: Interrupt::from_signals().context("following signals")?,
            config: global.config,
        })
    }

    /// Opens the workspace around the current directory.
    ///
    /// # Errors
    /// When there is none, or its configuration cannot be read.
    pub(crate) fn open(&self) -> anyhow::Result<Context> {
        let mut context =
            Context::open(&self.here, self.config.as_deref(), self.interrupt.clone())?;
        context.command = command_name::command_name();
        if self.format == Format::Github {
            context.set_secret_sink(std::sync::Arc::new(output::github_actions::mask));
        }
        Ok(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_and_mistakes_name_the_command_as_it_was_called() {
        let check = |name: &'static str, arguments: &[&str], want: &str| {
            let words = [&["program"], arguments].concat();
            let error = Cli::read(name, words.into_iter().map(OsString::from)).unwrap_err();
            let said = error.to_string();
            assert!(said.contains(want), "no {want:?} in\n{said}");
        };
        for name in ["cargo xtask", "cargo stagegate"] {
            check(name, &["--help"], &format!("Usage: {name} [OPTIONS]"));
            check(name, &["check", "--help"], &format!("Usage: {name} check"));
            check(
                name,
                &["release", "--nope"],
                &format!("Usage: {name} release"),
            );
        }
    }
}
