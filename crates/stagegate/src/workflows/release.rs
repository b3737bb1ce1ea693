//! `release.yml`: one dispatch from plan to production.
//!
//! The plan is made once, by the first job, and travels with its journal to the
//! others, which run it: gates and packages, what is built, everything up to
//! the public release, and the deploy. What is built for several targets is built
//! by as many machines at once. Only the first and the last know the
//! hosts, only the one that publishes may write to the repository and has an
//! identity for the registry. Run again after a failure or a cancellation, a job
//! takes up the journal of its last attempt.

use super::checks::{SHELL, env};
use super::steps::{
    ACCESS, AGENT, FREEZE_ENV, FREEZE_OPTION, Job, OVERRIDE_FREEZE, action, agent, agent_ends,
    concurrency, script, xtask,
};
use super::text::{indent, labels, list, scalar};
use super::{Outline, parts};

/// The job, and the environment, that may publish.
pub(super) const ENVIRONMENT: &str = "release";
const NOT_DRY: &str = "!inputs.dry_run";
/// A pull request counts when it was merged, and was one of ours.
const MERGED: &str = "github.event_name != 'pull_request' || (github.event.pull_request.merged && startsWith(github.head_ref, 'release/') && github.event.pull_request.head.repo.full_name == github.repository)";
const READ: &str = "contents: read # the code\n";
/// Who makes the release commit.
pub(super) const COMMITTER: &str = "GIT_COMMITTER_NAME: github-actions[bot]\n\
     GIT_COMMITTER_EMAIL: 41898282+github-actions[bot]@users.noreply.github.com\n";

pub(super) fn workflow(outline: &Outline<'_>) -> String {
    let mut text = "name: release\nrun-name: release ${{ inputs.version || github.head_ref || github.ref_name }}${{ inputs.dry_run && ' (dry run)' || '' }}\n\non:\n"
        .to_owned();
    text.push_str(&indent(&events(outline), 2));
    text.push_str("\npermissions: {}\n\n");
    // A pull request of any other kind that is closed meets no release.
    let group = format!(
        "${{{{ (github.event_name != 'pull_request' || startsWith(github.head_ref, 'release/')) && '{}' || github.run_id }}}}",
        outline.concurrency()
    );
    let why = "A release or a deploy that is cancelled half-way helps nobody.";
    text.push_str(&concurrency(&group, why));
    text.push_str(SHELL);
    text.push_str(&env(outline));
    text.push_str("jobs:\n");
    let mut jobs = vec![plan(outline), gates(outline)];
    let deploys = outline.environment().is_some();
    let builds = deploys || !outline.targets().is_empty();
    if builds {
        jobs.push(build(outline));
    }
    jobs.push(publish(outline, builds));
    if deploys {
        jobs.push(deploy(outline));
    }
    text.push_str(&indent(&jobs.join("\n"), 2));
    text.push_str(&indent(&parts::empty("jobs"), 2));
    text
}

/// Returns the triggers: by hand, by merging a release pull request, and, if it is wanted,
/// by a tag.
fn events(outline: &Outline<'_>) -> String {
    let mut inputs = "version:\n  description: What to release, as after `cargo xtask release`\n  required: true\n  type: string\ndry_run:\n  description: Only show the plan\n  type: boolean\n  default: false\n".to_owned();
    if outline.environment().is_some() {
        inputs.push_str(OVERRIDE_FREEZE);
    }
    let release = &outline.config.release;
    let mut text = format!(
        "workflow_dispatch:\n  inputs:\n{}pull_request:\n  types: [closed]\n  branches: {}\n",
        indent(&inputs, 4),
        list(release.every_branch())
    );
    if let Some((before, after)) = tag_form(outline) {
        let tags = format!("{before}[0-9]*{after}");
        text.push_str(&format!("push:\n  tags: {}\n", list([tags])));
    }
    text
}

/// Returns what stands around the version in a tag that is to be released; a tag that names
/// a group says no more than its own version, and begins nothing.
fn tag_form<'a>(outline: &'a Outline<'_>) -> Option<(&'a str, &'a str)> {
    let tag = outline
        .config
        .release
        .tag
        .as_deref()
        .unwrap_or("v{version}");
    let (before, after) = tag.split_once("{version}")?;
    (outline.config.ci.on_tag && !tag.contains("{name}")).then_some((before, after))
}

/// Returns what a merged pull request, and a tag, say of the version.
fn words(outline: &Outline<'_>) -> String {
    let mut text = "options=()\ncase \"$EVENT\" in\n  pull_request)\n    VERSION=\"${VERSION#release/}\"\n    VERSION=\"${VERSION//,/ }\"\n    ;;\n".to_owned();
    if let Some((before, after)) = tag_form(outline) {
        let (before, after) = (
            stagegate_deploy::quote(before),
            stagegate_deploy::quote(after),
        );
        text.push_str(&format!("  push)\n    VERSION=\"${{VERSION#{before}}}\"\n    VERSION=\"${{VERSION%{after}}}\"\n    options+=(--tagged)\n    ;;\n"));
    }
    text.push_str("esac\n");
    if outline.environment().is_some() {
        text.push_str(FREEZE_OPTION);
    }
    text + "read -ra words <<< \"$VERSION\"\n"
}

/// Returns the environment's name, where hosts are asked.
fn hosts(outline: &Outline<'_>) -> String {
    outline.environment().map(scalar).unwrap_or_default()
}

fn plan(outline: &Outline<'_>) -> String {
    let deploys = outline.environment().is_some();
    let mut steps = outline.ready_to_release("plan") + &outline.take();
    let (agent_env, option) = match outline.environment() {
        None => ("", String::new()),
        Some(name) => {
            steps.push_str(&agent());
            (AGENT, format!(" --env {}", stagegate_deploy::quote(name)))
        }
    };
    let freeze = match deploys {
        true => FREEZE_ENV,
        false => "",
    };
    let version = "${{ inputs.version || github.head_ref || github.ref_name }}";
    let env = format!(
        "EVENT: ${{{{ github.event_name }}}}\nVERSION: {version}\n{freeze}{COMMITTER}{agent_env}{ACCESS}"
    );
    let words = words(outline);
    let show = format!(
        "{words}exec cargo xtask release --until plan --dry-run{option} \"${{options[@]}}\" -- \"${{words[@]}}\"\n"
    );
    steps.push_str(&script("Show the plan", "inputs.dry_run", &env, &show));
    let make = format!(
        "{words}exec cargo xtask release --resume --resume-or-start --until plan{option} \"${{options[@]}}\" -- \"${{words[@]}}\"\n"
    );
    steps.push_str(&script("Make the plan", NOT_DRY, &env, &make));
    if deploys {
        steps.push_str(&agent_ends());
    }
    steps.push_str(&outline.hand_on("1-plan"));
    let job = Job {
        id: "plan",
        name: "plan",
        condition: &outline.here(MERGED),
        minutes: 30,
        permissions: READ,
        environment: &hosts(outline),
        only_asks: true,
        ..Job::default()
    };
    outline.job(&job, &steps)
}

fn gates(outline: &Outline<'_>) -> String {
    let steps = outline.ready_to_release("gates")
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
    let targets = outline.targets();
    let mut steps = outline.ready_to_release("build");
    if !targets.is_empty() {
        steps.push_str(&script(
            "Install the target's standard library",
            "matrix.target",
            "TARGET: ${{ matrix.target }}\n",
            "exec rustup target add \"$TARGET\"",
        ));
    }
    steps.push_str(&outline.take());
    let (command, env) = (
        "release --resume --only \"$STEP\"",
        "STEP: ${{ matrix.step }}\n",
    );
    // An artifact's name may have no colon in it.
    let (name, artifact) = match targets.is_empty() {
        true => ("Build for production", "3-${{ matrix.step }}"),
        false => ("Build", "3-${{ matrix.target || matrix.step }}"),
    };
    steps.push_str(&xtask(name, env, command));
    steps.push_str(&outline.hand_on(artifact));
    let runner = match targets.is_empty() {
        true => "",
        false => "${{ matrix.runner }}",
    };
    let job = Job {
        id: "build",
        name: "${{ matrix.step }}",
        needs: &["gates"],
        minutes: 120,
        runner,
        permissions: READ,
        more: &matrix(outline, &targets),
        ..Job::default()
    };
    outline.job(&job, &steps)
}

/// Returns each build, and who does it: what is deployed, and what is only released.
fn matrix(outline: &Outline<'_>, targets: &[(&str, &str)]) -> String {
    if targets.is_empty() {
        return "strategy:\n  matrix:\n    step: [build]\n".to_owned();
    }
    let own = labels(&outline.config.ci.runner);
    let mut text = format!(
        "strategy:\n  # What the others have built is not built again.\n  fail-fast: false\n  matrix:\n    include:\n      - step: build\n        runner: {own}\n"
    );
    for (target, runner) in targets {
        let (step, target) = (scalar(&format!("build:{target}")), scalar(target));
        let runner = scalar(runner);
        text.push_str(&format!(
            "      - step: {step}\n        target: {target}\n        runner: {runner}\n"
        ));
    }
    text
}

fn publish(outline: &Outline<'_>, builds: bool) -> String {
    let mut steps = outline.ready_to_release("publish") + &outline.take();
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
        steps.push_str(&action(
            "Attest where it was built",
            "",
            outline.attest(),
            &subjects,
        ));
    } else {
        permissions.push('\n');
    }
    let token = outline.registry_tokens();
    let token = match outline.publishes {
        true => token,
        false => String::new(),
    };
    steps.push_str(&xtask(
        "Publish",
        &format!("{token}{}{}", outline.secrets(), outline.write_access()),
        match outline.environment().is_some() {
            true => "release --resume --until publish-github-release --yes",
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

/// Returns the files that are attached to the release. git's own directory is at the
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
    let steps = outline.ready_to_release("deploy")
        + &outline.take()
        + &agent()
        + &xtask(
            "Deploy, backend first, and see what users now get",
            &format!("{AGENT}{}{ACCESS}", outline.secrets()),
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
