//! What comes between a client and its host: another client, a spoiled upload, a password,
//! another time.

use stagegate_deploy::{
    Command, DeployError, DeployJob, Host, Part, ServiceStep, perform_service, status, survey,
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
