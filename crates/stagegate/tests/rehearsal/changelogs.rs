//! `changelog check` and `changelog show`, on the changelogs of a whole workspace.

use serde_json::Value;

use crate::fixture::Fixture;
use crate::process::{Ran, STAGEGATE, command, git, run};
use crate::within_a_rehearsal;
use crate::world::{NO_GATES, World};

const ROOT: &str = "# Changelog\n\n## [Unreleased]\n\n- A lantern, see [#7].\n\n\
                    ## [0.1.0] - 2026-01-02 [YANKED]\n\n- First.\n\n[#7]: https://example.org/7\n";

fn ask(fixture: &Fixture, words: &str) -> Ran {
    let mut ask = command(STAGEGATE, &fixture.root);
    ask.arg("changelog").args(words.split(' '));
    run(ask)
}

fn write(fixture: &Fixture, file: &str, text: &str) {
    std::fs::write(fixture.root.join(file), text).unwrap();
}

#[test]
fn sound_changelogs_are_read_and_shown() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    write(&fixture, "CHANGELOG.md", ROOT);
    let ran = ask(&fixture, "check").must_end_with(0);
    assert!(
        ran.stdout.contains("CHANGELOG.md: 2 sections"),
        "{}",
        ran.stdout
    );
    let ran = ask(&fixture, "show unreleased").must_end_with(0);
    assert_eq!(
        ran.stdout,
        "- A lantern, see [#7].\n\n[#7]: https://example.org/7\n"
    );
    let ran = ask(&fixture, "show 0.1.0").must_end_with(0);
    assert_eq!(ran.stdout, "- First.\n");

    let ran = ask(&fixture, "show 0.1.0 --format json").must_end_with(0);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    let expected = serde_json::json!([{
        "file": "CHANGELOG.md", "line": 7, "date": "2026-01-02", "yanked": true, "notes": "- First.",
    }]);
    assert_eq!(said["sections"], expected);

    // A member's own, beside the workspace's.
    write(&fixture, "crates/core/CHANGELOG.md", "## 0.1.0\n- Core.\n");
    let ran = ask(&fixture, "show 0.1.0").must_end_with(0);
    let want = "### CHANGELOG.md\n\n- First.\n\n### crates/core/CHANGELOG.md\n\n- Core.\n";
    assert_eq!(ran.stdout, want);

    let ran = ask(&fixture, "show 9.9.9").must_end_with(1);
    assert!(
        ran.stderr
            .contains("9.9.9 has no section in CHANGELOG.md, crates/core"),
        "{}",
        ran.stderr
    );
    let ran = ask(&fixture, "show 0.1").must_end_with(2);
    assert!(ran.stderr.contains("or `unreleased`"), "{}", ran.stderr);
}

#[test]
fn everything_to_mend_is_named_with_its_line() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    write(
        &fixture,
        "CHANGELOG.md",
        "## [Unreleased]\n- a\n## Unreleased\n- b\n",
    );
    write(
        &fixture,
        "crates/core/CHANGELOG.md",
        "## 0.1.0\n## [0.9] - 2026-02-33\n## v0.1.0\n",
    );
    write(
        &fixture,
        "crates/parse/CHANGELOG.adoc",
        "= Changelog\n\n== Unreleased\n",
    );
    let ran = ask(&fixture, "check").must_end_with(3);
    for part in [
        "CHANGELOG.md:3: the changelog has two `[Unreleased]` sections, at line 1 and at line 3",
        "crates/core/CHANGELOG.md:2: `[0.9] - 2026-02-33` begins with no semantic version",
        "crates/core/CHANGELOG.md:3: 0.1.0 has a section at line 1 already",
        "crates/parse/CHANGELOG.adoc:1: the changelog is AsciiDoc",
    ] {
        assert!(ran.stdout.contains(part), "no {part:?} in {}", ran.words());
    }
    let ran = ask(&fixture, "check --format json").must_end_with(3);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said["findings"].as_array().unwrap().len(), 4, "{said}");
    assert_eq!(said["findings"][0]["line"], 3, "{said}");

    for file in [
        "CHANGELOG.md",
        "crates/core/CHANGELOG.md",
        "crates/parse/CHANGELOG.adoc",
    ] {
        std::fs::remove_file(fixture.root.join(file)).unwrap();
    }
    let ran = ask(&fixture, "check").must_end_with(1);
    assert!(
        ran.stderr.contains("there is no CHANGELOG.md"),
        "{}",
        ran.stderr
    );
}

/// The plan of a release of 0.2.0 with this changelog, or what is in the way.
fn planned(spoil: &dyn Fn(&Fixture)) -> (Option<i32>, Value) {
    let fixture = Fixture::new();
    spoil(&fixture);
    git(&fixture.root, &["add", "--all"]);
    git(&fixture.root, &["commit", "--quiet", "--message", "Change"]);
    let world = World::without_host(fixture, "changelogs");
    let mut plan = world.command(&["release", "0.2.0", "--dry-run", "--format", "json"]);
    plan.args(NO_GATES);
    plan.args(["--skip", "deploy-backend", "--skip", "deploy-frontend"]);
    let ran = run(plan);
    // The problems come after the plan, if there are any.
    let last = ran.stdout.lines().last().unwrap();
    (ran.code, serde_json::from_str(last).unwrap())
}

/// The edits that the step `changelog` names.
fn edits(plan: &Value) -> Vec<&Value> {
    let steps = plan["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["stage"] == "changelog");
    let files = &step.unwrap_or_else(|| panic!("{plan}"))["action"]["files"];
    let edit = |file: &Value| {
        let mut edits = plan["edits"].as_array().unwrap().iter();
        edits.find(|edit| edit["path"] == *file).unwrap()
    };
    files.as_array().unwrap().iter().map(edit).collect()
}

#[test]
fn a_release_understands_links_and_names_to_come_and_refuses_the_rest() {
    if within_a_rehearsal() {
        return;
    }
    // What a link leads to is changed, and the link stays one.
    let linked = |fixture: &Fixture| {
        std::fs::create_dir(fixture.root.join("docs")).unwrap();
        write(fixture, "docs/changes.md", ROOT);
        std::fs::remove_file(fixture.root.join("CHANGELOG.md")).unwrap();
        std::os::unix::fs::symlink("docs/changes.md", fixture.root.join("CHANGELOG.md")).unwrap();
    };
    let (code, plan) = planned(&linked);
    assert_eq!(code, Some(0), "{plan}");
    assert_eq!(edits(&plan)[0]["path"], "docs/changes.md", "{plan}");

    let named = |fixture: &Fixture| {
        write(
            fixture,
            "CHANGELOG.md",
            "# C\n\n## 0.2.0 - TBD\n\n- A lantern.\n",
        );
    };
    let (code, plan) = planned(&named);
    assert_eq!(code, Some(0), "{plan}");
    let splices = edits(&plan)[0]["splices"].to_string();
    assert!(
        splices.contains("20") && !splices.contains("lantern"),
        "{splices}"
    );
    assert!(
        plan.to_string().contains("- A lantern."),
        "the notes: {plan}"
    );

    let asciidoc = |fixture: &Fixture| {
        write(fixture, "changes.adoc", "= Changelog\n\n== Unreleased\n");
        let path = fixture.root.join("stagegate.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(
            path,
            format!("[release]\nchangelog = \"changes.adoc\"\n\n{text}"),
        )
        .unwrap();
    };
    let (code, refused) = planned(&asciidoc);
    assert_eq!(code, Some(3), "{refused}");
    assert!(
        refused.to_string().contains("the changelog is AsciiDoc"),
        "{refused}"
    );
}
