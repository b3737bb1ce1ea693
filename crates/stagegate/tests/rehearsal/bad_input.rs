//! What cannot be released: each case says what is wrong, where, and what to do
//! about it, ends with the documented code, and leaves every file as it was.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::evidence::{read, sha256};
use crate::fixture::Fixture;
use crate::process::{Ran, git, run};
use crate::within_a_rehearsal;
use crate::world::World;

/// Without a host, nothing can be deployed.
const NO_DEPLOY: [&str; 4] = ["--skip", "deploy-backend", "--skip", "deploy-frontend"];

/// The changelog.
const LOG: &str = "CHANGELOG.md";

/// Every file below a directory, by its content.
pub(crate) fn content(directory: &Utf8Path) -> BTreeMap<Utf8PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in next.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            let path = entry.path().to_owned();
            let kind = entry.file_type().unwrap();
            let held = if kind.is_dir() {
                directories.push(path.clone());
                "directory".to_owned()
            } else if kind.is_symlink() {
                path.read_link_utf8().unwrap().to_string()
            } else if kind.is_file() {
                sha256(&std::fs::read(&path).unwrap())
            } else {
                "special".to_owned()
            };
            files.insert(path, held);
        }
    }
    files
}

/// Runs and sees that nothing in the world of the command has changed.
pub(crate) fn unchanged_by(world: &World, command: std::process::Command, about: &str) -> Ran {
    let place = world.place.root.parent().unwrap();
    let before = content(place);
    let asked = world.stand_ins.registry.requests().len();
    let called = world.stand_ins.github.requests().len();
    let ran = run(command);
    let changed: Vec<String> = {
        let after = content(place);
        let keys = before.keys().chain(after.keys());
        let differs = keys.filter(|path| before.get(*path) != after.get(*path));
        differs.map(ToString::to_string).collect()
    };
    assert_eq!(changed, [""; 0], "{about}: {}", ran.words());
    let requests = world.stand_ins.registry.requests();
    assert!(
        requests[asked..].iter().all(|r| r.method == "GET"),
        "{about}: {requests:?}"
    );
    let requests = world.stand_ins.github.requests();
    assert!(
        requests[called..].iter().all(|r| r.method == "GET"),
        "{about}: {requests:?}"
    );
    ran
}

/// The exit code and every one of the words are there.
pub(crate) fn ended(ran: &Ran, exit: i32, says: &[&str], about: &str) {
    assert_eq!(ran.code, Some(exit), "{about}: {}", ran.words());
    // Messages are wrapped by nobody, so words that belong together stand together.
    for part in says {
        assert!(
            ran.stderr.contains(part),
            "{about}: no {part:?} in\n{}",
            ran.words()
        );
    }
}

/// Spoils a fresh fixture, then asks for a release.
fn check(about: &str, spoil: fn(&Fixture), arguments: &[&str], exit: i32, says: &[&str]) {
    let fixture = Fixture::new();
    spoil(&fixture);
    let world = World::without_host(fixture, "bad-input");
    let arguments = [&["release"], arguments, &["--yes"], &NO_DEPLOY].concat();
    let ran = unchanged_by(&world, world.command(&arguments), about);
    ended(&ran, exit, says, about);
}

fn nothing(_: &Fixture) {}

fn edit(fixture: &Fixture, file: &str, from: &str, to: &str) {
    let path = fixture.root.join(file);
    let text = read(&path);
    assert!(text.contains(from), "{path} has no {from:?}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// An edit that is committed and pushed.
fn change(fixture: &Fixture, file: &str, from: &str, to: &str) {
    edit(fixture, file, from, to);
    git(
        &fixture.root,
        &["commit", "--quiet", "--all", "--message", "Change"],
    );
    git(&fixture.root, &["push", "--quiet", "origin", "HEAD:main"]);
}

/// A commit that only the remote's branch has.
fn push_from_elsewhere(fixture: &Fixture) {
    let root = &fixture.root;
    let commit = git(
        root,
        &[
            "commit-tree",
            "HEAD^{tree}",
            "-p",
            "HEAD",
            "-m",
            "Elsewhere",
        ],
    );
    git(
        root,
        &[
            "push",
            "--quiet",
            "origin",
            &format!("{commit}:refs/heads/main"),
        ],
    );
}

/// A version of one crate that the registry has already.
fn publish(fixture: &Fixture, version: &str, yanked: bool) {
    let directory = fixture.place().join("registry/index/st/ag");
    std::fs::create_dir_all(&directory).unwrap();
    let line = serde_json::json!({
        "name": "stagegate-fixture-parse", "vers": version, "deps": [], "features": {},
        "cksum": sha256(b"somebody else's"), "yanked": yanked,
    });
    std::fs::write(
        directory.join("stagegate-fixture-parse"),
        format!("{line}\n"),
    )
    .unwrap();
}

#[test]
fn versions_that_cannot_be_released() {
    if within_a_rehearsal() {
        return;
    }
    check(
        "not semver",
        nothing,
        &["1.2"],
        2,
        &["`1.2` is not a semantic version", "1.4.0"],
    );
    check("with a v", nothing, &["v0.2.0"], 2, &["write `0.2.0`"]);
    check("no version", nothing, &[], 2, &["VERSION"]);
    check(
        "lower",
        nothing,
        &["0.0.9"],
        3,
        &[
            "0.0.9 is not greater than 0.1.0",
            "→ ask for a greater version",
        ],
    );
    check(
        "metadata",
        nothing,
        &["0.2.0+1"],
        3,
        &["build metadata (`+1`)", "leave out"],
    );
    let tagged = |f: &Fixture| drop(git(&f.root, &["tag", "v0.2.0"]));
    check(
        "tagged here",
        tagged,
        &["0.2.0"],
        3,
        &[
            "0.2.0 is already tagged: v0.2.0 is ",
            "in this checkout",
            "--resume",
        ],
    );
    let tagged = |f: &Fixture| {
        git(&f.root, &["tag", "v0.2.0"]);
        git(&f.root, &["push", "--quiet", "origin", "v0.2.0"]);
        git(&f.root, &["tag", "--delete", "v0.2.0"]);
    };
    check(
        "tagged there",
        tagged,
        &["minor"],
        3,
        &["0.2.0 is already tagged", "at the remote"],
    );
    let taken = [
        "0.2.0 is already published on crates-io: stagegate-fixture-parse",
        "the next version",
    ];
    check(
        "published",
        |f| publish(f, "0.2.0", false),
        &["0.2.0"],
        3,
        &taken,
    );
    check(
        "yanked",
        |f| publish(f, "0.2.0", true),
        &["0.2.0"],
        3,
        &taken,
    );
    check(
        "a stage that must be",
        nothing,
        &["0.2.0", "--skip", "tag"],
        3,
        &["tag cannot be skipped"],
    );
    check(
        "no stage",
        nothing,
        &["0.2.0", "--skip", "lunch"],
        2,
        &["`lunch` is no stage", "publish"],
    );
}

#[test]
fn checkouts_that_cannot_be_released() {
    if within_a_rehearsal() {
        return;
    }
    let release = &["0.2.0"];
    let dirty = |f: &Fixture| edit(f, "crates/core/src/lib.rs", "One word", "A word");
    check(
        "dirty",
        dirty,
        release,
        3,
        &[
            "not committed: `crates/core/src/lib.rs`",
            "→ commit or stash",
        ],
    );
    let untracked =
        |f: &Fixture| std::fs::write(f.root.join("crates/core/src/new.rs"), "").unwrap();
    check(
        "untracked",
        untracked,
        release,
        3,
        &["`crates/core/src/new.rs`"],
    );
    let topic = |f: &Fixture| drop(git(&f.root, &["switch", "--quiet", "--create", "topic"]));
    check(
        "branch",
        topic,
        release,
        3,
        &[
            "the branch is topic, and releases are made from main",
            "`git switch main`",
        ],
    );
    let detached = |f: &Fixture| drop(git(&f.root, &["checkout", "--quiet", "--detach"]));
    check(
        "detached",
        detached,
        release,
        3,
        &[
            "no branch is checked out (detached HEAD)",
            "`git switch main`",
        ],
    );
    check(
        "behind",
        push_from_elsewhere,
        release,
        3,
        &[
            "origin has commits on main that are not here",
            "git pull --ff-only origin main",
        ],
    );
    let apart = |f: &Fixture| {
        push_from_elsewhere(f);
        git(
            &f.root,
            &["commit", "--quiet", "--allow-empty", "--message", "Here"],
        );
    };
    check(
        "diverged",
        apart,
        release,
        3,
        &["origin has commits on main that are not here"],
    );
    let alone = |f: &Fixture| drop(git(&f.root, &["remote", "remove", "origin"]));
    check(
        "no remote",
        alone,
        release,
        3,
        &["there is no git remote `origin`", "git remote add origin"],
    );
    let gone = |f: &Fixture| std::fs::remove_dir_all(&f.remote).unwrap();
    check(
        "remote gone",
        gone,
        release,
        3,
        &["the git remote `origin` does not answer", "remote.git"],
    );
    let nobody = |f: &Fixture| {
        for name in ["user.name", "user.email"] {
            git(&f.root, &["config", "--unset", name]);
        }
        git(&f.root, &["config", "user.useConfigOnly", "true"]);
    };
    check(
        "nobody",
        nobody,
        release,
        3,
        &["git does not know who you are", "git config user.name"],
    );
}

#[test]
fn files_that_cannot_be_released() {
    if within_a_rehearsal() {
        return;
    }
    let release = &["0.2.0"];
    check(
        "no section",
        |f| change(f, LOG, "## [Unreleased]", "## [0.0.9]"),
        release,
        3,
        &["CHANGELOG.md", "[Unreleased]", "→ "],
    );
    let emptied = |f: &Fixture| {
        let text = read(&f.root.join(LOG));
        let (head, rest) = text.split_once("### Added").unwrap();
        let (_, old) = rest.split_once("## [0.1.0]").unwrap();
        std::fs::write(f.root.join(LOG), format!("{head}## [0.1.0]{old}")).unwrap();
        git(
            &f.root,
            &["commit", "--quiet", "--all", "--message", "Nothing new"],
        );
    };
    check(
        "empty",
        emptied,
        release,
        3,
        &[
            "CHANGELOG.md",
            "[Unreleased]",
            "empty",
            "under `## [Unreleased]` what is new",
        ],
    );
    let twice = |f: &Fixture| change(f, LOG, "## [0.1.0] - 2026-01-02", "## [Unreleased]");
    check(
        "twice",
        twice,
        release,
        3,
        &["CHANGELOG.md", "line 8", "line 22"],
    );
    let unknown = |f: &Fixture| edit(f, "stagegate.toml", "[gates]", "[gates]\nclipy = \"warn\"");
    check(
        "unknown key",
        unknown,
        release,
        4,
        &[
            "stagegate.toml:5:1",
            "clipy",
            "clippy",
            "5 | clipy = \"warn\"",
            "^",
        ],
    );
    let number = |f: &Fixture| edit(f, "stagegate.toml", "port = 8080", "port = \"8080\"");
    check(
        "wrong type",
        number,
        release,
        4,
        &[
            "stagegate.toml:13:8",
            "string",
            "u16",
            "13 | port = \"8080\"",
        ],
    );
    let private = |f: &Fixture| {
        change(
            f,
            "crates/core/Cargo.toml",
            "[lints]",
            "publish = false\n\n[lints]",
        )
    };
    check(
        "private dependency",
        private,
        release,
        3,
        &[
            "stagegate-fixture-core",
            "publish",
            "→ correct the manifests",
        ],
    );
    let undescribed = |f: &Fixture| {
        change(
            f,
            "crates/parse/Cargo.toml",
            "description = \"Text to words\"\n",
            "",
        )
    };
    check(
        "no description",
        undescribed,
        release,
        3,
        &[
            "crates/parse/Cargo.toml",
            "description",
            "→ correct the manifest",
        ],
    );
    let no_database = |f: &Fixture| change(f, "stagegate.toml", "\"advisory-db\"", "\"nowhere\"");
    check(
        "no database",
        no_database,
        release,
        3,
        &["nowhere", "gates.audit.database"],
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    edit(&fixture, "CHANGELOG.md", "## [Unreleased]", "## [0.0.9]");
    git(&fixture.root, &["switch", "--quiet", "--create", "topic"]);
    git(&fixture.root, &["tag", "v0.0.5"]);
    publish(&fixture, "0.0.5", false);
    push_from_elsewhere(&fixture);
    let world = World::without_host(fixture, "bad-input");
    let arguments = [&["release", "0.0.5", "--yes"], NO_DEPLOY.as_slice()].concat();
    let mut command = world.command(&arguments);
    command
        .env_remove("CARGO_REGISTRY_TOKEN")
        .env_remove("GITHUB_TOKEN");
    let ran = unchanged_by(&world, command, "everything");
    let says = [
        "9 things stand in the way; nothing was changed",
        "the branch is topic",
        "`CHANGELOG.md`",
        "origin has commits on main",
        "there is no token for the registry crates-io",
        "set CARGO_REGISTRY_TOKEN, or run `cargo login`",
        "there is no token for GitHub",
        "set GITHUB_TOKEN to a token with `contents: write`",
        "0.0.5 is not greater than 0.1.0",
        "0.0.5 is already tagged",
        "0.0.5 is already published",
        "CHANGELOG.md: ",
    ];
    ended(&ran, 3, &says, "everything");
    assert_eq!(ran.stderr.matches("→").count(), 9, "{}", ran.stderr);

    // For programs, the same list.
    let arguments = [
        &["release", "0.0.5", "--yes", "--format", "json"],
        NO_DEPLOY.as_slice(),
    ]
    .concat();
    let ran = world.run(&arguments).must_end_with(3);
    let error: serde_json::Value = serde_json::from_str(ran.stdout.trim()).unwrap();
    assert_eq!(
        (&error["event"], &error["exit"]),
        (&"error".into(), &3.into())
    );
    assert_eq!(
        error["blockers"].as_array().unwrap().len(),
        7,
        "with tokens: {error}"
    );
}

#[test]
fn without_a_terminal_nobody_is_asked_and_a_dry_run_writes_nothing() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "bad-input");
    let release = [&["release", "0.2.0"], NO_DEPLOY.as_slice()].concat();
    let ran = unchanged_by(&world, world.command(&release), "nobody to ask");
    ended(
        &ran,
        2,
        &["no terminal to ask on", "--dry-run", "--yes"],
        "nobody to ask",
    );

    let dry = [release.as_slice(), &["--dry-run"]].concat();
    let ran = unchanged_by(&world, world.command(&dry), "dry run").must_end_with(0);
    let order = [
        "fmt",
        "bump",
        "seal",
        "tag",
        "push",
        "point of no return",
        "publish",
        "undraft",
        "verify",
    ];
    let mut rest = ran.stdout.as_str();
    for word in order.iter().filter(|word| **word != "seal") {
        let at = rest
            .find(word)
            .unwrap_or_else(|| panic!("no {word} from here on: {rest}"));
        rest = &rest[at..];
    }
    let json = [dry.as_slice(), &["--format", "json"]].concat();
    let ran = unchanged_by(&world, world.command(&json), "dry run").must_end_with(0);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let no_return: Vec<_> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["no_return"] == true)
        .collect();
    assert_eq!(no_return.len(), 1, "{plan}");
    assert_eq!(no_return[0]["id"], "publish:stagegate-fixture-core");

    // A lockfile that is not there is not written either.
    std::fs::remove_file(world.root().join("Cargo.lock")).unwrap();
    let ran = unchanged_by(&world, world.command(&dry), "without a lockfile");
    ended(&ran, 3, &["`Cargo.lock`"], "without a lockfile");
}
