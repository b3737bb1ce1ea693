//! `deploy.yml`: one part or both of any version, by hand. What a push has changed is
//! deployed by `release.yml`, which a push starts.

use std::collections::BTreeSet;

use super::checks::{SHELL, env};
use super::steps::{
    ACCESS, AGENT, FREEZE_ENV, FREEZE_OPTION, Job, OVERRIDE_FREEZE, agent, agent_ends, concurrency,
    script,
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
    text.push_str("\npermissions: {}\n\n");
    let group = format!("stagegate-${{{{ inputs.environment || '{usual}' }}}}");
    let why = "One deploy at a time, and a deploy that runs is never cancelled.";
    text.push_str(&concurrency(&group, why));
    text.push_str(SHELL);
    text.push_str(&env(outline));
    text.push_str("jobs:\n");
    let environment = format!("${{{{ inputs.environment || '{usual}' }}}}");
    let job = deploy_job(
        outline,
        ("deploy", "deploy"),
        &[],
        "",
        ("${{ inputs.target }}", &environment),
    );
    text.push_str(&indent(&job, 2));
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
pub(super) fn paths(outline: &Outline<'_>) -> BTreeSet<String> {
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

/// Returns the job that deploys: by hand what somebody chose, and in `release.yml` what a push
/// has changed. `part` may be an expression, as `environment` may.
pub(super) fn deploy_job(
    outline: &Outline<'_>,
    (id, name): (&str, &str),
    needs: &[&str],
    condition: &str,
    (part, environment): (&str, &str),
) -> String {
    let env = format!(
        "TARGET: {part}\nENVIRONMENT: {environment}\nVERSION: ${{{{ inputs.version }}}}\n{FREEZE_ENV}{AGENT}{}{ACCESS}",
        outline.secrets()
    );
    let lines = format!(
        "options=(--env \"$ENVIRONMENT\")\nif [ -n \"$VERSION\" ]; then options+=(--version \"$VERSION\"); fi\n{FREEZE_OPTION}exec cargo xtask deploy \"$TARGET\" \"${{options[@]}}\" --resume --resume-or-start --yes\n"
    );
    let steps = outline.ready(id, true)
        + &outline.take()
        + &agent("")
        + &script("Deploy", "", &env, &lines)
        + &agent_ends()
        + &outline.hand_on(id);
    let condition = match needs {
        [] => outline.here(condition),
        // What needs another job is skipped with it in a fork.
        _ => condition.to_owned(),
    };
    let job = Job {
        id,
        name,
        needs,
        condition: &condition,
        minutes: 120,
        permissions: READ,
        environment,
        ..Job::default()
    };
    outline.job(&job, &steps)
}
