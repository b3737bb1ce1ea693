//! `cargo xtask test --hosts`: the host's contract on real hosts, booted for it alone.

use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use clap::Parser;

use super::fleet::Fleet;

/// The variable that names a fleet's listing to the tests.
const VARIABLE: &str = "STAGEGATE_HOSTS";

/// Runs the host's contract on real hosts.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask test")]
pub(crate) struct Options {
    /// On real Debian hosts, booted for it; without this, `cargo test` is the command
    #[arg(long)]
    hosts: bool,
    /// How many hosts; as many scenarios run side by side
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(3..=16))]
    count: u8,
    /// Deploys of the zero-loss matrix
    #[arg(long, default_value_t = 2)]
    deploys: u32,
    /// Only scenarios whose names contain one of these words
    words: Vec<String>,
}

/// Boots hosts, runs the suite on them, ends them.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if !options.hosts {
        bail!("say `--hosts` to test on real hosts; everything else is `cargo test --workspace`");
    }
    // A Ctrl-C reaches the tests as well; this process goes on to end the hosts.
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stopped))?;
    }
    let fleet = Fleet::at(&super::home().join("suite"));
    // A run that was killed has left its own.
    fleet.down()?;
    fleet.up(options.count, &mut |line| println!("{line}"))?;
    // Of the workspace, so that what its other tests have built serves here too.
    let tested = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--workspace", "--test", "host", "--"])
        .args(&options.words)
        .env(VARIABLE, fleet.file())
        .env("STAGEGATE_DEPLOYS", options.deploys.to_string())
        .status()
        .context("cannot run cargo");
    let ended = fleet.down();
    let status = tested?;
    ended?;
    if stopped.load(Ordering::Relaxed) {
        bail!("stopped; the hosts are ended");
    }
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
