//! A frontend that changes its form: a bundle that replaces a service, and a service that
//! replaces a bundle. Neither leaves the other running, whatever becomes of the deploy.

use stagegate_deploy::{
    Bundle, Deploy, DeployJob, Frontend, FrontendStep, Part, Probe, perform_frontend,
    probe_frontend, roll_back, status, survey,
};

use super::bench::{Bench, FIRST, SECOND, THIRD, eventually};
use super::frontends;

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    (
        "a_bundle_replaces_a_frontends_service",
        a_bundle_replaces_a_service,
    ),
    (
        "a_frontends_service_that_replaced_a_bundle_is_taken_back",
        a_service_that_replaced_a_bundle_is_taken_back,
    ),
];

/// The same app, with the frontend as files.
fn with_a_bundle(bench: &mut Bench) {
    bench.app.frontend = Some(Frontend::Bundle(Bundle {
        url: None,
        keep_releases: 2,
    }));
}

fn bundle(bench: &Bench) -> DeployJob {
    let files = bench.file("bundle");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("index.html"), "a bundle").unwrap();
    DeployJob::of_directory(files).unwrap()
}

fn records(bench: &Bench) -> Vec<String> {
    let records = bench.history().into_iter().zip(bench.outcomes());
    let told = records.map(|(record, outcome)| format!("{} {outcome}", record.part.name()));
    told.collect()
}

/// Nothing on the host would start or lead to a service of the frontend.
fn no_service_is_left(bench: &Bench) {
    let processes = bench.host.processes();
    let of_frontend = processes.iter().filter(|p| p.unit.contains("frontend"));
    assert_eq!(of_frontend.count(), 0, "{processes:?}");
    assert!(
        bench
            .get_from(bench.host.frontend_port(), "/health")
            .is_none()
    );
    let units = bench.on_host("etc/systemd/system").read_dir().unwrap();
    let units = units.map(|unit| unit.unwrap().file_name().into_string().unwrap());
    let own: Vec<String> = units
        .filter(|name| name.starts_with("guestbook") && name.contains("frontend"))
        .collect();
    assert_eq!(own, [""; 0]);
    for gone in [
        "opt/guestbook/frontend/switch",
        "run/stagegate-guestbook.frontend",
    ] {
        assert!(!bench.on_host(gone).exists(), "{gone}");
    }
    assert!(!bench.on_host("opt/guestbook/lease").exists());
}

fn probed(bench: &Bench, deploy: &Deploy) -> Probe {
    probe_frontend(FrontendStep::Decommission, &bench.connect(), deploy, None).unwrap()
}

fn a_bundle_replaces_a_service() {
    let mut bench = frontends::bench();
    frontends::deploy(&bench, Part::Backend, FIRST);
    frontends::deploy(&bench, Part::Frontend, FIRST);
    let as_service = bench.app.frontend.clone();
    with_a_bundle(&mut bench);
    let facts = survey(&bench.connect(), &bench.app).unwrap();
    assert_eq!(facts.running_frontend.unwrap().commit, FIRST);
    let told = status(&bench.connect(), &bench.app).unwrap().drift;
    assert!(
        told[0].to_string().contains("still runs as one"),
        "{told:?}"
    );
    let deploy = bench.deploy(SECOND);
    bench.deploy_frontend(&deploy, Some(&bundle(&bench)));
    // Until it is retired, users of the service are answered as before.
    let port = bench.host.frontend_port();
    assert!(bench.get_from(port, "/health").is_some());
    assert_eq!(probed(&bench, &deploy), Probe::Absent);
    // A client that was killed when it had just begun: the next one goes on.
    let switch = bench.on_host("opt/guestbook/frontend/switch");
    std::fs::rename(switch.join("confirmed"), switch.join("retired")).unwrap();
    let retire = |deploy: &Deploy| {
        let step = FrontendStep::Decommission;
        perform_frontend(step, &bench.connect(), deploy, None, &mut |_| {}).unwrap()
    };
    let done = retire(&deploy);
    assert!(done.contains("is stopped"), "{done}");
    assert!(matches!(probed(&bench, &deploy), Probe::Done(_)));
    no_service_is_left(&bench);
    let expected = [
        "backend 1 confirmed",
        "frontend 1 confirmed",
        "frontend 2 confirmed",
        "frontend 1 decommissioned",
    ];
    assert_eq!(records(&bench), expected);
    // The bundle is not flipped again for that, and nothing else differs.
    let flip = probe_frontend(FrontendStep::Flip, &bench.connect(), &deploy, None);
    assert!(matches!(flip.unwrap(), Probe::Done(_)));
    let after = status(&bench.connect(), &bench.app).unwrap();
    assert_eq!(after.drift, []);
    assert!(after.frontend.unwrap().ends_with(&SECOND[..12]));
    bench.host.reboot().unwrap();
    eventually("the backend answers again", || {
        bench.get("/health").is_some()
    });
    no_service_is_left(&bench);
    // And back: the bundle's files are told of, and stay.
    bench.app.frontend = as_service;
    let facts = survey(&bench.connect(), &bench.app).unwrap();
    assert_eq!(facts.problems("run-3"), []);
    let files = facts.previous_bundle.unwrap();
    assert!(files.ends_with("opt/guestbook/frontend"), "{files}");
    frontends::deploy(&bench, Part::Frontend, THIRD);
    assert_eq!(frontends::serving(&bench).1.as_deref(), Some("3"));
    let kept = bench.on_host("opt/guestbook/frontend/current/index.html");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "a bundle");
}

fn a_service_that_replaced_a_bundle_is_taken_back() {
    let mut bench = frontends::bench();
    let as_service = bench.app.frontend.clone();
    with_a_bundle(&mut bench);
    frontends::deploy(&bench, Part::Backend, FIRST);
    bench.deploy_frontend(&bench.deploy(FIRST), Some(&bundle(&bench)));
    bench.app.frontend = as_service;
    frontends::deploy(&bench, Part::Backend, SECOND);
    frontends::deploy(&bench, Part::Frontend, SECOND);
    let second = bench.deploy(SECOND);
    let done = roll_back(&bench.connect(), &second, &mut |_| {}).unwrap();
    assert!(
        done.contains("is stopped") && done.contains("runs again"),
        "{done}"
    );
    no_service_is_left(&bench);
    let expected = [
        "backend 1 confirmed",
        "frontend 1 confirmed",
        "backend 2 confirmed",
        "frontend 2 confirmed",
        "frontend 2 decommissioned",
        "frontend 1 confirmed",
        "backend 1 confirmed",
    ];
    assert_eq!(records(&bench), expected);
    assert_eq!(bench.serving().as_deref(), Some("1"));
    let again = roll_back(&bench.connect(), &second, &mut |_| {}).unwrap();
    assert_eq!(again, "nothing of this run is there");
    // The other way round: a bundle that is taken back leaves the service as it was.
    frontends::deploy(&bench, Part::Frontend, THIRD);
    with_a_bundle(&mut bench);
    let fourth = bench.deploy_by(SECOND, "run-4");
    bench.deploy_frontend(&fourth, Some(&bundle(&bench)));
    let done = roll_back(&bench.connect(), &fourth, &mut |_| {}).unwrap();
    assert!(done.contains("a service, which still runs"), "{done}");
    assert!(
        bench
            .get_from(bench.host.frontend_port(), "/health")
            .is_some()
    );
    let units = bench.host.processes();
    let frontend = units.iter().filter(|p| p.unit.contains("frontend@"));
    assert_eq!(frontend.count(), 1, "{units:?}");
}
