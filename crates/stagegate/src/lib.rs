//! The stagegate command line and its renderers: what a team's `xtask`
//! depends on.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     stagegate::main()
//! }
//! ```
//!
//! Only this crate prints. It chooses the world, asks people, shows the
//! pipeline's events as lines, spinners or JSON, and turns every end into one
//! of the documented exit codes ([`Exit`]).

mod ci;
mod cli;
mod command;
mod exit;
mod notify;
mod render;

use std::process::ExitCode;

pub use exit::Exit;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    #[cfg(feature = "rehearsal")]
    if let Some(code) = command::rehearse::front_end() {
        return code;
    }
    let cli = match <cli::Cli as clap::Parser>::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap knows whether this is help for stdout or a mistake for stderr.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Success.into()
            };
        }
    };
    let format = render::format(cli.format);
    if format == cli::Format::Github {
        render::runner::mask_environment();
    }
    match command::run(cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = Exit::of(&error);
            render::error(format, &error, exit);
            exit.into()
        }
    }
}
