//! Every precondition, passed or not: `doctor` shows them all, a plan takes
//! the failed ones as blockers. One list, so that the two never disagree.

use std::collections::BTreeMap;

use stagegate_changelog::Changelog;
use stagegate_config::schema::Config;

use stagegate_github::WriteAccess;

use crate::facts::{
    BranchDivergence, ChangelogFacts, Facts, GitFacts, GitHubFacts, RegistryFacts, SurveyResult,
};
use crate::model::{Blocker, is_hotfix_branch};
use crate::preflight::{checkout, owners as preflight_owners};

/// What a precondition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// A program.
    Tool,
    /// A target that is built for.
    Target,
    /// The branch.
    Branch,
    /// Uncommitted changes.
    WorkingTree,
    /// Who commits.
    Identity,
    /// The git remote.
    Remote,
    /// The git checkout as a whole.
    Git,
    /// Version groups.
    Versions,
    /// A changelog.
    Changelog,
    /// The advisory database.
    Advisories,
    /// The registry.
    Registry,
    /// The registry's token.
    RegistryToken,
    /// Who may publish.
    RegistryOwners,
    /// GitHub, and the token for it.
    GitHub,
    /// What would be packed.
    Packing,
    /// Whether git can sign.
    Signing,
    /// A host.
    Host,
}

/// A precondition.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What it is about.
    pub kind: CheckKind,
    /// The same for people, in a word or two.
    pub about: String,
    /// How it stands, or what is in the way.
    pub outcome: SurveyResult<String>,
}

fn check(kind: CheckKind, about: impl Into<String>, outcome: SurveyResult<String>) -> Check {
    Check {
        kind,
        about: about.into(),
        outcome,
    }
}

/// Returns whether it is about who may write to the registry and to GitHub: only whoever writes
/// there can tell.
pub fn is_access(facts: &Facts, check: &Check) -> bool {
    let github_answers = matches!(facts.github, Some(Ok(_)));
    check.kind == CheckKind::RegistryToken || (check.kind == CheckKind::GitHub && github_answers)
}

/// Returns every precondition of a release.
pub fn of(facts: &Facts, config: &Config) -> Vec<Check> {
    let mut checks: Vec<Check> = facts
        .tools
        .iter()
        .map(|tool| check(CheckKind::Tool, tool.name, tool.version.clone()))
        .collect();
    checks.extend(facts.targets.iter().map(|(name, found)| {
        let there = found.clone().map(|()| "its standard library is installed");
        check(
            CheckKind::Target,
            format!("target {name}"),
            there.map(str::to_owned),
        )
    }));
    checks.extend(git(facts, config));
    checks.extend(checkout::packing(facts));
    if let Err(blocker) = &facts.groups {
        checks.push(check(CheckKind::Versions, "versions", Err(blocker.clone())));
    }
    for found in facts.changelogs.values() {
        checks.push(check(
            CheckKind::Changelog,
            "changelog",
            changelog(facts, found),
        ));
    }
    if let Some(advisories) = &facts.advisories {
        checks.push(check(
            CheckKind::Advisories,
            "advisories",
            advisories.clone(),
        ));
    }
    for found in facts.every_registry() {
        checks.extend(registry(facts, config, found));
    }
    match &facts.github {
        None => {}
        Some(Err(blocker)) => checks.push(check(CheckKind::GitHub, "GitHub", Err(blocker.clone()))),
        Some(Ok(github)) => {
            checks.push(check(CheckKind::GitHub, "GitHub", write_access(github)));
        }
    }
    checks.extend(hosts(facts));
    checks
}

/// Returns the preconditions on a registry.
fn registry(facts: &Facts, config: &Config, found: &SurveyResult<RegistryFacts>) -> Vec<Check> {
    let registry = match found {
        Ok(registry) => registry,
        Err(blocker) => return vec![check(CheckKind::Registry, "registry", Err(blocker.clone()))],
    };
    let published = registry.versions.values().filter(|v| !v.is_empty()).count();
    let text = format!(
        "{}: {published} of {} crates are known there",
        registry.name,
        registry.versions.len()
    );
    let mut checks = vec![
        check(CheckKind::Registry, "registry", Ok(text)),
        check(
            CheckKind::RegistryToken,
            "registry token",
            registry.token.clone().map(|places| places.to_string()),
        ),
    ];
    checks.extend(owners(registry));
    if config.registry.other(&registry.name).is_none() {
        let packages = facts.workspace.packages.iter();
        let ours = packages.filter(|p| p.publishable_to(&registry.name));
        let ours: Vec<String> = ours.map(|p| p.name.clone()).collect();
        let new = preflight_owners::new_crates(registry, &ours);
        checks.extend(
            preflight_owners::needs_scope(config, &new)
                .map(|text| check(CheckKind::RegistryOwners, "new crates", Ok(text))),
        );
    }
    checks
}

/// Returns whether the token may write. What GitHub does not say is no obstacle: the draft, which
/// can be undone, tells before anything else is public.
fn write_access(github: &GitHubFacts) -> SurveyResult<String> {
    let name = &github.facts.full_name;
    match github.facts.write_access {
        WriteAccess::Granted => Ok(format!("{name} answers, and the token may write")),
        WriteAccess::Unknown => Ok(format!(
            "{name} answers; it does not say whether this token may write, as for a workflow's token"
        )),
        WriteAccess::Denied => Err(Blocker::new(
            format!("the GitHub token may not write to {name}"),
            "give it `contents: write`",
        )),
    }
}

/// Returns who may publish. A registry that does not say is no obstacle.
fn owners(registry: &RegistryFacts) -> Option<Check> {
    let mut known: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, owners) in &registry.owners {
        let who = match owners {
            Ok(owners) => owners.join(", "),
            Err(reason) => format!("not told ({reason})"),
        };
        known.entry(who).or_default().push(name);
    }
    let text = match known.len() {
        0 => return None,
        1 => known.into_keys().next()?,
        _ => {
            let each = known
                .iter()
                .map(|(who, names)| format!("{}: {who}", names.join(", ")));
            each.collect::<Vec<_>>().join("; ")
        }
    };
    let published = registry.versions.values().filter(|v| !v.is_empty()).count();
    let rest = match published.saturating_sub(registry.owners.len()) {
        0 => String::new(),
        more => format!("; {more} more crates are not asked for"),
    };
    Some(check(
        CheckKind::RegistryOwners,
        "registry owners",
        Ok(format!("{text}{rest}")),
    ))
}

fn changelog(facts: &Facts, found: &ChangelogFacts) -> SurveyResult<String> {
    let text = found.text.as_ref().map_err(Clone::clone)?;
    let path = &found.file;
    if found.is_asciidoc() {
        return Ok(format!("{path}: AsciiDoc, which is left to you"));
    }
    let parsed = Changelog::parse(text);
    let changelog = parsed.map_err(|e| {
        Blocker::new(format!("{path}: {e}"), "correct the changelog")
            .at(facts.subdirectory.join(path), e.line())
    })?;
    Ok(format!("{path}: {} sections", changelog.sections().len()))
}

/// Returns the preconditions on the checkout.
pub fn git(facts: &Facts, config: &Config) -> Vec<Check> {
    let git = match &facts.git {
        Ok(git) => git,
        Err(blocker) => return vec![check(CheckKind::Git, "git", Err(blocker.clone()))],
    };
    let clean = if git.dirty.is_empty() {
        Ok("clean".to_owned())
    } else {
        Err(dirty(&git.dirty))
    };
    let identity = git
        .identity
        .as_ref()
        .map(|who| format!("{} <{}>", who.name, who.email))
        .ok_or_else(|| {
            Blocker::new(
                "git does not know who you are",
                "set `git config user.name` and `git config user.email`",
            )
        });
    let mut checks = vec![
        check(CheckKind::Branch, "branch", branch(git, config)),
        check(CheckKind::WorkingTree, "working tree", clean),
        check(CheckKind::Identity, "identity", identity),
        check(CheckKind::Remote, "remote", remote(git, config)),
    ];
    checks.extend(checkout::signing(git));
    checks
}

/// Files that a release would not contain.
pub fn dirty(paths: &[String]) -> Blocker {
    let shown: Vec<_> = paths.iter().take(3).map(|p| format!("`{p}`")).collect();
    let more = if paths.len() > 3 {
        format!(" and {} more", paths.len() - 3)
    } else {
        String::new()
    };
    Blocker::new(
        format!(
            "the working tree has changes that are not committed: {}{more}",
            shown.join(", ")
        ),
        "commit or stash them; a release is made from a commit",
    )
}

fn branch(git: &GitFacts, config: &Config) -> SurveyResult<String> {
    let wanted = config.release.branch();
    match &git.branch {
        Some(branch)
            if is_hotfix_branch(branch) || config.release.branch_of(Some(branch)) == branch =>
        {
            Ok(branch.clone())
        }
        Some(branch) => {
            let all: Vec<&str> = config.release.every_branch().collect();
            Err(Blocker::new(
                format!(
                    "the branch is {branch}, and releases are made from {}",
                    all.join(", ")
                ),
                format!(
                    "`git switch {wanted}`, or set `release.branch` or `release.branches` in stagegate.toml"
                ),
            ))
        }
        None => Err(Blocker::new(
            "no branch is checked out (detached HEAD)",
            format!("`git switch {wanted}`"),
        )),
    }
}

fn remote(git: &GitFacts, config: &Config) -> SurveyResult<String> {
    let remote = git.remote.as_ref().map_err(Clone::clone)?;
    let (name, branch) = (config.release.remote(), git.release_branch(config));
    match remote.divergence {
        BranchDivergence::Same => Ok(format!("{branch} is where {name} has it")),
        BranchDivergence::Ahead => Ok(format!("{branch} is ahead of {name}")),
        BranchDivergence::Absent => Ok(format!("{name} has no {branch} yet")),
        BranchDivergence::OnTop | BranchDivergence::Behind => Err(Blocker::new(
            format!("{name} has commits on {branch} that are not here"),
            format!(
                "`git pull --ff-only {name} {branch}`, see that it is still what you want to release, and try again"
            ),
        )),
    }
}

/// Returns whether it says no more than that the branch went on at the remote: a release that
/// writes no commit has nothing to put on top of what came since.
pub fn is_only_newer_commits(facts: &Facts, check: &Check) -> bool {
    let remote = facts.git.as_ref().ok().map(|git| &git.remote);
    let on_top = matches!(remote, Some(Ok(remote)) if remote.divergence == BranchDivergence::OnTop);
    check.kind == CheckKind::Remote && on_top
}

/// Returns the preconditions on the hosts.
pub fn hosts(facts: &Facts) -> Vec<Check> {
    let mut checks = Vec::new();
    for host in &facts.hosts {
        let about = format!("host {}", host.target.host);
        match &host.found {
            Err(blocker) => checks.push(check(CheckKind::Host, about, Err(blocker.clone()))),
            Ok(found) => {
                // A survey belongs to no run yet, so a lease is always another's.
                let problems = found.problems("");
                if problems.is_empty() {
                    let running = found
                        .running
                        .as_ref()
                        .map_or("nothing yet", |switch| &switch.release);
                    checks.push(check(
                        CheckKind::Host,
                        about.clone(),
                        Ok(format!("ready, runs {running}")),
                    ));
                }
                for problem in problems {
                    let blocker = Blocker::new(problem.what, problem.remedy);
                    checks.push(check(CheckKind::Host, about.clone(), Err(blocker)));
                }
            }
        }
    }
    checks
}
