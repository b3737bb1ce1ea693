//! Everything that is wrong is said at once, and a dry run writes nothing.

use serde_json::Value;

use crate::fixture::Fixture;
use crate::process::git;
use crate::refusal::{ended, refused, unchanged_by};
use crate::spoil::{LOG, edit, publish, push_from_elsewhere};
use crate::within_a_rehearsal;
use crate::world::World;

/// Without a host, nothing can be deployed.
const NO_DEPLOY: [&str; 4] = ["--skip", "deploy-backend", "--skip", "deploy-frontend"];

/// What is said of a release with all that can be wrong with it.
const EVERYTHING: &str = "9 problems found; nothing was changed … \
    the branch is topic … `CHANGELOG.md` … origin has commits on main … \
    there is no token for the registry crates-io … \
    set CARGO_REGISTRY_TOKEN, or run `cargo login` … there is no token for GitHub … \
    set GITHUB_TOKEN to a token with `contents: write` … \
    0.0.5 is not greater than 0.1.0 … 0.0.5 is already tagged … \
    0.0.5 is already published … CHANGELOG.md: ";

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    edit(&fixture, LOG, "## [Unreleased]", "## [0.0.9]");
    git(&fixture.root, &["switch", "--quiet", "--create", "topic"]);
    git(&fixture.root, &["tag", "v0.0.5"]);
    publish(&fixture, "0.0.5", false);
    push_from_elsewhere(&fixture);
    let world = World::without_host(fixture, "bad-input");
    let release = [&["release", "0.0.5", "--yes"], NO_DEPLOY.as_slice()].concat();
    let mut command = world.command(&release);
    for token in ["CARGO_REGISTRY_TOKEN", "GITHUB_TOKEN"] {
        command.env_remove(token);
    }
    let ran = unchanged_by(&world, command, "everything");
    ended(&ran, 3, EVERYTHING);
    assert_eq!(ran.stderr.matches("→").count(), 9, "{}", ran.stderr);

    // For programs, the same list; this time there are tokens.
    let json = [release.as_slice(), &["--format", "json"]].concat();
    let ran = world.run(&json).must_end_with(3);
    let error: Value = serde_json::from_str(ran.stdout.trim()).unwrap();
    let is = (&error["event"], &error["exit"]);
    assert_eq!(is, (&"error".into(), &3.into()));
    let blockers = error["blockers"].as_array().unwrap();
    assert_eq!(blockers.len(), 7, "{error}");
    let whole = |blocker: &Value| {
        ["what", "remedy"]
            .iter()
            .all(|key| blocker[key].is_string())
    };
    assert!(blockers.iter().all(whole), "{error}");
}

#[test]
fn a_dry_run_shows_the_plan_and_writes_nothing() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "bad-input");
    let dry = [&["release", "0.2.0", "--dry-run"], NO_DEPLOY.as_slice()].concat();
    let ran = unchanged_by(&world, world.command(&dry), "dry run").must_end_with(0);
    let order = "fmt bump tag push return: publish publish-github-release verify";
    let mut rest = ran.stdout.as_str();
    for word in order.split(' ') {
        let at = rest.find(word);
        let at = at.unwrap_or_else(|| panic!("no {word} from here on: {rest}"));
        rest = &rest[at..];
    }
    let json = [dry.as_slice(), &["--format", "json"]].concat();
    let ran = unchanged_by(&world, world.command(&json), "dry run").must_end_with(0);
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    let steps = plan["steps"].as_array().unwrap();
    let mut irreversible = steps.iter().filter(|step| step["irreversible"] == true);
    assert_eq!(
        irreversible.next().unwrap()["id"],
        "publish:stagegate-fixture-core"
    );
    assert_eq!(irreversible.next(), None);

    // Neither the plan nor the problems are shown instead of the other.
    let mut command = world.command(&dry);
    command.env_remove("GITHUB_TOKEN");
    let ran = unchanged_by(&world, command, "without a token");
    ended(&ran, 3, "1 problem found … there is no token for GitHub");
    let publishes = "publish stagegate-fixture 0.2.0";
    assert!(ran.stdout.contains(publishes), "{}", ran.stdout);
    let mut command = world.command(&json);
    command.env_remove("GITHUB_TOKEN");
    let ran = unchanged_by(&world, command, "without a token");
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let [with, error] = lines.as_slice() else {
        panic!("{}", ran.stdout);
    };
    assert_eq!(with["run_id"], plan["run_id"]);
    assert_eq!(error["exit"], 3);

    // A lockfile that is not there is not written either.
    std::fs::remove_file(world.root().join("Cargo.lock")).unwrap();
    let ran = unchanged_by(&world, world.command(&dry), "without a lockfile");
    ended(&ran, 3, "`Cargo.lock`");
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "bad-input");
    let line = "release 0.2.0 --skip deploy-backend --skip deploy-frontend";
    refused(&world, line, 2, "no terminal to ask on … --dry-run … --yes");
}
