//! A release by pull request: it is opened, brought up to date and merged, and what
//! was merged is released as it stands, by hand or from a tag that somebody pushed.

use crate::evidence::{crates_are_published, read, tag_is_pushed};
use crate::fixture::Fixture;
use crate::process::git;
use crate::within_a_rehearsal;
use crate::world::{NO_GATES, World};

#[path = "../../../fakes/tests/github/described.rs"]
mod described;

/// Somebody's work, on the branch and pushed.
fn work(world: &World, entry: &str) {
    let root = world.root();
    let file = root.join("CHANGELOG.md");
    let text = read(&file);
    let head = "## [Unreleased]\n";
    assert!(text.contains(head), "{text}");
    let new = format!("{head}\n### Added\n\n- {entry}\n");
    std::fs::write(&file, text.replacen(head, &new, 1)).unwrap();
    git(root, &["commit", "--quiet", "--all", "--message", "Work"]);
    git(root, &["push", "--quiet", "origin", "main"]);
}

/// What GitHub does when somebody merges, and what a checkout then has.
fn merge(world: &World, branch: &str) -> String {
    let remote = &world.place.remote;
    let commit = git(remote, &["rev-parse", &format!("refs/heads/{branch}")]);
    git(remote, &["update-ref", "refs/heads/main", &commit]);
    git(
        world.root(),
        &["pull", "--quiet", "--ff-only", "origin", "main"],
    );
    commit
}

#[test]
fn a_commit_that_only_bumps_versions_changes_no_part_of_the_app() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "bump-only");
    let root = world.root();
    let file = root.join("stagegate.toml");
    let paths = "port = 8080\npaths = [\"crates/demo/src/**\", \"**/Cargo.toml\", \"Cargo.*\"]\n";
    let config = read(&file).replace("port = 8080\n", paths);
    std::fs::write(&file, config).unwrap();
    git(
        root,
        &["commit", "--quiet", "--all", "--message", "Name paths"],
    );
    git(root, &["push", "--quiet", "origin", "main"]);
    let changed = || {
        let ran = world.run(&["ci", "changed", "--since", "HEAD^"]);
        ran.must_end_with(0).stdout.trim().to_owned()
    };
    assert_eq!(changed(), "changed since HEAD^: none");
    let mut release = vec!["release", "0.2.0", "--yes"];
    release.extend(NO_GATES);
    release.extend(["--skip", "deploy-backend", "--skip", "deploy-frontend"]);
    world.run(&release).must_end_with(0);
    let names = git(root, &["diff", "--name-only", "HEAD^"]);
    assert!(
        names.contains("Cargo.toml") && names.contains("Cargo.lock"),
        "{names}"
    );
    assert_eq!(changed(), "changed since HEAD^: none");
    let manifest = read(&root.join("Cargo.toml"));
    std::fs::write(
        root.join("Cargo.toml"),
        manifest.replace("opt-level = 0", "opt-level = 1"),
    )
    .unwrap();
    git(
        root,
        &["commit", "--quiet", "--all", "--message", "Optimize"],
    );
    assert_eq!(changed(), "changed since HEAD^: backend");
    // What is not here may have changed everything that has paths.
    let gone = "1111111111111111111111111111111111111111";
    let ran = world
        .run(&["ci", "changed", "--since", gone])
        .must_end_with(0);
    assert!(ran.stdout.contains(": backend"), "{}", ran.stdout);
}

#[test]
fn a_pull_request_says_what_a_release_would_change_and_merging_it_is_enough() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "prepare");
    let main = git(world.root(), &["rev-parse", "HEAD"]);
    let prepare = |extra: &[&str]| {
        let mut arguments = vec!["release", "prepare", "0.2.0"];
        arguments.extend(extra);
        world.run(&arguments)
    };
    let shown = prepare(&["--dry-run"]).must_end_with(0);
    assert!(
        shown.stdout.contains("pull request from release/0.2.0"),
        "{}",
        shown.words()
    );
    assert!(world.fakes.github.pulls().is_empty());

    let opened = prepare(&[]).must_end_with(0);
    assert!(
        opened.words().contains("merging it releases"),
        "{}",
        opened.words()
    );
    let remote = &world.place.remote;
    let branch = "refs/heads/release/0.2.0";
    let first = git(remote, &["rev-parse", branch]);
    assert_eq!(git(remote, &["rev-parse", &format!("{branch}^")]), main);
    assert_eq!(
        git(remote, &["rev-parse", "main"]),
        main,
        "main has not moved"
    );
    assert_eq!(git(world.root(), &["rev-parse", "HEAD"]), main);
    assert_eq!(git(world.root(), &["status", "--porcelain"]), "");

    work(&world, "Something that came later.");
    prepare(&[]).must_end_with(0);
    assert_ne!(git(remote, &["rev-parse", branch]), first);
    let pulls = world.fakes.github.pulls();
    let [pull] = &pulls[..] else {
        panic!("{pulls:?}")
    };
    assert_eq!(
        (pull.title.as_str(), pull.base.as_str()),
        ("Release 0.2.0", "main")
    );
    assert!(
        pull.body.contains("Something that came later."),
        "{}",
        pull.body
    );

    let merged = merge(&world, "release/0.2.0");
    let again = prepare(&[]).must_end_with(3);
    assert!(
        again.words().contains("is prepared already"),
        "{}",
        again.words()
    );
    let mut release = vec!["release", "0.2.0", "--yes"];
    release.extend(NO_GATES);
    release.extend(["--skip", "deploy-backend", "--skip", "deploy-frontend"]);
    world.run(&release).must_end_with(0);
    assert_eq!(
        tag_is_pushed(&world.place, "0.2.0"),
        merged,
        "no commit on top"
    );
    crates_are_published(&world.place, "0.2.0", &merged);

    tagged(&world);
    for request in world.fakes.github.requests() {
        if let Err(why) = described::check(&request) {
            panic!("{why}: {request:#?}");
        }
    }
}

#[test]
fn a_merged_release_is_found_and_released_though_others_were_pushed_with_it() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "merge-queue");
    let root = world.root();
    let head = || git(root, &["rev-parse", "HEAD"]);
    let before = head();
    let pushed = |since: &str| -> serde_json::Value {
        let ran = world.run(&["ci", "pushed", "--since", since, "--format", "json"]);
        serde_json::from_str(&ran.must_end_with(0).stdout).unwrap()
    };
    assert_eq!(pushed(&before)["release"], serde_json::Value::Null);
    world.run(&["release", "prepare", "0.2.0"]).must_end_with(0);
    let number = world.fakes.github.pulls()[0].number;
    // Open, it releases nothing, whatever is pushed.
    assert_eq!(pushed(&before)["release"], serde_json::Value::Null);
    let merged = world.fakes.github.squash(number).unwrap();
    git(root, &["pull", "--quiet", "--ff-only", "origin", "main"]);
    work(&world, "The next one in the queue.");
    let top = head();
    assert_ne!(top, merged);

    let found = pushed(&before);
    assert_eq!(
        (&found["release"], &found["commit"]),
        (&"0.2.0".into(), &merged.as_str().into())
    );
    // A later push has nothing to do with it.
    assert_eq!(pushed(&merged)["release"], serde_json::Value::Null);

    git(root, &["reset", "--quiet", "--keep", &merged]);
    let mut release = vec!["release", "0.2.0", "--yes"];
    release.extend(NO_GATES);
    release.extend(["--skip", "deploy-backend", "--skip", "deploy-frontend"]);
    let released = world.run(&release).must_end_with(0);
    let words = released.words();
    assert!(
        words.contains("that are not part of the release"),
        "{words}"
    );
    let tagged = git(&world.place.remote, &["rev-parse", "v0.2.0^{commit}"]);
    assert_eq!(tagged, merged);
    crates_are_published(&world.place, "0.2.0", &merged);
    let main = git(&world.place.remote, &["rev-parse", "main"]);
    assert_eq!(main, top, "the branch stays where others have brought it");
}

/// Somebody tags what was merged, and the tag is released.
fn tagged(world: &World) {
    work(world, "More.");
    world.run(&["release", "prepare", "0.3.0"]).must_end_with(0);
    let merged = merge(world, "release/0.3.0");
    let root = world.root();
    git(
        root,
        &["tag", "--annotate", "--message", "By hand", "v0.3.0"],
    );
    git(root, &["push", "--quiet", "origin", "v0.3.0"]);
    let pushed = || {
        let ran = world.run(&["ci", "pushed", "--tag", "v0.3.0"]);
        ran.must_end_with(0).stdout.trim().to_owned()
    };
    assert_eq!(pushed(), "the tag v0.3.0 was pushed: release 0.3.0");
    let mut release = vec!["release", "0.3.0", "--yes"];
    release.extend(NO_GATES);
    release.extend(["--skip", "deploy-backend", "--skip", "deploy-frontend"]);
    let refused = world.run(&release).must_end_with(3);
    assert!(
        refused.words().contains("already tagged"),
        "{}",
        refused.words()
    );
    release.push("--tagged");
    world.run(&release).must_end_with(0);
    crates_are_published(&world.place, "0.3.0", &merged);
    // The tag that a release pushes itself begins no other.
    assert_eq!(pushed(), "v0.3.0 has a release already");
    let says = git(
        &world.place.remote,
        &["tag", "--list", "--format=%(subject)", "v0.3.0"],
    );
    assert_eq!(says, "By hand", "the tag is the one that was pushed");
}
