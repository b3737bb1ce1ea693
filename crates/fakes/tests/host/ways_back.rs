//! Ways back: a deploy that is lost, crashes or is taken back, and a host that reboots.
//!
//! Whatever the method of switching, each ends on a known release; so each takes the host
//! that it happens on, and is a scenario for every method.

use std::time::Duration;

use stagegate_deploy::{
    DeployError, Host, Part, Probe, RunError, ServiceStep, probe_service, revert,
};
use stagegate_fakes::host::HostFault;

use super::bench::{Bench, FIRST, SECOND, eventually};
use super::faults::{UNTIL_SWITCH, check_settled, rolled_back};

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    ("a_crash_while_stabilizing_rolls_back", || {
        crash(&mut Bench::new(Vec::new()))
    }),
    ("a_lost_client_is_reverted_by_the_host", || {
        lost_client(&mut Bench::new(Vec::new()))
    }),
    ("a_first_deploy_that_is_lost_leaves_nothing", || {
        lost_first_deploy(&mut Bench::new(Vec::new()))
    }),
    ("a_revert_is_at_once_and_recorded", || {
        revert_now(&mut Bench::new(Vec::new()))
    }),
    ("a_reboot_after_confirm_keeps_the_new", || {
        reboot_after(&mut Bench::new(Vec::new()))
    }),
    ("a_reboot_before_confirm_restores_the_old", || {
        reboot_before(&mut Bench::new(Vec::new()))
    }),
    ("a_cut_connection_can_be_resumed", || {
        cut_connection(&mut Bench::new(Vec::new()))
    }),
];

pub(crate) fn crash(bench: &mut Bench) {
    bench.deploy_backend(FIRST);
    bench.backend().stabilize_seconds = 60;
    let after = Duration::from_millis(500);
    bench
        .host
        .inject(HostFault::BackendCrashes { after })
        .unwrap();
    let program = bench.program();
    let outcome = bench.run_backend(&bench.deploy(SECOND), Some(&program), &ServiceStep::ALL);
    rolled_back(outcome, "");
    check_settled(bench, FIRST, &["1 confirmed", "2 reverted"]);
}

pub(crate) fn lost_client(bench: &mut Bench) {
    bench.deploy_backend(FIRST);
    bench.reverts_soon();
    let load = bench.load();
    let deploy = bench.deploy(SECOND);
    bench
        .run_backend(&deploy, Some(&bench.program()), UNTIL_SWITCH)
        .unwrap();
    // The connections are gone with the steps; nobody confirms.
    eventually("the host reverts", || {
        bench.outcomes() == ["1 confirmed", "2 reverted"]
    });
    check_settled(bench, FIRST, &["1 confirmed", "2 reverted"]);
    let samples = load.stop();
    let failed = samples.iter().filter(|sample| sample.failed());
    let failed: Vec<_> = failed.filter(|s| !bench.may_lose(s.kind)).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let reason = bench.history().pop().unwrap().reason.unwrap();
    assert!(
        reason.starts_with("reverted by dead man's switch"),
        "{reason}"
    );
    // A resumed client is told, and finds the switch absent.
    let host = bench.connect();
    let probe = probe_service(Part::Backend, ServiceStep::Switch, &host, &deploy, None).unwrap();
    assert_eq!(probe, Probe::Absent);
    rolled_back(
        bench.run_backend(&deploy, None, &[ServiceStep::Confirm]),
        "dead man's switch",
    );
}

pub(crate) fn lost_first_deploy(bench: &mut Bench) {
    bench.reverts_soon();
    bench
        .run_backend(&bench.deploy(FIRST), Some(&bench.program()), UNTIL_SWITCH)
        .unwrap();
    eventually("the host reverts", || bench.outcomes() == ["1 reverted"]);
    // A proxy is back at its owner's file, which may name this very slot until it is empty.
    eventually("nobody is answered", || bench.get("/health").is_none());
    eventually("nothing runs", || {
        !bench
            .host
            .processes()
            .iter()
            .any(|process| process.unit.contains("backend@"))
    });
    // Another run may begin at once.
    bench.backend().revert_after_seconds = 120;
    std::fs::remove_file(bench.on_host("opt/guestbook/lease")).unwrap();
    bench.deploy_backend(SECOND);
    check_settled(bench, SECOND, &["1 reverted", "2 confirmed"]);
}

pub(crate) fn revert_now(bench: &mut Bench) {
    bench.deploy_backend(FIRST);
    let deploy = bench.deploy(SECOND);
    bench
        .run_backend(&deploy, Some(&bench.program()), UNTIL_SWITCH)
        .unwrap();
    assert_eq!(bench.serving().as_deref(), Some("2"));
    revert(
        Part::Backend,
        &bench.connect(),
        &deploy,
        "another host's wave \"failed\"",
    )
    .unwrap();
    revert(Part::Backend, &bench.connect(), &deploy, "twice").unwrap();
    check_settled(bench, FIRST, &["1 confirmed", "2 reverted"]);
    let reason = bench.history().pop().unwrap().reason.unwrap();
    assert_eq!(reason, "another host's wave \"failed\"");
    let confirmed = bench.deploy(FIRST);
    let error = revert(Part::Backend, &bench.connect(), &confirmed, "too late").unwrap_err();
    assert!(matches!(error, DeployError::Conflict { .. }), "{error}");
}

pub(crate) fn reboot_after(bench: &mut Bench) {
    bench.deploy_backend(FIRST);
    bench.deploy_backend(SECOND);
    bench.host.reboot().unwrap();
    eventually("it answers again", || bench.get("/health").is_some());
    check_settled(bench, SECOND, &["1 confirmed", "2 confirmed"]);
}

pub(crate) fn reboot_before(bench: &mut Bench) {
    bench.deploy_backend(FIRST);
    bench.host.inject(HostFault::RebootAfterSwitch).unwrap();
    let deploy = bench.deploy(SECOND);
    let program = bench.program();
    // The step may hear its answer before the host goes down, or not.
    drop(bench.run_backend(&deploy, Some(&program), UNTIL_SWITCH));
    eventually("the host is up on the old release", || {
        let outcomes = bench.outcomes_if_up().unwrap_or_default();
        outcomes == ["1 confirmed", "2 reverted"] && bench.get("/health").is_some()
    });
    check_settled(bench, FIRST, &["1 confirmed", "2 reverted"]);
    let reason = bench.history().pop().unwrap().reason.unwrap();
    assert!(reason.starts_with("reverted by reboot"), "{reason}");
    // The same run can go on from there.
    bench
        .run_backend(&deploy, Some(&program), &ServiceStep::ALL)
        .unwrap();
    check_settled(bench, SECOND, &["1 confirmed", "2 reverted", "2 confirmed"]);
}

pub(crate) fn cut_connection(bench: &mut Bench) {
    bench.deploy_backend(FIRST);
    bench
        .host
        .inject(HostFault::ConnectionLostAfterSwitch)
        .unwrap();
    let deploy = bench.deploy(SECOND);
    let program = bench.program();
    let outcome = bench.run_backend(&deploy, Some(&program), UNTIL_SWITCH);
    if let Err(error) = outcome {
        assert!(
            matches!(error, DeployError::Run(RunError::Lost { .. })),
            "{error}"
        );
    }
    eventually("the switch is complete", || {
        let host = Host::connect(&bench.target());
        let probe = host
            .map(|host| probe_service(Part::Backend, ServiceStep::Switch, &host, &deploy, None));
        matches!(probe, Ok(Ok(Probe::Done(_))))
    });
    bench
        .run_backend(&deploy, Some(&program), &ServiceStep::ALL)
        .unwrap();
    check_settled(bench, SECOND, &["1 confirmed", "2 confirmed"]);
}
