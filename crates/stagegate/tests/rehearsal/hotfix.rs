//! A released version that is bad: withdrawn crate by crate, and mended on a
//! branch of its own while the main branch is further on.

use crate::evidence::{index_lines, read};
use crate::fixture::{CRATES, Fixture};
use crate::process::git;
use crate::refusal::refused;
use crate::web::get_as;
use crate::within_a_rehearsal;
use crate::world::{NO_GATES, REPOSITORY, World};

const NO_DEPLOY: [&str; 4] = ["--skip", "deploy-backend", "--skip", "deploy-frontend"];

fn release(world: &World, version: &str) {
    let words = [
        &["release", version, "--yes"],
        NO_DEPLOY.as_slice(),
        &NO_GATES,
    ]
    .concat();
    world.run(&words).must_end_with(0);
}

fn note_down(world: &World, text: &str) {
    let log = world.root().join("CHANGELOG.md");
    let entry = format!("## [Unreleased]\n\n### Fixed\n\n- {text}\n");
    let changed = read(&log).replacen("## [Unreleased]\n", &entry, 1);
    std::fs::write(&log, changed).unwrap();
    git(
        world.root(),
        &["commit", "--quiet", "--all", "--message", text],
    );
}

/// Whether each crate's version is yanked, in the order of the crates.
fn yanked(world: &World, version: &str) -> Vec<bool> {
    let of = |name: &&str| {
        let lines = index_lines(&world.place, name);
        let line = lines.iter().find(|line| line["vers"] == version);
        line.unwrap()["yanked"] == true
    };
    CRATES.iter().map(of).collect()
}

#[test]
fn a_bad_version_is_yanked_and_mended_beside_the_main_branch() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "hotfix");
    let root = world.root().to_owned();
    for version in ["0.2.0", "0.3.0"] {
        release(&world, version);
        note_down(&world, &format!("After {version}."));
        git(&root, &["push", "--quiet", "origin", "main"]);
    }

    // One crate alone: what still needs it is named, and the release stays.
    let [core, ..] = CRATES;
    refused(
        &world,
        "yank 0.3.0 --crate nobody --yes",
        3,
        "`nobody` is no package",
    );
    let only = ["yank", "0.3.0", "--crate", core, "--yes"];
    let said = world.run(&only).must_end_with(0).words();
    assert!(
        said.contains("the last good version before it is 0.2.0"),
        "{said}"
    );
    assert!(said.contains("stagegate-fixture-parse 0.3.0 needs stagegate-fixture-core ^0.3.0 and finds no other: yank it too"), "{said}");
    assert!(said.contains("other crates of 0.3.0 stay"), "{said}");
    assert_eq!(yanked(&world, "0.3.0"), [true, false, false, false]);
    world.run(&only).must_end_with(0);
    world
        .run(&["yank", "0.3.0", "--crate", core, "--undo", "--yes"])
        .must_end_with(0);
    assert_eq!(yanked(&world, "0.3.0"), [false; 4]);

    // All of it, with a reason for those who read of it.
    let said = world
        .run(&["yank", "0.3.0", "--reason", "It loses words.", "--yes"])
        .must_end_with(0)
        .words();
    assert!(
        said.contains(
            "users resolve to 0.2.0 again; make a fix ready with `cargo xtask hotfix 0.3.0`"
        ),
        "{said}"
    );
    let releases = world.fakes.github.releases();
    let marked = releases.iter().find(|r| r.tag_name == "v0.3.0").unwrap();
    assert!(marked.name.starts_with("[YANKED] "), "{}", marked.name);
    let note = "> **This version is yanked:** It loses words. New projects no longer resolve to it. Use 0.2.0, or a later version.\n\n";
    assert!(marked.body.starts_with(note), "{}", marked.body);
    assert!(git(&root, &["log", "-1", "--format=%B"]).contains("It loses words."));

    // The version before is mended from its tag.
    refused(&world, "hotfix 0.9.0", 3, "there is no tag v0.9.0");
    let said = world.run(&["hotfix", "0.2.0"]).must_end_with(0).words();
    assert!(said.contains("commit the fix on hotfix/0.2.1, write it down under [Unreleased] in CHANGELOG.md, then `cargo xtask release 0.2.1`"), "{said}");
    assert_eq!(
        git(&root, &["symbolic-ref", "--short", "HEAD"]),
        "hotfix/0.2.1"
    );
    assert_eq!(
        git(&root, &["rev-parse", "HEAD^"]),
        git(&root, &["rev-parse", "v0.2.0^{commit}"])
    );
    assert_eq!(git(&root, &["status", "--porcelain"]), "");
    assert!(read(&root.join("Cargo.toml")).contains("version = \"0.2.1\""));
    let main = git(&root, &["rev-parse", "main"]);
    note_down(&world, "Words stay.");
    release(&world, "0.2.1");
    assert_eq!(yanked(&world, "0.2.1"), [false; 4]);
    let remote = git(&root, &["ls-remote", "origin"]);
    assert!(
        remote.contains(&format!("{main}\trefs/heads/main")),
        "{remote}"
    );
    for name in ["refs/heads/hotfix/0.2.1", "refs/tags/v0.2.1"] {
        assert!(remote.contains(name), "{remote}");
    }
    // A version beside the main line is not the latest.
    let latest = format!(
        "{}/repos/{REPOSITORY}/releases/latest",
        world.fakes.github.api()
    );
    let latest = get_as(&latest, &world.fakes.github_token).json();
    assert_eq!(latest["tag_name"], "v0.3.0", "{latest}");
    refused(
        &world,
        "hotfix 0.2.0",
        3,
        "0.2.1 is released already, so the next patch is not free",
    );
}
