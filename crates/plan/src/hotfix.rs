//! The plan of a hotfix: a branch from a released version's tag, with the next
//! patch version in its manifests and a place for the fix in its changelogs.

use stagegate_changelog::Changelog;
use stagegate_config::schema::Config;
use stagegate_config::stage::Stage;
use stagegate_manifest::FileEdit;

use crate::facts::Facts;
use crate::model::{
    Action, Blocker, CreateBranch, CreateCommitObject, HOTFIX_BRANCH_PREFIX, Plan, RunId, Step,
    Verb, branch_beside, namespace,
};
use crate::preflight::{CheckKind, branches, checks};
use crate::release::edits;
use crate::release::message;
use crate::request::HotfixRequest;
use crate::version::{BumpKind, Group, VersionBump, WORKSPACE};

/// Plans a hotfix. `facts` are those of the tag, but for the checkout's own state.
pub fn plan(
    facts: &Facts,
    config: &Config,
    wanted: &HotfixRequest,
    blockers: &mut Vec<Blocker>,
) -> Option<Plan> {
    let group = match facts.group_of(wanted.package.as_deref(), config) {
        Ok(group) => group,
        Err(blocker) => {
            blockers.push(blocker);
            return None;
        }
    };
    let git = match &facts.git {
        Ok(git) => git,
        Err(blocker) => {
            blockers.push(blocker.clone());
            return None;
        }
    };
    if !git.dirty.is_empty() {
        blockers.push(checks::dirty(&git.dirty));
    }
    if let Some(Err(blocker)) = &git.signing {
        blockers.push(blocker.clone());
    }
    let tag = facts.tag_of(group, &wanted.version);
    let base = git
        .tagged(&tag, config)
        .map_err(|b| blockers.push(b))
        .ok()?;
    let one = VersionBump {
        group,
        to: BumpKind::Patch.after(&wanted.version),
        reasons: Vec::new(),
        asked: true,
    };
    taken(facts, &one, blockers);
    let name = match group.name.as_str() {
        WORKSPACE => one.to.to_string(),
        name => format!("{name}-{}", one.to),
    };
    let mut all = edits::manifests(facts, config, std::slice::from_ref(&one), blockers);
    let (changelogs, names) = changelogs(facts, group);
    all.extend(changelogs);
    let Some(identity) = git.identity.clone() else {
        blockers.extend(checks::git(facts, config).into_iter().filter_map(|c| {
            (c.kind == CheckKind::Identity)
                .then_some(c.outcome.err())
                .flatten()
        }));
        return None;
    };
    let branch = branch_beside(HOTFIX_BRANCH_PREFIX, &name, git.every_branch())
        .map_err(|there| blockers.push(branches::in_the_way(&there)))
        .ok()?;
    let mut plan = empty(facts, &one, wanted, (&name, &branch), &names);
    let reference = plan.reference();
    let action = Action::CreateCommitObject(CreateCommitObject {
        parent: base.clone(),
        message: message::other("begin the hotfix", &name, git),
        identity,
        sign: git.sign_commits,
        reference: reference.clone(),
        files: None,
    });
    plan.edits = all;
    let title = format!("write {} into a commit on top of {tag}", one.to);
    plan.steps
        .push(Step::new("commit-object", Stage::Hotfix, title, action));
    let title = format!("create {branch} there and switch to it");
    let action = Action::CreateBranch(CreateBranch {
        name: branch,
        reference,
    });
    plan.steps
        .push(Step::new("branch", Stage::Hotfix, title, action));
    Some(plan)
}

fn empty(
    facts: &Facts,
    one: &VersionBump<'_>,
    wanted: &HotfixRequest,
    (name, branch): (&str, &str),
    changelogs: &[String],
) -> Plan {
    let whole = one.group.name == WORKSPACE;
    let word = match whole {
        true => one.to.to_string(),
        false => format!("{}={}", one.group.name, one.to),
    };
    let log = match changelogs {
        [] => String::new(),
        some => format!(", write it down under [Unreleased] in {}", some.join(", ")),
    };
    Plan {
        cli_args: wanted.words(),
        namespace: namespace(&facts.subdirectory),
        title: format!("hotfix {name}"),
        from: Some(wanted.version.clone()),
        next_step_hint: Some(format!(
            "commit the fix on {branch}{log}, then `{} release {word}`",
            facts.command
        )),
        ..Plan::new(RunId::new(Verb::Hotfix, name), one.to.clone(), facts.at)
    }
}

/// Refuses a number that is somebody's already.
fn taken(facts: &Facts, one: &VersionBump<'_>, blockers: &mut Vec<Blocker>) {
    let mut taken = Vec::new();
    crate::preflight::versions::version(facts, one, false, &mut taken);
    if !taken.is_empty() {
        blockers.push(Blocker::new(
            format!(
                "{} is released already, so the next patch is not free",
                one.to
            ),
            format!("fix the later one: `{} hotfix {}`", facts.command, one.to),
        ));
    }
}

/// Makes a place for the fix in each changelog of the group; returns them and their names.
fn changelogs(facts: &Facts, group: &Group) -> (Vec<FileEdit>, Vec<String>) {
    let mut edits: Vec<FileEdit> = Vec::new();
    let mut names = Vec::new();
    for path in &group.changelogs {
        let Some(found) = facts.changelogs.get(path) else {
            continue;
        };
        let Ok(text) = &found.text else { continue };
        if names.contains(&found.file.to_string()) {
            continue;
        }
        names.push(found.file.to_string());
        // One that cannot be read is left to the release, which says so.
        let prepared = Changelog::parse(text).map(|changelog| changelog.with_unreleased());
        if let Some(new) = prepared.ok().filter(|new| new != text) {
            edits.push(FileEdit::from_texts(
                found.file.clone(),
                text.as_bytes(),
                new.as_bytes(),
            ));
        }
    }
    (edits, names)
}
