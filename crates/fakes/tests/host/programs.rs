//! New releases that are well at first: one crashes later, one leaks memory.

use stagegate_deploy::{Command, DeployError, DeployJob, ServiceStep};

use super::bench::{Bench, FIRST, SECOND, THIRD, eventually};
use super::faults::check_settled;

/// On every host.
pub(crate) const SCENARIOS: &[super::Scenario] = &[
    (
        "a_program_that_crashes_after_a_while_rolls_back",
        a_program_that_crashes_after_a_while_rolls_back,
    ),
    (
        "a_confirmed_release_is_never_given_up",
        a_confirmed_release_is_never_given_up,
    ),
    (
        "an_old_release_that_does_not_end_is_in_nobodys_way",
        an_old_release_that_does_not_end_is_in_nobodys_way,
    ),
];

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

/// The old release ignores the signal that should end it. It is killed when its time is over,
/// and until then nobody waits for the app's lock.
fn an_old_release_that_does_not_end_is_in_nobodys_way() {
    let mut bench = Bench::new(Vec::new());
    bench.backend().stop.seconds = 6;
    bench.backend().drain_seconds = 1;
    let guestbook = bench.host.installed_guestbook();
    let stubborn = bench.script(&format!("trap '' TERM\nexec {guestbook}"));
    bench
        .run_backend(&bench.deploy(FIRST), Some(&stubborn), &ServiceStep::ALL)
        .unwrap();
    let lock = bench.host.prefix().join("opt/guestbook/.lock");
    let state = "systemctl is-active guestbook-backend@blue.service || true";
    let look = Command::script(&format!(
        "{state}; if flock -n '{lock}' true; then echo free; fi; {state}"
    ));
    let free_meanwhile = "deactivating\nfree\ndeactivating\n";
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| bench.deploy_backend(SECOND));
        let host = bench.connect();
        eventually("the lock is free while the old release ends", || {
            let output = host.check(&look.clone().privileged()).unwrap();
            output.text() == free_meanwhile
        });
        deploy.join().unwrap();
    });
    check_settled(&bench, SECOND, &["1 confirmed", "2 confirmed"]);
    // Its slot is free for the next one.
    bench.deploy_backend(THIRD);
    assert_eq!(bench.serving().as_deref(), Some("3"));
}

/// What it needs is away for longer than systemd's usual five attempts: after a reboot the
/// database may come up last.
fn a_confirmed_release_is_never_given_up() {
    let bench = Bench::new(Vec::new());
    let guestbook = bench.host.installed_guestbook();
    let away = bench.on_host("opt/guestbook/away");
    let seen = bench.host.prefix().join("opt/guestbook/away");
    let program = bench.script(&format!(
        "if [ -e '{seen}' ]; then echo the database is away >&2; exit 1; fi\nexec {guestbook}"
    ));
    bench
        .run_backend(&bench.deploy(FIRST), Some(&program), &ServiceStep::ALL)
        .unwrap();
    std::fs::write(&away, "").unwrap();
    let unit = "guestbook-backend@blue.service";
    let show = |property: &str| {
        let command = format!("systemctl show -p {property} {unit} | cut -d= -f2");
        let output = bench
            .connect()
            .check(&Command::script(&command).privileged());
        output.unwrap().text().trim().to_owned()
    };
    let pid = show("MainPID");
    let kill = Command::script(&format!("kill -KILL {pid}")).privileged();
    bench.connect().check(&kill).unwrap();
    eventually(
        "it was started more often than systemd usually does",
        || {
            show("NRestarts")
                .parse()
                .is_ok_and(|restarts: u32| restarts > 6)
        },
    );
    std::fs::remove_file(&away).unwrap();
    eventually("it answers again", || bench.get("/health").is_some());
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
