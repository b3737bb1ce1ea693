//! The command line, as clap reads it: what every command shares.

use anyhow::Context as _;
use camino::Utf8PathBuf;
use clap::{Args, Parser, ValueEnum};
use stagegate_engine::context::Context;
use stagegate_engine::interrupt::Interrupt;

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
        let context = Context::open(&self.here, self.config.as_deref(), self.interrupt.clone())?;
        if self.format == Format::Github {
            context.set_secret_sink(std::sync::Arc::new(output::github_actions::mask));
        }
        Ok(context)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
