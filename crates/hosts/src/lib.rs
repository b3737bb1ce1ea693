//! `cargo xtask hosts …` and `cargo xtask test --hosts`: real Debian hosts on this machine.
//!
//! A host is a Debian 12 system of its own, booted by `systemd-nspawn` over an overlay of
//! one shared root file system: its own systemd, sshd, nft and address, and root inside
//! it. It exists because the fake host can only show what somebody thought of. It
//! needs root, and says what else is missing; it makes no traffic but on its own bridge;
//! each host ends by itself after some hours, whoever forgot it.

pub mod fleet;
mod image;
pub mod machine;
mod needs;
mod network;
mod program;
mod suite;

use std::process::ExitCode;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Parser, Subcommand};

use fleet::Fleet;

/// Real Debian hosts on this machine, for tests.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask hosts")]
struct Hosts {
    /// Which hosts: several sets of them can be up
    #[arg(long, default_value = "up", global = true)]
    name: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Boots hosts, and writes down how to reach them
    Up {
        /// How many
        #[arg(default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
        count: u8,
    },
    /// Ends all of them, and leaves nothing
    Down,
    /// Says how to reach them
    List,
}

/// Reads the command line behind `hosts` and executes it.
pub fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let hosts = Hosts::parse_from(arguments);
    let fleet = Fleet::at(&home().join(&hosts.name));
    report(match hosts.what {
        What::Up { count } => up(&fleet, count),
        What::Down => fleet.down(),
        What::List => list(&fleet),
    })
}

/// Reads the command line behind `test` and runs the suite on hosts of its own.
pub fn test() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    match suite::run(&suite::Options::parse_from(arguments)) {
        Ok(code) => code,
        Err(error) => report(Err(error)),
    }
}

fn report(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns where hosts live: `STAGEGATE_HOSTS_HOME`, or below the target directory.
pub fn home() -> Utf8PathBuf {
    match std::env::var("STAGEGATE_HOSTS_HOME") {
        Ok(place) if !place.is_empty() => place.into(),
        _ => {
            let this = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
            let root = this.ancestors().nth(2).unwrap_or(this);
            root.join("target").join("hosts")
        }
    }
}

fn up(fleet: &Fleet, count: u8) -> Result<()> {
    fleet.up(count, &mut |line| println!("{line}"))?;
    list(fleet)
}

fn list(fleet: &Fleet) -> Result<()> {
    let Some(listing) = fleet.listing()? else {
        println!("no hosts are up; `cargo xtask hosts up 2` boots two");
        return Ok(());
    };
    for host in &listing.hosts {
        println!(
            "{}  {}  ssh -i {} -o UserKnownHostsFile={} {}@{}",
            host.name,
            host.state(),
            host.identity,
            host.known_hosts,
            host.user,
            host.address
        );
        println!("    inside, without SSH: {}/enter COMMAND", host.directory);
    }
    println!("\nall of it, for programs: {}", fleet.file());
    Ok(())
}
