//! The documents: what is generated is current, the book builds, and every page is in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn generated_documents_are_current() {
    let checked = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["docs", "--check"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", text_of(&checked));
}

/// Returns every page below a directory, relative to it.
fn pages(directory: &Path, below: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            pages(directory, &path, into);
        } else if path.extension().is_some_and(|it| it == "md") {
            into.insert(path.to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn every_page_is_in_the_summary() {
    let source = root().join("docs/src");
    let summary = std::fs::read_to_string(source.join("SUMMARY.md")).unwrap();
    let listed: BTreeSet<String> = summary
        .split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap().to_owned())
        .collect();
    let mut there = BTreeSet::new();
    pages(&source, Path::new(""), &mut there);
    there.remove("SUMMARY.md");
    assert_eq!(there, listed);
}

/// `.ci/run` installs mdbook into `target/tools`; elsewhere it may be on the `PATH`.
fn mdbook() -> Option<PathBuf> {
    let own = root().join("target/tools/venv/bin/mdbook");
    let runs = |program: &Path| {
        let asked = Command::new(program).arg("--version").output();
        asked.is_ok_and(|output| output.status.success())
    };
    [own, "mdbook".into()].into_iter().find(|it| runs(it))
}

#[test]
fn the_book_builds() {
    let Some(mdbook) = mdbook() else {
        println!("skipped: mdbook is not installed");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let built = Command::new(mdbook)
        .args(["build", "docs", "--dest-dir"])
        .arg(directory.path())
        .current_dir(root())
        .output()
        .unwrap();
    let said = text_of(&built);
    assert!(built.status.success(), "{said}");
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
    for page in ["introduction.html", "reference/configuration.html"] {
        assert!(directory.path().join(page).is_file(), "{page}");
    }
}

/// The README is what most people read, and all that many do.
#[test]
fn the_readme_is_short() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let lines = text.lines().count();
    assert!(lines <= 150, "{lines} lines: move something into the book");
}

#[test]
fn paths_that_documents_name_are_there() {
    let mut checked = 0;
    for document in [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "RELEASE.md",
        "README.md",
    ] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        // Every second piece stands between backticks.
        for word in text.split('`').skip(1).step_by(2) {
            let ours = ["crates/", "xtask/src", "xtask/tests", "docs/"];
            if ours.iter().any(|prefix| word.starts_with(prefix)) && !word.contains(' ') {
                assert!(root().join(word).exists(), "{document} names {word}");
                checked += 1;
            }
        }
    }
    assert!(checked > 10, "{checked} paths");
}

#[test]
fn every_fault_is_in_the_book() {
    let page = "docs/src/tasks/rehearse.md";
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    for fault in stagegate_fakes::fault::TABLE {
        let row = text
            .lines()
            .find(|line| line.starts_with(&format!("| `{}`", fault.name)));
        let row = row.unwrap_or_else(|| panic!("{page} lacks {}", fault.name));
        assert!(row.ends_with(&format!("| {} |", fault.meaning)), "{row}");
    }
}
