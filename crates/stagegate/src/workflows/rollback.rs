//! `rollback.yml`: the app back to the pair that ran before, and a version
//! withdrawn; either or both.

use super::checks::{SHELL, env};
use super::deploy::environments;
use super::release::{COMMITTER, ENVIRONMENT};
use super::steps::{ACCESS, AGENT, Job, agent, agent_ends, concurrency, script};
use super::text::{indent, list};
use super::{Outline, parts};

pub(super) fn workflow(outline: &Outline<'_>) -> String {
    let usual = outline.environment();
    let mut text = format!(
        "name: rollback\n\non:\n  workflow_dispatch:\n    inputs:\n{}\npermissions: {{}}\n\n",
        indent(&inputs(outline, usual), 6)
    );
    let group = match usual {
        Some(usual) => format!("stagegate-rollback-${{{{ inputs.environment || '{usual}' }}}}"),
        None => format!("{}-rollback", outline.concurrency()),
    };
    let why = "It never waits for a release that waits for somebody's approval; what is under way on a host holds that host's lease.";
    text.push_str(&concurrency(&group, why));
    text.push_str(SHELL);
    text.push_str(&env(outline));
    text.push_str("jobs:\n");
    let mut jobs = Vec::new();
    if usual.is_some() {
        jobs.push(rollback(outline));
    }
    if outline.publishes {
        jobs.push(yank(outline, usual.is_some()));
    }
    text.push_str(&indent(&jobs.join("\n"), 2));
    text.push_str(&indent(&parts::empty("jobs"), 2));
    text
}

fn inputs(outline: &Outline<'_>, usual: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(usual) = usual {
        let parts = [
            ("none", true),
            ("backend", outline.has_backend()),
            ("frontend", outline.has_frontend()),
            ("both", outline.has_backend() && outline.has_frontend()),
        ];
        let parts = parts
            .iter()
            .filter(|(_, there)| *there)
            .map(|(name, _)| name);
        text.push_str(&format!(
            "target:\n  description: What goes back\n  required: true\n  type: choice\n  options: {}\n  default: none\n{}",
            list(parts),
            environments(outline, usual)
        ));
    }
    if outline.publishes {
        text.push_str(&format!(
            "yank:\n  description: A version to withdraw from the registry{}\n  required: {}\n  type: string\n{}reason:\n  description: Why, for those who read of it\n  type: string\n  default: \"\"\n",
            if usual.is_some() { "; empty for none" } else { "" },
            usual.is_none(),
            if usual.is_some() { "  default: \"\"\n" } else { "" },
        ));
    }
    text
}

fn rollback(outline: &Outline<'_>) -> String {
    let env = format!(
        "TARGET: ${{{{ inputs.target }}}}\nENVIRONMENT: ${{{{ inputs.environment }}}}\n{AGENT}{}{ACCESS}",
        outline.secrets()
    );
    let lines = "exec cargo xtask rollback \"$TARGET\" --env \"$ENVIRONMENT\" --resume --resume-or-start --yes\n";
    let steps = outline.ready("rollback", true)
        + &outline.take()
        + &agent("")
        + &script("Roll back", "", &env, lines)
        + &agent_ends()
        + &outline.hand_on("1-rollback");
    let job = Job {
        id: "rollback",
        name: "roll back",
        condition: &outline.here("inputs.target != 'none'"),
        minutes: 60,
        permissions: "contents: read # the code\n",
        environment: "${{ inputs.environment }}",
        ..Job::default()
    };
    outline.job(&job, &steps)
}

/// Returns the job that yanks. A registry takes no yank from a workflow's identity: this
/// needs a token.
fn yank(outline: &Outline<'_>, after_rollback: bool) -> String {
    let env = format!(
        "VERSION: ${{{{ inputs.yank }}}}\nREASON: ${{{{ inputs.reason }}}}\n{}{COMMITTER}{}{}",
        outline.registry_tokens(),
        outline.secrets(),
        outline.write_access()
    );
    let lines = "options=()\nif [ -n \"$REASON\" ]; then options+=(--reason \"$REASON\"); fi\nexec cargo xtask yank \"$VERSION\" \"${options[@]}\" --resume --resume-or-start --yes\n";
    let steps = outline.ready("yank", true)
        + &outline.take()
        + &script("Yank", "", &env, lines)
        + &outline.hand_on("2-yank");
    let job = Job {
        id: "yank",
        name: "yank",
        needs: match after_rollback {
            true => &["rollback"],
            false => &[],
        },
        condition: &outline.here(match after_rollback {
            true => "!cancelled() && !failure() && inputs.yank",
            false => "",
        }),
        minutes: 60,
        permissions: "contents: write # the GitHub release, and the changelog's commit\n",
        environment: ENVIRONMENT,
        ..Job::default()
    };
    outline.job(&job, &steps)
}
