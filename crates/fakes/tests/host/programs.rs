//! New releases that are well at first: one crashes later, one leaks memory.

use stagegate_deploy::{DeployError, DeployJob, ServiceStep};

use super::bench::{Bench, FIRST, SECOND};
use super::faults::check_settled;

/// On every host.
pub(crate) const SCENARIOS: &[super::Scenario] = &[(
    "a_program_that_crashes_after_a_while_rolls_back",
    a_program_that_crashes_after_a_while_rolls_back,
)];

/// On real hosts, which have something to leak with.
pub(crate) const OF_REAL_HOSTS: &[super::Scenario] = &[
    (
        "a_program_that_leaks_memory_rolls_back",
        a_program_that_leaks_memory_rolls_back,
    ),
    (
        "a_program_over_its_memory_limit_rolls_back",
        a_program_over_its_memory_limit_rolls_back,
    ),
];

/// A guestbook, and a shell beside it that does something else.
fn guestbook_and(bench: &Bench, what: &str) -> DeployJob {
    let guestbook = bench.host.installed_guestbook();
    bench.script(&format!("{guestbook} &\n{what}"))
}

/// It went back after users had met it, or they never did: what is slow here decides.
fn went_back(bench: &Bench, outcome: Result<(), DeployError>) {
    let recorded = match outcome {
        Err(DeployError::RolledBack { .. }) => "2 reverted",
        Err(DeployError::Unhealthy { .. }) => "2 unhealthy",
        other => panic!("{other:?}"),
    };
    check_settled(bench, FIRST, &["1 confirmed", recorded]);
}

fn a_program_that_crashes_after_a_while_rolls_back() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    bench.backend().stabilize_seconds = 60;
    let program = guestbook_and(&bench, "sleep 5\nkill -KILL $!\nexit 1");
    let outcome = bench.run_backend(&bench.deploy(SECOND), Some(&program), &ServiceStep::ALL);
    went_back(&bench, outcome);
}

/// Its limit is its own.
fn a_program_that_leaks_memory_rolls_back() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    bench.backend().stabilize_seconds = 60;
    let leak = "ulimit -v 300000\n\
        perl -e 'sleep 4; for (;;) { push @all, \"x\" x 10_000_000; select undef, undef, undef, 0.05 }'\n\
        exit 1";
    let program = guestbook_and(&bench, leak);
    let outcome = bench.run_backend(&bench.deploy(SECOND), Some(&program), &ServiceStep::ALL);
    went_back(&bench, outcome);
}

/// Its limit is the unit's. Without one it would take 600 MB and then be well.
fn a_program_over_its_memory_limit_rolls_back() {
    let mut bench = Bench::new(Vec::new());
    bench.backend().limits.memory = Some("200M".into());
    bench.deploy_backend(FIRST);
    bench.backend().stabilize_seconds = 60;
    let leak = "perl -e 'sleep 4; for (1 .. 60) { push @all, \"x\" x 10_000_000; select undef, undef, undef, 0.05 } sleep 1000'\n\
        exit 1";
    let program = guestbook_and(&bench, leak);
    let outcome = bench.run_backend(&bench.deploy(SECOND), Some(&program), &ServiceStep::ALL);
    went_back(&bench, outcome);
}
