//! A workspace that knows nothing of stagegate takes it up, and nothing else changes.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::process::{Ran, STAGEGATE, command, git, run};
use crate::within_a_rehearsal;

/// A package as `cargo new` makes it, committed.
fn fresh() -> (tempfile::TempDir, Utf8PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(directory.path()).unwrap();
    let place = place.canonicalize_utf8().unwrap();
    let mut cargo = command("cargo", &place);
    cargo.args(["new", "--quiet", "--lib", "--vcs", "none", "ours"]);
    run(cargo).must_end_with(0);
    let root = place.join("ours");
    // What cargo has resolved for this workspace serves that one too.
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
    std::fs::copy(lock, root.join("Cargo.lock")).unwrap();
    git(&root, &["init", "--quiet", "--initial-branch", "trunk"]);
    for (name, value) in [("user.name", "A"), ("user.email", "a@example.org")] {
        git(&root, &["config", name, value]);
    }
    git(&root, &["add", "--all"]);
    git(&root, &["commit", "--quiet", "--message", "New"]);
    (directory, root)
}

fn init(root: &Utf8Path, arguments: &[&str]) -> Ran {
    let mut init = command(STAGEGATE, root);
    init.arg("init").args(arguments);
    init.args(["--from", env!("CARGO_MANIFEST_DIR")]);
    run(init)
}

/// Every file outside of git's directory.
fn files(root: &Utf8Path) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
    let list = git(
        root,
        &["ls-files", "--cached", "--others", "--exclude-standard"],
    );
    let read = |name: &str| (name.into(), std::fs::read(root.join(name)).unwrap());
    list.lines().map(read).collect()
}

#[test]
fn a_workspace_takes_stagegate_up_and_is_changed_in_nothing_else() {
    if within_a_rehearsal() {
        return;
    }
    let (_keep, root) = fresh();
    let before = files(&root);
    let ran = init(&root, &["--dry-run"]).must_end_with(0);
    for told in [
        "+ Cargo.toml: `xtask` becomes a member",
        "+ .cargo/config.toml: the alias",
        "+ .github/workflows/release.yml: from stagegate.toml",
    ] {
        assert!(ran.stdout.contains(told), "{}", ran.stdout);
    }
    assert_eq!(files(&root), before);
    let ran = init(&root, &[]).must_end_with(2);
    assert!(ran.words().contains("--yes"), "{}", ran.words());
    assert_eq!(files(&root), before);

    init(&root, &["--yes"]).must_end_with(0);
    let after = files(&root);
    let new: Vec<&str> = after
        .keys()
        .filter(|path| !before.contains_key(*path))
        .map(|path| path.as_str())
        .collect();
    assert_eq!(
        new,
        [
            ".cargo/config.toml",
            ".github/workflows/ci.yml",
            ".github/workflows/release.yml",
            ".github/workflows/rollback.yml",
            "stagegate.toml",
            "xtask/Cargo.toml",
            "xtask/src/main.rs",
        ]
    );
    let changed: Vec<&str> = before
        .iter()
        .filter(|(path, text)| after[*path] != **text)
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(changed, ["Cargo.lock", "Cargo.toml"]);
    let settings = std::fs::read_to_string(root.join("stagegate.toml")).unwrap();
    assert!(settings.contains("branch = \"trunk\""), "{settings}");

    // What was written holds: the workflows are those that stagegate.toml makes, and
    // cargo finds the member, its dependency and its lock.
    let mut check = command(STAGEGATE, &root);
    check.args(["ci", "check"]);
    run(check).must_end_with(0);
    let mut cargo = command("cargo", &root);
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    let metadata = run(cargo).must_end_with(0).stdout;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let member = packages.iter().find(|p| p["name"] == "xtask").unwrap();
    assert_eq!(member["dependencies"][0]["name"], "stagegate");
    assert_eq!(
        member["dependencies"][0]["features"],
        serde_json::json!(["rehearsal"])
    );

    // Once is enough.
    init(&root, &["--yes"]).must_end_with(0);
    assert_eq!(files(&root), after);
}

#[test]
fn what_is_there_already_is_named_and_left_alone() {
    if within_a_rehearsal() {
        return;
    }
    let (_keep, root) = fresh();
    std::fs::create_dir_all(root.join("xtask/src")).unwrap();
    std::fs::write(root.join("xtask/src/main.rs"), "fn main() {}\n").unwrap();
    std::fs::create_dir_all(root.join(".cargo")).unwrap();
    let own = "[alias]\nxtask = \"run --package tasks --\"\n";
    std::fs::write(root.join(".cargo/config.toml"), own).unwrap();
    let before = files(&root);
    let ran = init(&root, &["--yes"]).must_end_with(3);
    for told in [
        "xtask/src/main.rs: is there already",
        ".cargo/config.toml: has another `xtask` already",
        "nothing was changed",
    ] {
        assert!(ran.stdout.contains(told), "{}", ran.stdout);
    }
    assert_eq!(files(&root), before);
}

/// How releases were made so far is translated; what cannot be is named, and nothing fails.
#[test]
fn what_other_tools_say_is_translated_and_the_rest_is_named() {
    if within_a_rehearsal() {
        return;
    }
    let (_keep, root) = fresh();
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("README.md", "ours = \"0.1.0\"\n");
    put(
        "release.toml",
        "allow-branch = [\"trunk\", \"v*.x\"]\n\
         tag-name = \"{{crate_name}}/{{version}}\"\n\
         push-remote = \"origin\"\n\
         sign-tag = true\n\
         owners = [\"somebody\"]\n\
         [[pre-release-replacements]]\n\
         file = \"README.md\"\n\
         search = 'ours = \"[\\d.]+\"'\n\
         replace = 'ours = \"{{version}}\"'\n",
    );
    put("release-plz.toml", "[workspace\n");
    put(
        ".github/workflows/publish.yml",
        "on:\n  push:\n    tags: [\"v*\"]\njobs:\n  publish:\n    runs-on: ubuntu-24.04\n    \
         steps:\n      - run: cargo publish\n",
    );
    let before = files(&root);
    let ran = init(&root, &["--dry-run"]).must_end_with(0);
    for told in [
        "+ release.toml: allow-branch: [release] branches = [\"v*.x\"]",
        "! release.toml: sign-tag: stagegate signs where git does",
        "! release.toml: owners: owners stay as the registry has them",
        "! release-plz.toml: is not TOML as it should be",
        "! .github/workflows/publish.yml: publishes to the registry on tags (v*)",
    ] {
        assert!(ran.stdout.contains(told), "no {told:?} in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("push-remote"), "{}", ran.stdout);
    assert_eq!(files(&root), before);

    init(&root, &["--yes"]).must_end_with(0);
    let settings = std::fs::read_to_string(root.join("stagegate.toml")).unwrap();
    for line in [
        "branch = \"trunk\"\n",
        "branches = [\"v*.x\"]  # release.toml: allow-branch\n",
        "tag = \"{name}/{version}\"  # release.toml: tag-name\n",
        "[[release.replace]]\nfile = \"README.md\"  # release.toml: pre-release-replacements\n",
    ] {
        assert!(settings.contains(line), "no {line:?} in {settings}");
    }
    // Other tools' files stay, and the workflows are made from what was translated.
    let after = files(&root);
    for kept in [
        "release.toml",
        "release-plz.toml",
        ".github/workflows/publish.yml",
    ] {
        assert_eq!(
            after[Utf8Path::new(kept)],
            before[Utf8Path::new(kept)],
            "{kept}"
        );
    }
    let mut check = command(STAGEGATE, &root);
    check.args(["ci", "check"]);
    run(check).must_end_with(0);

    // From then on the file is the team's own.
    let ran = init(&root, &["--yes"]).must_end_with(0);
    assert!(!ran.stdout.contains("release.toml: "), "{}", ran.stdout);
    assert_eq!(files(&root), after);
}

/// Cargo starts the program with its own name as the first word.
#[test]
fn cargo_runs_the_program_as_a_subcommand_of_its_own() {
    if within_a_rehearsal() {
        return;
    }
    let (_keep, root) = fresh();
    let program = Utf8Path::new(env!("CARGO_BIN_EXE_cargo-stagegate"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap());
    let stagegate = |arguments: &[&str], code: i32, says: &str| {
        let mut cargo = command("cargo", &root);
        cargo.arg("stagegate").args(arguments).env("PATH", &path);
        let ran = run(cargo).must_end_with(code);
        assert!(
            ran.words().contains(says),
            "no {says:?} in\n{}",
            ran.words()
        );
        assert!(!ran.words().contains("cargo xtask"), "{}", ran.words());
    };
    stagegate(&["check", "--help"], 0, "Usage: cargo stagegate check");
    stagegate(&["check", "--nope"], 2, "Usage: cargo stagegate check");
    stagegate(&["check", "fmt"], 0, "check is done");
    std::fs::write(root.join("src/lib.rs"), "fn  spaced() {}\n").unwrap();
    let again = "start again with `cargo stagegate check fmt`";
    stagegate(&["check", "fmt"], 5, again);
}
