//! `ci.yml`: the gates for pull requests and pushes, side by side, and one job
//! at the end that a branch can require.

use stagegate_deploy::quote;

use super::actions::CACHE;
use super::steps::{Job, action, script, xtask};
use super::text::{indent, list, scalar};
use super::{Outline, parts};

/// The permissions of a job that reads the code.
const READ: &str = "contents: read # the code\n";

pub(super) fn workflow(outline: &Outline<'_>) -> String {
    let mut text = format!(
        "name: ci\n\non:\n  pull_request:\n  push:\n    branches: {}\n\npermissions: {{}}\n\n",
        list([&outline.config.release.branch])
    );
    text.push_str(
        "concurrency:\n  group: ci-${{ github.ref }}\n  # A newer push makes an older check idle.\n  cancel-in-progress: true\n\n",
    );
    text.push_str(&env(outline));
    text.push_str("jobs:\n");
    let mut needs = Vec::new();
    if !outline.gates.is_empty() {
        needs.push("gate");
        text.push_str(&indent(&gates(outline), 2));
        text.push('\n');
    }
    for job in &outline.config.ci.jobs {
        needs.push(&job.name);
        let command: Vec<String> = job.run.iter().map(|word| quote(word)).collect();
        let steps = outline.ready(&job.name, true)
            + &cache(outline, "cargo-${{ github.job }}")
            + &script(
                &scalar(&job.name),
                "",
                "",
                &format!("exec {}", command.join(" ")),
            );
        let job = Job {
            id: &job.name,
            name: &job.name,
            minutes: job.minutes,
            permissions: READ,
            ..Job::default()
        };
        text.push_str(&indent(&outline.job(&job, &steps), 2));
        text.push('\n');
    }
    text.push_str(&indent(&passed(outline, &needs), 2));
    text.push_str(&indent(&parts::empty("jobs"), 2));
    text
}

/// The environment of every job.
pub(super) fn env(outline: &Outline<'_>) -> String {
    let mut text = String::new();
    for (name, value) in &outline.config.ci.env {
        text.push_str(&format!("  {name}: {}\n", scalar(value)));
    }
    match text.is_empty() {
        true => text,
        false => format!("env:\n{text}\n"),
    }
}

fn gates(outline: &Outline<'_>) -> String {
    let steps = outline.ready("gate", false)
        + &cache(outline, "cargo-${{ matrix.gate }}")
        + &xtask("Check", "GATE: ${{ matrix.gate }}\n", "check \"$GATE\"");
    let gates = list(outline.gates.iter().map(|gate| gate.name()));
    let job = Job {
        id: "gate",
        name: "${{ matrix.gate }}",
        minutes: 60,
        permissions: READ,
        more: &format!("strategy:\n  fail-fast: false\n  matrix:\n    gate: {gates}\n"),
        ..Job::default()
    };
    outline.job(&job, &steps)
}

/// What was downloaded and built. Only this workflow keeps it: what is released
/// is built from nothing that another run left, and so nothing is kept on a branch
/// that by its name is one of releases.
fn cache(outline: &Outline<'_>, key: &str) -> String {
    if outline.config.release.branch.starts_with("release") {
        return String::new();
    }
    let with = format!(
        "path: |\n  ~/.cargo/registry\n  target\nkey: {key}-${{{{ runner.os }}}}-${{{{ hashFiles('**/Cargo.lock', '**/Cargo.toml') }}}}\nrestore-keys: {key}-${{{{ runner.os }}}}-\n"
    );
    action("Keep what is built", "", CACHE, &with)
}

fn passed(outline: &Outline<'_>, needs: &[&str]) -> String {
    let lines = "for result in $RESULTS; do\n  if [ \"$result\" != success ]; then\n    echo \"::error::not everything has passed: $RESULTS\"\n    exit 1\n  fi\ndone\n";
    let env = "RESULTS: ${{ join(needs.*.result, ' ') }}\n";
    let job = Job {
        id: "passed",
        name: "passed",
        needs,
        condition: "always()",
        minutes: 5,
        ..Job::default()
    };
    let steps = script("See that everything has passed", "", env, lines);
    // This job checks nothing out, and so has no directory to work in.
    Outline {
        subdirectory: "",
        toolchain: None,
        gates: Vec::new(),
        ..*outline
    }
    .job(&job, &steps)
}
