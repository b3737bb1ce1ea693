//! One whole rehearsal, gates and load and all; then its world, from outside.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::evidence::{self, AUTHOR, names, read};
use crate::fixture::{CRATES, Fixture};
use crate::process::{STAGEGATE, command, git, run, target_directory};
use crate::within_a_rehearsal;
use crate::world::Place;

/// Whatever the page refers to is in the page.
fn is_self_contained(html: &str) {
    for part in ["src=\"", "href=\""] {
        for (at, _) in html.match_indices(part) {
            let aim = &html[at + part.len()..];
            assert!(
                aim.starts_with('#') || aim.starts_with("data:"),
                "{}",
                &aim[..aim.len().min(60)]
            );
        }
    }
    assert!(!html.contains("<script src") && !html.contains("@import"));
}

/// Every element that is opened is closed, in order.
fn is_well_formed(html: &str) {
    const VOID: [&str; 6] = ["meta", "br", "hr", "img", "link", "input"];
    let html = html
        .trim_start()
        .strip_prefix("<!doctype html>")
        .expect("a doctype");
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = rest[start..].find('>').expect("a tag ends") + start;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let name = tag
            .trim_start_matches('/')
            .split([' ', '\n', '/'])
            .next()
            .unwrap()
            .to_lowercase();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed.trim()), "{tag}");
        } else if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
            if ["style", "script"].contains(&name.as_str()) {
                let close = format!("</{name}>");
                rest = &rest[rest.find(&close).expect("it is closed") + close.len()..];
            } else {
                open.push(name);
            }
        }
    }
    assert_eq!(open, [""; 0], "left open");
}

fn reports_are_written(output: &camino::Utf8Path, version: &str) -> Value {
    let report: Value = serde_json::from_str(&read(&output.join("report.json"))).unwrap();
    assert_eq!(
        (&report["exit"], &report["version"]),
        (&0.into(), &version.into())
    );
    let load = &report["load"];
    assert_eq!(load["failed"], 0, "{load}");
    assert!(
        load["sent"].as_u64().is_some_and(|sent| sent > 200),
        "{load}"
    );
    let steps = report["steps"].as_array().unwrap();
    let gates = [
        "fmt", "audit", "links", "secrets", "clippy", "test", "doc", "msrv",
    ];
    for gate in gates {
        let step = steps
            .iter()
            .find(|s| s["id"] == gate)
            .unwrap_or_else(|| panic!("no {gate}"));
        // A kill may come between the record and the word of it: then the journal tells.
        let passed = ["performed", "noted", "before"]
            .map(Value::from)
            .contains(&step["outcome"]);
        assert!(passed && step["evidence"] != "", "{step}");
    }
    let tests = steps.iter().find(|s| s["id"] == "test").unwrap();
    assert!(
        !tests["evidence"].as_str().unwrap().starts_with("0 passed"),
        "{tests}"
    );
    let markdown = read(&output.join("report.md"));
    assert!(
        markdown.starts_with("# ") && markdown.contains("0 failed"),
        "{markdown}"
    );
    let html = read(&output.join("report.html"));
    is_well_formed(&html);
    is_self_contained(&html);
    assert!(html.contains("<svg") && html.contains(version));
    report
}

/// Rehearses a release of the fixture and checks everything that can be seen
/// afterwards; answers with the report.
fn rehearse(name: &str, arguments: &[&str]) -> Value {
    let fixture = Fixture::new();
    let before = git(&fixture.root, &["for-each-ref"]);
    let version = "0.2.0";
    let mut rehearse = command(STAGEGATE, &fixture.root);
    rehearse
        .args(["rehearse", version, "--keep", "--stabilize", "2"])
        .args(arguments)
        .env("TMPDIR", fixture.place())
        .env("CARGO_TARGET_DIR", target_directory(name));
    let ran = run(rehearse).must_end_with(0);
    let kept = ran
        .stdout
        .lines()
        .find_map(|l| l.strip_prefix("the rehearsal is kept in "));
    let place = Place::below(kept.expect("--keep says where").into());

    let commit = evidence::tag_is_pushed(&place, version);
    let who = git(&place.root, &["var", "GIT_COMMITTER_IDENT"]);
    let (name, rest) = who.split_once(" <").unwrap();
    let who = (name, rest.split_once('>').unwrap().0);
    assert_ne!(who, AUTHOR, "a copy is nobody's");
    evidence::first_release_is_whole(&place, version, &commit, who);
    evidence::checkout_is_tidy(&place, &commit, &format!("release-{version}"));
    evidence::crates_are_published(&place, version, &commit);
    evidence::host_runs(&place, version, &commit);
    let read = |name: &String| std::fs::read(place.github.join(name)).unwrap();
    let files: Vec<Vec<u8>> = names(&place.github).iter().map(read).collect();
    assert_eq!(files.len(), CRATES.len() + 3);
    let mut texts = files
        .iter()
        .filter_map(|file| std::str::from_utf8(file).ok());
    let is_sums = |text: &&str| {
        text.split_once("  ")
            .is_some_and(|(sum, _)| sum.len() == 64)
    };
    evidence::sums_match(texts.clone().find(is_sums).unwrap(), &files, version);
    let is_bill = |text: &&str| text.contains("\"bomFormat\"");
    evidence::bill_lists_what_is_shipped(texts.find(is_bill).unwrap(), version);

    let report = reports_are_written(&fixture.root.join("target/stagegate"), version);
    world_is_as_released(&report["environment"], version);
    // Nothing in the original moved.
    assert_eq!(git(&fixture.root, &["for-each-ref"]), before);
    assert_eq!(git(&fixture.root, &["status", "--porcelain"]), "");
    report
}

/// What the report shows of those parts of the world that end with it.
fn world_is_as_released(world: &Value, version: &str) {
    assert_eq!(world["crates"].as_array().unwrap().len(), CRATES.len());
    assert_eq!(world["timers"], Value::Array(Vec::new()));
    assert_eq!(world["processes"].as_array().unwrap().len(), 1, "{world}");
    let releases = world["releases"].as_array().unwrap();
    assert_eq!(releases.len(), 1, "{world}");
    let tag = format!("v{version}");
    assert_eq!(
        (&releases[0]["draft"], &releases[0]["tag"]),
        (&false.into(), &tag.into())
    );
    let assets = releases[0]["assets"].as_array().unwrap().iter();
    let assets: BTreeSet<String> = assets.map(|a| a.as_str().unwrap().to_owned()).collect();
    assert_eq!(assets, evidence::asset_names(version));
}

#[test]
fn a_whole_rehearsal_leaves_the_world_it_promised() {
    if within_a_rehearsal() {
        return;
    }
    let report = rehearse("whole", &[]);
    assert_eq!(report["kills"], 0);
}

#[test]
fn a_rehearsal_that_is_killed_again_and_again_leaves_the_same_world() {
    if within_a_rehearsal() {
        return;
    }
    let report = rehearse("killed", &["--fault", "kill-often"]);
    assert!(
        report["kills"].as_u64().unwrap() > 15,
        "{}",
        report["kills"]
    );
}
