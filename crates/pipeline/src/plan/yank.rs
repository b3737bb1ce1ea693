//! The plan of a yank, and of giving a version back.

use stagegate_changelog::Changelog;
use stagegate_manifest::FileEdit;
use stagegate_registry::Token;

use super::action::{Action, ReleaseRef};
use super::{Plan, Step};
use crate::blocker::Blocker;
use crate::checks;
use crate::facts::Facts;
use crate::request::YankRequest;
use crate::{Config, Stage};

pub(super) fn plan(
    facts: &Facts,
    config: &Config,
    wanted: &YankRequest,
    blockers: &mut Vec<Blocker>,
) -> Option<Plan> {
    let YankRequest { version, undo } = wanted;
    let verb = if *undo { "un-yank" } else { "yank" };
    let mut plan = Plan {
        target: format!("{verb}-{version}"),
        words: version.to_string(),
        title: format!("{verb} {version}"),
        version: version.clone(),
        versions: std::collections::BTreeMap::new(),
        from: None,
        at: facts.at,
        notes: Vec::new(),
        steps: Vec::new(),
    };
    registry_steps(facts, wanted, verb, &mut plan, blockers);
    github_step(facts, config, wanted, &mut plan, blockers);
    changelog_step(facts, config, wanted, verb, &mut plan, blockers);
    if let Some(step) = plan
        .steps
        .iter_mut()
        .find(|s| matches!(s.action, Action::Yank { .. }))
    {
        step.no_return = true;
    }
    if !undo {
        plan.notes.push(
            "a yank deletes nothing: projects that have the version in their Cargo.lock go on building".to_owned(),
        );
    }
    Some(plan)
}

/// Dependents first, so that at no moment a version that resolves needs one
/// that does not; giving back goes the other way.
fn registry_steps(
    facts: &Facts,
    wanted: &YankRequest,
    verb: &str,
    plan: &mut Plan,
    blockers: &mut Vec<Blocker>,
) {
    let registry = match &facts.registry {
        Some(Ok(registry)) => registry,
        Some(Err(blocker)) => return blockers.push(blocker.clone()),
        None => {
            return blockers.push(Blocker::new(
                "no package of this workspace is published",
                "there is nothing to yank",
            ));
        }
    };
    match &registry.token {
        Err(blocker) => blockers.push(blocker.clone()),
        Ok(places) if places.plain.is_none() => blockers.push(Blocker::new(
            format!("a workflow's identity cannot {verb} on {}", registry.name),
            format!("give a token in {}", Token::variable(&registry.name)),
        )),
        Ok(_) => {}
    }
    let has = |name: &String| {
        registry
            .versions
            .get(name)
            .is_some_and(|v| v.iter().any(|v| v.vers == wanted.version))
    };
    let order = facts
        .workspace
        .publish_order(&registry.name)
        .unwrap_or_default();
    let mut names: Vec<String> = order.into_iter().flatten().filter(has).collect();
    if !wanted.undo {
        names.reverse();
    }
    if names.is_empty() {
        blockers.push(Blocker::new(
            format!("{} is not published on {}", wanted.version, registry.name),
            "name a published version",
        ));
    }
    for name in names {
        let title = format!("{verb} {name} {} on {}", wanted.version, registry.name);
        let action = Action::Yank {
            package: name.clone(),
            version: wanted.version.clone(),
            undo: wanted.undo,
        };
        plan.steps.push(Step::new(
            format!("yank:{name}"),
            Stage::Yank,
            title,
            action,
        ));
    }
}

fn github_step(
    facts: &Facts,
    config: &Config,
    wanted: &YankRequest,
    plan: &mut Plan,
    blockers: &mut Vec<Blocker>,
) {
    match &facts.github {
        None => {}
        Some(Err(blocker)) => blockers.push(blocker.clone()),
        Some(Ok(github)) => {
            let Some(group) = facts.main_group(config) else {
                return;
            };
            let tag = group.tag_of(&wanted.version);
            if github.existing.is_none() {
                plan.notes.push(format!(
                    "there is no GitHub release {tag}, so none is marked"
                ));
                return;
            }
            let release = ReleaseRef {
                server: github.server.clone(),
                repository: github.repository.clone(),
                tag,
            };
            let title = format!("mark the GitHub release {}", release.tag);
            let action = Action::MarkRelease {
                release,
                undo: wanted.undo,
            };
            plan.steps
                .push(Step::new("mark-release", Stage::Yank, title, action));
        }
    }
}

fn changelog_step(
    facts: &Facts,
    config: &Config,
    wanted: &YankRequest,
    verb: &str,
    plan: &mut Plan,
    blockers: &mut Vec<Blocker>,
) {
    let group = facts.main_group(config);
    let mut known = group.iter().flat_map(|group| &group.changelogs);
    let Some(found) = known.find_map(|path| facts.changelogs.get(path)) else {
        return;
    };
    let path = &found.file;
    let text = match &found.text {
        Ok(text) => text,
        Err(blocker) => return blockers.push(blocker.clone()),
    };
    let marked = Changelog::parse(text).and_then(|changelog| {
        if wanted.undo {
            changelog.unmark_yanked(&wanted.version)
        } else {
            changelog.mark_yanked(&wanted.version)
        }
    });
    let marked = match marked {
        Ok(marked) if marked == *text => return,
        Ok(marked) => marked,
        Err(e) => {
            plan.notes.push(format!("{path} is left as it is: {e}"));
            return;
        }
    };
    blockers.extend(
        checks::git(facts, config)
            .into_iter()
            .filter_map(|c| c.outcome.err()),
    );
    let Ok(git) = &facts.git else { return };
    let (Some(identity), Some(branch)) = (git.identity.clone(), git.branch.clone()) else {
        return;
    };
    let action = Action::MarkChangelog {
        edit: FileEdit::from_texts(path.clone(), text.as_bytes(), marked.as_bytes()),
        message: format!(
            "{} {}",
            if wanted.undo { "Un-yank" } else { "Yank" },
            wanted.version
        ),
        branch,
        remote: config.release.remote.clone(),
        parent: git.head.clone(),
        identity,
    };
    plan.steps.push(Step::new(
        "mark-changelog",
        Stage::Yank,
        format!("{verb} {} in {path}, commit and push", wanted.version),
        action,
    ));
}
