//! The stagegate command line and its renderers: what a team's `xtask`
//! depends on.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     stagegate::main()
//! }
//! ```
//!
//! An `xtask` with commands of its own flattens [`Command`] into them and hands it to
//! [`run()`].
//!
//! Only this crate prints. It chooses the context, asks people, shows the engine's events
//! as lines, spinners or JSON, and turns every end into one of the documented exit codes
//! ([`Exit`]).

mod cli;
mod command_name;
mod commands;
mod exit_code;
mod notify;
mod output;
mod prompt;
#[cfg(feature = "rehearsal")]
mod rehearsal;
mod workflows;

use std::process::ExitCode;

pub use cli::GlobalArgs;
pub use commands::Command;
pub use exit_code::Exit;

/// Returns the command line as clap reads it, for documents and completions of your own.
pub fn command_line() -> clap::Command {
    <cli::Cli as clap::CommandFactory>::command()
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    #[cfg(feature = "rehearsal")]
    if let Some(code) = rehearsal::front_end() {
        return code;
    }
    match cli::Cli::of_this_process() {
        Ok(cli) => run(cli.command, cli.global),
        Err(error) => {
            // clap knows whether this is help for stdout or a mistake for stderr.
            let _ = error.print();
            match error.use_stderr() {
                true => Exit::Usage.into(),
                false => Exit::Success.into(),
            }
        }
    }
}

/// Runs one command, prints what it says, and returns its exit code.
pub fn run(command: Command, global: GlobalArgs) -> ExitCode {
    let format = output::format(global.format);
    if format == cli::Format::Github {
        output::github_actions::mask_environment();
    }
    let result = cli::Session::new(global).and_then(|session| commands::run(command, &session));
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = Exit::of(&error);
            output::error(format, &error, exit);
            exit.into()
        }
    }
}
