//! `ci.yml`: the gates for pull requests and pushes, side by side, and one job
//! at the end that a branch can require.

use stagegate_config::schema::CiJob;
use stagegate_deploy::quote;

use super::steps::{Job, action, script, xtask};
use super::text::{indent, labels, list, scalar};
use super::{Outline, parts};

/// The permissions of a job that reads the code.
const READ: &str = "contents: read # the code\n";

pub(super) fn workflow(outline: &Outline<'_>) -> String {
    let mut text = format!(
        "name: ci\n\non:\n  pull_request:\n  push:\n    branches: {}\n  merge_group:\n  workflow_call:\n  workflow_dispatch:\n{}\npermissions: {{}}\n\n",
        list(outline.config.release.every_branch()),
        schedule(outline)
    );
    text.push_str(
        "concurrency:\n  group: ci-${{ github.workflow }}-${{ github.ref }}\n  # A newer push makes the check of a pull request idle; what is on a branch is checked to its end.\n  cancel-in-progress: ${{ github.event_name == 'pull_request' }}\n\n",
    );
    text.push_str(SHELL);
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
            + &built(outline, "cargo-${{ github.job }}")
            + &script(
                &scalar(&job.name),
                "",
                &job_env(job),
                &format!("exec {}", command.join(" ")),
            );
        let runner = job.runner.as_ref().map(labels).unwrap_or_default();
        let before: Vec<&str> = job.needs.iter().map(String::as_str).collect();
        let job = Job {
            id: &job.name,
            name: &job.name,
            needs: &before,
            condition: &not_by_schedule_in_forks(outline),
            minutes: job.minutes,
            runner: &runner,
            permissions: READ,
            more: &frame(job),
            ..Job::default()
        };
        text.push_str(&indent(&outline.job(&job, &steps), 2));
        text.push('\n');
    }
    text.push_str(&indent(&passed(outline, &needs), 2));
    text.push_str(&indent(&parts::empty("jobs"), 2));
    text
}

/// Every `run:` stops at the first command that fails, on every runner.
pub(super) const SHELL: &str = "defaults:\n  run:\n    shell: bash\n\n";

/// Returns when it runs by itself.
fn schedule(outline: &Outline<'_>) -> String {
    match outline.config.ci.schedule.trim() {
        "" => String::new(),
        cron => format!("  schedule:\n    - cron: {}\n", scalar(cron)),
    }
}

/// Returns the condition that keeps a fork, which takes over the schedule with the file,
/// from checking every week what nobody works on.
fn not_by_schedule_in_forks(outline: &Outline<'_>) -> String {
    match outline.not_in_forks().as_str() {
        "" => String::new(),
        _ if outline.config.ci.schedule.trim().is_empty() => String::new(),
        here => format!("github.event_name != 'schedule' || {here}"),
    }
}

/// Returns the lines of a job of the team's own that say where and how it runs.
fn frame(job: &CiJob) -> String {
    let mut text = String::new();
    if !job.matrix.is_empty() {
        text.push_str("strategy:\n  fail-fast: false\n  matrix:\n");
        for (name, values) in &job.matrix {
            text.push_str(&format!("    {name}: {}\n", list(values)));
        }
    }
    if !job.services.is_empty() {
        text.push_str("services:\n");
        for (name, service) in &job.services {
            text.push_str(&format!(
                "  {}:\n    image: {}\n",
                scalar(name),
                scalar(&service.image)
            ));
            if !service.ports.is_empty() {
                text.push_str(&format!("    ports: {}\n", list(&service.ports)));
            }
            if !service.env.is_empty() {
                text.push_str("    env:\n");
                for (name, value) in &service.env {
                    text.push_str(&format!("      {name}: {}\n", scalar(value)));
                }
            }
            if !service.options.is_empty() {
                text.push_str(&format!("    options: {}\n", scalar(&service.options)));
            }
        }
    }
    text
}

/// Returns the environment of a job of the team's own, and the values of its matrix.
fn job_env(job: &CiJob) -> String {
    let own = job
        .env
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", scalar(value)));
    let matrix = job
        .matrix
        .keys()
        .map(|name| format!("MATRIX_{}: ${{{{ matrix.{name} }}}}\n", name.to_uppercase()));
    own.chain(matrix).collect()
}

/// Returns the environment of every job.
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
        + &built(outline, "cargo-${{ matrix.gate }}")
        + &xtask("Check", "GATE: ${{ matrix.gate }}\n", "check \"$GATE\"");
    let gates = list(outline.gates.iter().map(|gate| gate.name()));
    let job = Job {
        id: "gate",
        name: "${{ matrix.gate }}",
        condition: &not_by_schedule_in_forks(outline),
        minutes: 60,
        permissions: READ,
        more: &format!("strategy:\n  fail-fast: false\n  matrix:\n    gate: {gates}\n"),
        ..Job::default()
    };
    outline.job(&job, &steps)
}

/// Returns what was downloaded and built. Only this workflow keeps it: what is released is
/// built from nothing that another run left, and so nothing is kept on a branch that by its
/// name is one of releases.
fn built(outline: &Outline<'_>, key: &str) -> String {
    let mut branches = outline.config.release.every_branch();
    if branches.any(|branch| branch.starts_with("release")) {
        return String::new();
    }
    let target = outline.path("target");
    // What else lies in the checkout is not the workspace's.
    let within = outline.path("**").replace('\'', "''");
    // Another toolchain can use nothing of it. Where a file says which one, its content counts.
    let toolchain = match &outline.toolchain {
        Some(toolchain) => toolchain.clone(),
        None => "${{ hashFiles('**/rust-toolchain', '**/rust-toolchain.toml') }}".to_owned(),
    };
    let key = format!("{key}-${{{{ runner.os }}}}-${{{{ runner.arch }}}}-{toolchain}");
    let with = format!(
        "path: |\n  ~/.cargo/registry\n  {target}\nkey: {key}-${{{{ hashFiles('{within}/Cargo.lock', '{within}/Cargo.toml') }}}}\nrestore-keys: {key}-\n"
    );
    action("Keep what is built", "", outline.cache_action(), &with)
}

fn passed(outline: &Outline<'_>, needs: &[&str]) -> String {
    let lines = "for result in $RESULTS; do\n  if [ \"$result\" != success ]; then\n    echo \"::error::not everything has passed: $RESULTS\"\n    exit 1\n  fi\ndone\n";
    let env = "RESULTS: ${{ join(needs.*.result, ' ') }}\n";
    let job = Job {
        id: "passed",
        name: "passed",
        needs,
        condition: &match not_by_schedule_in_forks(outline).as_str() {
            "" => "always()".to_owned(),
            here => format!("always() && ({here})"),
        },
        minutes: 5,
        ..Job::default()
    };
    let steps = script("See that everything has passed", "", env, lines);
    // This job checks nothing out, and so has no directory to work in.
    Outline {
        subdirectory: "",
        toolchain: None,
        gates: Vec::new(),
        tags: Vec::new(),
        ..*outline
    }
    .job(&job, &steps)
}
