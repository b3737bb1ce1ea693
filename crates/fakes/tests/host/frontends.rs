//! A frontend that is a service, beside its backend: each has its own slots and its own
//! switch, the lease and the record are the app's, and a way back restores the pair.

use stagegate_deploy::{
    Deploy, DeployError, Frontend, Health, Limits, Part, PastDeploy, Service, ServiceStep,
    known_good, revert, roll_back, status, survey,
};

use super::bench::{Bench, FIRST, SECOND, eventually};
use super::faults::{UNTIL_SWITCH, rolled_back};

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    ("a_pair_of_services_is_deployed", a_pair_is_deployed),
    (
        "a_lost_frontend_goes_back_and_its_backend_stays",
        a_lost_frontend_goes_back,
    ),
    (
        "an_unconfirmed_frontend_keeps_other_runs_out",
        an_unconfirmed_frontend_keeps_other_runs_out,
    ),
    (
        "a_lost_run_leaves_neither_service_started",
        a_lost_run_leaves_neither_started,
    ),
    ("a_reboot_settles_both_services", a_reboot_settles_both),
    ("a_pair_of_services_is_taken_back", a_pair_is_taken_back),
    (
        "no_request_of_a_frontends_users_fails_there_and_back",
        no_request_fails_there_and_back,
    ),
];

/// A bench whose app has a frontend that is a service: the guestbook's program once more.
pub(crate) fn bench() -> Bench {
    let mut bench = Bench::new(Vec::new());
    let backend = bench.backend().clone();
    bench.app.frontend = Some(Frontend::Service(Box::new(Service {
        port: bench.host.frontend_port(),
        // Both write to one store, which is the backend's.
        limits: Limits {
            write_paths: vec!["/var/lib/guestbook".into()],
            ..Limits::default()
        },
        ..backend
    })));
    bench
}

pub(crate) fn frontend(bench: &mut Bench) -> &mut Service {
    let frontend = bench.app.frontend.as_mut().unwrap();
    frontend.service_mut().unwrap()
}

pub(crate) fn deploy(bench: &Bench, part: Part, commit: &str) {
    let (deploy, program) = (bench.deploy(commit), bench.program());
    bench
        .run_service(part, &deploy, Some(&program), &ServiceStep::ALL)
        .unwrap();
}

/// Which commits' programs run, backend and frontend; each answers at its own port.
pub(crate) fn serving(bench: &Bench) -> (Option<String>, Option<String>) {
    let frontend = bench
        .get_from(bench.host.frontend_port(), "/health")
        .and_then(|_| status(&bench.connect(), &bench.app).unwrap().frontend)
        .map(|release| release.rsplit('-').next().unwrap()[..1].to_owned());
    (bench.serving(), frontend)
}

/// Users meet that pair, and nothing is left that could change this by itself.
fn check_settled(bench: &Bench, backend: &str, frontend: &str, records: &[&str]) {
    let one = |commit: &str| Some(commit[..1].to_owned());
    assert_eq!(serving(bench), (one(backend), one(frontend)));
    let history = bench.history();
    let parts = history.iter().map(|record| record.part.name());
    let told = parts.zip(bench.outcomes());
    let told: Vec<String> = told
        .map(|(part, outcome)| format!("{part} {outcome}"))
        .collect();
    assert_eq!(told, records);
    eventually("no timer, one backend and one frontend are left", || {
        let processes = bench.host.processes();
        let of = |part: &str| processes.iter().filter(|p| p.unit.contains(part)).count();
        (of("backend@"), of("frontend@")) == (1, 1) && bench.host.timers().is_empty()
    });
}

fn a_pair_is_deployed() {
    let bench = bench();
    let problems = survey(&bench.connect(), &bench.app).unwrap().problems("me");
    assert_eq!(problems, []);
    for commit in [FIRST, SECOND] {
        deploy(&bench, Part::Backend, commit);
        let before = bench.host.processes();
        let backend = before.iter().find(|p| p.unit.contains("backend@"));
        deploy(&bench, Part::Frontend, commit);
        let after = bench.host.processes();
        let still = after.iter().find(|p| p.unit.contains("backend@"));
        assert_eq!(
            backend.map(|process| process.pid),
            still.map(|process| process.pid)
        );
    }
    let records = [
        "backend 1 confirmed",
        "frontend 1 confirmed",
        "backend 2 confirmed",
        "frontend 2 confirmed",
    ];
    check_settled(&bench, SECOND, SECOND, &records);
    let status = status(&bench.connect(), &bench.app).unwrap();
    assert_eq!(status.drift, []);
    assert!(
        matches!(status.frontend_health, Health::Passing(Some(_))),
        "{:?}",
        status.frontend_health
    );
    let facts = survey(&bench.connect(), &bench.app).unwrap();
    assert_eq!(facts.problems("me"), []);
    assert_eq!(facts.pending, []);
    assert_eq!(facts.running_frontend.unwrap().commit, SECOND);
    let before = known_good(&bench.connect(), &bench.app).unwrap().previous;
    let PastDeploy {
        backend, frontend, ..
    } = before.unwrap();
    assert_eq!(backend.unwrap().commit, FIRST);
    assert_eq!(frontend.unwrap().commit, FIRST);
}

fn a_lost_frontend_goes_back() {
    let mut bench = bench();
    deploy(&bench, Part::Backend, FIRST);
    deploy(&bench, Part::Frontend, FIRST);
    deploy(&bench, Part::Backend, SECOND);
    frontend(&mut bench).revert_after_seconds = 2;
    let lost = bench.deploy(SECOND);
    bench
        .run_service(Part::Frontend, &lost, Some(&bench.program()), UNTIL_SWITCH)
        .unwrap();
    // The connections are gone with the steps; nobody confirms.
    eventually("the host reverts", || bench.outcomes().len() == 4);
    let records = [
        "backend 1 confirmed",
        "frontend 1 confirmed",
        "backend 2 confirmed",
        "frontend 2 reverted",
    ];
    check_settled(&bench, SECOND, FIRST, &records);
    let reason = bench.history().pop().unwrap().reason.unwrap();
    assert!(
        reason.starts_with("reverted by dead man's switch"),
        "{reason}"
    );
    rolled_back(
        bench.run_service(Part::Frontend, &lost, None, &[ServiceStep::Confirm]),
        "dead man's switch",
    );
}

fn an_unconfirmed_frontend_keeps_other_runs_out() {
    let bench = bench();
    deploy(&bench, Part::Backend, FIRST);
    let first = bench.deploy(FIRST);
    bench
        .run_service(Part::Frontend, &first, Some(&bench.program()), UNTIL_SWITCH)
        .unwrap();
    // Without its lease, the switch alone says that it is not over.
    std::fs::remove_file(bench.on_host("opt/guestbook/lease")).unwrap();
    let other = bench.deploy(SECOND);
    let error = bench
        .run_backend(&other, Some(&bench.program()), &ServiceStep::ALL)
        .unwrap_err();
    assert!(matches!(error, DeployError::LeaseHeld { .. }), "{error}");
    let problems = survey(&bench.connect(), &bench.app)
        .unwrap()
        .problems("run-2");
    assert!(
        problems[0].what.contains("has not confirmed"),
        "{problems:?}"
    );
    revert(Part::Frontend, &bench.connect(), &first, "not wanted").unwrap();
    bench
        .run_backend(&other, Some(&bench.program()), &ServiceStep::ALL)
        .unwrap();
    assert_eq!(bench.serving().as_deref(), Some("2"));
}

fn a_lost_run_leaves_neither_started() {
    let mut bench = bench();
    deploy(&bench, Part::Backend, FIRST);
    deploy(&bench, Part::Frontend, FIRST);
    bench.app.lease_seconds = 10;
    let (lost, program) = (bench.deploy(SECOND), bench.program());
    let started = [ServiceStep::Upload, ServiceStep::Start];
    for part in [Part::Backend, Part::Frontend] {
        bench
            .run_service(part, &lost, Some(&program), &started)
            .unwrap();
    }
    eventually("the host gives both up", || bench.outcomes().len() == 4);
    let records = [
        "backend 1 confirmed",
        "frontend 1 confirmed",
        "backend 2 reverted",
        "frontend 2 reverted",
    ];
    check_settled(&bench, FIRST, FIRST, &records);
    eventually("the lease is gone", || {
        !bench.on_host("opt/guestbook/lease").exists()
    });
}

fn a_reboot_settles_both() {
    let bench = bench();
    deploy(&bench, Part::Backend, FIRST);
    deploy(&bench, Part::Frontend, FIRST);
    deploy(&bench, Part::Backend, SECOND);
    let lost = bench.deploy(SECOND);
    bench
        .run_service(Part::Frontend, &lost, Some(&bench.program()), UNTIL_SWITCH)
        .unwrap();
    bench.host.reboot().unwrap();
    eventually("both answer again", || {
        let front = bench.get_from(bench.host.frontend_port(), "/health");
        front.is_some() && bench.get("/health").is_some()
    });
    let records = [
        "backend 1 confirmed",
        "frontend 1 confirmed",
        "backend 2 confirmed",
        "frontend 2 reverted",
    ];
    check_settled(&bench, SECOND, FIRST, &records);
}

fn a_pair_is_taken_back() {
    let bench = bench();
    deploy(&bench, Part::Backend, FIRST);
    deploy(&bench, Part::Frontend, FIRST);
    deploy(&bench, Part::Backend, SECOND);
    let second = bench.deploy(SECOND);
    bench
        .run_service(
            Part::Frontend,
            &second,
            Some(&bench.program()),
            UNTIL_SWITCH,
        )
        .unwrap();
    let done = roll_back(&bench.connect(), &second, &mut |_| {}).unwrap();
    assert!(
        done.contains("the switch to slot") && done.contains("runs again"),
        "{done}"
    );
    let records = [
        "backend 1 confirmed",
        "frontend 1 confirmed",
        "backend 2 confirmed",
        "frontend 2 reverted",
        "backend 1 confirmed",
    ];
    check_settled(&bench, FIRST, FIRST, &records);
    let again = roll_back(&bench.connect(), &second, &mut |_| {}).unwrap();
    assert_eq!(again, "nothing of this run is there");
}

fn no_request_fails_there_and_back() {
    let bench = bench();
    deploy(&bench, Part::Backend, FIRST);
    deploy(&bench, Part::Frontend, FIRST);
    let port = bench.host.frontend_port();
    let load = bench.load_at(port);
    eventually("there is load", || load.sent() > 50);
    deploy(&bench, Part::Backend, SECOND);
    deploy(&bench, Part::Frontend, SECOND);
    assert_eq!(serving(&bench), (Some("2".into()), Some("2".into())));
    // Back again as a rollback goes: the frontend, then its backend, and no artifact.
    let past = known_good(&bench.connect(), &bench.app).unwrap().previous;
    let past = past.unwrap();
    for (part, release) in [
        (Part::Frontend, past.frontend),
        (Part::Backend, past.backend),
    ] {
        let back = Deploy {
            release: release.unwrap(),
            ..bench.deploy_by(FIRST, "run-back")
        };
        assert_eq!(back.release.commit, FIRST);
        bench
            .run_service(part, &back, None, &ServiceStep::ALL)
            .unwrap();
    }
    let before = load.sent();
    eventually("the load goes on", || load.sent() > before + 20);
    let samples = load.stop();
    let failed: Vec<_> = samples.iter().filter(|sample| sample.failed()).collect();
    let (lost, sent) = (failed.len(), samples.len());
    assert_eq!(lost, 0, "{lost} of {sent} failed: {failed:?}");
    let records = [
        "backend 1 confirmed",
        "frontend 1 confirmed",
        "backend 2 confirmed",
        "frontend 2 confirmed",
        "frontend 1 confirmed",
        "backend 1 confirmed",
    ];
    check_settled(&bench, FIRST, FIRST, &records);
    // Every posted entry is there once.
    let posted = samples
        .iter()
        .filter(|sample| format!("{:?}", sample.kind).starts_with("Post"));
    let entries = bench.get_from(port, "/entries").unwrap();
    let entries: Vec<String> = serde_json::from_str(&entries).unwrap();
    assert_eq!(entries.len(), posted.count());
}
