//! The written workflows: those of this repository are what its stagegate.toml
//! says, and they, and those of other configurations, pass every linter without
//! a finding. What a linter cannot know is asserted on the parsed files.
//!
//! The linters come from PyPI and npm (`.ci/run` installs them below
//! target/tools); where they are not there the test says what it skipped.

mod charts;
mod lint;
mod rights;
mod variants;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// This repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().to_owned()
}

/// This repository's command line, in a directory.
fn xtask(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().into_owned();
        let families = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "GITHUB_"];
        if families.iter().any(|family| text.starts_with(family)) {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

/// The same, which has to succeed.
fn must(directory: &Path, arguments: &[&str]) -> String {
    let output = xtask(directory, arguments);
    let text = said(&output);
    assert!(
        output.status.success(),
        "{arguments:?} in {directory:?}:\n{text}"
    );
    text
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The workflow files of a checkout.
fn files(checkout: &Path) -> Vec<PathBuf> {
    let directory = checkout.join(".github/workflows");
    let entries = std::fs::read_dir(&directory).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn this_repository_has_the_workflows_that_its_configuration_says() {
    must(&root(), &["ci", "check"]);
}

#[test]
fn drift_is_shown_and_nothing_of_anybody_is_lost() {
    let place = variants::Variants::write();
    let checkout = place.checkout("app");
    let file = checkout.join(".github/workflows/ci.yml");
    let written = std::fs::read_to_string(&file).unwrap();

    let mark = "# stagegate: yours begin gate\n";
    let mine = "      - run: sudo apt-get install -y libpq-dev\n";
    std::fs::write(&file, written.replace(mark, &format!("{mark}{mine}"))).unwrap();
    must(&checkout, &["ci", "check"]);
    let mut config = std::fs::read_to_string(checkout.join("stagegate.toml")).unwrap();
    config.push_str("\n[gates]\ndoc = \"off\"\n");
    std::fs::write(checkout.join("stagegate.toml"), &config).unwrap();
    let drift = xtask(&checkout, &["ci", "check"]);
    assert_eq!(drift.status.code(), Some(3), "{}", said(&drift));
    assert!(
        said(&drift).contains("-        gate: [fmt,"),
        "{}",
        said(&drift)
    );
    must(&checkout, &["ci", "write"]);
    let again = std::fs::read_to_string(&file).unwrap();
    assert!(again.contains(mine) && !again.contains(", doc"), "{again}");

    std::fs::write(&file, again.replace("fail-fast: false", "fail-fast: true")).unwrap();
    std::fs::write(checkout.join(".github/workflows/mine.yml"), "mine\n").unwrap();
    let refused = xtask(&checkout, &["ci", "write"]);
    assert_eq!(refused.status.code(), Some(3));
    let words = said(&refused);
    assert!(
        words.contains("ci.yml: is left alone: it was changed by hand"),
        "{words}"
    );
    must(&checkout, &["ci", "write", "--force"]);
    let forced = std::fs::read_to_string(&file).unwrap();
    assert_eq!(forced, again, "what is in the parts survives even that");

    // Without an app there is nothing to deploy, and the file goes.
    std::fs::write(checkout.join("stagegate.toml"), "").unwrap();
    must(&checkout, &["ci", "write"]);
    assert!(!checkout.join(".github/workflows/deploy.yml").exists());
    assert!(checkout.join(".github/workflows/mine.yml").exists());
}
