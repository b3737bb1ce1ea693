//! `release.yml`: one dispatch from plan to production.
//!
//! The plan is made once, by the first job, and travels with its journal to the
//! others, which obey it: gates and packages, what is built, everything up to
//! the public release, and the deploy. Only the first and the last know the
//! hosts, only the one that publishes may write to the repository and has an
//! identity for the registry. Run again after a failure or a cancellation, a job
//! takes up the journal of its last attempt.

use stagegate_registry::Token;

use super::Outline;
use super::actions::ATTEST;
use super::checks::env;
use super::parts;
use super::steps::{ACCESS, AGENT, Job, action, agent, agent_ends, script, xtask};
use super::text::{indent, scalar};

/// The job, and the environment, that may publish.
pub(super) const ENVIRONMENT: &str = "release";
const NOT_DRY: &str = "!inputs.dry_run";
const READ: &str = "contents: read # the code\n";
/// Who makes the release commit.
pub(super) const COMMITTER: &str = "GIT_COMMITTER_NAME: github-actions[bot]\n\
     GIT_COMMITTER_EMAIL: 41898282+github-actions[bot]@users.noreply.github.com\n";

pub(super) fn workflow(outline: &Outline<'_>) -> String {
    let mut text = "name: release\nrun-name: release ${{ inputs.version }}${{ inputs.dry_run && ' (dry run)' || '' }}\n\n\
        on:\n  workflow_dispatch:\n    inputs:\n      version:\n        description: What to release, as after `cargo xtask release`\n        required: true\n        type: string\n      dry_run:\n        description: Only show the plan\n        type: boolean\n        default: false\n\n\
        permissions: {}\n\n"
        .to_owned();
    text.push_str(&format!(
        "concurrency:\n  group: {}\n  # Half a release, or half a deploy, is nobody's wish.\n  cancel-in-progress: false\n\n",
        outline.concurrency()
    ));
    text.push_str(&env(outline));
    text.push_str("jobs:\n");
    let mut jobs = vec![plan(outline), gates(outline)];
    let builds = outline.environment().is_some();
    if builds {
        jobs.push(build(outline));
    }
    jobs.push(publish(outline, builds));
    if builds {
        jobs.push(deploy(outline));
    }
    text.push_str(&indent(&jobs.join("\n"), 2));
    text.push_str(&indent(&parts::empty("jobs"), 2));
    text
}

/// The environment's name, where hosts are asked.
fn hosts(outline: &Outline<'_>) -> String {
    outline.environment().map(scalar).unwrap_or_default()
}

fn plan(outline: &Outline<'_>) -> String {
    let deploys = outline.environment().is_some();
    let mut steps = outline.ready("plan", true) + &outline.take();
    let (agent_env, option) = match outline.environment() {
        None => ("", String::new()),
        Some(name) => {
            steps.push_str(&agent());
            (AGENT, format!(" --env {}", stagegate_deploy::quote(name)))
        }
    };
    let env = format!("VERSION: ${{{{ inputs.version }}}}\n{COMMITTER}{agent_env}{ACCESS}");
    let words = "read -ra words <<< \"$VERSION\"\n";
    let show = format!(
        "{words}exec cargo xtask release --until plan --dry-run{option} -- \"${{words[@]}}\"\n"
    );
    steps.push_str(&script("Show the plan", "inputs.dry_run", &env, &show));
    let make = format!(
        "{words}exec cargo xtask release --resume --or-begin --until plan{option} -- \"${{words[@]}}\"\n"
    );
    steps.push_str(&script("Make the plan", NOT_DRY, &env, &make));
    if deploys {
        steps.push_str(&agent_ends());
    }
    steps.push_str(&outline.hand_on("1-plan"));
    let job = Job {
        id: "plan",
        name: "plan",
        minutes: 30,
        permissions: READ,
        environment: &hosts(outline),
        ..Job::default()
    };
    outline.job(&job, &steps)
}

fn gates(outline: &Outline<'_>) -> String {
    let steps = outline.ready("gates", true)
        + &outline.take()
        + &xtask(
            "Pass the gates, make the packages",
            "",
            "release --resume --until package",
        )
        + &outline.hand_on("2-gates");
    let job = Job {
        id: "gates",
        name: "gates",
        needs: &["plan"],
        condition: NOT_DRY,
        minutes: 120,
        permissions: READ,
        ..Job::default()
    };
    outline.job(&job, &steps)
}

fn build(outline: &Outline<'_>) -> String {
    let steps = outline.ready("build", true)
        + &outline.take()
        + &xtask(
            "Build for production",
            "STEP: ${{ matrix.step }}\n",
            "release --resume --only \"$STEP\"",
        )
        + &outline.hand_on("3-${{ matrix.step }}");
    let job = Job {
        id: "build",
        name: "${{ matrix.step }}",
        needs: &["gates"],
        minutes: 120,
        permissions: READ,
        more: "strategy:\n  matrix:\n    step: [build]\n",
        ..Job::default()
    };
    outline.job(&job, &steps)
}

fn publish(outline: &Outline<'_>, builds: bool) -> String {
    let mut steps = outline.ready("publish", true) + &outline.take();
    let mut permissions =
        "contents: write # branch, tag and GitHub release\nid-token: write # the registry's token"
            .to_owned();
    if let Some(subjects) = subjects(outline) {
        permissions
            .push_str(", and the attestation's\nattestations: write # of what is released\n");
        steps.push_str(&xtask(
            "Make what is left",
            "",
            "release --resume --until build",
        ));
        steps.push_str(&action("Attest where it was built", "", ATTEST, &subjects));
    } else {
        permissions.push('\n');
    }
    let variable = Token::variable(&outline.config.registry.name);
    let token = format!("{variable}: ${{{{ secrets.{variable} }}}}\n");
    let token = match outline.publishes {
        true => token,
        false => String::new(),
    };
    steps.push_str(&xtask(
        "Publish",
        &format!("{token}{ACCESS}"),
        match builds {
            true => "release --resume --until undraft --yes",
            false => "release --resume --until verify --yes",
        },
    ));
    steps.push_str(&outline.hand_on("4-publish"));
    let job = Job {
        id: "publish",
        name: "publish",
        needs: match builds {
            true => &["gates", "build"],
            false => &["gates"],
        },
        minutes: 180,
        permissions: &permissions,
        environment: ENVIRONMENT,
        ..Job::default()
    };
    outline.job(&job, &steps)
}

/// The files that are attached to the release. git's own directory is at the
/// checkout's root, wherever the workspace is.
fn subjects(outline: &Outline<'_>) -> Option<String> {
    let attached = [
        ("packages/*.crate", outline.publishes),
        ("built/*", outline.has_backend()),
        (
            "assets/*",
            outline.config.github.sbom || !outline.config.assets.is_empty(),
        ),
    ];
    let there = attached.iter().filter(|(_, there)| *there);
    let paths: String = there
        .map(|(path, _)| format!("  .git/stagegate/release-*/{path}\n"))
        .collect();
    (outline.config.ci.attest && !paths.is_empty()).then(|| format!("subject-path: |\n{paths}"))
}

fn deploy(outline: &Outline<'_>) -> String {
    let steps = outline.ready("deploy", true)
        + &outline.take()
        + &agent()
        + &xtask(
            "Deploy, backend first, and see what users now get",
            &format!("{AGENT}{ACCESS}"),
            "release --resume --yes",
        )
        + &agent_ends()
        + &outline.hand_on("5-deploy");
    let job = Job {
        id: "deploy",
        name: "deploy",
        needs: &["publish"],
        minutes: 120,
        permissions: READ,
        environment: &hosts(outline),
        ..Job::default()
    };
    outline.job(&job, &steps)
}
