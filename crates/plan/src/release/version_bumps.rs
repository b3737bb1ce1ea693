//! Which groups get a new version, which one, and why.

use std::collections::BTreeMap;

use semver::Version;
use stagegate_config::schema::Config;

use crate::facts::Facts;
use crate::model::Blocker;
use crate::request::ReleaseRequest;
use crate::version::{
    BumpKind, Group, GroupVersion, VersionBump, VersionRequest, WORKSPACE, label_of, pre_release,
};

/// Returns every group that gets a new version: what was asked for first, then the groups that
/// cannot stay because a published package of theirs would not accept a new version.
pub fn version_bumps<'a>(
    facts: &Facts,
    config: &Config,
    groups: &'a [Group],
    wanted: &ReleaseRequest,
    blockers: &mut Vec<Blocker>,
) -> Vec<VersionBump<'a>> {
    let mut bumps = asked_bumps(facts, groups, wanted, blockers);
    if bumps.is_empty() && blockers.is_empty() {
        blockers.push(Blocker::new(
            "nothing has changed since the last release",
            "name a version to release all the same",
        ));
    }
    propagate_bumps(facts, config, groups, wanted, &mut bumps);
    bumps
}

/// Returns whether a request leaves the version to what has changed, and nothing has.
pub fn has_nothing_to_release(facts: &Facts, wanted: &ReleaseRequest) -> bool {
    let Ok(groups) = &facts.groups else {
        return false;
    };
    let mut blockers = Vec::new();
    asked_bumps(facts, groups, wanted, &mut blockers).is_empty() && blockers.is_empty()
}

/// Returns the groups that get a new version because that was asked for.
fn asked_bumps<'a>(
    facts: &Facts,
    groups: &'a [Group],
    wanted: &ReleaseRequest,
    blockers: &mut Vec<Blocker>,
) -> Vec<VersionBump<'a>> {
    let mut bumps: Vec<VersionBump<'a>> = Vec::new();
    if let Some(gap) = facts
        .history_gap
        .as_ref()
        .filter(|_| wanted.asks_for_history())
    {
        blockers.push(gap.clone());
        return bumps;
    }
    for one in &wanted.versions {
        for group in select_groups(facts, groups, one, wanted, blockers) {
            if bumps.iter().any(|bump| bump.group.name == group.name) {
                blockers.push(Blocker::new(
                    format!("{} is asked for twice", group.name),
                    "name each group once",
                ));
                continue;
            }
            let (to, reasons) = match &one.version {
                VersionRequest::Exact(version) => (version.clone(), Vec::new()),
                VersionRequest::Next(_)
                    if one.group.is_none() && is_first(facts, groups, group) =>
                {
                    (first_version(group), vec![first(group)])
                }
                VersionRequest::Next(kind) => (kind.after(&group.version), Vec::new()),
                VersionRequest::Auto => match automatic(facts, groups, group, wanted) {
                    Ok(Some(found)) => found,
                    // One of several that needs nothing; alone it is said below.
                    Ok(None) => continue,
                    Err(blocker) => {
                        blockers.push(blocker);
                        continue;
                    }
                },
            };
            let to = match &wanted.pre {
                None => Ok(to),
                Some(label) => pre_release(&to, label, known(facts, group).iter()),
            };
            match to {
                Ok(to) => bumps.push(VersionBump {
                    group,
                    to,
                    reasons,
                    asked: true,
                }),
                Err(what) => {
                    blockers.push(Blocker::new(
                        what,
                        "name the release, such as `1.4.0 --pre rc`",
                    ));
                }
            }
        }
    }
    bumps
}

/// Returns the groups that a word on the command line means.
fn select_groups<'a>(
    facts: &Facts,
    groups: &'a [Group],
    wanted: &GroupVersion,
    request: &ReleaseRequest,
    blockers: &mut Vec<Blocker>,
) -> Vec<&'a Group> {
    let names = || {
        let names: Vec<_> = groups.iter().map(|g| g.name.as_str()).collect();
        names.join(", ")
    };
    if let Some(name) = &wanted.group {
        let found = groups.iter().find(|group| group.name == *name);
        if found.is_none() {
            blockers.push(Blocker::new(
                format!("there is no version group `{name}`"),
                format!("name one of {}", names()),
            ));
        }
        return found.into_iter().collect();
    }
    match (groups, &wanted.version) {
        ([], _) => {
            blockers.push(Blocker::new(
                "no package of this workspace has a version that could be released",
                "publish a package, or name it in [release.group.NAME] of stagegate.toml",
            ));
            Vec::new()
        }
        ([one], _) => vec![one],
        (_, VersionRequest::Exact(version)) => {
            let whole = groups.iter().find(|group| group.name == WORKSPACE);
            if whole.is_none() {
                blockers.push(Blocker::new(
                    format!("there are several versions in this workspace, and {version} does not say whose it is to be: {}", current(groups)),
                    format!("write NAME={version} with a name out of {}; `patch`, `minor`, `major` or `auto` move all that changed; one version for all is `release.versioning = \"lockstep\"` in stagegate.toml", names()),
                ));
            }
            whole.into_iter().collect()
        }
        _ => groups
            .iter()
            .filter(|group| {
                let history = facts.history.get(&group.name);
                follows_candidate(group, request) || history.is_none_or(|h| h.has_changed())
            })
            .collect(),
    }
}

/// Returns the versions that the groups have.
fn current(groups: &[Group]) -> String {
    let each = groups
        .iter()
        .map(|g| format!("{} is at {}", g.name, g.version));
    each.collect::<Vec<_>>().join(", ")
}

/// Returns whether a group's candidate is to become its release, though nothing has changed since.
fn follows_candidate(group: &Group, wanted: &ReleaseRequest) -> bool {
    !group.version.pre.is_empty() && !group.is_development && wanted.pre.is_none()
}

/// Returns whether one of several groups was never released, so that its version is still to come.
fn is_first(facts: &Facts, groups: &[Group], group: &Group) -> bool {
    let history = facts.history.get(&group.name);
    let untagged = history.is_some_and(|history| history.since.is_none());
    let is_known = |version: &Version| *version == group.version;
    let mut known = facts.registries().flat_map(|registry| &registry.versions);
    let published =
        known.any(|(name, versions)| group.has(name) && versions.iter().any(|v| is_known(&v.vers)));
    groups.len() > 1 && untagged && !published
}

/// Returns the version of a first release: the one that the group has, or is on its way to.
fn first_version(group: &Group) -> Version {
    match group.is_development {
        true => BumpKind::Patch.after(&group.version),
        false => group.version.clone(),
    }
}

fn first(group: &Group) -> String {
    format!("the first release of {}", group.name)
}

/// Returns the version that commits and interfaces call for, and why.
fn automatic(
    facts: &Facts,
    groups: &[Group],
    group: &Group,
    request: &ReleaseRequest,
) -> Result<Option<(Version, Vec<String>)>, Blocker> {
    let Some(history) = facts.history.get(&group.name) else {
        return Ok(None);
    };
    if is_first(facts, groups, group) {
        return Ok(Some((first_version(group), vec![first(group)])));
    }
    let mut kind = None;
    let mut reasons = Vec::new();
    if history.since.is_none() {
        return Err(Blocker::new(
            format!(
                "there is no earlier release of {} to compare with",
                group.name
            ),
            "name its first version",
        ));
    }
    let mut take = |found: Option<(BumpKind, String)>| {
        if let Some((wanted, why)) = found {
            kind = kind.max(Some(wanted));
            reasons.push(why);
        }
    };
    take(crate::release::commits::call_for(group, history));
    if let Some(found) = facts.interfaces.get(&group.name) {
        let found = found.as_ref().map_err(Clone::clone)?;
        take(found.call_for(group));
    }
    if follows_candidate(group, request) {
        let why = format!("{} was its last candidate", group.version);
        take(Some((BumpKind::Patch, why)));
    }
    Ok(kind.map(|kind| (kind.after(&group.version), reasons)))
}

/// Returns every version of a group that is known anywhere.
fn known(facts: &Facts, group: &Group) -> Vec<Version> {
    let own = (!group.is_development).then(|| group.version.clone());
    let mut known: Vec<Version> = own.into_iter().collect();
    if let Ok(git) = &facts.git {
        let remote = git.remote.as_ref().ok().map(|remote| &remote.tags);
        let tags = git
            .tags
            .keys()
            .chain(remote.into_iter().flat_map(BTreeMap::keys));
        known.extend(tags.filter_map(|tag| group.version_of(tag)));
    }
    for registry in facts.registries() {
        let ours = registry.versions.iter().filter(|(name, _)| group.has(name));
        known.extend(ours.flat_map(|(_, versions)| versions.iter().map(|v| v.vers.clone())));
    }
    known
}

/// Bumps what follows: a published package whose requirement would refuse a sibling's new version
/// must be released with a new requirement, and so must those that need it.
fn propagate_bumps<'a>(
    facts: &Facts,
    config: &Config,
    groups: &'a [Group],
    wanted: &ReleaseRequest,
    bumps: &mut Vec<VersionBump<'a>>,
) {
    loop {
        let mut next = None;
        for group in groups {
            if bumps.iter().any(|bump| bump.group.name == group.name) {
                continue;
            }
            let reasons = refused(facts, config, group, bumps);
            if !reasons.is_empty() {
                next = Some((group, reasons));
                break;
            }
        }
        let Some((group, reasons)) = next else { return };
        let to = followers_version(facts, group, bumps, wanted);
        bumps.push(VersionBump {
            group,
            to,
            reasons,
            asked: false,
        });
    }
}

/// Returns the version of a group that only follows others. What follows a candidate is one itself,
/// and a candidate does not become a release because something else does.
fn followers_version(
    facts: &Facts,
    group: &Group,
    bumps: &[VersionBump<'_>],
    wanted: &ReleaseRequest,
) -> Version {
    let release = BumpKind::Patch.after(&group.version);
    let own = label_of(&group.version).filter(|_| !group.is_development);
    let members = facts
        .workspace
        .packages
        .iter()
        .filter(|p| group.has(&p.name));
    let needed = members.flat_map(|package| &package.internal);
    let moved = needed.filter_map(|d| bumps.iter().find(|bump| bump.group.has(&d.name)));
    let followed = moved.filter_map(|moved| label_of(&moved.to)).next();
    let labels = [wanted.pre.as_deref(), own, followed];
    let known = known(facts, group);
    let next = |label: &&str| pre_release(&release, label, known.iter()).ok();
    // Another label may sort below the one that the group has.
    let mut candidates = labels.iter().flatten().filter_map(next);
    let greater =
        candidates.find(|next| group.is_development || next.cmp_precedence(&group.version).is_gt());
    greater.unwrap_or(release)
}

/// Returns what a group's published packages would no longer resolve.
fn refused(
    facts: &Facts,
    config: &Config,
    group: &Group,
    bumps: &[VersionBump<'_>],
) -> Vec<String> {
    let mut reasons = Vec::new();
    let published = facts
        .workspace
        .packages
        .iter()
        .filter(|p| group.has(&p.name) && p.publishable_to_any(&config.registry.names()));
    for package in published {
        let needs = package
            .internal
            .iter()
            .filter(|d| d.is_published() && d.has_version);
        for dependency in needs {
            let moved = bumps.iter().find(|bump| bump.group.has(&dependency.name));
            if let Some(moved) = moved.filter(|m| !dependency.requirement.matches(&m.to)) {
                let reason = format!(
                    "{} requires {} {}, which {} is not",
                    package.name, dependency.name, dependency.requirement, moved.to
                );
                // Built and for tests, say.
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
    }
    reasons
}
