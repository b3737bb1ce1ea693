//! The plan of a yank, and of giving a version back.

pub mod advice;

use stagegate_changelog::Changelog;
use stagegate_config::schema::Config;
use stagegate_config::stage::Stage;
use stagegate_manifest::FileEdit;
use stagegate_registry::Token;

use crate::facts::{Facts, GitFacts, RegistryFacts, SurveyResult};
use crate::model::{Action, Blocker, MarkChangelog, MarkRelease, Plan, ReleaseRef, Step, Yank};
use crate::preflight::checks;
use crate::release::message;
use crate::request::YankRequest;
use crate::version::Group;

pub(crate) fn plan(
    facts: &Facts,
    config: &Config,
    wanted: &YankRequest,
    blockers: &mut Vec<Blocker>,
) -> Option<Plan> {
    let YankRequest { version, undo, .. } = wanted;
    let verb = if *undo { "un-yank" } else { "yank" };
    let group = match group_of(facts, config, wanted) {
        Ok(group) => group,
        Err(blocker) => {
            blockers.push(blocker);
            return None;
        }
    };
    let words = wanted.words();
    let mut plan = Plan {
        title: format!("{verb} {}", words.trim_end_matches(" --undo")),
        cli_args: words,
        ..Plan::new(wanted.run_id(), version.clone(), facts.at)
    };
    let yanked = registry_steps(facts, config, group, wanted, verb, &mut plan, blockers);
    if let Some(Ok(registry)) = &facts.registry
        && !undo
    {
        advice::advise((registry, facts.command), wanted, &yanked, &mut plan);
    }
    let whole = yanked.len() == published(facts, group, wanted).len();
    if whole {
        github_step(facts, group, wanted, &mut plan, blockers);
        changelog_step(facts, config, group, wanted, verb, &mut plan, blockers);
    } else {
        plan.notes.push(format!(
            "other crates of {version} stay, so GitHub release and changelog are left as they are"
        ));
    }
    if let Some(step) = plan
        .steps
        .iter_mut()
        .find(|s| matches!(s.action, Action::Yank(_)))
    {
        step.irreversible = true;
    }
    if !undo {
        plan.notes.push(
            "a yank deletes nothing: projects that have the version in their Cargo.lock still build".to_owned(),
        );
    }
    Some(plan)
}

/// Returns the group whose version is meant: that of the named crates, else the one that has
/// released it.
fn group_of<'a>(
    facts: &'a Facts,
    config: &Config,
    wanted: &YankRequest,
) -> SurveyResult<&'a Group> {
    if let Some(first) = wanted.crates.first() {
        let groups = facts.groups.as_deref().unwrap_or_default();
        let is_ours = |name: &str| groups.iter().any(|group| group.has(name));
        // What has left the workspace is known to the registry alone.
        let ours = wanted.crates.iter().find(|name| is_ours(name));
        let gone = |name: &str| !is_ours(name) && has_version(facts, name, wanted);
        let group = match ours {
            Some(name) => facts.group_of(Some(name), config)?,
            None if gone(first) => facts.group_of(None, config)?,
            None => facts.group_of(Some(first), config)?,
        };
        let other = |name: &&String| !group.has(name) && !gone(name);
        return match wanted.crates.iter().find(other) {
            None => Ok(group),
            Some(other) => Err(Blocker::new(
                format!("{first} and {other} have versions of their own"),
                "yank them one after the other, dependents first",
            )),
        };
    }
    let groups = facts.groups.as_ref().map_err(Clone::clone)?;
    let have: Vec<&Group> = groups
        .iter()
        .filter(|group| !published(facts, group, wanted).is_empty())
        .collect();
    match &have[..] {
        [one] => Ok(one),
        [] => facts.group_of(None, config),
        several => {
            let names: Vec<_> = several.iter().map(|group| group.name.as_str()).collect();
            Err(Blocker::new(
                format!(
                    "{} is a version of {}",
                    wanted.version,
                    names.join(" and of ")
                ),
                "say whose is meant with `--crate NAME`",
            ))
        }
    }
}

/// Returns the crates of a group that are in a registry with this version, dependencies first.
fn published(facts: &Facts, group: &Group, wanted: &YankRequest) -> Vec<String> {
    let names: Vec<&str> = facts.registries().map(|r| r.name.as_str()).collect();
    let order = facts.workspace.publish_order(&names);
    let order: Vec<String> = order.unwrap_or_default().into_iter().flatten().collect();
    let gone = wanted
        .crates
        .iter()
        .filter(|name| facts.workspace.package(name).is_none());
    let gone: Vec<String> = gone.cloned().collect();
    let ours = order.into_iter().filter(|name| group.has(name));
    ours.chain(gone)
        .filter(|name| has_version(facts, name, wanted))
        .collect()
}

/// Returns whether any registry has the version of a crate.
fn has_version(facts: &Facts, name: &str, wanted: &YankRequest) -> bool {
    facts
        .registries()
        .any(|registry| is_in(registry, name, wanted))
}

fn is_in(registry: &RegistryFacts, name: &str, wanted: &YankRequest) -> bool {
    let known = registry.versions.get(name).into_iter().flatten();
    known.into_iter().any(|v| v.vers == wanted.version)
}

/// Dependents first, so that at no moment a version that resolves needs one
/// that does not; giving back goes the other way.
fn registry_steps(
    facts: &Facts,
    config: &Config,
    group: &Group,
    wanted: &YankRequest,
    verb: &str,
    plan: &mut Plan,
    blockers: &mut Vec<Blocker>,
) -> Vec<String> {
    if facts.registry.is_none() {
        blockers.push(Blocker::new(
            "no package of this workspace is published",
            "there is nothing to yank",
        ));
        return Vec::new();
    }
    let unasked = facts.every_registry().filter_map(|r| r.as_ref().err());
    let before = blockers.len();
    blockers.extend(unasked.cloned());
    if blockers.len() > before {
        return Vec::new();
    }
    let mut names = published(facts, group, wanted);
    let places: Vec<&str> = facts.registries().map(|r| r.name.as_str()).collect();
    let places = places.join(" or ");
    for name in wanted.crates.iter().filter(|name| !names.contains(name)) {
        blockers.push(Blocker::new(
            format!("{name} {} is not published on {places}", wanted.version),
            "name a published version",
        ));
    }
    if names.is_empty() && wanted.crates.is_empty() {
        blockers.push(Blocker::new(
            format!("{} is not published on {places}", wanted.version),
            "name a published version",
        ));
    }
    names.retain(|name| wanted.crates.is_empty() || wanted.crates.contains(name));
    if !wanted.undo {
        names.reverse();
    }
    for registry in facts.registries() {
        let here = names.iter().filter(|name| is_in(registry, name, wanted));
        let here: Vec<&String> = here.collect();
        // Where there is nothing to yank, no token is needed.
        let is_main = config.registry.other(&registry.name).is_none();
        if is_main || !here.is_empty() {
            blockers.extend(token_problem(registry, verb));
        }
        for name in here {
            let title = format!("{verb} {name} {} on {}", wanted.version, registry.name);
            let other = config.registry.other(&registry.name);
            let id = match &other {
                None => format!("yank:{name}"),
                Some(other) => format!("yank:{name}@{other}"),
            };
            let action = Action::Yank(Yank {
                package: name.clone(),
                version: wanted.version.clone(),
                undo: wanted.undo,
                registry: other,
            });
            plan.steps.push(Step::new(id, Stage::Yank, title, action));
        }
    }
    names
}

/// Returns what keeps the token from yanking, as far as it is known.
fn token_problem(registry: &RegistryFacts, verb: &str) -> Option<Blocker> {
    match &registry.token {
        Err(blocker) => Some(blocker.clone()),
        Ok(places) if places.plain.is_none() => Some(Blocker::new(
            format!("a workflow's identity cannot {verb} on {}", registry.name),
            format!(
                "trusted publishing is for uploads alone; give a token that may yank in {}",
                Token::variable(&registry.name)
            ),
        )),
        Ok(_) => None,
    }
}

fn github_step(
    facts: &Facts,
    group: &Group,
    wanted: &YankRequest,
    plan: &mut Plan,
    blockers: &mut Vec<Blocker>,
) {
    let github = match &facts.github {
        None => return,
        Some(Err(blocker)) => return blockers.push(blocker.clone()),
        Some(Ok(github)) => github,
    };
    let tag = facts.tag_of(group, &wanted.version);
    if github.existing.is_none() {
        plan.notes.push(format!(
            "there is no GitHub release {tag}, so none is marked"
        ));
        return;
    }
    let good = published(facts, group, wanted).first().and_then(|name| {
        advice::last_good(
            facts.registry.as_ref()?.as_ref().ok()?,
            name,
            &wanted.version,
        )
    });
    let release = ReleaseRef {
        repository: github.repository.clone(),
        tag,
    };
    let title = format!("mark the GitHub release {}", release.tag);
    let action = Action::MarkRelease(MarkRelease {
        release,
        note: advice::note(wanted.reason.as_deref(), good.as_ref()),
        undo: wanted.undo,
    });
    plan.steps
        .push(Step::new("mark-release", Stage::Yank, title, action));
}

fn changelog_step(
    facts: &Facts,
    config: &Config,
    group: &Group,
    wanted: &YankRequest,
    verb: &str,
    plan: &mut Plan,
    blockers: &mut Vec<Blocker>,
) {
    let mut known = group.changelogs.iter();
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
    let action = Action::MarkChangelog(MarkChangelog {
        edit: FileEdit::from_texts(path.clone(), text.as_bytes(), marked.as_bytes()),
        message: message(wanted, git),
        branch,
        remote: config.release.remote().to_owned(),
        parent: git.head.clone(),
        identity,
    });
    plan.steps.push(Step::new(
        "mark-changelog",
        Stage::Yank,
        format!("{verb} {} in {path}, commit and push", wanted.version),
        action,
    ));
}

/// Returns the message of the commit that marks the changelog.
fn message(wanted: &YankRequest, git: &GitFacts) -> String {
    let verb = if wanted.undo { "un-yank" } else { "yank" };
    let subject = message::other(verb, &wanted.version.to_string(), git);
    match &wanted.reason {
        Some(reason) => format!("{subject}\n\n{reason}"),
        None => subject,
    }
}
