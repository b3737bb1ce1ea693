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
    // AsciiDoc is its authors' own business, and is said to be.
    let (code, plan) = planned(&asciidoc);
    assert_eq!(code, Some(0), "{plan}");
    assert!(
        plan["notes"]
            .to_string()
            .contains("changes.adoc is AsciiDoc"),
        "{plan}"
    );
}

const EMPTY: &str = "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-01-02\n\n- First.\n";

/// Work that users see, told by nothing but its commit.
fn sing(fixture: &Fixture) {
    write(fixture, "CHANGELOG.md", EMPTY);
    let source = fixture.root.join("crates/core/src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, format!("{text}\n/// Sings.\npub fn sing() {{}}\n")).unwrap();
    commit(fixture, "feat(core): words can be sung (#7)");
}

fn commit(fixture: &Fixture, message: &str) {
    git(&fixture.root, &["add", "--all"]);
    git(&fixture.root, &["commit", "--quiet", "--message", message]);
    git(&fixture.root, &["push", "--quiet", "origin", "main"]);
}

fn configure(fixture: &Fixture, text: &str) {
    let path = fixture.root.join("stagegate.toml");
    let known = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("{known}\n{text}")).unwrap();
}

#[test]
fn what_nobody_wrote_comes_from_the_commits_and_comes_again() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    sing(&fixture);
    let world = World::without_host(fixture, "changelogs");
    let plan = |extra: &[&str]| {
        let mut plan = world.command(&["release", "0.2.0", "--dry-run", "--format", "json"]);
        plan.args(NO_GATES).args(extra);
        plan.args(["--skip", "deploy-backend", "--skip", "deploy-frontend"]);
        let ran = run(plan).must_end_with(0);
        serde_json::from_str::<Value>(ran.stdout.lines().last().unwrap()).unwrap()
    };
    let first = plan(&[]);
    let text = edits(&first)[0]["splices"][0]["text"].as_str().unwrap();
    let said = "### Added\n\n- **core:** Words can be sung ([#7](";
    assert!(text.contains(said), "{text}");
    assert_eq!(plan(&[])["edits"], first["edits"]);
    let mut shown = world.command(&["release", "0.2.0", "--dry-run"]);
    shown.args(NO_GATES);
    shown.args(["--skip", "deploy-backend", "--skip", "deploy-frontend"]);
    let shown = run(shown).must_end_with(0);
    let words = "    - **core:** Words can be sung ([#7](";
    assert!(shown.stdout.contains(words), "{}", shown.words());
    // Without the stage nothing is generated either.
    let skipped = plan(&["--skip", "changelog"]);
    assert!(!skipped.to_string().contains("be sung"), "{skipped}");
}

const STEPS: &str = r#"
[[release.replace]]
file = "INSTALL.md"
search = '^fixture = "[^"]+"$'
replace = 'fixture = "{version}"'
exactly = 1

[release.templates]
tag_message = "{tag} of {date}\n\n{notes}"
release_name = "Fixture {version}"
release_header = "Since {previous}:"

[release]
sign_off = true

[[step]]
name = "stamp"
before = "commit"
run = ["sh", "stamp.sh", "{version}"]

[[step]]
name = "list"
before = "commit"
each = "package"
run = ["sh", "-c", "echo \"$STAGEGATE_PACKAGE $STAGEGATE_VERSION\" >> packages.txt"]

[[step]]
name = "tell"
after = "tag"
run = ["sh", "-c", "echo \"$STAGEGATE_TAG\" > \"$TOLD\""]
"#;

/// Fails once, half-way; then writes what it is told.
const STAMP: &str = r###"set -eu
if [ -e "$FAIL_ONCE" ]; then
    rm "$FAIL_ONCE"
    echo half > stamp.txt
    echo junk > junk.txt
    echo junk >> CHANGELOG.md
    exit 1
fi
grep -q '"run_id": "release-0.2.0"' "$STAGEGATE_PLAN"
grep -q "## \[$STAGEGATE_VERSION\]" CHANGELOG.md
echo "$1 after $STAGEGATE_PREVIOUS_VERSION as $STAGEGATE_TAG" > stamp.txt
"###;

#[test]
fn a_release_commit_holds_what_the_team_puts_into_it() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    write(&fixture, "stamp.sh", STAMP);
    write(&fixture, "INSTALL.md", "# Install\n\nfixture = \"0.1.0\"\n");
    configure(&fixture, STEPS);
    sing(&fixture);
    let place = fixture.place().to_owned();
    let world = World::without_host(fixture, "changelogs");
    let before = git(world.root(), &["rev-parse", "HEAD"]);
    let (once, told) = (place.join("fail-once"), place.join("told"));
    std::fs::write(&once, "").unwrap();
    let release = |words: &[&str]| {
        let mut release = world.command(words);
        release.args(NO_GATES);
        release.args(["--skip", "deploy-backend", "--skip", "deploy-frontend"]);
        release.env("FAIL_ONCE", &once).env("TOLD", &told);
        release
    };
    let failed = run(release(&["release", "0.2.0", "--yes"])).must_end_with(6);
    assert!(failed.words().contains("stamp"), "{}", failed.words());
    assert_eq!(git(world.root(), &["rev-parse", "HEAD"]), before);
    let resume = |words: &[&str]| {
        let mut resume = world.command(&["release", "--resume", "--yes"]);
        resume.args(words);
        resume.env("FAIL_ONCE", &once).env("TOLD", &told);
        run(resume)
    };
    let ran = resume(&["--until", "package"]).must_end_with(0);
    for line in [
        "+0.2.0 after 0.1.0 as v0.2.0",
        "+stagegate-fixture-core 0.2.0",
    ] {
        assert!(ran.words().contains(line), "no {line:?} in {}", ran.words());
    }
    // A git that was killed while it moved the checkout has laid some files already.
    for file in ["stamp.txt", "INSTALL.md"] {
        let object = format!("refs/stagegate/release-0.2.0:{file}");
        let text = git(world.root(), &["show", &object]);
        std::fs::write(world.root().join(file), format!("{text}\n")).unwrap();
    }
    resume(&[]).must_end_with(0);
    let root = world.root();
    let show = |what: &str| git(root, &["show", &format!("v0.2.0^{{commit}}:{what}")]);
    assert_eq!(show("stamp.txt"), "0.2.0 after 0.1.0 as v0.2.0");
    assert!(show("INSTALL.md").ends_with("fixture = \"0.2.0\""));
    let packages = show("packages.txt");
    let first = packages.lines().next();
    assert_eq!(first, Some("stagegate-fixture-core 0.2.0"), "{packages}");
    let log = show("CHANGELOG.md");
    assert!(log.contains("- **core:** Words can be sung"), "{log}");
    assert!(!log.contains("junk"), "{log}");
    let files = git(root, &["ls-tree", "--name-only", "v0.2.0^{commit}"]);
    assert!(!files.contains("junk.txt"), "{files}");
    // The checkout has it all, and nothing else.
    assert_eq!(git(root, &["status", "--porcelain"]), "");
    assert_eq!(
        std::fs::read_to_string(root.join("stamp.txt")).unwrap(),
        "0.2.0 after 0.1.0 as v0.2.0\n"
    );
    assert_eq!(std::fs::read_to_string(told).unwrap(), "v0.2.0\n");
    let message = git(root, &["log", "-1", "--format=%B", "v0.2.0^{commit}"]);
    assert!(
        message.ends_with("Signed-off-by: Fixture Author <fixture@example.org>"),
        "{message}"
    );
    let tag = git(root, &["tag", "--list", "--format=%(contents)", "v0.2.0"]);
    assert!(
        tag.starts_with("v0.2.0 of 20") && tag.contains("be sung"),
        "{tag}"
    );
    let releases = world.fakes.github.releases();
    let there = releases.iter().find(|r| r.tag_name == "v0.2.0").unwrap();
    assert_eq!(there.name.as_str(), "Fixture 0.2.0");
    assert!(
        there.body.starts_with("Since 0.1.0:\n\n### Added"),
        "{}",
        there.body
    );
    // What was kept for the commands is not needed any more.
    let kept = git(root, &["for-each-ref", "refs/stagegate"]);
    assert!(!kept.contains("-files-"), "{kept}");
}

#[test]
fn a_pull_request_is_labeled_and_holds_what_commands_change() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    configure(
        &fixture,
        "[release.templates]\npull_request_title = \"Version {version}\"\npull_request_labels = [\"release\"]\n\n\
         [[step]]\nbefore = \"commit\"\nrun = [\"sh\", \"-c\", \"echo {version} > stamp.txt\"]\n",
    );
    sing(&fixture);
    let world = World::without_host(fixture, "changelogs");
    for _ in 0..2 {
        world.run(&["release", "prepare", "0.2.0"]).must_end_with(0);
    }
    let pulls = world.fakes.github.pulls();
    let [pull] = &pulls[..] else {
        panic!("{pulls:?}")
    };
    assert_eq!(pull.title, "Version 0.2.0");
    assert_eq!(pull.labels, ["release"]);
    let branch = "refs/heads/release/0.2.0:stamp.txt";
    assert_eq!(git(&world.place.remote, &["show", branch]), "0.2.0");
}
