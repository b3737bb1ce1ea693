//! `cargo xtask bench …`: ours and the peers, in turn, in one run.
//!
//! Figures are only ever compared within one run on one machine. A peer that is
//! not installed is named with the command that installs it, and left out; none
//! of the figures decides a test.

mod deploy;
mod measure;
mod memory;
mod plan;
mod publish;
mod scratch;
mod table;
mod tool;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures ours beside the peers.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A workspace from packages to the registry: ours, cargo's, and the peers'
    Publish(publish::Options),
    /// A deploy to real hosts: to traffic and back, beside a script and slipway
    Deploy(deploy::Options),
    /// The plan of a large workspace, beside `cargo metadata`
    Plan(plan::Options),
}

/// Reads the command line behind `bench` and measures.
pub fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let measured = match Bench::parse_from(arguments).what {
        What::Publish(options) => publish::measure(&options),
        What::Deploy(options) => deploy::measure(&options),
        What::Plan(options) => plan::measure(&options),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
