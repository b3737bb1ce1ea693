//! The conventions, as tests: what reviewers would otherwise say again and again.

use std::path::{Path, PathBuf};
use std::process::Command;

use stagegate::Exit;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Tracked files that end in `ending`; new ones that are not ignored count too.
fn files(ending: &str) -> Vec<String> {
    let args = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let output = Command::new("git")
        .args(args)
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let there = |path: &&str| path.ends_with(ending) && root().join(path).is_file();
    text.split('\0').filter(there).map(str::to_owned).collect()
}

#[test]
fn every_source_file_says_what_it_is() {
    for path in files(".rs") {
        let text = read(&path);
        assert!(
            text.trim_start().starts_with("//!"),
            "{path} has no module docs"
        );
    }
}

#[test]
fn nothing_is_left_unfinished() {
    let words = [
        "todo!(",
        "unimplemented!(",
        "dbg!(",
        "#[ignore",
        "FIXME",
        "// XXX",
    ];
    for path in files(".rs")
        .iter()
        .filter(|path| !path.ends_with("tests/tidy.rs"))
    {
        let text = read(path);
        for word in words {
            assert!(!text.contains(word), "{path} contains {word}");
        }
    }
}

#[test]
fn nothing_below_the_command_line_knows_a_mode() {
    let crates = [
        "config",
        "plan",
        "engine",
        "changelog",
        "manifest",
        "registry",
        "github",
        "deploy",
    ];
    for path in files(".rs") {
        if !crates
            .iter()
            .any(|name| path.starts_with(&format!("crates/{name}/src/")))
        {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let asks =
                code.contains("if ") && (code.contains("dry_run") || code.contains("rehears"));
            assert!(!asks, "{path}:{}: {line}", number + 1);
        }
    }
}

#[test]
fn libraries_print_nothing() {
    for path in files(".rs") {
        // The command line, the demo, and what `cargo xtask` dispatches to.
        let prints = ["stagegate", "demo", "bench", "hosts"]
            .iter()
            .any(|name| path.starts_with(&format!("crates/{name}/")));
        if prints || !path.contains("/src/") || path.starts_with("xtask/") {
            continue;
        }
        let text = read(&path);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in ["println!(", "print!("] {
            assert!(!code.contains(word), "{path} prints");
        }
    }
}

#[test]
fn the_exit_codes_are_the_documented_ones() {
    let page = "docs/src/reference/exit-codes.md";
    let text = read(page);
    for exit in Exit::ALL {
        let row = format!("| {} | {} |", exit.code(), exit.meaning());
        assert!(text.contains(&row), "{page} lacks the row {row}");
    }
}

#[test]
fn the_stated_toolchain_is_enough_for_every_dependency() {
    let args = ["metadata", "--format-version", "1", "--locked"];
    let output = Command::new(env!("CARGO"))
        .args(args)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: cargo_metadata::Metadata = serde_json::from_slice(&output.stdout).unwrap();
    let stated = metadata
        .workspace_packages()
        .iter()
        .find_map(|p| p.rust_version.clone())
        .unwrap();
    for package in &metadata.packages {
        if let Some(needed) = &package.rust_version {
            assert!(
                *needed <= stated,
                "{} {} needs Rust {needed}",
                package.name,
                package.version
            );
        }
    }
    // What is stated is what these tests run on, or older.
    let output = Command::new(env!("CARGO"))
        .arg("--version")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let running: cargo_metadata::semver::Version = text.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(
        running >= stated,
        "cargo {running} is older than the stated {stated}"
    );
}

#[test]
fn actions_are_pinned_by_commit() {
    for path in files(".yml")
        .iter()
        .filter(|path| path.starts_with(".github/"))
    {
        for line in read(path).lines().filter(|line| line.contains("uses: ")) {
            let used = line.split("uses: ").nth(1).unwrap();
            let pinned = used.split('@').nth(1).unwrap_or_default();
            let commit = pinned.split(' ').next().unwrap_or_default();
            let hex = commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(hex && pinned.contains("# v"), "{path}: {line}");
        }
    }
}

/// `whole_release` builds a copy of this workspace into the same target directory, and
/// the copy's members bear the same names: a test program that ran after it would be the
/// copy's, and look for files that are gone. Cargo runs them by package, then by name.
#[test]
fn nothing_runs_after_the_whole_release() {
    let programs = std::fs::read_dir(root().join("xtask/tests")).unwrap();
    let last = programs.map(|entry| entry.unwrap().file_name()).max();
    assert_eq!(last.unwrap(), "whole_release.rs");
    for manifest in files("/Cargo.toml") {
        let member = manifest.strip_suffix("/Cargo.toml").unwrap();
        assert!(member.rsplit('/').next().unwrap() <= "xtask", "{member}");
    }
}

#[test]
fn the_changelog_speaks_of_what_comes() {
    let text = read("CHANGELOG.md");
    assert!(
        text.contains("## [Unreleased]"),
        "CHANGELOG.md has no [Unreleased]"
    );
}

/// Lints and documentation are the gates' of `whole_release`; this takes a second.
#[test]
fn formatted() {
    let output = Command::new(env!("CARGO"))
        .args(["fmt", "--all", "--check"])
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "cargo fmt --all --check:\n{text}");
}
