//! Deploys that are lost on the way, at every step: the client killed, or cancelled as a
//! runner does it, the network cut, the host's power cut. Each ends on a known release with
//! nothing left under way, whether somebody goes on or not; and then somebody goes on.

use std::time::Duration;

use stagegate_deploy::{Method, Part, Service, ServiceStep};
use stagegate_plan::model::RunEnd;

use super::bench::{Bench, FIRST, SECOND, eventually};
use super::client::Client;
use super::machine::Machine;
use super::real::RealHost;
use super::{frontends, tally};

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
    ($part:ident by $method:ident; $($name:literal: $blow:ident at $step:ident,)*) => {
        &[$(($name, || {
            lost(Part::$part, Method::$method, Blow::$blow, ServiceStep::$step);
        })),*]
    };
}

/// On real hosts.
pub(crate) const SCENARIOS: &[super::Scenario] = at_every_step![Backend by Nft;
    "a_client_cancelled_in_a_long_watch": CancelALongWatch at Stabilize,
    "a_client_killed_while_it_uploads": Kill at Upload,
    "a_client_killed_while_it_starts_a_slot": Kill at Start,
    "a_client_killed_while_it_asks_for_health": Kill at Health,
    "a_client_killed_while_it_switches": Kill at Switch,
    "a_client_killed_while_it_watches": Kill at Stabilize,
    "a_client_killed_while_it_confirms": Kill at Confirm,
    "a_client_cancelled_while_it_uploads": Cancel at Upload,
    "a_client_cancelled_before_it_switches": Cancel at Health,
    "a_client_cancelled_while_it_watches": Cancel at Stabilize,
    "a_network_cut_while_uploading": Network at Upload,
    "a_network_cut_while_starting_a_slot": Network at Start,
    "a_network_cut_while_asking_for_health": Network at Health,
    "a_network_cut_while_switching": Network at Switch,
    "a_network_cut_while_watching": Network at Stabilize,
    "a_network_cut_while_confirming": Network at Confirm,
    "a_power_cut_while_uploading": Power at Upload,
    "a_power_cut_while_starting_a_slot": Power at Start,
    "a_power_cut_while_asking_for_health": Power at Health,
    "a_power_cut_while_switching": Power at Switch,
    "a_power_cut_while_watching": Power at Stabilize,
    "a_power_cut_while_confirming": Power at Confirm,
];

/// Where a listener is handed on, more than one thing happens between two slots.
pub(crate) const BY_A_LISTENER: &[super::Scenario] = at_every_step![Backend by Socket;
    "by_socket_a_client_killed_while_it_switches": Kill at Switch,
    "by_socket_a_client_killed_while_it_watches": Kill at Stabilize,
    "by_socket_a_client_killed_while_it_confirms": Kill at Confirm,
    "by_socket_a_power_cut_while_switching": Power at Switch,
    "by_socket_a_power_cut_while_confirming": Power at Confirm,
];

/// A frontend that is a service is the same code with other names: whether they are the right
/// ones shows where something is left.
pub(crate) const OF_A_FRONTEND: &[super::Scenario] = at_every_step![Frontend by Nft;
    "a_frontends_client_killed_while_it_starts_a_slot": Kill at Start,
    "a_frontends_client_killed_while_it_switches": Kill at Switch,
    "a_frontends_client_killed_while_it_watches": Kill at Stabilize,
    "a_frontends_power_cut_while_watching": Power at Stabilize,
    "a_frontends_network_cut_while_switching": Network at Switch,
];

/// From the step's beginning to the blow; steps take some hundred milliseconds.
const INTO_THE_STEP: Duration = Duration::from_millis(60);

fn lost(part: Part, method: Method, blow: Blow, step: ServiceStep) {
    let mut bench = before(part, method);
    let patient = bench.app.clone();
    bench.app.lease_seconds = 10;
    let settings = settings(&mut bench, part);
    settings.stabilize_seconds = 2;
    settings.revert_after_seconds = 10;
    if blow == Blow::CancelALongWatch {
        // Twice what a cancelled client has.
        settings.stabilize_seconds = 20;
        settings.revert_after_seconds = 22;
    }
    let mut client = Client::begin(&bench, part, &bench.deploy(SECOND), &bench.program());
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
    let ended = known(&bench, part);
    // The same run goes on from there.
    bench.app = patient;
    let deploy = bench.deploy_by(SECOND, &Client::owner(&bench.deploy(SECOND)));
    bench
        .run_service(part, &deploy, Some(&bench.program()), &ServiceStep::ALL)
        .unwrap();
    assert_eq!(serving(&bench, part).as_deref(), Some("2"));
    assert_eq!(outcomes(&bench, part).last().unwrap(), "2 confirmed");
    eventually("nothing is under way after it", || is_quiet(&bench));
    match how {
        Some(how) => tally::ended(format!("the client {how}; {ended}")),
        None => tally::ended(ended),
    }
}

/// A host with the first release of the part, and all that its second one stands on.
fn before(part: Part, method: Method) -> Bench {
    let mut bench = match part {
        Part::Backend => Bench::new(Vec::new()),
        Part::Frontend => frontends::bench(),
    };
    settings(&mut bench, part).switch = method;
    bench.deploy_backend(FIRST);
    if part == Part::Frontend {
        frontends::deploy(&bench, part, FIRST);
        bench.deploy_backend(SECOND);
    }
    bench
}

fn settings(bench: &mut Bench, part: Part) -> &mut Service {
    match part {
        Part::Backend => bench.backend(),
        Part::Frontend => frontends::frontend(bench),
    }
}

/// Which release of the part answers its users.
fn serving(bench: &Bench, part: Part) -> Option<String> {
    match part {
        Part::Backend => bench.serving(),
        Part::Frontend => frontends::serving(bench).1,
    }
}

/// How each deploy of the part ended.
fn outcomes(bench: &Bench, part: Part) -> Vec<String> {
    let all = bench.history().into_iter().zip(bench.outcomes());
    let own = all.filter(|(record, _)| record.part == part);
    own.map(|(_, outcome)| outcome).collect()
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

pub(crate) fn real(bench: &Bench) -> &RealHost {
    match &bench.host {
        Machine::Real(host) => host,
        Machine::Fake(_) => panic!("a fake host has no cables"),
    }
}

/// One of each service, and nothing that could change this by itself.
fn is_quiet(bench: &Bench) -> bool {
    let own = "systemctl list-units --all --plain --no-legend 'guestbook-*' 'guestbook.frontend-*' | \
        grep -v -e 'guestbook-backend@' -e 'guestbook-frontend@' -e -switch.service -e -keeper.service \
        -e 'guestbook-listener[.]' || true";
    let host = real(bench);
    let services = Part::ALL.map(|part| bench.app.settings(part)).into_iter();
    let armed = ["switch/armed", "frontend/switch/armed"];
    let armed = armed.map(|file| bench.on_host(&format!("opt/guestbook/{file}")));
    host.try_inside(own).is_ok_and(|units| units.is_empty())
        && host.processes().len() == services.flatten().count()
        && !armed.iter().any(|file| file.exists())
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
fn known(bench: &Bench, part: Part) -> String {
    let serving = serving(bench, part).expect("a release serves users");
    let outcomes = outcomes(bench, part);
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
    if part == Part::Frontend {
        // It was confirmed before this one began, so it is not this one's to take along.
        assert_eq!(bench.serving().as_deref(), Some("2"));
    }
    format!(
        "the {which} release ({}); then resumed",
        outcomes.join(", ")
    )
}
