//! How a program travels: as a patch, compressed, as it is, and on from where it broke off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stagegate_deploy::{
    Command, Deploy, DeployError, DeployJob, FrontendStep, Part, Progress, RunError, ServiceStep,
    perform_frontend, perform_service,
};

use super::bench::{Bench, FIRST, SECOND};

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    (
        "a_small_change_travels_as_a_patch",
        a_small_change_travels_as_a_patch,
    ),
    (
        "a_patch_that_does_not_restore_is_not_the_end",
        a_patch_that_does_not_restore_is_not_the_end,
    ),
    (
        "without_zstd_the_whole_program_travels",
        without_zstd_the_whole_program_travels,
    ),
    (
        "a_zstd_that_fails_is_done_without",
        a_zstd_that_fails_is_done_without,
    ),
    (
        "an_upload_that_broke_off_goes_on",
        an_upload_that_broke_off_goes_on,
    ),
    (
        "an_upload_stops_when_asked_and_goes_on",
        an_upload_stops_when_asked_and_goes_on,
    ),
];

/// Bytes that do not compress.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// The guestbook, with a place that remembers what was deployed.
fn program(bench: &Bench) -> DeployJob {
    bench.program().with_cache(bench.file("deployed"))
}

/// The guestbook with one byte changed, one that it does not need to run.
fn changed(bench: &Bench) -> DeployJob {
    let mut bytes = std::fs::read(bench.program().path()).unwrap();
    let note = b"rustc version ";
    let at = bytes.windows(note.len()).rposition(|part| part == note);
    bytes[at.expect("the compiler signs its work")] = b'R';
    let path = bench.file("changed");
    std::fs::write(&path, bytes).unwrap();
    let artifact = DeployJob::of_file(path).unwrap();
    artifact.with_cache(bench.file("deployed"))
}

/// The backend's program, or the frontend's bundle.
fn perform(
    bench: &Bench,
    deploy: &Deploy,
    part: Part,
    artifact: &DeployJob,
    hear: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let host = bench.connect();
    let artifact = Some(artifact);
    match part {
        Part::Backend => perform_service(part, ServiceStep::Upload, &host, deploy, artifact, hear),
        Part::Frontend => perform_frontend(FrontendStep::Upload, &host, deploy, artifact, hear),
    }
}

/// Uploads a program: what the record says, and how many bytes had to travel.
fn upload(
    bench: &Bench,
    deploy: &Deploy,
    artifact: &DeployJob,
) -> Result<(String, u64), DeployError> {
    upload_part(bench, deploy, Part::Backend, artifact)
}

/// The same, of either part.
pub(crate) fn upload_part(
    bench: &Bench,
    deploy: &Deploy,
    part: Part,
    artifact: &DeployJob,
) -> Result<(String, u64), DeployError> {
    let mut total = 0;
    let mut hear = |progress: Progress| total = progress.total.unwrap();
    let said = perform(bench, deploy, part, artifact, &mut hear)?;
    Ok((said, total))
}

/// Uploads 16 MB of noise, with a client that is lost when it has sent a half, with its
/// connection: the file on the host that holds what has arrived.
pub(crate) fn break_off(
    bench: &Bench,
    deploy: &Deploy,
    part: Part,
    artifact: &DeployJob,
) -> std::path::PathBuf {
    let mut give_up = |progress: Progress| {
        if progress.done > Some(8_000_000) {
            std::panic::resume_unwind(Box::new("lost"));
        }
    };
    let lost = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        perform(bench, deploy, part, artifact, &mut give_up)
    }));
    assert!(lost.is_err(), "{lost:?}");
    let incoming = format!(
        "opt/guestbook/releases/.incoming-{}",
        artifact.sha256().unwrap()
    );
    let begun = std::fs::read_dir(bench.on_host(&incoming)).unwrap();
    let begun = begun.last().unwrap().unwrap().path();
    super::bench::eventually("some has arrived", || {
        begun.metadata().unwrap().len() > 1_000_000
    });
    begun
}

/// Changes some of what has arrived.
pub(crate) fn spoil(begun: &std::path::Path) {
    let file = std::fs::File::options().write(true).open(begun).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"spoiled", 10_000).unwrap();
}

pub(crate) fn has_zstd(bench: &Bench) -> bool {
    let ask = Command::new("zstd").arg("--version").privileged();
    let there = bench.connect().run(&ask).unwrap().status == 0;
    assert!(there || !bench.host.is_real(), "real hosts have zstd");
    there
}

/// The release has arrived, with that content.
fn check_arrived(bench: &Bench, deploy: &Deploy, artifact: &DeployJob) {
    let id = deploy.release.id();
    let place = bench.on_host(&format!("opt/guestbook/releases/{id}/backend"));
    let names: Vec<_> = std::fs::read_dir(&place)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["guestbook-backend"]);
    let arrived = std::fs::read(place.join("guestbook-backend")).unwrap();
    assert!(arrived == std::fs::read(artifact.path()).unwrap());
    check_nothing_is_left(bench);
}

/// Of what has arrived nothing is there but releases.
pub(crate) fn check_nothing_is_left(bench: &Bench) {
    let releases = std::fs::read_dir(bench.on_host("opt/guestbook/releases")).unwrap();
    for entry in releases {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with('.'), "{name} is left");
    }
}

/// The host finds that before any other `zstd`.
fn instead_of_zstd(bench: &Bench, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = match bench.host.is_real() {
        true => bench.on_host("usr/local/bin/zstd"),
        false => bench.on_host("bin/zstd"),
    };
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn a_small_change_travels_as_a_patch() {
    let bench = Bench::new(Vec::new());
    let (first, second) = (bench.deploy(FIRST), bench.deploy(SECOND));
    let (said, whole) = upload(&bench, &first, &program(&bench)).unwrap();
    bench
        .run_backend(&first, Some(&program(&bench)), &ServiceStep::ALL)
        .unwrap();
    let next = changed(&bench);
    if !has_zstd(&bench) {
        let (_, sent) = upload(&bench, &second, &next).unwrap();
        assert_eq!(sent, whole);
        return;
    }
    assert!(said.contains(" KiB compressed ("), "{said}");
    let (said, sent) = upload(&bench, &second, &next).unwrap();
    let against = format!(" KiB as a patch against {} (", first.release.id());
    assert!(said.contains(&against), "{said}");
    assert!(sent * 20 <= whole, "{sent} of {whole}");
    check_arrived(&bench, &second, &next);
    bench
        .run_backend(&second, Some(&next), &ServiceStep::ALL)
        .unwrap();
    assert_eq!(bench.serving().as_deref(), Some("2"));
}

fn a_patch_that_does_not_restore_is_not_the_end() {
    let bench = Bench::new(Vec::new());
    let (first, second) = (bench.deploy(FIRST), bench.deploy(SECOND));
    bench
        .run_backend(&first, Some(&program(&bench)), &ServiceStep::ALL)
        .unwrap();
    // Another file, for the program runs.
    let id = first.release.id();
    let there = bench.on_host(&format!(
        "opt/guestbook/releases/{id}/backend/guestbook-backend"
    ));
    std::fs::remove_file(&there).unwrap();
    std::fs::write(&there, noise(6_000_000)).unwrap();
    let next = changed(&bench);
    let (said, _) = upload(&bench, &second, &next).unwrap();
    if has_zstd(&bench) {
        let why = format!(", after a patch against {id} did not restore it, SHA-256");
        assert!(said.contains(&why), "{said}");
    }
    check_arrived(&bench, &second, &next);
}

fn without_zstd_the_whole_program_travels() {
    let bench = Bench::new(Vec::new());
    // What a shell says of a command that is not there.
    instead_of_zstd(&bench, "exit 127");
    let (first, program) = (bench.deploy(FIRST), program(&bench));
    let (said, sent) = upload(&bench, &first, &program).unwrap();
    let whole = program.path().metadata().unwrap().len();
    assert_eq!(sent, whole);
    let how = format!(
        "{} KiB, SHA-256 {}",
        whole.div_ceil(1024),
        program.sha256().unwrap()
    );
    assert!(said.ends_with(&how), "{said}");
    check_arrived(&bench, &first, &program);
}

fn a_zstd_that_fails_is_done_without() {
    let bench = Bench::new(Vec::new());
    instead_of_zstd(&bench, "[ \"$1\" = --version ]");
    let (first, program) = (bench.deploy(FIRST), program(&bench));
    let (said, sent) = upload(&bench, &first, &program).unwrap();
    assert_eq!(sent, program.path().metadata().unwrap().len());
    let why = "KiB, after the host's zstd did not restore it, SHA-256";
    assert!(said.contains(why), "{said}");
    check_arrived(&bench, &first, &program);
}

fn an_upload_that_broke_off_goes_on() {
    let bench = Bench::new(Vec::new());
    let path = bench.file("large");
    std::fs::write(&path, noise(16_000_000)).unwrap();
    let artifact = DeployJob::of_file(&path).unwrap();
    for (commit, spoiled) in [(FIRST, false), (SECOND, true)] {
        let deploy = bench.deploy_by(commit, "one-run");
        let begun = break_off(&bench, &deploy, Part::Backend, &artifact);
        if spoiled {
            spoil(&begun);
        }
        let (said, _) = upload(&bench, &deploy, &artifact).unwrap();
        assert_eq!(said.contains("going on after"), !spoiled, "{said}");
        check_arrived(&bench, &deploy, &artifact);
    }
}

/// Who stops an upload need not wait for its end, and finds what was sent.
fn an_upload_stops_when_asked_and_goes_on() {
    let bench = Bench::new(Vec::new());
    let path = bench.file("large");
    std::fs::write(&path, noise(16_000_000)).unwrap();
    let artifact = DeployJob::of_file(&path).unwrap();
    let deploy = bench.deploy_by(FIRST, "one-run");
    let mut host = bench.connect();
    let asked = Arc::new(AtomicBool::new(false));
    host.stop_uploads_when(Arc::clone(&asked));
    let mut furthest = 0;
    let outcome = perform_service(
        Part::Backend,
        ServiceStep::Upload,
        &host,
        &deploy,
        Some(&artifact),
        &mut |progress| {
            furthest = furthest.max(progress.done.unwrap_or(0));
            asked.store(furthest > 0, Ordering::SeqCst);
        },
    );
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, DeployError::Run(RunError::Stopped { .. })),
        "{error}"
    );
    assert!(furthest < 16_000_000, "{furthest}");
    // The connection is as good as before, and the lease is given back.
    assert_eq!(
        host.check(&Command::script("echo well")).unwrap().text(),
        "well\n"
    );
    assert!(!bench.on_host("opt/guestbook/lease").exists());
    let (said, _) = upload(&bench, &deploy, &artifact).unwrap();
    assert!(said.contains("going on after"), "{said}");
    check_arrived(&bench, &deploy, &artifact);
}
