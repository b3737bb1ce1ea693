//! The zero-loss matrix, on real hosts: every way of asking, from another host and from
//! the host itself, during many deploys and as many ways back. No request may fail where
//! the kernel, a listener or a proxy switches; what a restart loses is counted beside it.
//!
//! `STAGEGATE_DEPLOYS` says how many deploys. The table is printed as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use stagegate_deploy::{Method, Part, Preset, ServiceStep, revert};

use super::bench::{Bench, eventually};
use super::machine::Machine;
use super::traffic::{Counts, Traffic};

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    ("no_request_fails_in_any_cell_of_the_matrix", || {
        without_loss("nft", |_, _| {});
    }),
    ("by_a_listener_no_request_fails_either", || {
        without_loss("socket", |bench, _| {
            bench.backend().switch = Method::Socket;
        });
    }),
    ("from_rules_to_a_listener_no_request_fails_either", || {
        without_loss("nft ↔ socket", |bench, number| {
            bench.backend().switch = match number % 2 {
                0 => Method::Nft,
                _ => Method::Socket,
            };
        });
    }),
    ("behind_haproxy_no_request_fails_either", || {
        without_loss("haproxy", first(|bench| bench.behind(Preset::Haproxy)));
    }),
    (
        "behind_nginx_only_its_own_race_loses_requests",
        behind_nginx_only_its_own_race_loses_requests,
    ),
    (
        "behind_caddy_websockets_are_closed",
        behind_caddy_websockets_are_closed,
    ),
    ("what_a_restart_costs_is_measured", what_a_restart_costs),
];

/// What was counted, by method and place; told when everything has run.
static COUNTED: Mutex<BTreeMap<&'static str, Measured>> = Mutex::new(BTreeMap::new());

type Measured = [(&'static str, Counts); 2];

const UNTIL_STABLE: &[ServiceStep] = &[
    ServiceStep::Upload,
    ServiceStep::Start,
    ServiceStep::Health,
    ServiceStep::Switch,
    ServiceStep::Stabilize,
];

fn deploys() -> usize {
    let wanted = std::env::var("STAGEGATE_DEPLOYS").ok();
    wanted.map_or(3, |number| number.parse().unwrap())
}

/// The commit of deploy `number`.
fn commit(number: usize) -> String {
    format!("{number:07x}{:033}", 0)
}

/// Prepares the host before its first deploy, and no other.
fn first(prepare: impl Fn(&mut Bench)) -> impl Fn(&mut Bench, usize) {
    move |bench, number| {
        if number == 0 {
            prepare(bench);
        }
    }
}

/// A first deploy, traffic from two places, deploys, and as many ways back; each is
/// prepared by its number.
fn measure(method: &'static str, prepare: impl Fn(&mut Bench, usize)) -> (Bench, Measured) {
    let (mut bench, other) = Bench::two();
    let program = bench.program();
    let next = |bench: &mut Bench, number: usize, steps: &[ServiceStep]| {
        prepare(bench, number);
        let deploy = bench.deploy_by(&commit(number), &format!("run-{number}"));
        bench.run_backend(&deploy, Some(&program), steps).unwrap();
        deploy
    };
    next(&mut bench, 0, &ServiceStep::ALL);
    let (Machine::Real(host), Machine::Real(elsewhere)) = (&bench.host, &other.host) else {
        panic!("the matrix is measured on real hosts");
    };
    let port = bench.host.public_port();
    let from_outside = Traffic::begin(
        Some(&elsewhere.enter_script()),
        SocketAddr::new(host.address(), port),
    );
    let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let from_inside = Traffic::begin(Some(&host.enter_script()), loopback);
    for number in 1..=deploys() {
        next(&mut bench, number, &ServiceStep::ALL);
    }
    for number in deploys() + 1..=2 * deploys() {
        let deploy = next(&mut bench, number, UNTIL_STABLE);
        revert(
            Part::Backend,
            &bench.connect(),
            &deploy,
            "the way back is measured",
        )
        .unwrap();
        // The next one needs the slot that is emptied now.
        eventually("one slot is left", || bench.host.processes().len() == 1);
    }
    let counts = [
        ("another host", from_outside.end()),
        ("loopback", from_inside.end()),
    ];
    COUNTED.lock().unwrap().insert(method, counts.clone());
    (bench, counts)
}

/// A reload of nginx before 1.27.4 closes kept connections that are idle just then, and a
/// request that is arriving on one is lost. Nothing else may be.
fn behind_nginx_only_its_own_race_loses_requests() {
    let (_, counts) = measure("nginx", first(|bench| bench.behind(Preset::Nginx)));
    for (place, counts) in &counts {
        for (what, count) in counts.iter().filter(|(what, _)| !what.contains("kept")) {
            let why = &count.why;
            assert_eq!(count.failed, 0, "nginx, {what} from {place}: {why:?}");
        }
    }
}

/// A reload of Caddy 2.6 closes every WebSocket, and says so to both ends; idle kept
/// connections as nginx does.
fn behind_caddy_websockets_are_closed() {
    let (_, counts) = measure("caddy", first(|bench| bench.behind(Preset::Caddy)));
    for (place, counts) in &counts {
        for (what, count) in counts.iter().filter(|(what, _)| !what.contains("kept")) {
            let why = &count.why;
            match what.starts_with("WebSocket") {
                // A user whose connection ends without a word does not know what was lost.
                true => assert!(why.iter().all(|why| why.contains("Away")), "{why:?}"),
                false => assert_eq!(count.failed, 0, "caddy, {what} from {place}: {why:?}"),
            }
        }
    }
}

/// What fails is the price of that method, and is there to be seen.
fn what_a_restart_costs() {
    let (_, counts) = measure("restart", |bench, _| {
        bench.backend().switch = Method::Restart;
    });
    let failed = counts.iter().flat_map(|(_, counts)| counts.values());
    let failed: usize = failed.map(|count| count.failed).sum();
    assert!(failed > 0, "a restart that loses nothing was none");
}

fn without_loss(method: &'static str, prepare: impl Fn(&mut Bench, usize)) {
    let (bench, counts) = measure(method, prepare);
    for (place, counts) in &counts {
        for (what, count) in counts {
            assert!(count.sent > 0, "{what} from {place} was never sent");
            assert_eq!(
                count.failed, 0,
                "{method}, {what} from {place}: {:?}",
                count.why
            );
        }
    }
    let entries: Vec<String> = serde_json::from_str(&bench.get("/entries").unwrap()).unwrap();
    let posted = counts
        .iter()
        .flat_map(|(_, counts)| counts)
        .filter(|(what, _)| what.starts_with("POST"));
    let posted: usize = posted.map(|(_, count)| count.sent).sum();
    // The idle users' new connections post as well, and are not in a cell.
    assert!(
        entries.len() >= posted,
        "{} of {posted} entries arrived",
        entries.len()
    );
}

/// As Markdown: a row for each cell, a column for each method that was measured.
pub(crate) fn table() -> Option<String> {
    let counted = COUNTED.lock().unwrap();
    let (number, first) = (deploys(), counted.values().next()?);
    let methods: Vec<&str> = counted.keys().copied().collect();
    let mut text = format!(
        "\n{number} deploys and {number} rolled back, retries off; failed of sent:\n\n\
         | request | from | {} |\n| --- | --- |{}\n",
        methods.join(" | "),
        " ---: |".repeat(methods.len())
    );
    for (at, (place, counts)) in first.iter().enumerate() {
        for what in counts.keys() {
            write!(text, "| {what} | {place} |").unwrap();
            for measured in counted.values() {
                let count = measured[at].1.get(what).cloned().unwrap_or_default();
                write!(text, " {} of {} |", count.failed, count.sent).unwrap();
            }
            text.push('\n');
        }
    }
    Some(text)
}
