//! A release in a world that lives on: asked while it runs, then deployed to,
//! rolled back, yanked and given back.

use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use crate::evidence::{self, AUTHOR, asset_names, ended_deploys, host_runs, index_lines};
use crate::fixture::CRATES;
use crate::process::git;
use crate::world::{NO_GATES, REPOSITORY, World};
use crate::{web, within_a_rehearsal};

/// The commit that `v0.1.0` means.
fn first_commit(world: &World) -> String {
    git(world.root(), &["rev-parse", "v0.1.0^{commit}"])
}

/// Users are answered by the process that the host runs, and that process runs
/// the release's own file.
fn users_are_answered_by(world: &World, version: &str, commit: &str) {
    assert_eq!(web::get(&world.url("/version")).text().trim(), version);
    let health = web::get(&world.url("/health"));
    assert_eq!(
        (health.status, &health.json()["version"]),
        (200, &version.into())
    );
    let release = format!("{version}-{}", &commit[..12]);
    let file = world
        .place
        .host
        .join("opt/guestbook/releases")
        .join(release)
        .join("backend/guestbook-backend");
    let file = file.metadata().unwrap();
    let processes = world.host().processes();
    let runs = |pid: i32| {
        let exe = std::fs::metadata(format!("/proc/{pid}/exe")).unwrap();
        (exe.dev(), exe.ino()) == (file.dev(), file.ino())
    };
    assert!(
        processes.iter().any(|process| runs(process.pid)),
        "{processes:?}"
    );
    assert_eq!(processes.len(), 1, "the old slot is empty: {processes:?}");
    assert_eq!(world.host().timers(), [""; 0]);
}

/// The page and everything it refers to are of one version.
fn page_is_of(world: &World, version: &str) {
    let page = web::get(&world.url("/"));
    let text = page.text();
    assert!(page.status == 200 && text.contains(version), "{text}");
    let mut assets = 0;
    for (at, _) in text.match_indices("assets/") {
        let name: String = text[at..]
            .chars()
            .take_while(|c| !"\"'<> )".contains(*c))
            .collect();
        assert_eq!(
            web::get(&world.url(&format!("/{name}"))).status,
            200,
            "{name}"
        );
        assets += 1;
    }
    assert!(assets > 0, "{text}");
}

fn crates_can_be_downloaded(world: &World, version: &str, commit: &str) {
    let registry = format!("http://{}", world.fakes.registry.address());
    for name in CRATES {
        let index = web::get(&format!(
            "{registry}/index/{}/{}/{name}",
            &name[..2],
            &name[2..4]
        ));
        let line: Value = serde_json::from_str(index.text().lines().last().unwrap()).unwrap();
        assert_eq!(
            (&line["vers"], &line["yanked"]),
            (&version.into(), &false.into())
        );
        let package = web::get(&format!(
            "{registry}/api/v1/crates/{name}/{version}/download"
        ));
        assert_eq!(
            line["cksum"],
            evidence::sha256(&package.body).as_str(),
            "{name}"
        );
        evidence::package_is_of(&package.body, name, version, commit);
    }
}

/// The GitHub release as its API shows it.
fn release(world: &World, version: &str) -> Value {
    let api = world.fakes.github.api();
    let url = format!("{api}/repos/{REPOSITORY}/releases/tags/v{version}");
    web::get_as(&url, &world.fakes.github_token).json()
}

fn release_is_public(world: &World, version: &str) {
    let release = release(world, version);
    assert_eq!(
        (&release["draft"], &release["prerelease"]),
        (&false.into(), &false.into())
    );
    assert_eq!(release["name"], format!("v{version}").as_str());
    let body = release["body"].as_str().unwrap();
    assert!(
        body.starts_with("### Added\n\n- Words can be tidied."),
        "{body}"
    );
    let stored = world
        .fakes
        .github
        .releases()
        .into_iter()
        .find(|r| r.tag_name == format!("v{version}"))
        .unwrap();
    let bytes = |asset| world.fakes.github.asset_bytes(asset).unwrap();
    let files: Vec<Vec<u8>> = stored.assets.iter().map(bytes).collect();
    let names: std::collections::BTreeSet<String> =
        stored.assets.iter().map(|a| a.name.clone()).collect();
    assert_eq!(names, asset_names(version));
    let sums = stored
        .assets
        .iter()
        .find(|a| a.name == "SHA256SUMS")
        .unwrap();
    let sums = String::from_utf8(bytes(sums)).unwrap();
    evidence::sums_match(&sums, &files, version);
    for asset in release["assets"].as_array().unwrap() {
        let digest = asset["digest"]
            .as_str()
            .unwrap()
            .strip_prefix("sha256:")
            .unwrap();
        let name = asset["name"].as_str().unwrap();
        assert!(
            name == "SHA256SUMS" || sums.contains(&format!("{digest}  {name}\n")),
            "{asset}"
        );
    }
}

fn status_of(world: &World) -> Value {
    let ran = world.run(&["status", "--format", "json"]).must_end_with(0);
    serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap()
}

fn yanked(world: &World, version: &str) -> Vec<bool> {
    let yanked = |name: &str| {
        let lines = index_lines(&world.place, name);
        lines.iter().find(|line| line["vers"] == version).unwrap()["yanked"]
            .as_bool()
            .unwrap()
    };
    CRATES.iter().map(|name| yanked(name)).collect()
}

fn changelog_at_the_remote(world: &World) -> String {
    git(&world.place.remote, &["show", "main:CHANGELOG.md"])
}

/// Yanked and given back: registry, GitHub and changelog say so, and then the
/// changelog is again what it was.
fn yank_and_back(world: &World, version: &str) {
    let before = changelog_at_the_remote(world);
    let asked = world.fakes.registry.requests().len();
    world.run(&["yank", version, "--yes"]).must_end_with(0);
    assert_eq!(yanked(world, version), [true; 4]);
    let requests = world.fakes.registry.requests();
    let order: Vec<&str> = requests[asked..]
        .iter()
        .filter(|request| request.method == "DELETE")
        .map(|request| request.path.split('/').nth(4).unwrap())
        .collect();
    let mut dependents_first = CRATES;
    dependents_first.reverse();
    assert_eq!((order[0], order[3]), (CRATES[3], CRATES[0]), "{order:?}");
    assert_eq!(order.len(), dependents_first.len());
    let title = release(world, version)["name"].clone();
    assert_eq!(title, format!("[YANKED] v{version}").as_str());
    let marked = changelog_at_the_remote(world);
    let line = marked
        .lines()
        .find(|line| line.starts_with(&format!("## [{version}]")))
        .unwrap();
    assert!(line.ends_with(" [YANKED]"), "{line}");
    assert_eq!(git(world.root(), &["status", "--porcelain"]), "");

    // Once more changes nothing: everything is found to be there.
    let commit = git(&world.place.remote, &["rev-parse", "main"]);
    world.run(&["yank", version, "--yes"]).must_end_with(0);
    assert_eq!(git(&world.place.remote, &["rev-parse", "main"]), commit);

    world
        .run(&["yank", version, "--undo", "--yes"])
        .must_end_with(0);
    assert_eq!(yanked(world, version), [false; 4]);
    assert_eq!(
        release(world, version)["name"],
        format!("v{version}").as_str()
    );
    assert_eq!(changelog_at_the_remote(world), before);
    release_is_public(world, version);
}

/// By name to an older backend, and then back from pair to pair.
fn deploys_go_back(world: &World, first: &str, commit: &str) {
    // An older backend by name; the frontend stays.
    world
        .run(&["deploy", "backend", "--version", "0.1.0", "--yes"])
        .must_end_with(0);
    users_are_answered_by(world, "0.1.0", first);
    page_is_of(world, "0.2.0");
    let status = status_of(world);
    let host = &status["hosts"][0]["status"];
    assert_eq!(
        (&host["version"], &status["in_progress"]),
        (&"0.1.0".into(), &Value::Array(Vec::new()))
    );
    assert!(
        host["frontend"].as_str().unwrap().starts_with("0.2.0-"),
        "{host}"
    );

    // Back to the pair that ran together before that, and to the one before.
    for (version, commit) in [("0.2.0", commit), ("0.1.0", first)] {
        world.run(&["rollback", "both", "--yes"]).must_end_with(0);
        users_are_answered_by(world, version, commit);
        page_is_of(world, version);
        evidence::nothing_is_under_way(&world.place);
    }
    let ended = ended_deploys(&world.place);
    let expected = [
        "backend 0.1.0 confirmed",
        "frontend 0.1.0 confirmed",
        "backend 0.2.0 confirmed",
        "frontend 0.2.0 confirmed",
        "backend 0.1.0 confirmed",
        // The frontend of that pair was there all the time.
        "backend 0.2.0 confirmed",
        // No page is ahead of its backend.
        "frontend 0.1.0 confirmed",
        "backend 0.1.0 confirmed",
    ];
    assert_eq!(ended, expected);
}

#[test]
fn a_release_is_there_for_everybody_and_can_be_taken_back() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::start("aftermath");
    let first = first_commit(&world);
    world.run(&["deploy", "both", "--yes"]).must_end_with(0);
    users_are_answered_by(&world, "0.1.0", &first);
    let entry = web::post(&world.url("/entries"), "signed before the release");
    assert_eq!(entry.status, 201);

    let arguments = [["release", "0.2.0", "--yes"].as_slice(), &NO_GATES].concat();
    world.run(&arguments).must_end_with(0);
    let commit = evidence::tag_is_pushed(&world.place, "0.2.0");
    evidence::first_release_is_whole(&world.place, "0.2.0", &commit, AUTHOR);
    evidence::checkout_is_tidy(&world.place, &commit, "release-0.2.0");
    evidence::crates_are_published(&world.place, "0.2.0", &commit);
    crates_can_be_downloaded(&world, "0.2.0", &commit);
    release_is_public(&world, "0.2.0");
    host_runs(&world.place, "0.2.0", &commit);
    users_are_answered_by(&world, "0.2.0", &commit);
    page_is_of(&world, "0.2.0");
    let entries = web::get(&world.url("/entries")).text();
    assert!(entries.contains("signed before the release"), "{entries}");

    // What is finished cannot be gone on with.
    let resumed = world
        .run(&["release", "0.2.0", "--resume", "--yes"])
        .must_end_with(8);
    assert!(
        resumed.words().contains("nothing to resume"),
        "{}",
        resumed.words()
    );
    let doctor = world.run(&["doctor"]).must_end_with(0);
    assert!(doctor.stdout.contains("ready"), "{}", doctor.stdout);

    deploys_go_back(&world, &first, &commit);
    yank_and_back(&world, "0.2.0");
}
