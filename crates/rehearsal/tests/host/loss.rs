//! The zero-loss matrix, on real hosts: every way of asking, from another host and from
//! the host itself, during many deploys and as many ways back. No request may fail.
//!
//! `STAGEGATE_DEPLOYS` says how many deploys. The table is printed as Markdown.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use stagegate_deploy::{BackendStep, revert};

use super::bench::{Bench, eventually};
use super::machine::Machine;
use super::traffic::{Counts, Traffic};

pub(crate) const SCENARIOS: &[super::Scenario] = &[(
    "no_request_fails_in_any_cell_of_the_matrix",
    no_request_fails_in_any_cell_of_the_matrix,
)];

const UNTIL_STABLE: &[BackendStep] = &[
    BackendStep::Upload,
    BackendStep::Start,
    BackendStep::Health,
    BackendStep::Switch,
    BackendStep::Stabilise,
];

fn deploys() -> usize {
    let wanted = std::env::var("STAGEGATE_DEPLOYS").ok();
    wanted.map_or(3, |number| number.parse().unwrap())
}

/// The commit of deploy `number`.
fn commit(number: usize) -> String {
    format!("{number:07x}{:033}", 0)
}

fn no_request_fails_in_any_cell_of_the_matrix() {
    let bench = Bench::new(Vec::new());
    let other = Bench::new(Vec::new());
    let (Machine::Real(host), Machine::Real(elsewhere)) = (&bench.host, &other.host) else {
        panic!("the matrix is measured on real hosts");
    };
    let program = bench.program();
    let whole = |number: usize| {
        let deploy = bench.deploy_by(&commit(number), &format!("run-{number}"));
        bench
            .run_backend(&deploy, Some(&program), &BackendStep::ALL)
            .unwrap();
    };
    whole(0);
    let port = bench.host.public_port();
    let from_outside = Traffic::begin(
        Some(&elsewhere.enter_script()),
        SocketAddr::new(host.address(), port),
    );
    let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let from_inside = Traffic::begin(Some(&host.enter_script()), loopback);
    for number in 1..=deploys() {
        whole(number);
    }
    for number in deploys() + 1..=2 * deploys() {
        let deploy = bench.deploy_by(&commit(number), &format!("run-{number}"));
        bench
            .run_backend(&deploy, Some(&program), UNTIL_STABLE)
            .unwrap();
        revert(&bench.connect(), &deploy, "the way back is measured").unwrap();
        // The next one needs the slot that is emptied now.
        eventually("one slot is left", || bench.host.processes().len() == 1);
    }
    let counts = [
        ("another host", from_outside.end()),
        ("loopback", from_inside.end()),
    ];
    println!("{}", table(&counts));
    for (place, counts) in &counts {
        for (what, count) in counts {
            assert!(count.sent > 0, "{what} from {place} was never sent");
            assert_eq!(count.failed, 0, "{what} from {place}: {:?}", count.why);
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

/// As Markdown: a row for each cell.
pub(crate) fn table(counts: &[(&str, Counts)]) -> String {
    let number = deploys();
    let mut text = format!(
        "\n{number} deploys and {number} rolled back, retries off:\n\n| request | from | sent | failed |\n| --- | --- | ---: | ---: |\n"
    );
    for (place, counts) in counts {
        for (what, count) in counts {
            writeln!(
                text,
                "| {what} | {place} | {} | {} |",
                count.sent, count.failed
            )
            .unwrap();
        }
    }
    text
}
