//! `deploy.yml`: by dispatch, one part or both of any version; by push, what has
//! changed.

use std::collections::BTreeSet;

use super::checks::{SHELL, env};
use super::steps::{
    ACCESS, AGENT, FREEZE_ENV, FREEZE_OPTION, Job, OVERRIDE_FREEZE, agent, agent_ends, concurrency,
    script, xtask,
};
use super::text::{indent, list, scalar};
use super::{Outline, parts};

const READ: &str = "contents: read # the code\n";

pub(super) fn workflow(outline: &Outline<'_>) -> String {
    let usual = outline.environment().unwrap_or_default();
    let mut text = format!(
        "name: deploy\n\non:\n  workflow_dispatch:\n    inputs:\n{}",
        indent(&inputs(outline, usual), 6)
    );
    let paths = paths(outline);
    if !paths.is_empty() {
        text.push_str(&format!(
            "  push:\n    branches: {}\n    paths:\n",
            list([outline.config.release.branch()])
        ));
        for path in &paths {
            text.push_str(&format!("      - {}\n", scalar(path)));
        }
    }
    text.push_str("\npermissions: {}\n\n");
    let group = format!("stagegate-${{{{ inputs.environment || '{usual}' }}}}");
    let why = "One deploy at a time, and a deploy that runs is never cancelled.";
    text.push_str(&concurrency(&group, why));
    text.push_str(SHELL);
    text.push_str(&env(outline));
    text.push_str("jobs:\n");
    if !paths.is_empty() {
        text.push_str(&indent(&decide(outline, usual), 2));
        text.push('\n');
    }
    text.push_str(&indent(&deploy(outline, usual, !paths.is_empty()), 2));
    text.push_str(&indent(&parts::empty("jobs"), 2));
    text
}

/// Returns what a person chooses.
fn inputs(outline: &Outline<'_>, usual: &str) -> String {
    let mut targets = vec!["backend", "frontend", "both"];
    targets.retain(|target| match *target {
        "backend" => outline.has_backend(),
        "frontend" => outline.has_frontend(),
        _ => outline.has_backend() && outline.has_frontend(),
    });
    format!(
        "target:\n  description: What to deploy\n  required: true\n  type: choice\n  options: {}\n  default: {}\n{}version:\n  description: A released version; empty for what is checked out\n  type: string\n  default: \"\"\n{OVERRIDE_FREEZE}",
        list(&targets),
        targets.last().unwrap_or(&"backend"),
        environments(outline, usual)
    )
}

/// Returns the choice of an environment.
pub(super) fn environments(outline: &Outline<'_>, usual: &str) -> String {
    format!(
        "environment:\n  description: Where\n  required: true\n  type: choice\n  options: {}\n  default: {}\n",
        list(outline.environments()),
        scalar(usual)
    )
}

/// Returns every path whose change deploys something.
fn paths(outline: &Outline<'_>) -> BTreeSet<String> {
    let app = outline.config.app.as_ref();
    let backend = app.and_then(|app| app.backend.as_ref()).map(|b| &b.paths);
    let frontend = app.and_then(|app| app.frontend.as_ref()).map(|f| &f.paths);
    let all = [backend, frontend].into_iter().flatten().flatten();
    let within = |path: String| match outline.subdirectory {
        "" => path,
        directory => format!("{directory}/{path}"),
    };
    all.map(|path| within(path.to_string())).collect()
}

/// Returns the job that asks the hosts what they lack: whoever pushed before, and whatever
/// became of that run, is not asked.
fn decide(outline: &Outline<'_>, usual: &str) -> String {
    let changed = xtask(
        "See what the hosts lack",
        &format!("ENVIRONMENT: {}\n{AGENT}", scalar(usual)),
        "ci changed --env \"$ENVIRONMENT\"",
    );
    let changed = changed.replacen("\n", "\n  id: changed\n", 1);
    let steps = outline.ready("decide", true) + &agent() + &changed + &agent_ends();
    let job = Job {
        id: "decide",
        name: "what has changed",
        condition: &outline.here("github.event_name == 'push'"),
        minutes: 30,
        permissions: READ,
        environment: &scalar(usual),
        only_asks: true,
        more: "outputs:\n  part: ${{ steps.changed.outputs.part }}\n",
        ..Job::default()
    };
    outline.job(&job, &steps)
}

fn deploy(outline: &Outline<'_>, usual: &str, by_push: bool) -> String {
    let target = match by_push {
        true => "${{ inputs.target || needs.decide.outputs.part }}",
        false => "${{ inputs.target }}",
    };
    let environment = format!("${{{{ inputs.environment || '{usual}' }}}}");
    let env = format!(
        "TARGET: {target}\nENVIRONMENT: {environment}\nVERSION: ${{{{ inputs.version }}}}\n{FREEZE_ENV}{AGENT}{}{ACCESS}",
        outline.secrets()
    );
    let lines = format!(
        "options=(--env \"$ENVIRONMENT\")\nif [ -n \"$VERSION\" ]; then options+=(--version \"$VERSION\"); fi\n{FREEZE_OPTION}exec cargo xtask deploy \"$TARGET\" \"${{options[@]}}\" --resume --resume-or-start --yes\n"
    );
    let steps = outline.ready("deploy", true)
        + &outline.take()
        + &agent()
        + &script("Deploy", "", &env, &lines)
        + &agent_ends()
        + &outline.hand_on("deploy");
    let job = Job {
        id: "deploy",
        name: "deploy",
        needs: match by_push {
            true => &["decide"],
            false => &[],
        },
        condition: &outline.here(match by_push {
            true => {
                "!cancelled() && (inputs.target || (needs.decide.result == 'success' && needs.decide.outputs.part != 'none'))"
            }
            false => "",
        }),
        minutes: 120,
        permissions: READ,
        environment: &environment,
        ..Job::default()
    };
    outline.job(&job, &steps)
}
