//! The plan of a release pull request: the same bump and changelog as a release, on
//! a branch of their own, for people to look at. Merging it makes the branch one that
//! can be released as it stands.

use std::collections::BTreeSet;

use stagegate_config::schema::Config;
use stagegate_config::stage::Stage;
use stagegate_github::Pull;

use crate::facts::{Facts, GitFacts};
use crate::model::{
    Action, Blocker, ClosePullRequest, CreateCommitObject, Plan, Proposal, PushBranch,
    RELEASE_BRANCH_PREFIX, Step, Verb, branch_beside, prepared_by,
};
use crate::preflight::{branches, checks, versions};
use crate::release;
use crate::release::edits::{Edits, edits};
use crate::release::notes::{LONGEST_PULL_REQUEST, shortened};
use crate::release::placeholders::Placeholders;
use crate::release::version_bumps::version_bumps;
use crate::release::{local, message, spoken};
use crate::request::ReleaseRequest;
use crate::version::{ApiChange, GroupVersion, VersionBump};

pub(crate) fn plan(
    facts: &Facts,
    config: &Config,
    wanted: &ReleaseRequest,
    blockers: &mut Vec<Blocker>,
) -> Option<Plan> {
    blockers.extend(
        checks::of(facts, config)
            .into_iter()
            .filter_map(|check| check.outcome.err()),
    );
    let groups = facts.groups.as_deref().ok()?;
    let bumps = version_bumps(facts, config, groups, wanted, blockers);
    for one in &bumps {
        versions::version(facts, one, false, blockers);
    }
    let edits = edits(facts, config, wanted, &bumps, blockers);
    if edits.bump.is_empty() && edits.changelogs.is_empty() && blockers.is_empty() {
        blockers.push(Blocker::new(
            format!("{} is prepared already", spoken(&bumps)),
            "release it as it stands",
        ));
    }
    let mut plan = release::empty(facts, config, &bumps)?;
    plan.run_id = plan.run_id.with_verb(Verb::Prepare);
    plan.notes.extend(facts.conventions.iter().cloned());
    plan.title = format!("prepare the release {}", spoken(&bumps));
    plan.next_step_hint =
        Some("review the pull request; merging it releases what it says".to_owned());
    let git = facts.git.as_ref().ok()?;
    steps(facts, config, git, &bumps, &edits, &mut plan, blockers)?;
    Some(plan)
}

fn steps(
    facts: &Facts,
    config: &Config,
    git: &GitFacts,
    bumps: &[VersionBump<'_>],
    edits: &Edits,
    plan: &mut Plan,
    blockers: &mut Vec<Blocker>,
) -> Option<()> {
    let Some(Ok(github)) = &facts.github else {
        if facts.github.is_none() {
            blockers.push(Blocker::new(
                "`github.release` is off in stagegate.toml, so there is nowhere to open a pull request",
                "turn it on, or release without a pull request",
            ));
        }
        return None;
    };
    let (reference, versions) = (plan.reference(), spoken(bumps));
    let name = plan.cli_args.replace(' ', ",");
    let branch = branch_beside(RELEASE_BRANCH_PREFIX, &name, git.every_branch())
        .map_err(|there| blockers.push(branches::in_the_way(&there)))
        .ok()?;
    let templates = &config.release.templates;
    let names = bumps.first().map(|first| {
        let notes = body(facts, bumps, edits, "");
        let names = Placeholders::of(first, &facts.date, None);
        names.with_version(&versions).with_notes(notes.trim_end())
    });
    let filled = |template: &Option<String>| Some(names.as_ref()?.fill(template.as_ref()?));
    let body = match filled(&templates.pull_request_body) {
        Some(body) => shortened(&body, LONGEST_PULL_REQUEST, REST),
        None => body(facts, bumps, edits, "Merging this releases it."),
    };
    let labels = templates.pull_request_labels.iter();
    let labels = labels.filter_map(|label| Some(names.as_ref()?.fill(label)));
    let labels = labels.collect();
    local::write(&git.head, bumps, edits, plan);
    let order = release::levels(facts, config, bumps, &mut Vec::new()).concat();
    let files = local::changes(config, git, bumps, &order, plan);
    let object = Action::CreateCommitObject(CreateCommitObject {
        parent: git.head.clone(),
        message: message::signed_off(
            message::other("prepare the release", &versions, git),
            config,
            git,
            bumps,
        ),
        identity: git.identity.clone()?,
        sign: git.sign_commits,
        reference: reference.clone(),
        files,
    });
    let mut step = |id: &str, title: String, action| {
        plan.steps
            .push(Step::new(id, Stage::PullRequest, title, action));
    };
    step(
        "commit-object",
        "write them into a commit, on no branch yet".to_owned(),
        object,
    );
    let remote = config.release.remote().to_owned();
    let there = git.remote.as_ref().ok()?.prepared.get(&branch).cloned();
    let title = match &there {
        None => format!("push it to {remote} as {branch}"),
        Some(there) => format!(
            "push it to {remote} as {branch}, in place of {}",
            &there[..there.len().min(12)]
        ),
    };
    let push = Action::PushBranch(PushBranch {
        remote,
        branch: branch.clone(),
        reference,
        there,
    });
    step("push", title, push);
    let proposal = Proposal {
        repository: github.repository.clone(),
        title: filled(&templates.pull_request_title)
            .unwrap_or_else(|| message::of_release(config, git, bumps, &facts.date)),
        body,
        labels,
        head: branch.clone(),
        base: git.release_branch(config).to_owned(),
    };
    let title = format!(
        "open or update the pull request from {branch} into {} on {}",
        proposal.base, proposal.repository
    );
    step("pull-request", title, Action::OpenPullRequest(proposal));
    for pull in superseded(&github.pulls, &branch) {
        let action = Action::ClosePullRequest(ClosePullRequest {
            repository: github.repository.clone(),
            number: pull.number,
            successor: branch.clone(),
        });
        let title = format!(
            "close the pull request {} from {}, which this one takes the place of",
            pull.number, pull.head.branch
        );
        step(&format!("close:{}", pull.number), title, action);
    }
    Some(())
}

/// Returns the open release pull requests that one from `branch` makes idle: those that
/// prepare nothing else than other versions of the same.
fn superseded<'p>(pulls: &'p [Pull], branch: &str) -> impl Iterator<Item = &'p Pull> {
    let groups = |branch: &str| -> Option<BTreeSet<Option<String>>> {
        let words = prepared_by(branch)?;
        let each = words.split_whitespace();
        each.map(|word| Some(word.parse::<GroupVersion>().ok()?.group))
            .collect()
    };
    let (branch, ours) = (branch.to_owned(), groups(branch));
    pulls.iter().filter(move |pull| {
        let (theirs, ours) = (groups(&pull.head.branch), ours.as_ref());
        let same = theirs.zip(ours).is_some_and(|(t, ours)| t.is_subset(ours));
        pull.head.branch != branch && same
    })
}

/// Returns what people read before they merge.
fn body(facts: &Facts, bumps: &[VersionBump<'_>], edits: &Edits, end: &str) -> String {
    let mut text = String::new();
    for one in bumps {
        let from = match one.group.version == one.to {
            true => String::new(),
            false => format!(" (from {})", one.group.version),
        };
        text.push_str(&format!("## {} {}{from}\n\n", one.group.name, one.to));
        text.push_str(edits.notes[&one.group.name].trim_end());
        text.push_str("\n\n");
        text.push_str(&why(facts, one));
    }
    shortened(&text, LONGEST_PULL_REQUEST, REST) + end
}

/// Returns why it is this version, and what cargo-semver-checks says of it.
fn why(facts: &Facts, one: &VersionBump<'_>) -> String {
    let mut lines: Vec<String> = one.reasons.iter().map(|why| format!("- {why}")).collect();
    match facts.interfaces.get(&one.group.name) {
        None | Some(Ok(ApiChange::Absent)) => {}
        Some(Err(blocker)) => lines.push(format!("- semver: {}", blocker.what)),
        Some(Ok(change)) => {
            let asked = change.call_for(one.group).map(|(kind, _)| kind);
            let needed = asked.map(|kind| kind.after(&one.group.version));
            let verdict = match (&needed, change) {
                (Some(needed), _) if *needed > one.to => format!(
                    "⚠️ cargo-semver-checks finds changes of the public interface that ask for {needed}"
                ),
                (_, ApiChange::Broken) => {
                    "the public interface changed in a way that breaks callers, and the version says so"
                        .to_owned()
                }
                (_, ApiChange::Additive) => {
                    "the public interface grew, and the version says so".to_owned()
                }
                _ => "cargo-semver-checks finds no change of the public interface that breaks callers"
                    .to_owned(),
            };
            lines.push(format!("- semver: {verdict}"));
        }
    }
    match lines.is_empty() {
        true => String::new(),
        false => lines.join("\n") + "\n\n",
    }
}

/// Where the rest of a long text is.
const REST: &str = "The rest is in the changelog.\n\n";
