//! What comes between a client and its host: another client, a spoiled upload, a password,
//! another time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stagegate_deploy::{
    Command, DeployError, DeployJob, Host, Part, RunError, ServiceStep, perform_service, status,
    survey,
};

use super::bench::{Bench, FIRST, SECOND, THIRD, eventually, sentences};
use super::client::Client;
use super::faults::{UNTIL_SWITCH, check_settled};
use super::machine::Machine;
use super::tally;

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    (
        "of_two_deploys_at_once_one_waits",
        of_two_deploys_at_once_one_waits,
    ),
    (
        "a_tampered_upload_is_not_kept",
        a_tampered_upload_is_not_kept,
    ),
    (
        "rules_that_somebody_drops_are_back_by_themselves",
        rules_that_somebody_drops_are_back_by_themselves,
    ),
];

/// On real hosts, which have more accounts and a clock.
pub(crate) const OF_REAL_HOSTS: &[super::Scenario] = &[
    (
        "an_upload_into_a_cut_network_ends",
        an_upload_into_a_cut_network_ends,
    ),
    (
        "an_upload_into_a_cut_network_ends_when_asked",
        an_upload_into_a_cut_network_ends_when_asked,
    ),
    (
        "a_sudo_that_wants_a_password_is_named",
        a_sudo_that_wants_a_password_is_named,
    ),
    (
        "another_time_on_the_host_is_named",
        another_time_on_the_host_is_named,
    ),
    (
        "rules_that_a_firewall_flushes_are_back_by_themselves",
        rules_that_a_firewall_flushes_are_back_by_themselves,
    ),
];

/// What is led nowhere by that command is led to the slot again, without anybody's help.
fn comes_back(bench: &Bench, command: &str) {
    let command = format!("PATH=$PATH:/usr/sbin\n{command}");
    bench
        .connect()
        .check(&Command::script(&command).privileged())
        .unwrap();
    eventually("users are led to the slot again", || {
        bench.get("/health").is_some()
    });
}

fn rules_that_somebody_drops_are_back_by_themselves() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    let drop = "printf 'delete table inet stagegate_guestbook\\n' | nft -f -";
    comes_back(&bench, drop);
    // Also while nobody has confirmed a switch: to the new slot, and then back as ever.
    bench.backend().revert_after_seconds = 60;
    let deploy = bench.deploy(SECOND);
    let program = bench.program();
    bench
        .run_backend(&deploy, Some(&program), UNTIL_SWITCH)
        .unwrap();
    comes_back(&bench, drop);
    assert_eq!(bench.serving().as_deref(), Some(&SECOND[..1]));
    let after = &ServiceStep::ALL[UNTIL_SWITCH.len()..];
    bench.run_backend(&deploy, Some(&program), after).unwrap();
    check_settled(&bench, SECOND, &["1 confirmed", "2 confirmed"]);
    assert_eq!(status(&bench.connect(), &bench.app).unwrap().drift, []);
}

/// In whatever way a firewall is loaded again, its ruleset is flushed first.
fn rules_that_a_firewall_flushes_are_back_by_themselves() {
    let bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    for flush in [
        "nft flush ruleset",
        "printf 'flush ruleset\\n' > /run/empty.conf; nft -f /run/empty.conf",
        "systemctl restart nftables.service",
        "systemctl reload nftables.service",
        "systemctl stop nftables.service",
    ] {
        comes_back(&bench, flush);
    }
}

fn of_two_deploys_at_once_one_waits() {
    let bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    let program = bench.program();
    let commits = [SECOND, THIRD];
    let clients =
        commits.map(|commit| Client::begin(&bench, Part::Backend, &bench.deploy(commit), &program));
    let ended = clients.map(Client::end);
    let refused = |said: &str| said.contains("is being deployed to by ");
    let (winner, loser) = match &ended {
        [(true, _), (false, said)] if refused(said) => (SECOND, THIRD),
        [(false, said), (true, _)] if refused(said) => (THIRD, SECOND),
        // One may have been through before the other began.
        [(true, _), (true, _)] => {
            assert_eq!(bench.outcomes().len(), 3);
            return;
        }
        other => panic!("{other:?}"),
    };
    let outcome = format!("{} confirmed", &winner[..1]);
    check_settled(&bench, winner, &["1 confirmed", &outcome]);
    // The other one's turn.
    bench.deploy_backend(loser);
    assert_eq!(bench.serving().as_deref(), Some(&loser[..1]));
}

fn a_tampered_upload_is_not_kept() {
    let bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    let program = bench.file("tampered");
    std::fs::copy(bench.program().path(), &program).unwrap();
    let job = DeployJob::of_file(&program).unwrap();
    // Other bytes arrive than those that were proven.
    let proven = job.sha256().unwrap().to_owned();
    let mut bytes = std::fs::read(&program).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&program, bytes).unwrap();
    assert_eq!(job.sha256().unwrap(), proven);
    let host = bench.connect();
    let deploy = bench.deploy(SECOND);
    let upload = ServiceStep::Upload;
    let error = perform_service(
        Part::Backend,
        upload,
        &host,
        &deploy,
        Some(&job),
        &mut |_| {},
    )
    .unwrap_err();
    assert!(matches!(error, DeployError::Conflict { .. }), "{error}");
    assert!(error.to_string().contains("arrived as"), "{error}");
    let releases = bench.on_host("opt/guestbook/releases");
    assert_eq!(std::fs::read_dir(releases).unwrap().count(), 1);
    assert!(!bench.on_host("opt/guestbook/lease").exists());
    check_settled(&bench, FIRST, &["1 confirmed"]);
}

fn a_sudo_that_wants_a_password_is_named() {
    let bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    let mut target = bench.target();
    target.user = "limited".into();
    let host = Host::connect(&target).unwrap();
    let problems = sentences(&survey(&host, &bench.app).unwrap().problems("me")).join("\n");
    assert!(problems.contains("passwordless sudo"), "{problems}");
    // Who deploys all the same is refused at the first step, and has changed nothing.
    let mut deploy = bench.deploy(SECOND);
    deploy.target = target;
    let upload = ServiceStep::Upload;
    let program = bench.program();
    let error = perform_service(
        Part::Backend,
        upload,
        &host,
        &deploy,
        Some(&program),
        &mut |_| {},
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("a password is required"),
        "{error}"
    );
    check_settled(&bench, FIRST, &["1 confirmed"]);
}

fn another_time_on_the_host_is_named() {
    let bench = Bench::new(Vec::new());
    let Machine::Real(host) = &bench.host else {
        panic!("a fake has this machine's clock");
    };
    // The hosts share the kernel's clock, so theirs is told by another `date`.
    host.inside(
        "printf '#!/bin/sh\\nexec /usr/bin/date -d \"5 minutes\" \"$@\"\\n' >/usr/local/bin/date; \
         chmod 755 /usr/local/bin/date",
    );
    let facts = survey(&bench.connect(), &bench.app).unwrap();
    let problems = sentences(&facts.problems("me")).join("\n");
    assert!((295..=305).contains(&facts.clock_skew_seconds), "{facts:?}");
    assert!(problems.contains("time server"), "{problems}");
    host.inside("rm /usr/local/bin/date");
    let told = bench.connect().check(&Command::new("date")).unwrap();
    assert!(!told.stdout.is_empty());
    let facts = survey(&bench.connect(), &bench.app).unwrap();
    assert_eq!(facts.problems("me"), []);
    tally::ended("named before anything is changed");
}

/// Uploads a large file into a network that is cut on the way; somebody may ask to stop a while
/// after that. Returns how it ended, and how many seconds of the processor this thread took.
fn upload_into_a_cut_network(bench: &Bench, is_stopped: bool) -> (RunError, f64) {
    let file = bench.file("large");
    std::fs::write(&file, super::transfers::noise(64 << 20)).unwrap();
    let mut host = bench.connect();
    let asked = Arc::new(AtomicBool::new(false));
    host.stop_uploads_when(Arc::clone(&asked));
    let cut = std::cell::Cell::new(false);
    let receive = Command::script("cat >/dev/null");
    let before = processor_seconds();
    let outcome = host.upload(&file, 0, &receive, &mut |sent| {
        if sent > 8 << 20 && !cut.replace(true) {
            super::lost::real(bench).cut_network();
            let asked = Arc::clone(&asked);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(3));
                asked.store(is_stopped, Ordering::SeqCst);
            });
        }
    });
    drop(host);
    let spent = processor_seconds() - before;
    super::lost::real(bench).mend_network();
    (outcome.unwrap_err(), spent)
}

/// Seconds of the processor that this thread has taken.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    // proc_pid_stat(5): fields 14 and 15, in hundredths; the second may hold spaces.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// The client waits for a while, without keeping a processor busy, and lets go at once.
fn an_upload_into_a_cut_network_ends() {
    let bench = Bench::new(Vec::new());
    let (error, spent) = upload_into_a_cut_network(&bench, false);
    assert!(matches!(error, RunError::Lost { .. }), "{error}");
    assert!(spent < 5.0, "{spent} s of a processor");
}

/// It need not wait for that either.
fn an_upload_into_a_cut_network_ends_when_asked() {
    let bench = Bench::new(Vec::new());
    let (error, _) = upload_into_a_cut_network(&bench, true);
    assert!(matches!(error, RunError::Stopped { .. }), "{error}");
}
