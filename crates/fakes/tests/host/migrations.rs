//! The app's data follow a release: once, before users meet it, and back again.

use stagegate_deploy::{
    DeployError, Direction, Migration, Probe, ServiceStep, migrate, probe_migration, survey,
};

use super::bench::{Bench, FIRST, SECOND, eventually};

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    ("data_follow_a_release_and_go_back", data_follow_and_go_back),
    (
        "a_migration_that_fails_leaves_users_where_they_were",
        a_failure_leaves_users_where_they_were,
    ),
    (
        "a_migration_outlives_its_client",
        a_migration_outlives_its_client,
    ),
];

fn shell(text: &str) -> Vec<String> {
    ["sh", "-c", text].map(str::to_owned).to_vec()
}

/// The first release runs; the second has that migration, and is uploaded.
fn bench(run: &str) -> Bench {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    bench.backend().migrate = Some(Migration {
        run: shell(run),
        backup: Some(shell("cp \"$STATE_DIRECTORY/entries.jsonl\" '{backup}'")),
        undo: Some(shell(
            "cp '{backup}' \"$STATE_DIRECTORY/entries.jsonl\"; rm \"$STATE_DIRECTORY/schema\"",
        )),
        limit_seconds: 30,
    });
    std::fs::write(entries(&bench), "").unwrap();
    let upload = [ServiceStep::Upload];
    let (deploy, program) = (bench.deploy(SECOND), bench.program());
    bench.run_backend(&deploy, Some(&program), &upload).unwrap();
    bench
}

fn entries(bench: &Bench) -> std::path::PathBuf {
    bench.on_host("var/lib/guestbook/entries.jsonl")
}

fn schema(bench: &Bench) -> Option<String> {
    std::fs::read_to_string(bench.on_host("var/lib/guestbook/schema")).ok()
}

fn probe(bench: &Bench, direction: Direction) -> bool {
    let probe = probe_migration(direction, &bench.connect(), &bench.deploy(SECOND)).unwrap();
    matches!(probe, Probe::Done(_))
}

fn data_follow_and_go_back() {
    // The service's account, its environment and its release are at hand.
    let bench = bench(
        "test \"$SECRET\" = hunter2 && test -x ./guestbook-backend && command -v guestbook-backend \
         && id -un >\"$STATE_DIRECTORY/schema\" && echo {version} >>\"$STATE_DIRECTORY/schema\"",
    );
    assert!(!probe(&bench, Direction::Forward) && probe(&bench, Direction::Undo));
    let (deploy, program) = (bench.deploy(SECOND), bench.program());
    let go = |direction| migrate(direction, &bench.connect(), &deploy, &mut |_| {}).unwrap();
    let told = go(Direction::Forward);
    assert!(told.contains("migrated the data"), "{told}");
    let expected = format!("{}\n{}\n", bench.host.service_user(), super::bench::VERSION);
    assert_eq!(schema(&bench), Some(expected));
    assert!(probe(&bench, Direction::Forward));
    std::fs::remove_file(bench.on_host("var/lib/guestbook/schema")).unwrap();
    // Once only.
    go(Direction::Forward);
    assert_eq!(schema(&bench), None);
    bench
        .run_backend(&deploy, Some(&program), &ServiceStep::ALL)
        .unwrap();
    assert_eq!(bench.serving().as_deref(), Some("2"));
    // The migration's unit bears the release's name, and another one's is no change.
    let facts = survey(&bench.connect(), &bench.app).unwrap();
    assert_eq!(facts.pending, []);
    std::fs::write(bench.on_host("var/lib/guestbook/schema"), "2").unwrap();
    std::fs::write(entries(&bench), "changed").unwrap();
    let told = go(Direction::Undo);
    assert!(told.contains("is undone"), "{told}");
    assert_eq!(schema(&bench), None);
    assert_eq!(std::fs::read_to_string(entries(&bench)).unwrap(), "");
    assert!(probe(&bench, Direction::Undo));
}

fn a_failure_leaves_users_where_they_were() {
    let bench = bench("echo 'column missing' >&2; exit 3");
    let deploy = bench.deploy(SECOND);
    let outcome = migrate(Direction::Forward, &bench.connect(), &deploy, &mut |_| {});
    let Err(error @ DeployError::MigrationFailed { .. }) = outcome else {
        panic!("{outcome:?}");
    };
    let text = error.to_string();
    assert!(text.contains("column missing"), "{text}");
    assert_eq!(bench.serving().as_deref(), Some("1"));
    assert_eq!(bench.outcomes(), ["1 confirmed", "2 unhealthy"]);
    let facts = survey(&bench.connect(), &bench.app).unwrap();
    assert_eq!(facts.lease, None);
}

fn a_migration_outlives_its_client() {
    let bench = bench("sleep 2; echo once >>\"$STATE_DIRECTORY/schema\"");
    let deploy = bench.deploy(SECOND);
    let lost = std::panic::catch_unwind(|| {
        // The unwinding closes the connection while the command runs.
        let host = bench.connect();
        migrate(Direction::Forward, &host, &deploy, &mut |_| {
            std::panic::resume_unwind(Box::new("the client is lost"))
        })
    });
    assert!(lost.is_err() && schema(&bench).is_none());
    migrate(Direction::Forward, &bench.connect(), &deploy, &mut |_| {}).unwrap();
    eventually("the command has ended", || schema(&bench).is_some());
    assert_eq!(schema(&bench).as_deref(), Some("once\n"));
}
