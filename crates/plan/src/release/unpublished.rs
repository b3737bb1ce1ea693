//! What is missing of the versions that the manifests have, whoever began to release them.
//!
//! Nothing is written: a package is made from the commit of its tag, or, where nobody has tagged
//! its version yet, from the one that is checked out. What a registry has already stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use stagegate_config::schema::Config;
use stagegate_manifest::{Package, Workspace};

use crate::facts::{Facts, GitFacts, RegistryFacts};
use crate::model::{Blocker, Plan, RunId, Verb, count};
use crate::request::ReleaseRequest;
use crate::version::{Group, VersionBump};

/// A group whose version is not in every registry that it goes to.
#[derive(Clone, Debug)]
pub struct Unfinished<'g> {
    /// The group.
    pub group: &'g Group,
    /// What is missing: a package, and a registry that lacks it.
    pub missing: Vec<(String, String)>,
    /// What is there, in the same way.
    pub there: Vec<(String, String)>,
}

/// Returns the groups of which a registry lacks a package at the version that its manifest has.
pub fn unfinished<'g>(
    workspace: &Workspace,
    groups: &'g [Group],
    registries: &[&RegistryFacts],
) -> Vec<Unfinished<'g>> {
    let of = |group: &'g Group| {
        let mut one = Unfinished {
            group,
            missing: Vec::new(),
            there: Vec::new(),
        };
        let members = workspace.packages.iter().filter(|p| group.has(&p.name));
        for package in members.filter(|p| p.version == group.version) {
            let goes = registries
                .iter()
                .filter(|r| package.publishable_to(&r.name));
            for registry in goes {
                let upload = (package.name.clone(), registry.name.clone());
                match has(registry, package) {
                    true => one.there.push(upload),
                    false => one.missing.push(upload),
                }
            }
        }
        (!one.missing.is_empty() && !group.is_development).then_some(one)
    };
    groups.iter().filter_map(of).collect()
}

fn has(registry: &RegistryFacts, package: &Package) -> bool {
    let known = registry.versions.get(&package.name);
    // A registry takes two versions that differ in build metadata only as one.
    let is_it = |found: &semver::Version| found.cmp_precedence(&package.version).is_eq();
    known.is_some_and(|known| known.iter().any(|found| is_it(&found.vers)))
}

/// Returns the commits that packages of these groups are made from, each with the groups: that of
/// the tag, wherever it is, or the one that is checked out.
fn commits<'u>(
    git: &GitFacts,
    found: &'u [Unfinished<'_>],
) -> BTreeMap<String, Vec<&'u Unfinished<'u>>> {
    let there = git.remote.as_ref().ok().map(|remote| &remote.tags);
    let mut commits: BTreeMap<String, Vec<&Unfinished<'_>>> = BTreeMap::new();
    for one in found {
        let tag = one.group.tag_of(&one.group.version);
        let known = git.tags.get(&tag).or_else(|| there?.get(&tag));
        let commit = known.unwrap_or(&git.head).clone();
        commits.entry(commit).or_default().push(one);
    }
    commits
}

/// Returns the tag whose files a release of what is missing is planned with: that of all of it,
/// where it is at another commit than the one that is checked out.
pub fn tag_of_all(git: &GitFacts, found: &[Unfinished<'_>]) -> Option<String> {
    let commits = commits(git, found);
    let (commit, [first, ..]) = (commits.keys().next()?, commits.values().next()?.as_slice())
    else {
        return None;
    };
    let tag = first.group.tag_of(&first.group.version);
    let is_apart = commits.len() == 1 && *commit != git.head;
    (is_apart && git.tags.contains_key(&tag)).then_some(tag)
}

/// What a release of what is missing is about.
pub(crate) struct Missing<'g> {
    found: Vec<Unfinished<'g>>,
}

impl<'g> Missing<'g> {
    /// Finds what is missing, where that was asked for and the registry could be asked.
    pub(crate) fn find(
        facts: &Facts,
        groups: &'g [Group],
        wanted: &ReleaseRequest,
    ) -> Option<Missing<'g>> {
        let registries: Vec<&RegistryFacts> = facts.registries().collect();
        wanted.unpublished.then(|| Missing {
            found: unfinished(&facts.workspace, groups, &registries),
        })
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns whether any registry lacks a package.
    pub(crate) fn has(&self, package: &str) -> bool {
        let mut missing = self.found.iter().flat_map(|one| &one.missing);
        missing.any(|(name, _)| name == package)
    }

    /// Returns whether a registry lacks a package.
    pub(crate) fn is_lacked(&self, package: &str, registry: &str) -> bool {
        let mut missing = self.found.iter().flat_map(|one| &one.missing);
        missing.any(|(name, place)| name == package && place == registry)
    }

    /// Returns the packages that no registry lacks, of the groups that lack some.
    pub(crate) fn complete(&self) -> Vec<String> {
        let there = self.found.iter().flat_map(|one| &one.there);
        let names: BTreeSet<&String> = there.map(|(name, _)| name).collect();
        let complete = names.into_iter().filter(|name| !self.has(name));
        complete.cloned().collect()
    }

    /// Returns the packages that are compared with what a registry has: each with the first that
    /// has it.
    pub(crate) fn compared_with(&self, registry: &str) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let there = self.found.iter().flat_map(|one| &one.there);
        let first = there.filter(|(name, _)| seen.insert(name.clone()));
        let here = first.filter(|(_, place)| place == registry);
        here.map(|(name, _)| name.clone()).collect()
    }

    /// Returns the groups, each with the version that it has.
    pub(crate) fn bumps(&self) -> Vec<VersionBump<'g>> {
        let groups = self.found.iter().map(|one| one.group);
        groups.map(VersionBump::of).collect()
    }

    /// Checks that all of it can be made from one commit, and that its tags are where that is.
    pub(crate) fn check(&self, facts: &Facts, config: &Config, blockers: &mut Vec<Blocker>) {
        let Ok(git) = &facts.git else { return };
        let commits = commits(git, &self.found);
        if commits.len() > 1 {
            let each = commits.iter().map(|(commit, found)| {
                let names: Vec<&str> = found.iter().map(|one| one.group.name.as_str()).collect();
                format!("{} from {}", names.join(", "), short(commit))
            });
            let each: Vec<String> = each.collect();
            blockers.push(Blocker::new(
                format!(
                    "what is missing would be made from several commits, and a run makes packages of one: {}",
                    each.join("; ")
                ),
                "publish one after the other: name the packages of one commit with `--package`",
            ));
            return;
        }
        let commit = facts.released_commit();
        for one in &self.found {
            for tag in VersionBump::of(one.group).tags() {
                self.check_tag(git, config, &tag, commit, blockers);
            }
        }
        if let Some(from) = &facts.tagged {
            let is_meant = |one: &Unfinished<'_>| one.group.tag_of(&one.group.version) == from.tag;
            if !self.found.is_empty() && !self.found.iter().any(is_meant) {
                blockers.push(Blocker::new(
                    format!(
                        "{} is at {}, where the manifests say other versions",
                        from.tag,
                        short(&from.commit)
                    ),
                    "move the tag to the commit of its version, or release the next version",
                ));
            }
            if !from.is_in_branch {
                blockers.push(Blocker::new(
                    format!(
                        "{} is at {}, which is not in the history of what is checked out",
                        from.tag,
                        short(&from.commit)
                    ),
                    "switch to the branch that has it, and try again",
                ));
            }
        }
    }

    fn check_tag(
        &self,
        git: &GitFacts,
        config: &Config,
        tag: &str,
        commit: Option<&str>,
        blockers: &mut Vec<Blocker>,
    ) {
        let remote = git.remote.as_ref().ok();
        let (here, there) = (git.tags.get(tag), remote.and_then(|r| r.tags.get(tag)));
        let name = config.release.remote();
        match (here, there) {
            (None, Some(_)) => blockers.push(Blocker::new(
                format!("{name} has the tag {tag}, and this checkout does not"),
                format!("fetch it (`git fetch {name} tag {tag}`), and try again"),
            )),
            (Some(here), Some(there)) if here != there => blockers.push(Blocker::new(
                format!(
                    "the tag {tag} is at {} here and at {} at {name}",
                    short(here),
                    short(there)
                ),
                format!("take the remote's (`git fetch --force {name} tag {tag}`), or release the next version"),
            )),
            (Some(here), _) if Some(here.as_str()) != commit => blockers.push(Blocker::new(
                format!(
                    "the tag {tag} is at {}, and not at {}, which the packages would be made from",
                    short(here),
                    short(commit.unwrap_or_default())
                ),
                "remove the tag that is wrong, or release the next version",
            )),
            _ => {}
        }
    }

    /// Returns what people should know: what goes out, what stays, and from where.
    pub(crate) fn notes(&self, facts: &Facts) -> Vec<String> {
        let mut notes = Vec::new();
        for one in &self.found {
            let version = &one.group.version;
            for registry in facts.registries() {
                let of = |uploads: &[(String, String)]| {
                    let here = uploads.iter().filter(|(_, place)| *place == registry.name);
                    let names: Vec<&str> = here.map(|(name, _)| name.as_str()).collect();
                    names.join(", ")
                };
                let (missing, there) = (of(&one.missing), of(&one.there));
                if missing.is_empty() {
                    continue;
                }
                notes.push(match there.as_str() {
                    "" => format!("{} has nothing of {missing} {version} yet", registry.name),
                    there => format!(
                        "{} lacks {missing} {version}; it has {there}, which stays as it is and is compared",
                        registry.name
                    ),
                });
            }
        }
        notes.push(match &facts.tagged {
            Some(from) => format!(
                "packages are made from {}, the commit of {}; the gates look at what is checked out, so none is run",
                short(&from.commit),
                from.tag
            ),
            None => "packages are made from the commit that is checked out; nothing is written".to_owned(),
        });
        notes
    }
}

fn short(commit: &str) -> &str {
    &commit[..commit.len().min(12)]
}

/// Returns the plan of a release that finds nothing to do, or none where nothing of the workspace
/// is published at all; nothing where the registry could not be asked, which is said elsewhere.
pub(crate) fn nothing(
    facts: &Facts,
    config: &Config,
    blockers: &mut Vec<Blocker>,
) -> Option<Option<Plan>> {
    if facts.registry.is_none() {
        let names = config.registry.names().join(" or ");
        blockers.push(Blocker::new(
            format!("no package of this workspace may be published to {names}"),
            "allow it in a manifest (`publish`), or name another registry in stagegate.toml",
        ));
        return Some(None);
    }
    let (true, Ok(groups), Some(main)) = (
        facts.every_registry().all(Result::is_ok),
        &facts.groups,
        facts.main_group(config),
    ) else {
        return None;
    };
    let run_id = RunId::new(Verb::Release, main.version.to_string());
    let members: BTreeSet<&String> = groups.iter().flat_map(|group| &group.members).collect();
    let mut plan = Plan::new(run_id, main.version.clone(), facts.at);
    plan.title = "release what is missing: nothing is".to_owned();
    for registry in facts.registries() {
        let packages = facts.workspace.packages.iter();
        let released =
            packages.filter(|p| members.contains(&p.name) && p.publishable_to(&registry.name));
        let there = released.filter(|package| has(registry, package)).count();
        plan.notes.push(format!(
            "{} has {} of this workspace at the version that the manifests say",
            registry.name,
            count(there, "package")
        ));
    }
    plan.notes.extend(left(facts, groups));
    Some(Some(plan))
}

/// Returns what a release of what is missing leaves alone: versions that only stand between
/// releases, and packages that are behind their group.
pub(crate) fn left(facts: &Facts, groups: &[Group]) -> Vec<String> {
    let mut notes = Vec::new();
    for group in groups {
        let members = facts
            .workspace
            .packages
            .iter()
            .filter(|p| group.has(&p.name));
        for package in members {
            let mut goes = facts
                .registries()
                .filter(|r| package.publishable_to(&r.name));
            if goes.all(|registry| has(registry, package)) {
                continue;
            }
            if group.is_development {
                notes.push(format!(
                    "{} {} stands between releases, and is not published",
                    package.name, package.version
                ));
            } else if package.version != group.version {
                notes.push(format!(
                    "{} is at {}, and its group at {}; the next release brings it along",
                    package.name, package.version, group.version
                ));
            }
        }
    }
    notes
}
