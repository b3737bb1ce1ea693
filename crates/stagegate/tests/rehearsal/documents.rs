//! Every command that the documents show is run. A command that is new there and
//! not here fails this test, and so does one that is here and nowhere shown.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::fixture::Fixture;
use crate::process::{STAGEGATE, command, run, target_directory};
use crate::within_a_rehearsal;
use crate::world::{NO_GATES, World};

/// In addition to every page of the book.
const DOCUMENTS: [&str; 3] = ["README.md", "RELEASE.md", "CONTRIBUTING.md"];

/// Shown, and run by another test: by this one's own run, or with its own evidence.
const ELSEWHERE: [(&str, &str); 8] = [
    ("cargo test --workspace", "it is what runs this"),
    ("cargo xtask hosts up 2", "xtask/tests/hosts.rs"),
    ("cargo xtask hosts list", "xtask/tests/hosts.rs"),
    ("cargo xtask hosts down", "xtask/tests/hosts.rs"),
    ("cargo xtask test --hosts", "xtask/tests/hosts.rs"),
    ("cargo xtask rehearse", "xtask/tests/whole_release.rs"),
    (
        "cargo xtask rehearse --workspace ../your-workspace",
        "foreign.rs",
    ),
    ("cargo xtask init --workspace ../your-workspace", "adopt.rs"),
];

/// In this order, in one world: the command, what is added where there is no
/// terminal to ask on, and its exit code.
const IN_A_WORLD: [(&str, &[&str], i32); 33] = [
    ("cargo xtask schema", &[], 0),
    ("cargo xtask completions bash --for xtask", &[], 0),
    ("cargo xtask man", &[], 0),
    ("cargo xtask check fmt links", &[], 0),
    ("cargo xtask doctor", &[], 0),
    ("cargo xtask changelog check", &[], 0),
    ("cargo xtask changelog show unreleased", &[], 0),
    ("cargo xtask release minor --dry-run", &[], 0),
    ("cargo xtask release minor --dry-run --format json", &[], 0),
    ("cargo xtask release minor --pre rc --dry-run", &[], 0),
    ("cargo xtask release 1.4.0 --dry-run", &[], 0),
    ("cargo xtask release prepare 1.4.0", &[], 0),
    ("cargo xtask release 1.4.0", &["--yes"], 0),
    // Nothing is left to resume, and it says so.
    ("cargo xtask release 1.4.0 --resume", &["--yes"], 8),
    ("cargo xtask release --resume", &["--yes"], 8),
    ("cargo xtask status", &[], 0),
    ("cargo xtask host check", &[], 0),
    ("cargo xtask host bootstrap --dry-run", &[], 0),
    ("cargo xtask host bootstrap", &[], 0),
    ("cargo xtask history", &[], 0),
    ("cargo xtask logs", &[], 0),
    ("cargo xtask rollback both --dry-run", &[], 0),
    ("cargo xtask rollback both", &[], 0),
    ("cargo xtask deploy both --dry-run", &[], 0),
    ("cargo xtask deploy both", &[], 0),
    ("cargo xtask deploy both --version 1.4.0", &[], 0),
    // Nothing is in progress that could be given up.
    ("cargo xtask deploy both --abandon", &[], 8),
    ("cargo xtask yank 1.4.0", &["--yes"], 0),
    ("cargo xtask yank 1.4.0 --undo", &["--yes"], 0),
    (
        "cargo xtask release minor",
        &[
            "--yes",
            "--skip",
            "changelog",
            "--skip",
            "deploy-backend",
            "--skip",
            "deploy-frontend",
        ],
        0,
    ),
    ("cargo xtask hotfix 1.4.0", &[], 0),
    ("cargo xtask ci write", &[], 0),
    ("cargo xtask ci check", &[], 0),
];

/// Rehearsals, without gates, and their exit codes.
const REHEARSALS: [(&str, i32); 4] = [
    ("cargo xtask rehearse --fault list", 0),
    (
        "cargo xtask rehearse --fault registry-503 --fault github-502-after",
        0,
    ),
    ("cargo xtask rehearse --fault kill-often", 0),
    ("cargo xtask rehearse --fault backend-crash", 7),
];

/// Returns the blocks of a language in all documents, each with the document's name.
fn blocks(language: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut documents: Vec<_> = DOCUMENTS.iter().map(|name| root.join(name)).collect();
    pages(&root.join("docs/src"), &mut documents);
    assert!(documents.len() > 30, "{documents:?}");
    let mut found = Vec::new();
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        let mut block: Option<String> = None;
        for line in text.lines() {
            match (line.trim(), &mut block) {
                ("```", _) => {
                    let name = document.display().to_string();
                    found.extend(block.take().map(|text| (name, text)));
                }
                (_, Some(block)) => *block += &format!("{line}\n"),
                (fence, None) if fence.strip_prefix("```") == Some(language) => {
                    block = Some(String::new());
                }
                _ => {}
            }
        }
    }
    found
}

/// The commands in the `sh` blocks of the documents.
fn shown() -> BTreeSet<String> {
    let blocks = blocks("sh");
    let lines = blocks.iter().flat_map(|(_, text)| text.lines());
    let commands = lines.map(str::trim).filter(|line| !line.is_empty());
    commands.map(str::to_owned).collect()
}

/// Finds the book's pages.
fn pages(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, into);
        } else if path.extension().is_some_and(|it| it == "md") {
            into.push(path);
        }
    }
}

/// What follows `cargo xtask`.
fn words(command: &str) -> Vec<&str> {
    command
        .strip_prefix("cargo xtask ")
        .unwrap_or_else(|| panic!("{command}"))
        .split(' ')
        .collect()
}

#[test]
fn every_command_shown_is_run_and_every_one_run_is_shown() {
    let run: BTreeSet<String> = ELSEWHERE
        .iter()
        .map(|(command, _)| *command)
        .chain(IN_A_WORLD.iter().map(|(command, ..)| *command))
        .chain(REHEARSALS.iter().map(|(command, _)| *command))
        .map(str::to_owned)
        .collect();
    assert_eq!(shown(), run);
}

/// The schema of `stagegate.toml`; a part of a file need not be complete.
fn schema(of_a_part: bool) -> serde_json::Value {
    fn forget_required(schema: &mut serde_json::Value) {
        match schema {
            serde_json::Value::Object(map) => {
                map.remove("required");
                map.values_mut().for_each(forget_required);
            }
            serde_json::Value::Array(list) => list.iter_mut().for_each(forget_required),
            _ => {}
        }
    }
    let mut schema = stagegate_config::json_schema();
    if of_a_part {
        forget_required(&mut schema);
    }
    schema
}

#[test]
fn every_configuration_shown_has_only_keys_that_exist() {
    let part = jsonschema::validator_for(&schema(true)).unwrap();
    let mut checked = 0;
    for (document, text) in blocks("toml") {
        let other = ["# xtask/Cargo.toml", "# .cargo/config.toml"];
        if other.iter().any(|head| text.starts_with(head)) {
            continue;
        }
        let value: serde_json::Value = toml_edit::de::from_str(&text)
            .unwrap_or_else(|error| panic!("{document}: {error}\n{text}"));
        let wrong: Vec<String> = part.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{document}: {wrong:?}\n{text}");
        checked += 1;
    }
    assert!(checked > 10, "{checked} blocks");
}

#[test]
fn the_schema_accepts_this_repositorys_own_file_and_refuses_an_unknown_key() {
    let whole = jsonschema::validator_for(&schema(false)).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stagegate.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let value: serde_json::Value = toml_edit::de::from_str(&text).unwrap();
    let wrong: Vec<String> = whole.iter_errors(&value).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    for mistake in ["[release]\nbrunch = \"main\"", "[gates]\nfmt = \"maybe\""] {
        let value: serde_json::Value = toml_edit::de::from_str(mistake).unwrap();
        assert!(!whole.is_valid(&value), "{mistake}");
    }
}

#[test]
fn the_commands_of_a_release_work_in_the_order_of_their_use() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::start("documents");
    // Something has to run before, for a rollback to come back to.
    world.run(&["deploy", "both"]).must_end_with(0);
    for (command, added, code) in IN_A_WORLD {
        let mut arguments = words(command);
        arguments.extend(added);
        if ["cargo xtask release 1.4.0", "cargo xtask release minor"].contains(&command) {
            arguments.extend(NO_GATES);
        }
        world.run(&arguments).must_end_with(code);
    }
}

#[test]
fn rehearsals_with_faults_end_as_documented() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    for (shown, code) in REHEARSALS {
        let mut rehearse = command(STAGEGATE, &fixture.root);
        rehearse
            .args(words(shown))
            .env("CARGO_TARGET_DIR", target_directory("documents-faults"));
        if !shown.ends_with("list") {
            rehearse.args(NO_GATES).args(["--stabilize", "2"]);
        }
        rehearse.env("TMPDIR", fixture.place());
        run(rehearse).must_end_with(code);
    }
}
