//! Deploys that go well: under load, twice, back again, resumed, and the frontend's.

use stagegate_deploy::{
    Deploy, DeployJob, Health, Outcome, Part, Probe, ServiceStep, known_good, perform_service,
    probe_service, status, survey,
};

use super::bench::{Bench, FIRST, SECOND, THIRD, demo, eventually, sentences};

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    (
        "a_survey_finds_a_prepared_host",
        a_survey_finds_a_prepared_host,
    ),
    (
        "no_request_fails_across_deploy_and_rollback",
        no_request_fails_across_deploy_and_rollback,
    ),
    (
        "a_repeated_step_changes_nothing",
        a_repeated_step_changes_nothing,
    ),
    (
        "the_frontend_flips_and_keeps_assets",
        the_frontend_flips_and_keeps_assets,
    ),
    (
        "old_releases_go_but_not_the_previous",
        old_releases_go_but_not_the_previous,
    ),
    ("a_large_upload_arrives_whole", a_large_upload_arrives_whole),
];

fn a_survey_finds_a_prepared_host() {
    let mut bench = Bench::new(Vec::new());
    let facts = survey(&bench.connect(), &bench.app).unwrap();
    assert_eq!(facts.problems("me"), [], "{facts:?}");
    let text = serde_json::to_string(&facts).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let fake = facts.systemd.unwrap().contains("fake");
    assert!(fake != bench.host.is_real() && facts.nft.is_some());
    bench.backend().require_env = vec!["SECRET".into(), "API_KEY".into()];
    bench.backend().service_user = "nobody-of-that-name".into();
    let path = bench.on_host("etc/guestbook/.env");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(path, mode).unwrap();
    let facts = survey(&bench.connect(), &bench.app).unwrap();
    let problems = sentences(&facts.problems("me")).join("\n");
    for part in ["API_KEY no value", "no account nobody-of", "mode 644"] {
        assert!(problems.contains(part), "{problems}");
    }
    assert!(!problems.contains("SECRET no value"), "{problems}");
}

fn no_request_fails_across_deploy_and_rollback() {
    let bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    assert_eq!(bench.serving().as_deref(), Some("1"));
    let load = bench.load();
    eventually("there is load", || load.sent() > 50);
    bench.deploy_backend(SECOND);
    assert_eq!(bench.serving().as_deref(), Some("2"));
    // Back again: the same steps with the release that is still there, and no artifact.
    let past = known_good(&bench.connect(), &bench.app).unwrap();
    let past = past.previous.unwrap();
    let back = Deploy {
        release: past.backend.unwrap(),
        ..bench.deploy_by(FIRST, "run-back")
    };
    assert_eq!(back.release.commit, FIRST);
    bench.run_backend(&back, None, &ServiceStep::ALL).unwrap();
    assert_eq!(bench.serving().as_deref(), Some("1"));
    let before = load.sent();
    eventually("the load goes on", || load.sent() > before + 20);
    let samples = load.stop();
    let failed: Vec<_> = samples.iter().filter(|sample| sample.failed()).collect();
    assert!(
        failed.is_empty(),
        "{} of {} failed: {failed:?}",
        failed.len(),
        samples.len()
    );
    let outcomes = ["1 confirmed", "2 confirmed", "1 confirmed"];
    assert_eq!(bench.outcomes(), outcomes);
    let processes = bench.host.processes();
    let backends = processes
        .iter()
        .filter(|process| process.unit.contains("backend@"));
    assert_eq!(backends.count(), 1, "{processes:?}");
    assert_eq!(bench.host.timers(), Vec::<String>::new());
    let known = known_good(&bench.connect(), &bench.app).unwrap();
    assert_eq!(known.current.unwrap().backend.unwrap().commit, FIRST);
    assert_eq!(known.previous, None);
    // Every posted entry is there once.
    let posted = samples
        .iter()
        .filter(|sample| format!("{:?}", sample.kind).starts_with("Post"));
    let entries: Vec<String> = serde_json::from_str(&bench.get("/entries").unwrap()).unwrap();
    assert_eq!(entries.len(), posted.count());
}

fn a_repeated_step_changes_nothing() {
    let bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    let deploy = bench.deploy(SECOND);
    let program = bench.program();
    for step in ServiceStep::ALL {
        let host = bench.connect();
        for _ in 0..2 {
            perform_service(
                Part::Backend,
                step,
                &host,
                &deploy,
                Some(&program),
                &mut |_| {},
            )
            .unwrap();
        }
    }
    let host = bench.connect();
    // Performing a step of a finished deploy took the lease again; the last gave it back.
    for step in ServiceStep::ALL {
        let probe = probe_service(Part::Backend, step, &host, &deploy, Some(&program)).unwrap();
        assert!(matches!(probe, Probe::Done(_)), "{step:?}: {probe:?}");
    }
    // Whoever probes and performs, however often: the program is read once for its digest.
    assert_eq!(program.digests_computed(), 1);
    assert_eq!(bench.outcomes(), ["1 confirmed", "2 confirmed"]);
    let status = status(&host, &bench.app).unwrap();
    assert_eq!(status.commit.as_deref(), Some(SECOND));
    assert_eq!(status.unit.as_deref(), Some("active"));
    assert_eq!(
        status.health,
        Health::Passing(Some(super::bench::VERSION.to_owned()))
    );
    assert_eq!(status.last.unwrap().outcome, Outcome::Confirmed);
    assert!(status.since.is_some() && status.armed.is_none() && status.frontend.is_none());
}

/// Builds a bundle with the demo's own program.
fn bundle(bench: &Bench, name: &str, spoil: &str) -> DeployJob {
    let source = bench.file(&format!("source-{name}"));
    let dist = bench.file(&format!("dist-{name}"));
    let original = concat!(env!("CARGO_MANIFEST_DIR"), "/../demo/frontend/src/.");
    let copied = std::process::Command::new("cp")
        .args(["-r", original, source.as_str()])
        .status();
    assert!(copied.unwrap().success());
    let style = source.join("assets/guestbook.css");
    let text = std::fs::read_to_string(&style).unwrap();
    std::fs::write(&style, format!("{text}{spoil}")).unwrap();
    let built = std::process::Command::new(demo().join("guestbook-frontend"))
        .args([&dist, &source])
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
    DeployJob::of_directory(&dist).unwrap()
}

fn asset_of(page: &str) -> String {
    let rest = page.split("href=\"assets/").nth(1).unwrap();
    format!("/assets/{}", rest.split('"').next().unwrap())
}

fn the_frontend_flips_and_keeps_assets() {
    let bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    let mut assets = Vec::new();
    for (commit, spoil) in [(FIRST, ""), (SECOND, "/* 2 */"), (THIRD, "/* 3 */")] {
        let artifact = bundle(&bench, &commit[..1], spoil);
        bench.deploy_frontend(&bench.deploy(commit), Some(&artifact));
        assets.push(asset_of(&bench.get("/").unwrap()));
        assert!(bench.get(assets.last().unwrap()).unwrap().ends_with(spoil));
    }
    assert!(
        bench.get(&assets[1]).is_some(),
        "the previous release's asset is gone"
    );
    assert!(
        bench.get(&assets[0]).is_none(),
        "an asset of two releases ago is still there"
    );
    let status = status(&bench.connect(), &bench.app).unwrap();
    assert_eq!(status.frontend, Some(bench.deploy(THIRD).release.id()));
    assert_eq!(status.last.unwrap().part, Part::Frontend);
    // Back to the pair that ran before, without an artifact.
    let past = known_good(&bench.connect(), &bench.app).unwrap();
    let past = past.previous.unwrap();
    assert_eq!(past.backend.unwrap().commit, FIRST);
    let release = past.frontend.unwrap();
    assert_eq!(release.commit, SECOND);
    let back = Deploy {
        release,
        ..bench.deploy_by(SECOND, "run-back")
    };
    bench.deploy_frontend(&back, None);
    assert_eq!(asset_of(&bench.get("/").unwrap()), assets[1]);
}

fn old_releases_go_but_not_the_previous() {
    let mut bench = Bench::new(Vec::new());
    bench.backend().keep_releases = 1;
    for commit in [FIRST, SECOND, THIRD] {
        bench.deploy_backend(commit);
    }
    let present = |commit: &str| {
        let id = bench.deploy(commit).release.id();
        bench
            .on_host(&format!("opt/guestbook/releases/{id}/backend"))
            .exists()
    };
    assert_eq!([FIRST, SECOND, THIRD].map(present), [false, true, true]);
}

fn a_large_upload_arrives_whole() {
    let bench = Bench::new(Vec::new());
    let path = bench.file("large");
    std::fs::write(&path, super::transfers::noise(16_000_000)).unwrap();
    let artifact = DeployJob::of_file(&path).unwrap();
    let deploy = bench.deploy(FIRST);
    let (mut last, mut total) = (0, 0);
    let mut hear = |progress: stagegate_deploy::Progress| {
        assert!(progress.done >= Some(last) && progress.done <= progress.total);
        (last, total) = (progress.done.unwrap(), progress.total.unwrap());
    };
    let host = bench.connect();
    perform_service(
        Part::Backend,
        ServiceStep::Upload,
        &host,
        &deploy,
        Some(&artifact),
        &mut hear,
    )
    .unwrap();
    assert!(last == total && total >= 16_000_000, "{last} of {total}");
    let id = deploy.release.id();
    let arrived = bench.on_host(&format!(
        "opt/guestbook/releases/{id}/backend/guestbook-backend"
    ));
    assert_eq!(
        std::fs::read(&arrived).unwrap(),
        std::fs::read(&path).unwrap()
    );
    // Another content under the same name, and a touched release, are conflicts.
    let other = bench.script("exit 0");
    let probe = probe_service(
        Part::Backend,
        ServiceStep::Upload,
        &host,
        &deploy,
        Some(&other),
    )
    .unwrap();
    assert!(
        matches!(&probe, Probe::Conflict(what) if what.contains("another content")),
        "{probe:?}"
    );
    std::fs::write(&arrived, "tampered").unwrap();
    let probe = probe_service(Part::Backend, ServiceStep::Upload, &host, &deploy, None).unwrap();
    assert!(
        matches!(&probe, Probe::Conflict(what) if what.contains("was changed")),
        "{probe:?}"
    );
}
