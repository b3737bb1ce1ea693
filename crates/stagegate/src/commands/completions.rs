//! `completions`: what a shell needs to complete commands and options.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit_code::Exit;
use crate::output::line;

/// `completions`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
    /// The command that is completed: an installed program, or your alias for `cargo xtask`
    #[arg(long = "for", value_name = "NAME", default_value = "stagegate")]
    pub(crate) name: String,
}

/// Prints the completions.
///
/// # Errors
/// When they are not UTF-8.
pub(crate) fn run(args: Args) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), args.name, &mut text);
    line(String::from_utf8(text)?.trim_end());
    Ok(Exit::Success)
}
