//! What cannot be released: versions, checkouts, files. Each case spoils a fresh
//! fixture and asks for a release.

use crate::fixture::Fixture;
use crate::process::git;
use crate::refusal::refused;
use crate::spoil::{LOG, change, edit, empty_the_changelog, nothing, publish, push_from_elsewhere};
use crate::within_a_rehearsal;
use crate::world::World;

/// Spoils a fresh fixture, then asks for a release of it.
fn check(spoil: fn(&Fixture), release: &str, exit: i32, says: &str) {
    let fixture = Fixture::new();
    spoil(&fixture);
    let world = World::without_host(fixture, "bad-input");
    let no_deploy = "--skip deploy-backend --skip deploy-frontend";
    refused(
        &world,
        &format!("release {release} --yes {no_deploy}"),
        exit,
        says,
    );
}

#[test]
fn versions_that_cannot_be_released() {
    if within_a_rehearsal() {
        return;
    }
    check(nothing, "1.2", 2, "`1.2` is not a semantic version … 1.4.0");
    check(nothing, "v0.2.0", 2, "write `0.2.0`");
    check(nothing, "", 2, "VERSION");
    let says = "0.0.9 is not greater than 0.1.0 … → ask for a greater version";
    check(nothing, "0.0.9", 3, says);
    // Build metadata makes no other number of it.
    let says = "0.2.0+1 is already published on crates-io";
    check(|f| publish(f, "0.2.0", false), "0.2.0+1", 3, says);
    check(nothing, "0.2.0 --skip tag", 3, "tag cannot be skipped");
    check(
        nothing,
        "0.2.0 --skip lunch",
        2,
        "`lunch` is no stage … publish",
    );
}

#[test]
fn versions_that_are_taken() {
    if within_a_rehearsal() {
        return;
    }
    let tagged = |f: &Fixture| drop(git(&f.root, &["tag", "v0.2.0"]));
    let says = "0.2.0 is already tagged: v0.2.0 is  … in this checkout … --resume";
    check(tagged, "0.2.0", 3, says);
    let tagged = |f: &Fixture| {
        git(&f.root, &["tag", "v0.2.0"]);
        git(&f.root, &["push", "--quiet", "origin", "v0.2.0"]);
        git(&f.root, &["tag", "--delete", "v0.2.0"]);
    };
    check(
        tagged,
        "minor",
        3,
        "0.2.0 is already tagged … at the remote",
    );
    let says =
        "0.2.0 is already published on crates-io: stagegate-fixture-parse … the next version";
    check(|f| publish(f, "0.2.0", false), "0.2.0", 3, says);
    check(|f| publish(f, "0.2.0", true), "0.2.0", 3, says);
}

#[test]
fn trees_and_branches_that_cannot_be_released() {
    if within_a_rehearsal() {
        return;
    }
    let dirty = |f: &Fixture| edit(f, "crates/core/src/lib.rs", "One word", "A word");
    let says = "not committed: `crates/core/src/lib.rs` … → commit or stash";
    check(dirty, "0.2.0", 3, says);
    let staged = |f: &Fixture| {
        edit(f, "crates/core/src/lib.rs", "One word", "A word");
        git(&f.root, &["add", "--all"]);
    };
    check(staged, "0.2.0", 3, says);
    let untracked = |f: &Fixture| std::fs::write(f.root.join("crates/new.rs"), "").unwrap();
    check(untracked, "0.2.0", 3, "not committed: `crates/new.rs`");
    let topic = |f: &Fixture| drop(git(&f.root, &["switch", "--quiet", "--create", "topic"]));
    let says = "the branch is topic, and releases are made from main … `git switch main`";
    check(topic, "0.2.0", 3, says);
    let detached = |f: &Fixture| drop(git(&f.root, &["checkout", "--quiet", "--detach"]));
    let says = "no branch is checked out (detached HEAD) … `git switch main`";
    check(detached, "0.2.0", 3, says);
}

#[test]
fn remotes_and_people_that_cannot_be_released_by() {
    if within_a_rehearsal() {
        return;
    }
    let says = "origin has commits on main that are not here … git pull --ff-only origin main";
    check(push_from_elsewhere, "0.2.0", 3, says);
    let apart = |f: &Fixture| {
        push_from_elsewhere(f);
        let commit = ["commit", "--quiet", "--allow-empty", "--message", "Here"];
        git(&f.root, &commit);
    };
    check(apart, "0.2.0", 3, says);
    let alone = |f: &Fixture| drop(git(&f.root, &["remote", "remove", "origin"]));
    check(
        alone,
        "0.2.0",
        3,
        "there is no git remote `origin` … git remote add origin",
    );
    let gone = |f: &Fixture| std::fs::remove_dir_all(&f.remote).unwrap();
    check(
        gone,
        "0.2.0",
        3,
        "the git remote `origin` does not answer … remote.git",
    );
    let nobody = |f: &Fixture| {
        for name in ["user.name", "user.email"] {
            git(&f.root, &["config", "--unset", name]);
        }
        git(&f.root, &["config", "user.useConfigOnly", "true"]);
    };
    check(
        nobody,
        "0.2.0",
        3,
        "git does not know who you are … git config user.name",
    );
}

#[test]
fn changelogs_that_cannot_be_released() {
    if within_a_rehearsal() {
        return;
    }
    let none = |f: &Fixture| change(f, LOG, "## [Unreleased]", "## [0.0.9]");
    let remedy = "→ write down under `## [Unreleased]` what is new for users";
    check(
        none,
        "0.2.0",
        3,
        &format!("CHANGELOG.md: the changelog has no … {remedy}"),
    );
    check(
        empty_the_changelog,
        "0.2.0",
        3,
        &format!("CHANGELOG.md: … empty … {remedy}"),
    );
    let twice = |f: &Fixture| change(f, LOG, "## [0.1.0] - 2026-01-02", "## [Unreleased]");
    check(
        twice,
        "0.2.0",
        3,
        "CHANGELOG.md: the changelog has two … line 8 … line 22",
    );
    let taken = |f: &Fixture| change(f, LOG, "## [0.1.0]", "## [0.2.0]");
    check(
        taken,
        "0.2.0",
        3,
        "CHANGELOG.md: the changelog already has a section for 0.2.0",
    );
}

#[test]
fn configurations_and_manifests_that_cannot_be_released() {
    if within_a_rehearsal() {
        return;
    }
    let unknown = |f: &Fixture| edit(f, "stagegate.toml", "[gates]", "[gates]\nclipy = \"warn\"");
    let says = "stagegate.toml:5:1: … clipy … clippy … 5 | clipy = \"warn\" …     | ^";
    check(unknown, "0.2.0", 4, says);
    let number = |f: &Fixture| edit(f, "stagegate.toml", "port = 8080", "port = \"8080\"");
    let says = "stagegate.toml:16:8: … string … u16 … 16 | port = \"8080\" … |        ^";
    check(number, "0.2.0", 4, says);
    let lost = |f: &Fixture| change(f, "stagegate.toml", "\"advisory-db\"", "\"nowhere\"");
    check(lost, "0.2.0", 3, "nowhere … gates.audit.database");
    let private = |f: &Fixture| {
        let manifest = "crates/core/Cargo.toml";
        change(f, manifest, "[lints]", "publish = false\n\n[lints]");
    };
    check(
        private,
        "0.2.0",
        3,
        "`stagegate-fixture-core` … → correct the manifests",
    );
    let plain = |f: &Fixture| {
        let manifest = "crates/parse/Cargo.toml";
        change(f, manifest, "description = \"Text to words\"\n", "");
    };
    check(
        plain,
        "0.2.0",
        3,
        "crates/parse/Cargo.toml: … description … → add one to `[package]`",
    );
    let circle = |f: &Fixture| {
        let manifest = "crates/core/Cargo.toml";
        let versioned = "{ path = \"../render\", version = \"0.1\" }";
        change(f, manifest, "{ path = \"../render\" }", versioned);
    };
    let says = "`stagegate-fixture-render` is new on crates-io and can only be published after";
    check(
        circle,
        "0.2.0",
        3,
        &format!("{says} … → leave out its `version`"),
    );
}
