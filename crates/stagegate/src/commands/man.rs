//! `man`: manual pages.

use anyhow::Context as _;
use camino::Utf8PathBuf;
use clap::CommandFactory;

use crate::cli::Cli;
use crate::exit_code::Exit;
use crate::output::line;

/// `man`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write a page for each command into this directory, instead of printing the main one
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) into: Option<Utf8PathBuf>,
}

/// Prints the manual page, or writes all of them.
///
/// # Errors
/// When a page cannot be written.
pub(crate) fn run(args: Args) -> anyhow::Result<Exit> {
    // A page has the name of a program: `man stagegate-release`.
    let command = Cli::command().name("stagegate").display_name("stagegate");
    let Some(directory) = args.into else {
        let mut text = Vec::new();
        clap_mangen::Man::new(command).render(&mut text)?;
        line(String::from_utf8(text)?.trim_end());
        return Ok(Exit::Success);
    };
    std::fs::create_dir_all(&directory).with_context(|| format!("making {directory}"))?;
    clap_mangen::generate_to(command, &directory)
        .with_context(|| format!("writing manual pages into {directory}"))?;
    line(&format!(
        "written into {directory}; `man {directory}/stagegate.1` shows the first"
    ));
    Ok(Exit::Success)
}
