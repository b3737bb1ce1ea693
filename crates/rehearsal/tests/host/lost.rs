//! Deploys that are lost on the way, at every step: the client killed, or cancelled as a
//! runner does it, the network cut, the host's power cut. Each ends on a known release with
//! nothing left under way, whether somebody goes on or not; and then somebody goes on.

use std::time::Duration;

use stagegate_deploy::{Method, ServiceStep};
use stagegate_pipeline::RunEnd;

use super::bench::{Bench, FIRST, SECOND, eventually};
use super::client::Client;
use super::machine::Machine;
use super::real::RealHost;
use super::tally;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Blow {
    Kill,
    /// SIGINT, and what a runner sends after it while the client has not ended.
    Cancel,
    /// The same, of a client that has more left to watch than it is given.
    CancelALongWatch,
    Network,
    Power,
}

macro_rules! at_every_step {
    ($method:ident; $($name:literal: $blow:ident at $step:ident,)*) => {
        &[$(($name, || lost(Method::$method, Blow::$blow, ServiceStep::$step))),*]
    };
}

/// On real hosts.
pub(crate) const SCENARIOS: &[super::Scenario] = at_every_step![Nft;
    "a_client_cancelled_in_a_long_watch": CancelALongWatch at Stabilise,
    "a_client_killed_while_it_uploads": Kill at Upload,
    "a_client_killed_while_it_starts_a_slot": Kill at Start,
    "a_client_killed_while_it_asks_for_health": Kill at Health,
    "a_client_killed_while_it_switches": Kill at Switch,
    "a_client_killed_while_it_watches": Kill at Stabilise,
    "a_client_killed_while_it_confirms": Kill at Confirm,
    "a_client_cancelled_while_it_uploads": Cancel at Upload,
    "a_client_cancelled_before_it_switches": Cancel at Health,
    "a_client_cancelled_while_it_watches": Cancel at Stabilise,
    "a_network_cut_while_uploading": Network at Upload,
    "a_network_cut_while_starting_a_slot": Network at Start,
    "a_network_cut_while_asking_for_health": Network at Health,
    "a_network_cut_while_switching": Network at Switch,
    "a_network_cut_while_watching": Network at Stabilise,
    "a_network_cut_while_confirming": Network at Confirm,
    "a_power_cut_while_uploading": Power at Upload,
    "a_power_cut_while_starting_a_slot": Power at Start,
    "a_power_cut_while_asking_for_health": Power at Health,
    "a_power_cut_while_switching": Power at Switch,
    "a_power_cut_while_watching": Power at Stabilise,
    "a_power_cut_while_confirming": Power at Confirm,
];

/// Where a listener is handed on, more than one thing happens between two slots.
pub(crate) const BY_A_LISTENER: &[super::Scenario] = at_every_step![Socket;
    "by_socket_a_client_killed_while_it_switches": Kill at Switch,
    "by_socket_a_client_killed_while_it_watches": Kill at Stabilise,
    "by_socket_a_client_killed_while_it_confirms": Kill at Confirm,
    "by_socket_a_power_cut_while_switching": Power at Switch,
    "by_socket_a_power_cut_while_confirming": Power at Confirm,
];

/// From the step's beginning to the blow; steps take some hundred milliseconds.
const INTO_THE_STEP: Duration = Duration::from_millis(60);

fn lost(method: Method, blow: Blow, step: ServiceStep) {
    let mut bench = Bench::new(Vec::new());
    bench.backend().switch = method;
    bench.deploy_backend(FIRST);
    let patient = bench.app.clone();
    bench.app.lease_seconds = 10;
    bench.backend().stabilise_seconds = 2;
    bench.backend().revert_after_seconds = 10;
    if blow == Blow::CancelALongWatch {
        // Twice what a cancelled client has.
        bench.backend().stabilise_seconds = 20;
        bench.backend().revert_after_seconds = 22;
    }
    let mut client = Client::begin(&bench, &bench.deploy(SECOND), &bench.program());
    client.reaches(step);
    std::thread::sleep(INTO_THE_STEP);
    let host = real(&bench);
    let mut how = None;
    match blow {
        Blow::Kill => client.kill(),
        Blow::Cancel | Blow::CancelALongWatch => how = Some(cancelled(&mut client, blow)),
        Blow::Network => host.cut_network(),
        Blow::Power => host.cut_power(),
    }
    if matches!(blow, Blow::Network | Blow::Power) {
        // What is not over yet goes on while the client knows of nothing.
        std::thread::sleep(Duration::from_secs(12));
        host.mend_network();
        drop(client.end());
    }
    host.wait_until_up();
    eventually("nothing is under way", || is_quiet(&bench));
    let ended = known(&bench);
    // The same run goes on from there.
    bench.app = patient;
    let deploy = bench.deploy_by(SECOND, &Client::owner(&bench.deploy(SECOND)));
    bench
        .run_backend(&deploy, Some(&bench.program()), &ServiceStep::ALL)
        .unwrap();
    assert_eq!(bench.serving().as_deref(), Some("2"));
    assert_eq!(bench.outcomes().last().unwrap(), "2 confirmed");
    eventually("nothing is under way after it", || is_quiet(&bench));
    match how {
        Some(how) => tally::ended(format!("the client {how}; {ended}")),
        None => tally::ended(ended),
    }
}

/// Cancels the client; how it went, in words.
fn cancelled(client: &mut Client, blow: Blow) -> &'static str {
    let (how, ended) = client.cancel();
    match ended {
        // It finished the step that it was at, and began no other.
        Some(RunEnd::Interrupted) => assert_eq!(blow, Blow::Cancel, "{how}"),
        // On a slow machine a short step may take longer than a runner's patience.
        None => assert_eq!(how, "was killed"),
        Some(other) => panic!("it {how}, {other:?}"),
    }
    how
}

fn real(bench: &Bench) -> &RealHost {
    match &bench.host {
        Machine::Real(host) => host,
        Machine::StandIn(_) => panic!("a stand-in host has no cables"),
    }
}

/// One backend, and nothing that could change this by itself.
fn is_quiet(bench: &Bench) -> bool {
    let own = "systemctl list-units --all --plain --no-legend 'guestbook-*' | \
        grep -v -e 'guestbook-backend@' -e guestbook-switch.service -e 'guestbook-listener[.]' || true";
    let host = real(bench);
    host.try_inside(own).is_ok_and(|units| units.is_empty())
        && host.processes().len() == 1
        && !bench.on_host("opt/guestbook/switch/armed").exists()
        && lease_has_ended(bench)
}

/// A lease that has ended locks nobody out, whether its file is there or not.
fn lease_has_ended(bench: &Bench) -> bool {
    let text = std::fs::read_to_string(bench.on_host("opt/guestbook/lease")).unwrap_or_default();
    let until = text.lines().nth(2).and_then(|line| line.parse().ok());
    until.unwrap_or(0) < now()
}

fn now() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.unwrap().as_secs()
}

/// Users meet what the record says was confirmed last; in words.
fn known(bench: &Bench) -> String {
    let serving = bench.serving().expect("a release serves users");
    let outcomes = bench.outcomes();
    let confirmed = outcomes.iter().rev().find(|o| o.ends_with("confirmed"));
    assert_eq!(
        confirmed,
        Some(&format!("{serving} confirmed")),
        "{outcomes:?}"
    );
    let own = |outcome: &String| outcome.starts_with("2 ");
    assert_eq!(outcomes[0], "1 confirmed");
    assert!(outcomes[1..].iter().all(own), "{outcomes:?}");
    let which = if serving == "1" { "old" } else { "new" };
    format!(
        "the {which} release ({}); then resumed",
        outcomes.join(", ")
    )
}
