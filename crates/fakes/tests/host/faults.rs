//! Deploys that go wrong: each ends with the service healthy on a known release, no timer
//! left, and the truth in `deploys.jsonl`.

use stagegate_deploy::{Command, DeployError, Part, RunError, ServiceStep, revert};
use stagegate_fakes::host::HostFault;

use super::bench::{Bench, FIRST, SECOND, eventually};
use super::tally;

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    (
        "a_backend_that_never_answers_is_never_met",
        a_backend_that_never_answers_is_never_met,
    ),
    (
        "a_backend_that_cannot_start_is_never_met",
        a_backend_that_cannot_start_is_never_met,
    ),
    (
        "an_unhealthy_answer_is_never_met",
        an_unhealthy_answer_is_never_met,
    ),
    ("another_version_is_never_met", another_version_is_never_met),
    (
        "a_slot_that_waits_for_its_restart_is_stopped_too",
        a_slot_that_waits_for_its_restart_is_stopped_too,
    ),
    (
        "errors_in_the_journal_roll_back",
        errors_in_the_journal_roll_back,
    ),
    ("a_full_disk_changes_nothing", a_full_disk_changes_nothing),
    (
        "a_failed_deploy_changes_nothing_that_the_running_release_reads",
        a_failed_deploy_changes_nothing_that_the_running_release_reads,
    ),
];

pub(crate) const UNTIL_SWITCH: &[ServiceStep] = &[
    ServiceStep::Upload,
    ServiceStep::Start,
    ServiceStep::Health,
    ServiceStep::Switch,
];
const AFTER_SWITCH: &[ServiceStep] = &[ServiceStep::Stabilize, ServiceStep::Confirm];

/// Users meet that release, and nothing is left that could change this by itself.
pub(crate) fn check_settled(bench: &Bench, commit: &str, outcomes: &[&str]) {
    assert_eq!(bench.serving().as_deref(), Some(&commit[..1]));
    assert_eq!(bench.outcomes(), outcomes);
    eventually("no timer and one backend are left", || {
        let processes = bench.host.processes();
        let backends = processes
            .iter()
            .filter(|process| process.unit.contains("backend@"));
        backends.count() == 1 && bench.host.timers().is_empty()
    });
    let which = &commit[..1];
    tally::ended(format!("release {which} serves ({})", outcomes.join(", ")));
}

fn unhealthy(bench: &Bench, outcome: Result<(), DeployError>, part: &str) {
    match outcome {
        Err(DeployError::Unhealthy { why, journal, .. }) => {
            let text = format!("{why}\n{}", journal.join("\n"));
            assert!(text.contains(part), "{text}");
        }
        other => panic!("{other:?}"),
    }
    check_settled(bench, FIRST, &["1 confirmed", "2 unhealthy"]);
    assert!(!bench.on_host("opt/guestbook/lease").exists());
}

fn a_backend_that_never_answers_is_never_met() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    bench.backend().health_deadline_seconds = 1;
    let silent = bench.script("echo I am here but silent; exec sleep 600");
    let load = bench.load();
    let outcome = bench.run_backend(&bench.deploy(SECOND), Some(&silent), &ServiceStep::ALL);
    let samples = load.stop();
    assert!(
        !samples.is_empty() && samples.iter().all(|sample| !sample.failed()),
        "{samples:?}"
    );
    unhealthy(&bench, outcome, "I am here but silent");
}

/// With other settings than the running release has, a release that fails leaves it as it
/// was, also where it has to start again: on its own port, with its own limits.
fn a_failed_deploy_changes_nothing_that_the_running_release_reads() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    let unit = "guestbook-backend@blue.service";
    let files = [
        bench.on_host(&format!("etc/systemd/system/{unit}")),
        bench.on_host("opt/guestbook/slots/blue.env"),
    ];
    let texts = || {
        files
            .clone()
            .map(|file| std::fs::read_to_string(file).unwrap())
    };
    let before = texts();
    let broken = bench.script("echo going down >&2; exit 3");
    let settings = bench.backend().clone();
    bench.backend().port += 40;
    bench.backend().limits.memory = Some("64M".to_owned());
    let deploy = bench.deploy(SECOND);
    let outcome = bench.run_backend(&deploy, Some(&broken), &ServiceStep::ALL);
    assert!(outcome.is_err());
    *bench.backend() = settings;
    assert_eq!(texts(), before);
    // What was tried is in the slot that nobody is led to.
    let idle = bench.on_host("etc/systemd/system/guestbook-backend@green.service");
    assert!(
        std::fs::read_to_string(idle)
            .unwrap()
            .contains("MemoryMax=64M")
    );
    let running = || bench.host.processes().into_iter().find(|p| p.unit == unit);
    let first = running().unwrap().pid;
    let kill = format!("kill -KILL $(systemctl show -p MainPID {unit} | cut -d= -f2)");
    bench
        .connect()
        .check(&Command::script(&kill).privileged())
        .unwrap();
    eventually("it is back where users are led", || {
        running().is_some_and(|process| process.pid != first) && bench.get("/health").is_some()
    });
    assert_eq!(bench.serving().as_deref(), Some(&FIRST[..1]));
}

fn a_backend_that_cannot_start_is_never_met() {
    let bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    let broken = bench.script("echo going down >&2; exit 3");
    let outcome = bench.run_backend(&bench.deploy(SECOND), Some(&broken), &ServiceStep::ALL);
    unhealthy(&bench, outcome, "going down");
}

fn an_unhealthy_answer_is_never_met() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    bench.backend().health_deadline_seconds = 1;
    bench.host.inject(HostFault::BackendUnhealthy).unwrap();
    let program = bench.program();
    let outcome = bench.run_backend(&bench.deploy(SECOND), Some(&program), &ServiceStep::ALL);
    unhealthy(&bench, outcome, "answers 500");
    // The same release, once it is well, goes through.
    bench.host.heal().unwrap();
    bench
        .run_backend(&bench.deploy(SECOND), Some(&program), &ServiceStep::ALL)
        .unwrap();
    check_settled(
        &bench,
        SECOND,
        &["1 confirmed", "2 unhealthy", "2 confirmed"],
    );
}

fn another_version_is_never_met() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    bench.backend().health_deadline_seconds = 1;
    let mut deploy = bench.deploy(SECOND);
    deploy.release.version = "99.0.0".parse().unwrap();
    let outcome = bench.run_backend(&deploy, Some(&bench.program()), &ServiceStep::ALL);
    unhealthy(&bench, outcome, "not 99.0.0");
}

pub(crate) fn rolled_back(outcome: Result<(), DeployError>, part: &str) {
    match outcome {
        Err(DeployError::RolledBack {
            reason,
            now_running,
            ..
        }) => {
            assert!(reason.contains(part), "{reason}");
            assert!(now_running.is_some_and(|running| running.ends_with("-111111111111")));
        }
        other => panic!("{other:?}"),
    }
}

fn a_slot_that_waits_for_its_restart_is_stopped_too() {
    let bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    let guestbook = bench.host.installed_guestbook();
    let crashing = bench.script(&format!(
        "[ ! -e \"$STATE_DIRECTORY/down\" ] || exit 1\n\
         {guestbook} &\n\
         while [ ! -e \"$STATE_DIRECTORY/down\" ]; do sleep 0.1; done\n\
         kill $!\n\
         exit 1"
    ));
    let deploy = bench.deploy(SECOND);
    bench
        .run_backend(&deploy, Some(&crashing), UNTIL_SWITCH)
        .unwrap();
    let (host, unit) = (bench.connect(), "guestbook-backend@green.service");
    let show = Command::new("systemctl").args(["show", "-p", "ActiveState", unit]);
    let state = || host.check(&show).unwrap().text();
    let down = bench.on_host("var/lib/guestbook/down");
    std::fs::write(&down, "").unwrap();
    eventually("it waits for its restart", || {
        state().contains("=activating")
    });
    revert(Part::Backend, &host, &deploy, "it crashes").unwrap();
    // From here on it would come up, if anything restarted it.
    std::fs::remove_file(&down).unwrap();
    eventually("it is stopped", || {
        let state = state();
        state.contains("=inactive") || state.contains("=failed")
    });
    check_settled(&bench, FIRST, &["1 confirmed", "2 reverted"]);
}

fn errors_in_the_journal_roll_back() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    bench.backend().stabilize_seconds = 60;
    let guestbook = bench.host.installed_guestbook();
    // It says so only once users meet it: the old slot's entries are its sign.
    let loud = bench.script(&format!(
        "(while [ -e \"$STATE_DIRECTORY/quiet\" ]; do sleep 0.1; done; echo '<3>the sky falls') &\n\
         exec {guestbook}"
    ));
    let quiet = bench.on_host("var/lib/guestbook/quiet");
    std::fs::write(&quiet, "").unwrap();
    let deploy = bench.deploy(SECOND);
    bench
        .run_backend(&deploy, Some(&loud), UNTIL_SWITCH)
        .unwrap();
    std::fs::remove_file(quiet).unwrap();
    rolled_back(
        bench.run_backend(&deploy, Some(&loud), AFTER_SWITCH),
        "the sky falls",
    );
    check_settled(&bench, FIRST, &["1 confirmed", "2 reverted"]);
}

fn a_full_disk_changes_nothing() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    bench.host.inject(HostFault::DiskFull).unwrap();
    let program = bench.program();
    let outcome = bench.run_backend(&bench.deploy(SECOND), Some(&program), &ServiceStep::ALL);
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, DeployError::Run(RunError::Failed { .. })),
        "{error}"
    );
    assert!(
        error.to_string().contains("No space left on device"),
        "{error}"
    );
    let releases = bench.on_host("opt/guestbook/releases");
    assert_eq!(std::fs::read_dir(releases).unwrap().count(), 1);
    bench.host.heal().unwrap();
    bench.deploy_backend(SECOND);
    check_settled(&bench, SECOND, &["1 confirmed", "2 confirmed"]);
}
