//! Versions that differ: groups, pre-releases, dependents that must follow, and
//! what commits call for.

use camino::Utf8Path;
use serde_json::Value;

use crate::evidence::{index_lines, read};
use crate::fixture::{CRATES, Fixture};
use crate::process::git;
use crate::refusal::refused;
use crate::within_a_rehearsal;
use crate::world::{NO_GATES, World};

const CORE: &str = CRATES[0];
const PARSE: &str = CRATES[1];
const RENDER: &str = CRATES[2];
const WHOLE: &str = CRATES[3];

/// The fixture with a version, a changelog and a tag for each crate, without
/// its app. `render` asks for `core` in short, the others in full.
fn independent() -> Fixture {
    let fixture = Fixture::new();
    let root = &fixture.root;
    let config = "[github]\nrepository = \"stagegate/stagegate-fixture\"\n\n[release]\nversioning = \"independent\"\n\n[gates]\naudit = { database = \"advisory-db\" }\n";
    std::fs::write(root.join("stagegate.toml"), config).unwrap();
    for (directory, name, version) in [
        ("core", CORE, "0.1.0"),
        ("parse", PARSE, "0.2.0"),
        ("render", RENDER, "1.0.0"),
        ("whole", WHOLE, "0.4.0"),
    ] {
        let manifest = root.join("crates").join(directory).join("Cargo.toml");
        let text = read(&manifest);
        let own = text.replace(
            "version.workspace = true",
            &format!("version = \"{version}\""),
        );
        // `edition` and `rust-version` inherit in the same words.
        let own = own.replace(
            &format!("rust-version = \"{version}\""),
            "rust-version.workspace = true",
        );
        std::fs::write(&manifest, own).unwrap();
        let log = format!("# Changelog of {name}\n\n## [Unreleased]\n\n- {name} is there.\n");
        std::fs::write(manifest.with_file_name("CHANGELOG.md"), log).unwrap();
    }
    let text = read(&root.join("Cargo.toml"))
        .replace(
            "path = \"crates/core\", version = \"0.1.0\"",
            "path = \"crates/core\", version = \"0.1\"",
        )
        .replace(
            "path = \"crates/parse\", version = \"0.1.0\"",
            "path = \"crates/parse\", version = \"0.2.0\"",
        )
        .replace("version = \"=0.1.0\"", "version = \"=1.0.0\"");
    std::fs::write(root.join("Cargo.toml"), text).unwrap();
    let whole = root.join("crates/whole/Cargo.toml");
    std::fs::write(
        &whole,
        read(&whole).replace("version = \"0.1\"", "version = \"1\""),
    )
    .unwrap();
    let mut lock = crate::process::command("cargo", root);
    lock.args(["update", "--workspace", "--quiet"]);
    crate::process::run(lock).must_end_with(0);
    commit(root, "chore: versions of their own");
    fixture
}

fn commit(root: &Utf8Path, message: &str) {
    git(root, &["add", "--all"]);
    git(root, &["commit", "--quiet", "--message", message]);
    git(root, &["push", "--quiet", "origin", "HEAD:main"]);
}

/// Something new in a crate, as its users hear of it.
fn work_on(root: &Utf8Path, directory: &str, message: &str, code: &str) {
    let source = root.join("crates").join(directory).join("src/lib.rs");
    std::fs::write(&source, format!("{}\n{code}\n", read(&source))).unwrap();
    let log = root.join("crates").join(directory).join("CHANGELOG.md");
    if !log.exists() {
        return commit(root, message);
    }
    let entry = format!("## [Unreleased]\n\n- {message}.\n");
    std::fs::write(&log, read(&log).replacen("## [Unreleased]\n", &entry, 1)).unwrap();
    commit(root, message);
}

fn release(world: &World, words: &[&str], code: i32) -> String {
    let mut arguments = vec!["release", "--yes"];
    arguments.extend(words);
    arguments.extend(NO_GATES);
    world.run(&arguments).must_end_with(code).words()
}

/// The versions of a crate in the registry, oldest first.
fn published(world: &World, name: &str) -> Vec<String> {
    let lines = index_lines(&world.place, name);
    let version = |line: &Value| line["vers"].as_str().unwrap().to_owned();
    lines.iter().map(version).collect()
}

/// What a published version requires of a sibling.
fn requires(world: &World, name: &str, version: &str, sibling: &str) -> String {
    let lines = index_lines(&world.place, name);
    let line = lines.iter().find(|line| line["vers"] == version).unwrap();
    let mut deps = line["deps"].as_array().unwrap().iter();
    let dep = deps.find(|dep| dep["name"] == sibling || dep["package"] == sibling);
    dep.unwrap()["req"].as_str().unwrap().to_owned()
}

#[test]
fn each_crate_has_its_own_version_tag_changelog_and_release() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(independent(), "versions");
    let root = world.root().to_owned();
    let says = "several versions in this workspace, and 1.0.0 does not say whose";
    refused(&world, "release 1.0.0 --yes", 3, says);
    refused(
        &world,
        "release nobody=1.0.0 --yes",
        3,
        "no version group `nobody`",
    );
    let says = format!("{PARSE} requires {CORE} ^0.1, and crates-io has no such version");
    refused(&world, &format!("release {PARSE}=0.2.0 --yes"), 3, &says);

    let all = [
        (CORE, "0.1.0"),
        (PARSE, "0.2.0"),
        (RENDER, "1.0.0"),
        (WHOLE, "0.4.0"),
    ];
    let words: Vec<String> = all.iter().map(|(name, v)| format!("{name}={v}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    release(&world, &words, 0);
    let tags = git(&root, &["ls-remote", "--tags", "origin"]);
    for (name, version) in all {
        assert_eq!(published(&world, name), [version]);
        assert!(
            tags.contains(&format!("refs/tags/{name}-v{version}\n"))
                || tags.ends_with(&format!("refs/tags/{name}-v{version}^{{}}")),
            "{tags}"
        );
        let releases = world.fakes.github.releases();
        let there = releases
            .iter()
            .find(|r| r.tag_name == format!("{name}-v{version}"))
            .unwrap();
        assert!(!there.draft && there.body.contains(&format!("{name} is there")));
        let assets: Vec<&str> = there.assets.iter().map(|a| a.name.as_str()).collect();
        assert!(
            assets.contains(&format!("{name}-{version}.crate").as_str()),
            "{assets:?}"
        );
    }

    // A patch of one crate moves that crate, and nothing that still accepts it.
    work_on(
        &root,
        "core",
        "fix: less noise",
        "/// Nothing yet.\npub fn less() {}",
    );
    let plan = world
        .run(&["release", "patch", "--dry-run"])
        .must_end_with(0)
        .words();
    assert!(plan.contains(&format!("release {CORE} 0.1.1")), "{plan}");
    let listed = world
        .run(&["release", "--list-changes"])
        .must_end_with(0)
        .stdout;
    let core = format!("{CORE} 0.1.0: 1 commit since {CORE}-v0.1.0 → 0.1.1 (patch: ");
    assert!(listed.contains(&core), "{listed}");
    assert!(listed.contains(" fix: less noise\n"), "{listed}");
    let parse = format!("{PARSE} 0.2.0: 0 commits since {PARSE}-v0.2.0\n");
    assert!(listed.contains(&parse), "{listed}");
    let alone = ["release", "--list-changes", "-p", CORE, "--format", "json"];
    let alone = world.run(&alone).must_end_with(0).stdout;
    let alone: serde_json::Value = serde_json::from_str(alone.trim()).unwrap();
    assert_eq!(alone["groups"][0]["next"], "0.1.1");
    assert_eq!(alone["groups"][0]["commits"][0]["title"], "fix: less noise");
    release(&world, &["patch"], 0);
    assert_eq!(published(&world, CORE), ["0.1.0", "0.1.1"]);
    assert_eq!(published(&world, PARSE), ["0.2.0"]);
    let log = read(&root.join("crates/core/CHANGELOG.md"));
    assert!(log.contains("## [Unreleased]\n\n## [0.1.1] - "), "{log}");
    assert!(
        log.contains(&format!("compare/{CORE}-v0.1.0...{CORE}-v0.1.1")),
        "{log}"
    );
    let nothing = world
        .run(&["release", "patch", "--yes"])
        .must_end_with(3)
        .words();
    assert!(
        nothing.contains("nothing has changed since the last release"),
        "{nothing}"
    );

    // What breaks takes along everything that would not accept it.
    work_on(&root, "core", "feat!: more", "/// More.\npub fn more() {}");
    let plan = release(&world, &[&format!("{CORE}=minor")], 0);
    assert!(
        plan.contains(&format!("{PARSE} requires {CORE} ^0.1, which 0.2.0 is not")),
        "{plan}"
    );
    assert_eq!(published(&world, CORE), ["0.1.0", "0.1.1", "0.2.0"]);
    assert_eq!(published(&world, PARSE), ["0.2.0", "0.2.1"]);
    assert_eq!(published(&world, RENDER), ["1.0.0", "1.0.1"]);
    assert_eq!(requires(&world, PARSE, "0.2.1", CORE), "^0.2");
    // `whole` asks for render's `=1.0.0` sibling through `1`, and for parse in full.
    assert_eq!(published(&world, WHOLE), ["0.4.0"]);
    assert_eq!(git(&root, &["status", "--porcelain"]), "");
    assert_eq!(
        git(&root, &["log", "-1", "--format=%s"]),
        format!("Release {CORE} 0.2.0, {PARSE} 0.2.1, {RENDER} 1.0.1")
    );
}

#[test]
fn pre_releases_count_up_and_leave_the_changelog_for_the_release() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "versions-pre");
    let skip = ["--skip", "deploy-backend", "--skip", "deploy-frontend"];
    let with = |words: &[&'static str]| [words, &skip].concat();
    for version in ["0.2.0-rc.1", "0.2.0-rc.2"] {
        release(&world, &with(&["minor", "--pre", "rc"]), 0);
        assert_eq!(published(&world, WHOLE).last().unwrap(), version);
        assert_eq!(
            requires(&world, WHOLE, version, RENDER),
            format!("^{version}")
        );
        let releases = world.fakes.github.releases();
        let there = releases
            .iter()
            .find(|r| r.tag_name == format!("v{version}"))
            .unwrap();
        assert!(there.prerelease && there.body.contains("Words can be tidied"));
    }
    let log = read(&world.root().join("CHANGELOG.md"));
    assert!(!log.contains("rc."), "{log}");
    let twice = world
        .run(&["release", "0.2.0-rc.3", "--pre", "rc", "--dry-run"])
        .must_end_with(3)
        .words();
    assert!(twice.contains("a pre-release already"), "{twice}");
    release(&world, &with(&["minor"]), 0);
    assert_eq!(
        published(&world, WHOLE),
        ["0.2.0-rc.1", "0.2.0-rc.2", "0.2.0"]
    );
    let log = read(&world.root().join("CHANGELOG.md"));
    assert!(log.contains("## [0.2.0] - "), "{log}");
    let manifest = read(&world.root().join("Cargo.toml"));
    assert!(
        manifest.contains("version = \"0.2.0\" } # renamed")
            && manifest.contains("version = \"=0.2.0\"")
    );
}

#[test]
fn commits_and_interfaces_decide_together() {
    if within_a_rehearsal() {
        return;
    }
    let mut tool = crate::process::command("cargo", Utf8Path::new("/"));
    tool.args(["semver-checks", "--version"]);
    let world = World::without_host(Fixture::new(), "versions-auto");
    let root = world.root().to_owned();
    let auto = [
        "release",
        "auto",
        "--dry-run",
        "--skip",
        "deploy-backend",
        "--skip",
        "deploy-frontend",
    ];
    if crate::process::run(tool).code != Some(0) {
        let says = "the public interfaces cannot be compared";
        work_on(
            &root,
            "core",
            "feat: lamps",
            "/// Light.\npub fn light() {}",
        );
        let words = world.run(&auto).must_end_with(3).words();
        assert!(words.contains(says), "{words}");
        println!(
            "skipped: cargo-semver-checks is not installed (`cargo install cargo-semver-checks --locked`)"
        );
        return;
    }
    let plan = |code| world.run(&auto).must_end_with(code).words();
    assert!(plan(3).contains("nothing has changed since the last release"));
    // Below 1.0.0 what is new moves the third number, as cargo reads it.
    work_on(
        &root,
        "core",
        "feat: lamps",
        "/// Light.\npub fn light() {}",
    );
    let text = plan(0);
    assert!(
        text.contains("release 0.1.1 (from 0.1.0)") && text.contains("feat: lamps"),
        "{text}"
    );
    // The commit claims a fix; the interface knows better.
    let source = root.join("crates/core/src/lib.rs");
    std::fs::write(
        &source,
        read(&source).replace("PartialEq, Eq)", "PartialEq)"),
    )
    .unwrap();
    commit(&root, "fix: promise less");
    let text = plan(0);
    assert!(
        text.contains("release 0.2.0 (from 0.1.0)") && text.contains("breaks callers"),
        "{text}"
    );
}
