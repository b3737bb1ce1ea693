//! A deploy to real hosts: from the command until users meet the new release, and back.
//!
//! Ours is the command line itself, `deploy backend`, on a workspace with the demo's
//! program in it, its version edited before each. The peers are what many teams have, a
//! script that packs the program, unpacks it beside the others, flips a link and restarts
//! the service, and slipway, which does the same from a configuration; both on all hosts
//! side by side. Everybody connects anew for each deploy, and then keeps the connection.
//! What is built is built before the clock starts, and the time that ours waits for healthy
//! answers is told apart: the peers do not wait for one here.

mod link;
mod ours;
mod peers;
mod site;
mod watch;

use std::time::Duration;

use anyhow::{Context, bail};

use super::scratch::Scratch;
use super::table::Table;
use peers::Peer;
use site::Site;
use stagegate_hosts::fleet::{Fleet, Listing};

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many hosts, all in one wave (may be given more than once)
    #[arg(long = "hosts", value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    hosts: Vec<u8>,
    /// How often each; the middle one counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    runs: u32,
    /// Milliseconds that a round trip to a host takes; otherwise they are next door
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1000))]
    rtt: u16,
}

/// What one deploy took.
#[derive(Clone, Debug, Default)]
struct Taken {
    /// Seconds from the command until the last host's users met the new release, without
    /// the build and without the wait for health.
    to_traffic: f64,
    /// Seconds of waiting for health, of the host that waited longest.
    health: f64,
    /// Seconds that the step of the switch took, of the slowest host.
    switch: f64,
    /// Seconds from the decision until the last host's users were on the old release.
    back: f64,
    /// Bytes that went to the host that got most, all of SSH and of the watch included.
    bytes: u64,
    /// What of the program travelled, as a share of all of it compressed (`gzip`).
    share: f64,
}

/// One row: how many hosts, which tool, and what it took.
type Row = (u8, &'static str, Taken);

/// Boots hosts, deploys to them in turn, prints the table, ends them.
pub(crate) fn measure(options: &Options) -> anyhow::Result<()> {
    let counts = match &options.hosts[..] {
        [] => vec![1, 4, 16],
        some => some.to_vec(),
    };
    let most = counts.iter().copied().max().unwrap_or(1);
    let fleet = Fleet::at(&stagegate_hosts::home().join("bench"));
    // A run that was killed has left its own.
    fleet.down()?;
    fleet.up(most, &mut |line| println!("{line}"))?;
    let round_trip = Duration::from_millis(options.rtt.into());
    let outcome = fleet
        .listing()
        .and_then(|listing| listing.context("the hosts that were booted are not listed"))
        .and_then(|listing| on(&listing, &counts, options.runs, round_trip));
    fleet.down()?;
    outcome
}

fn on(listing: &Listing, counts: &[u8], runs: u32, round_trip: Duration) -> anyhow::Result<()> {
    let scratch = Scratch::make()?;
    let mut site = Site::make(scratch.path(), round_trip)?;
    let mut rows: Vec<Row> = Vec::new();
    for count in counts {
        let Some(hosts) = listing.hosts.get(..usize::from(*count)) else {
            bail!("only {} hosts are up", listing.hosts.len());
        };
        site.prepare(hosts)?;
        println!("{count} hosts: stagegate ...");
        let mut ours = repeat(runs, || ours::deploy(&mut site, hosts))?;
        ours.back = ours::back(&mut site, hosts)?;
        rows.push((*count, "stagegate", ours));
        for peer in [Peer::Script, Peer::Slipway] {
            if let Some(why) = peer.missing() {
                println!("left out: {why}");
                continue;
            }
            println!("{count} hosts: {} ...", peer.name());
            let taken = repeat(runs, || peer.deploy(&mut site, hosts))?;
            rows.push((*count, peer.name(), taken));
        }
    }
    show(&rows, runs, round_trip);
    Ok(())
}

/// Once to warm up, then so often; of each figure the middle one.
fn repeat(runs: u32, mut deploy: impl FnMut() -> anyhow::Result<Taken>) -> anyhow::Result<Taken> {
    deploy()?;
    let all: Vec<Taken> = (0..runs).map(|_| deploy()).collect::<Result<_, _>>()?;
    let middle = |figure: &dyn Fn(&Taken) -> f64| {
        let mut figures: Vec<f64> = all.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let mut bytes: Vec<u64> = all.iter().map(|taken| taken.bytes).collect();
    bytes.sort_unstable();
    Ok(Taken {
        to_traffic: middle(&|taken| taken.to_traffic),
        health: middle(&|taken| taken.health),
        switch: middle(&|taken| taken.switch),
        back: middle(&|taken| taken.back),
        bytes: bytes[bytes.len() / 2],
        share: middle(&|taken| taken.share),
    })
}

/// Returns the most that one host got between two looks.
fn most(before: &[u64], after: &[u64]) -> u64 {
    let each = before
        .iter()
        .zip(after)
        .map(|(before, after)| after.saturating_sub(*before));
    each.max().unwrap_or(0)
}

fn show(rows: &[Row], runs: u32, round_trip: Duration) {
    println!(
        "\nThe middle one of {runs} deploys of a one-line edit, all hosts in one wave, {} ms away:\n",
        round_trip.as_millis()
    );
    let mut table = Table::new(&[
        "hosts",
        "tool",
        "to traffic, s",
        "of the fastest peer",
        "of one host's",
        "wait for health, s",
        "switch, ms",
        "way back, ms",
        "KB to a host",
        "of the program",
    ]);
    let ratio = |ours: f64, theirs: Option<f64>| {
        theirs.map_or("-".to_owned(), |theirs| format!("{:.2}", ours / theirs))
    };
    let given = |figure: f64, text: String| if figure > 0.0 { text } else { "-".to_owned() };
    for (count, tool, taken) in rows {
        let peers = rows
            .iter()
            .filter(|(n, name, _)| n == count && *name != "stagegate");
        let fastest = peers
            .map(|(.., taken)| taken.to_traffic)
            .min_by(f64::total_cmp);
        let one = rows.iter().find(|(n, name, _)| *n == 1 && name == tool);
        table.row(&[
            count.to_string(),
            (*tool).to_owned(),
            format!("{:.2}", taken.to_traffic),
            ratio(taken.to_traffic, fastest),
            ratio(taken.to_traffic, one.map(|(.., one)| one.to_traffic)),
            given(taken.health, format!("{:.2}", taken.health)),
            given(taken.switch, format!("{:.0}", taken.switch * 1000.0)),
            given(taken.back, format!("{:.0}", taken.back * 1000.0)),
            format!("{:.0}", taken.bytes as f64 / 1000.0),
            given(taken.share, format!("{:.1} %", taken.share * 100.0)),
        ]);
    }
    table.print();
}
