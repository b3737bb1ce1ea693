//! The plan of a yank, and of giving a version back.

use semver::{Version, VersionReq};
use stagegate_changelog::Changelog;
use stagegate_manifest::FileEdit;
use stagegate_registry::Token;

use super::action::{Action, ReleaseRef};
use super::{Plan, Step};
use crate::blocker::Blocker;
use crate::checks;
use crate::facts::{Facts, Found, RegistryFacts};
use crate::group::Group;
use crate::request::YankRequest;
use crate::run::NOTE;
use crate::{Config, Stage};

pub(super) fn plan(
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
        target: wanted.target(),
        title: format!("{verb} {}", words.trim_end_matches(" --undo")),
        words,
        version: version.clone(),
        versions: std::collections::BTreeMap::new(),
        from: None,
        at: facts.at,
        then: None,
        notes: Vec::new(),
        steps: Vec::new(),
    };
    let yanked = registry_steps(facts, group, wanted, verb, &mut plan, blockers);
    if let Some(Ok(registry)) = &facts.registry
        && !undo
    {
        advise(registry, wanted, &yanked, &mut plan);
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

/// The group whose version is meant: that of the named crates, else the one
/// that has released it.
fn group_of<'a>(facts: &'a Facts, config: &Config, wanted: &YankRequest) -> Found<&'a Group> {
    if let Some(first) = wanted.crates.first() {
        let group = facts.group_of(Some(first), config)?;
        return match wanted.crates.iter().find(|name| !group.has(name)) {
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

/// The crates of a group that are in the registry with this version,
/// dependencies first.
fn published(facts: &Facts, group: &Group, wanted: &YankRequest) -> Vec<String> {
    let Some(Ok(registry)) = &facts.registry else {
        return Vec::new();
    };
    let has = |name: &String| {
        let known = registry
            .versions
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default();
        group.has(name) && known.iter().any(|v| v.vers == wanted.version)
    };
    let order = facts.workspace.publish_order(&registry.name);
    order
        .unwrap_or_default()
        .into_iter()
        .flatten()
        .filter(has)
        .collect()
}

/// Dependents first, so that at no moment a version that resolves needs one
/// that does not; giving back goes the other way.
fn registry_steps(
    facts: &Facts,
    group: &Group,
    wanted: &YankRequest,
    verb: &str,
    plan: &mut Plan,
    blockers: &mut Vec<Blocker>,
) -> Vec<String> {
    let registry = match &facts.registry {
        Some(Ok(registry)) => registry,
        Some(Err(blocker)) => {
            blockers.push(blocker.clone());
            return Vec::new();
        }
        None => {
            blockers.push(Blocker::new(
                "no package of this workspace is published",
                "there is nothing to yank",
            ));
            return Vec::new();
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
    let mut names = published(facts, group, wanted);
    for name in wanted.crates.iter().filter(|name| !names.contains(name)) {
        blockers.push(Blocker::new(
            format!(
                "{name} {} is not published on {}",
                wanted.version, registry.name
            ),
            "name a published version",
        ));
    }
    if names.is_empty() && wanted.crates.is_empty() {
        blockers.push(Blocker::new(
            format!("{} is not published on {}", wanted.version, registry.name),
            "name a published version",
        ));
    }
    names.retain(|name| wanted.crates.is_empty() || wanted.crates.contains(name));
    if !wanted.undo {
        names.reverse();
    }
    for name in &names {
        let title = format!("{verb} {name} {} on {}", wanted.version, registry.name);
        let action = Action::Yank {
            package: name.clone(),
            version: wanted.version.clone(),
            undo: wanted.undo,
        };
        let id = format!("yank:{name}");
        plan.steps.push(Step::new(id, Stage::Yank, title, action));
    }
    names
}

/// What users resolve to afterwards, and what is left without a version to use.
fn advise(registry: &RegistryFacts, wanted: &YankRequest, yanked: &[String], plan: &mut Plan) {
    let good = yanked
        .first()
        .and_then(|name| last_good(registry, name, &wanted.version));
    let (note, then) = match &good {
        Some(good) => (
            format!("the last good version before it is {good}"),
            format!("users resolve to {good} again"),
        ),
        None => (
            "there is no good version before it: new projects cannot use these crates until the next release".to_owned(),
            "there is no earlier version to resolve to".to_owned(),
        ),
    };
    plan.notes.push(note);
    plan.then = Some(format!(
        "{then}; make a fix ready with `cargo xtask hotfix {}`",
        wanted.version
    ));
    // crates.io: 100 yanks at once, then one a minute.
    if registry.name == "crates-io" && yanked.len() > 100 {
        let minutes = yanked.len() - 100;
        plan.notes.push(format!(
            "crates.io takes 100 yanks at once, then 1 a minute: expect {minutes} minutes of waiting"
        ));
    }
    for (name, versions) in &registry.versions {
        for stranded in versions.iter().filter(|v| !v.yanked) {
            let leaves = yanked.contains(name) && stranded.vers == wanted.version;
            let need = stranded.deps.iter().find(|dependency| {
                let package = dependency.package.as_ref().unwrap_or(&dependency.name);
                yanked.contains(package)
                    && !leaves
                    && lost(registry, package, &dependency.req, &wanted.version)
            });
            if let Some(need) = need {
                plan.notes.push(format!(
                    "{name} {} needs {} {} and finds no other: yank it too",
                    stranded.vers, need.name, need.req
                ));
            }
        }
    }
}

/// Whether a requirement accepts the version and no other that is left.
fn lost(registry: &RegistryFacts, package: &str, requirement: &str, version: &Version) -> bool {
    let Ok(requirement) = VersionReq::parse(requirement) else {
        return false;
    };
    let known = registry
        .versions
        .get(package)
        .map(Vec::as_slice)
        .unwrap_or_default();
    requirement.matches(version)
        && !known
            .iter()
            .any(|v| !v.yanked && v.vers != *version && requirement.matches(&v.vers))
}

/// The highest release before a version that is not yanked.
fn last_good(registry: &RegistryFacts, name: &str, version: &Version) -> Option<Version> {
    let known = registry.versions.get(name)?;
    let good = known
        .iter()
        .filter(|v| !v.yanked && v.vers < *version && v.vers.pre.is_empty());
    good.map(|v| v.vers.clone()).max()
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
    let tag = group.tag_of(&wanted.version);
    if github.existing.is_none() {
        plan.notes.push(format!(
            "there is no GitHub release {tag}, so none is marked"
        ));
        return;
    }
    let good = published(facts, group, wanted).first().and_then(|name| {
        last_good(
            facts.registry.as_ref()?.as_ref().ok()?,
            name,
            &wanted.version,
        )
    });
    let release = ReleaseRef {
        server: github.server.clone(),
        repository: github.repository.clone(),
        tag,
    };
    let title = format!("mark the GitHub release {}", release.tag);
    let action = Action::MarkRelease {
        release,
        note: note(wanted.reason.as_deref(), good.as_ref()),
        undo: wanted.undo,
    };
    plan.steps
        .push(Step::new("mark-release", Stage::Yank, title, action));
}

/// What is written above the notes of a yanked release, on one line.
fn note(reason: Option<&str>, good: Option<&Version>) -> String {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = reason.map_or_else(String::new, |reason| format!(" {}", one_line(reason)));
    let instead = match good {
        Some(good) => format!("Use {good}, or a later version."),
        None => "Use a later version.".to_owned(),
    };
    format!("{NOTE}:**{reason} New projects no longer resolve to it. {instead}")
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
    let action = Action::MarkChangelog {
        edit: FileEdit::from_texts(path.clone(), text.as_bytes(), marked.as_bytes()),
        message: message(wanted),
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

/// The message of the commit that marks the changelog.
fn message(wanted: &YankRequest) -> String {
    let verb = if wanted.undo { "Un-yank" } else { "Yank" };
    match &wanted.reason {
        Some(reason) => format!("{verb} {}\n\n{reason}", wanted.version),
        None => format!("{verb} {}", wanted.version),
    }
}
