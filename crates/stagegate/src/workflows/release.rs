//! `release.yml`: from plan to production, by hand, by a push, or by a tag.
//!
//! **A push starts this workflow and no other one that changes anything.** Its first job asks
//! what the push calls for: a release, if it merged a release pull request; a deploy of what
//! the hosts lack; or the next release pull request. A workflow for each would start three
//! runs, and two of them to no purpose.
//!
//! **The plan is made once**, by the first job, and travels with its journal to the
//! others, which run it: gates and packages, what is built, everything up to
//! the public release, and the deploy. What is built for several targets is built
//! by as many machines at once. Only the first and the last know the
//! hosts, only the one that publishes may write to the repository and has an
//! identity for the registry. Run again after a failure or a cancellation, a job
//! takes up the journal of its last attempt.

use std::collections::BTreeSet;

use super::checks::{SHELL, env};
use super::deploy::{deploy_job, paths};
use super::steps::{
    ACCESS, AGENT, FREEZE_ENV, FREEZE_OPTION, Job, OVERRIDE_FREEZE, action, agent, agent_ends,
    concurrency, script, xtask,
};
use super::text::{indent, labels, list, scalar};
use super::{Outline, parts};

/// The job, and the environment, that may publish.
pub(super) const ENVIRONMENT: &str = "release";
const NOT_DRY: &str = "!inputs.dry_run";
/// Whether the run is started by a push to a branch.
const ON_BRANCH: &str = "github.event_name == 'push' && github.ref_type == 'branch'";
const READ: &str = "contents: read # the code\n";
/// Who makes the release commit.
pub(super) const COMMITTER: &str = "GIT_COMMITTER_NAME: github-actions[bot]\n\
     GIT_COMMITTER_EMAIL: 41898282+github-actions[bot]@users.noreply.github.com\n";

pub(super) fn workflow(outline: &Outline<'_>) -> String {
    let mut text = "name: release\nrun-name: ${{ inputs.version && format('release {0}{1}', inputs.version, inputs.dry_run && ' (dry run)' || '') || format('{0} {1}', github.ref_type == 'tag' && 'release' || 'push to', github.ref_name) }}\n\non:\n"
        .to_owned();
    text.push_str(&indent(&events(outline), 2));
    text.push_str("\npermissions: {}\n\n");
    let why = "A release or a deploy that is cancelled half-way helps nobody, and what is pushed meanwhile waits for it.";
    text.push_str(&concurrency(&outline.concurrency(), why));
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
    if pushes_deploy(outline) {
        jobs.push(deploy_changed(outline));
    }
    if outline.keeps_pull_request() {
        jobs.push(pull_request(outline));
    }
    text.push_str(&indent(&jobs.join("\n"), 2));
    text.push_str(&indent(&parts::empty("jobs"), 2));
    text
}

/// Returns whether a push deploys what it changes.
fn pushes_deploy(outline: &Outline<'_>) -> bool {
    outline.environment().is_some() && !paths(outline).is_empty()
}

impl Outline<'_> {
    /// Returns whether each push brings the release pull request up to date.
    pub(super) fn keeps_pull_request(&self) -> bool {
        self.config.ci.release_pull_request && self.config.github.release
    }

    /// Returns whether a push to a branch can call for anything.
    fn listens_to_branches(&self) -> bool {
        self.config.github.release || pushes_deploy(self)
    }

    /// Returns whether a pushed tag is released.
    fn listens_to_tags(&self) -> bool {
        !self.tags.is_empty()
    }
}

/// Returns the triggers: by hand, by a push to a branch, and, if it is wanted, by a tag.
fn events(outline: &Outline<'_>) -> String {
    let mut inputs = "version:\n  description: What to release, as after `cargo xtask release`\n  required: true\n  type: string\ndry_run:\n  description: Only show the plan\n  type: boolean\n  default: false\n".to_owned();
    if outline.environment().is_some() {
        inputs.push_str(OVERRIDE_FREEZE);
    }
    let mut text = format!("workflow_dispatch:\n  inputs:\n{}", indent(&inputs, 4));
    if !outline.listens_to_branches() && !outline.listens_to_tags() {
        return text;
    }
    text.push_str("push:\n");
    if outline.listens_to_branches() {
        let branches = list(outline.config.release.every_branch());
        text.push_str(&format!("  branches: {branches}\n"));
        // What moves no version and no part of the app starts nothing. Tags have no paths.
        if !outline.keeps_pull_request() {
            text.push_str("  paths:\n");
            for path in touched(outline) {
                text.push_str(&format!("    - {}\n", scalar(&path)));
            }
        }
    }
    if outline.listens_to_tags() {
        text.push_str(&format!("  tags: {}\n", list(&outline.tags)));
    }
    text
}

/// Returns the files that a merged release can have changed, and those of the app.
fn touched(outline: &Outline<'_>) -> BTreeSet<String> {
    let release = &outline.config.release;
    let mut all = paths(outline);
    if outline.config.github.release {
        all.extend(["Cargo.toml", "Cargo.lock", "CHANGELOG.md"].map(|file| format!("**/{file}")));
        let groups = release.groups.values().map(|group| &group.changelog);
        let packages = release
            .of_package
            .values()
            .map(|package| &package.changelog);
        let named = groups.chain(packages).chain([&release.changelog]).flatten();
        let replaced = release.replace.iter().map(|replacement| &replacement.file);
        all.extend(
            named
                .chain(replaced)
                .map(|file| outline.path(file.as_str())),
        );
    }
    all
}

/// Returns what is asked for, as words and options.
fn words(outline: &Outline<'_>) -> String {
    let mut text = "options=()\n".to_owned();
    if outline.listens_to_tags() {
        text.push_str("if [ -n \"$TAG\" ]; then options+=(--tagged); fi\n");
    }
    if outline.environment().is_some() {
        text.push_str(FREEZE_OPTION);
    }
    text + "read -ra words <<< \"$VERSION\"\n"
}

/// The tag that was pushed; empty for anything else.
const TAG: &str = "TAG: ${{ github.event_name == 'push' && github.ref_type == 'tag' && github.ref_name || '' }}\n";

/// Returns the step that asks what was pushed, and the one that goes to what was merged.
fn pushed(outline: &Outline<'_>) -> String {
    let mut env = "BEFORE: ${{ github.event.before }}\n".to_owned();
    let mut lines = "options=(--since \"$BEFORE\")\n".to_owned();
    if pushes_deploy(outline) {
        let hosts = outline.environment().map(scalar).unwrap_or_default();
        env.push_str(&format!("ENVIRONMENT: {hosts}\n{AGENT}"));
        lines.push_str("options+=(--env \"$ENVIRONMENT\")\n");
    }
    if outline.listens_to_tags() {
        env.push_str(TAG);
        lines.push_str("if [ -n \"$TAG\" ]; then options=(--tag \"$TAG\"); fi\n");
    }
    env.push_str("GITHUB_TOKEN: ${{ github.token }}\n");
    lines.push_str("exec cargo xtask ci pushed \"${options[@]}\"\n");
    let ask = script(
        "See what was pushed",
        "github.event_name == 'push'",
        &env,
        &lines,
    );
    let ask = ask.replacen("\n", "\n  id: pushed\n", 1);
    // Of what a merge queue pushes at once, the release need not be the last.
    let go = script(
        "Be at what was merged",
        "steps.pushed.outputs.release",
        &format!(
            "COMMIT: ${{{{ steps.pushed.outputs.commit }}}}\n{}",
            outline.branch()
        ),
        "exec git switch --quiet --force-create \"$BRANCH\" \"$COMMIT\"\n",
    );
    ask + &go
}

/// Returns the environment's name, where hosts are asked.
fn hosts(outline: &Outline<'_>) -> String {
    outline.environment().map(scalar).unwrap_or_default()
}

fn plan(outline: &Outline<'_>) -> String {
    let deploys = outline.environment().is_some();
    let listens = outline.listens_to_branches() || outline.listens_to_tags();
    let mut steps = outline.ready_to_plan("plan");
    // Only a push has to be asked about first.
    let releases = match listens {
        true => "github.event_name != 'push' || steps.pushed.outputs.release",
        false => "",
    };
    let asks_hosts = pushes_deploy(outline);
    if asks_hosts {
        steps.push_str(&agent(""));
    }
    if listens {
        steps.push_str(&pushed(outline));
    }
    steps.push_str(&outline.take_if(releases, "--leave-outdated "));
    let (agent_env, option) = match outline.environment() {
        None => ("", String::new()),
        Some(name) => {
            if !asks_hosts {
                steps.push_str(&agent(releases));
            }
            (AGENT, format!(" --env {}", stagegate_deploy::quote(name)))
        }
    };
    let freeze = match deploys {
        true => FREEZE_ENV,
        false => "",
    };
    let version = match listens {
        true => "${{ inputs.version || steps.pushed.outputs.release }}",
        false => "${{ inputs.version }}",
    };
    let tag = match outline.listens_to_tags() {
        true => TAG,
        false => "",
    };
    let env = format!("VERSION: {version}\n{tag}{freeze}{COMMITTER}{agent_env}{ACCESS}");
    let words = words(outline);
    let show = format!(
        "{words}exec cargo xtask release --until plan --dry-run{option} \"${{options[@]}}\" -- \"${{words[@]}}\"\n"
    );
    steps.push_str(&script("Show the plan", "inputs.dry_run", &env, &show));
    let make = format!(
        "{words}exec cargo xtask release --resume --resume-or-start --until plan{option} \"${{options[@]}}\" -- \"${{words[@]}}\"\n"
    );
    let not_dry = match releases {
        "" => NOT_DRY.to_owned(),
        releases => format!("{NOT_DRY} && ({releases})"),
    };
    let make = script("Make the plan", &not_dry, &env, &make);
    steps.push_str(&make.replacen("\n", "\n  id: make\n", 1));
    if deploys {
        steps.push_str(&agent_ends());
    }
    let handed_on = match releases {
        "" => "always()".to_owned(),
        releases => format!("always() && ({releases})"),
    };
    steps.push_str(&outline.hand_on_if(&handed_on, "1-plan"));
    let mut outputs =
        "outputs:\n  made: ${{ steps.make.outcome }}\n  commit: ${{ steps.make.outputs.commit }}\n"
            .to_owned();
    if asks_hosts {
        outputs.push_str("  part: ${{ steps.pushed.outputs.part }}\n");
    }
    let permissions = match listens {
        true => "contents: read # the code\npull-requests: read # which one was merged\n",
        false => READ,
    };
    let job = Job {
        id: "plan",
        name: "plan",
        condition: &outline.here(""),
        minutes: 30,
        permissions,
        environment: &hosts(outline),
        only_asks: true,
        more: &outputs,
        ..Job::default()
    };
    outline.job(&job, &steps)
}

/// Returns the job that deploys what a push has changed.
fn deploy_changed(outline: &Outline<'_>) -> String {
    let branch = outline.config.release.branch().replace('\'', "''");
    let condition = format!(
        "{ON_BRANCH} && github.ref_name == '{branch}' && needs.plan.outputs.made == 'skipped' && needs.plan.outputs.part != 'none'"
    );
    deploy_job(
        outline,
        ("deploy-changed", "deploy what has changed"),
        &["plan"],
        &condition,
        ("${{ needs.plan.outputs.part }}", &hosts(outline)),
    )
}

/// Returns the job that opens the next release pull request, or brings it up to date. It looks
/// at the branch as it is by now, since others may have pushed while it waited.
fn pull_request(outline: &Outline<'_>) -> String {
    // Not from a cache: whatever can write there could write what this job then pushes.
    let tools = "${{ runner.temp }}/semver-checks";
    let install = "if ! command -v cargo-semver-checks; then\n  rustup toolchain install stable --profile minimal --no-self-update\n  cargo +stable install --quiet --locked --root \"$TOOLS\" cargo-semver-checks\n  echo \"$TOOLS/bin\" >> \"$GITHUB_PATH\"\nfi\n";
    let env = format!("{COMMITTER}{}", outline.write_access());
    let steps = outline.ready_at("${{ github.ref }}", "pull-request")
        + &script(
            "Install what compares public interfaces",
            "",
            &format!("TOOLS: {tools}\n"),
            install,
        )
        + &outline.take_nothing()
        + &xtask(
            "Open the pull request, or bring it up to date",
            &env,
            "release prepare auto --if-changed",
        );
    let guarded = match outline.config.ci.token {
        Some(_) => ENVIRONMENT,
        None => "",
    };
    let job = Job {
        id: "pull-request",
        name: "release pull request",
        needs: &["plan"],
        condition: &format!("{ON_BRANCH} && needs.plan.outputs.made == 'skipped'"),
        minutes: 60,
        permissions: "contents: write # its branch\npull-requests: write # itself, and those whose place it takes\n",
        environment: guarded,
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
        condition: "needs.plan.outputs.made == 'success'",
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
        needs: &["plan", "gates"],
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
            true => &["plan", "gates", "build"],
            false => &["plan", "gates"],
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
        + &agent("")
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
        needs: &["plan", "publish"],
        minutes: 120,
        permissions: READ,
        environment: &hosts(outline),
        ..Job::default()
    };
    outline.job(&job, &steps)
}
