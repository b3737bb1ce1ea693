//! The plan of a whole release.

pub mod changelogs;
pub mod commits;
pub mod edits;
pub mod local;
pub mod message;
pub mod notes;
pub mod other_lockfiles;
pub(crate) mod placeholders;
pub mod publish;
pub mod replacements;
mod requirements;
pub mod unpublished;
pub mod version_bumps;

use std::collections::BTreeMap;

use stagegate_config::schema::Config;
use stagegate_config::stage::Stage;
use stagegate_deploy::Part as HostPart;

use crate::custom_step::{self, Released};
use crate::deploy::build;
use crate::facts::{BranchDivergence, Facts, GitFacts};
use crate::model::{
    Action, Binary, Blocker, Plan, PublishGithubRelease, ReleaseRef, RunId, Step, Verb,
    VerifyRelease, namespace,
};
use crate::preflight::{
    Check, assets, attestations, checks, internal_deps, metadata, owners, token, versions,
};
use crate::release::edits::{Edits, edits};
use crate::release::unpublished::Missing;
use crate::release::version_bumps::version_bumps;
use crate::request::{Part, ReleaseRequest};
use crate::version::VersionBump;
use crate::{deploy, gates};

pub(crate) fn plan(
    facts: &Facts,
    config: &Config,
    wanted: &ReleaseRequest,
    blockers: &mut Vec<Blocker>,
) -> Option<Plan> {
    for stage in wanted.skip.iter().filter(|stage| !stage.may_be_skipped()) {
        blockers.push(Blocker::new(
            format!("the stage {stage} cannot be skipped: the release would be left incomplete"),
            "leave out --skip for it",
        ));
    }
    let missing = facts.groups.as_deref().ok();
    let missing = missing.and_then(|groups| Missing::find(facts, groups, wanted));
    if missing.as_ref().is_some_and(Missing::is_nothing)
        && let Some(done) = unpublished::nothing(facts, config, blockers)
    {
        return done;
    }
    let here = |check: &Check| !(wanted.handed_on && checks::is_access(facts, check));
    let (newer, preconditions): (Vec<Check>, Vec<Check>) = checks::of(facts, config)
        .into_iter()
        .filter(here)
        .partition(|check| checks::is_only_newer_commits(facts, check));
    blockers.extend(preconditions.into_iter().filter_map(|c| c.outcome.err()));
    // Until it is known whether anything has to be written, newer commits are in the way.
    let mut newer: Vec<Blocker> = newer.into_iter().filter_map(|c| c.outcome.err()).collect();
    let Ok(groups) = facts.groups.as_deref() else {
        blockers.append(&mut newer);
        return None;
    };
    let bumps = match &missing {
        None => version_bumps(facts, config, groups, wanted, blockers),
        Some(missing) => missing.bumps(),
    };
    match &missing {
        None => bumps
            .iter()
            .for_each(|one| versions::version(facts, one, wanted.tagged, blockers)),
        Some(missing) => missing.check(facts, config, blockers),
    }
    let edits = match &missing {
        None => edits(facts, config, wanted, &bumps, blockers),
        Some(_) => Edits::none(facts, &bumps),
    };
    let mut levels = levels(facts, config, &bumps, blockers);
    if let Some(missing) = &missing {
        levels
            .iter_mut()
            .for_each(|level| level.retain(|name| missing.has(name)));
        levels.retain(|level| !level.is_empty());
    }
    publish::check_registry(facts, config, &levels, blockers);
    internal_deps::check_dev_dep_cycles(facts, &levels, blockers);
    metadata::metadata(facts, config, &bumps, blockers);
    owners::owners(facts, config, blockers);
    if !wanted.handed_on {
        token::token(facts, &levels, blockers);
    }
    assets::assets(config, groups, blockers);
    internal_deps::check_internal_deps(facts, config, &bumps, blockers);
    internal_deps::check_candidates(facts, config, &bumps, blockers);
    let Some(mut plan) = empty(facts, config, &bumps) else {
        blockers.append(&mut newer);
        return None;
    };
    plan.notes.extend(facts.conventions.iter().cloned());
    attestations::check(facts, config, wanted, &mut plan, blockers);
    if let Some(missing) = &missing {
        plan.title = format!("release what is missing of {}", spoken(&bumps));
        plan.notes.extend(missing.notes(facts));
        plan.notes.extend(unpublished::left(facts, groups));
    }
    if facts.tagged.is_none() {
        plan.steps = gates::steps(facts, config, &bumps, &[], &mut plan.notes);
    }
    // Without a checkout nothing is known of newer commits either.
    let git = facts.git.as_ref().ok()?;
    let release = Release {
        facts,
        config,
        git,
        bumps: &bumps,
        levels: &levels,
        missing: missing.as_ref(),
    };
    plan.notes.extend(edits.left.iter().cloned());
    let made = release.local(&mut plan, edits, wanted.tagged);
    if made.is_some() && plan.is_as_it_stands() {
        if !newer.is_empty() {
            plan.notes.push(format!(
                "{} has commits on top of this one that are not part of the release: it is released as it stands",
                config.release.remote()
            ));
        }
    } else {
        blockers.append(&mut newer);
    }
    made?;
    release.remote(&mut plan);
    let environment = release.deploys(wanted, &mut plan, blockers);
    release.outcome(&mut plan, environment.as_deref());
    let (whole, packages) = released(&plan, &bumps, &release.crates());
    if missing.is_some() {
        plan.notes.extend(custom_step::unplaced(&plan.steps, &config.steps).map(|(stage, name)| {
            format!("`{name}` is placed at the stage {stage}, which is no part of this, and is left out")
        }));
    }
    for custom in &config.steps {
        custom_step::place(&mut plan.steps, custom, &whole, &packages);
    }
    if let Some(step) = plan.steps.iter_mut().find(|s| s.stage == Stage::Publish) {
        step.irreversible = true;
    } else if let Some(step) = plan.steps.iter_mut().find(|s| s.stage == Stage::Push) {
        step.irreversible = true;
    }
    release.notes(&mut plan);
    Some(plan.without(&wanted.skip))
}

/// Returns what a team's own steps are told: of the release as a whole, and of each package that
/// gets a version, dependencies first.
pub(crate) fn released(
    plan: &Plan,
    bumps: &[VersionBump<'_>],
    order: &[String],
) -> (Released, Vec<Released>) {
    let main = bumps.iter().find(|one| one.to == plan.version);
    let of = |one: &VersionBump<'_>, package: Option<&String>| Released {
        version: one.to.clone(),
        previous: one.group.version.clone(),
        tag: one.tag(),
        name: package.unwrap_or(&one.group.name).clone(),
        package: package.cloned(),
    };
    let whole = main.or_else(|| bumps.first()).map_or_else(
        || Released {
            version: plan.version.clone(),
            previous: plan.version.clone(),
            tag: String::new(),
            name: plan.run_id.to_string(),
            package: None,
        },
        |one| match one.group.members.as_slice() {
            [only] => of(one, Some(only)),
            _ => of(one, None),
        },
    );
    let rest = plan.versions.keys().filter(|name| !order.contains(name));
    let packages = order.iter().chain(rest).filter_map(|name| {
        let one = bumps.iter().find(|one| one.group.has(name))?;
        Some(of(one, Some(name)))
    });
    (whole, packages.collect())
}

/// Returns what is published, in the order of its dependencies.
pub(crate) fn levels(
    facts: &Facts,
    config: &Config,
    bumps: &[VersionBump<'_>],
    blockers: &mut Vec<Blocker>,
) -> Vec<Vec<String>> {
    let is_bumped = |name: &String| bumps.iter().any(|one| one.group.has(name));
    match facts.workspace.publish_order(&config.registry.names()) {
        Ok(levels) => levels
            .into_iter()
            .map(|level| level.into_iter().filter(is_bumped).collect::<Vec<_>>())
            .filter(|level| !level.is_empty())
            .collect(),
        Err(errors) => {
            blockers.extend(errors.into_iter().map(|e| {
                Blocker::new(
                    e.to_string(),
                    "correct the manifests so that every published crate can be resolved by others",
                )
            }));
            Vec::new()
        }
    }
}

/// Returns the plan without its steps: names and versions.
pub fn empty(facts: &Facts, config: &Config, bumps: &[VersionBump<'_>]) -> Option<Plan> {
    let one_of_one = facts.groups.as_ref().is_ok_and(|groups| groups.len() == 1);
    let one_of_one = one_of_one && !facts.has_other_groups;
    let asked: Vec<String> = bumps
        .iter()
        .filter(|one| one.asked)
        .map(
            |one| match one_of_one || one.group.name == crate::version::WORKSPACE {
                true => one.to.to_string(),
                false => format!("{}={}", one.group.name, one.to),
            },
        )
        .collect();
    let main = facts.main_group(config)?;
    let main = bumps.iter().find(|one| one.group.name == main.name);
    let main = main.or_else(|| bumps.first())?;
    let versions = bumps.iter().flat_map(|one| {
        let name = |name: &String| (name.clone(), one.to.clone());
        one.group.members.iter().map(name)
    });
    Some(Plan {
        cli_args: asked.join(" "),
        namespace: namespace(&facts.subdirectory),
        title: format!("release {}", spoken(bumps)),
        versions: versions.collect::<BTreeMap<_, _>>(),
        from: (main.group.version != main.to).then(|| main.group.version.clone()),
        ..Plan::new(
            RunId::new(Verb::Release, asked.join(",")),
            main.to.clone(),
            facts.at,
        )
    })
}

/// Returns the versions as a sentence has them.
pub fn spoken(bumps: &[VersionBump<'_>]) -> String {
    match bumps {
        [one] if one.group.name == crate::version::WORKSPACE => one.to.to_string(),
        _ => {
            let each = bumps
                .iter()
                .map(|one| format!("{} {}", one.group.name, one.to));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

pub(crate) struct Release<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) config: &'a Config,
    pub(crate) git: &'a GitFacts,
    pub(crate) bumps: &'a [VersionBump<'a>],
    levels: &'a [Vec<String>],
    /// What is missing, where nothing else is released.
    missing: Option<&'a Missing<'a>>,
}

impl Release<'_> {
    pub(crate) fn crates(&self) -> Vec<String> {
        self.levels.iter().flatten().cloned().collect()
    }

    /// Returns every upload: a crate, and the registry that it goes to where that is not the
    /// main one. Dependencies come first.
    pub(crate) fn uploads(&self) -> Vec<(String, Option<String>)> {
        let settings = &self.config.registry;
        let goes = |name: &String, registry: &str| {
            let package = self.facts.workspace.package(name);
            let may = package.is_some_and(|package| package.publishable_to(registry));
            let lacks = |missing: &Missing<'_>| missing.is_lacked(name, registry);
            may && self.missing.is_none_or(lacks)
        };
        let mut uploads = Vec::new();
        for name in self.levels.iter().flatten() {
            let names = settings.names().into_iter();
            let registries = names.filter(|registry| goes(name, registry));
            uploads.extend(registries.map(|one| (name.clone(), settings.other(one))));
        }
        uploads
    }

    /// Returns the crates that go to the main registry, or to another one.
    pub(crate) fn crates_of(&self, registry: Option<&str>) -> Vec<String> {
        let uploads = self.uploads().into_iter();
        let there = uploads.filter(|(_, other)| other.as_deref() == registry);
        there.map(|(name, _)| name).collect()
    }

    /// Returns the crates that go to other registries, by the registry.
    pub(crate) fn elsewhere(&self) -> BTreeMap<String, Vec<String>> {
        let mut elsewhere: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, other) in self.uploads() {
            if let Some(other) = other {
                elsewhere.entry(other).or_default().push(name);
            }
        }
        elsewhere
    }

    /// Returns the packages that the release has: those that are published, and those that the
    /// registry has already.
    pub(crate) fn packages(&self) -> Vec<String> {
        let mut packages = self.crates();
        packages.extend(self.missing.iter().flat_map(|missing| missing.complete()));
        packages
    }

    /// Returns a step's id where each group has such a step.
    pub(crate) fn id(&self, word: &str, one: &VersionBump<'_>) -> String {
        match self.bumps {
            [_] => word.to_owned(),
            _ => format!("{word}:{}", one.group.name),
        }
    }

    pub(crate) fn release_ref(&self, one: &VersionBump<'_>) -> Option<ReleaseRef> {
        let github = self.facts.github.as_ref()?.as_ref().ok()?;
        Some(ReleaseRef {
            repository: github.repository.clone(),
            tag: one.tag(),
        })
    }

    /// Returns the GitHub release that is to be made of a group, unless it is public already:
    /// then it stays as it is.
    pub(crate) fn release_to_make(&self, one: &VersionBump<'_>) -> Option<ReleaseRef> {
        let known = &self.facts.github.as_ref()?.as_ref().ok()?.releases;
        let tag = one.tag();
        let public = known.iter().any(|r| r.tag_name == tag && !r.draft);
        self.release_ref(one).filter(|_| !public)
    }

    /// Returns the app's binaries, where its group is released.
    pub(crate) fn binaries(&self) -> Vec<Binary> {
        let app = self.config.app.as_ref().filter(|_| self.app().is_some());
        app.map(|app| build::built(app, Part::Both).0)
            .unwrap_or_default()
    }

    /// Returns the bump of the group that the app belongs to.
    pub(crate) fn app(&self) -> Option<&VersionBump<'_>> {
        self.config.app.as_ref()?;
        let main = self.facts.main_group(self.config)?;
        self.bumps.iter().find(|one| one.group.name == main.name)
    }

    /// Adds what cannot be taken back.
    fn remote(&self, plan: &mut Plan) {
        publish::steps(self.facts, self.config, self.levels, &self.uploads(), plan);
        publish::owners(self.facts, self.config, &self.crates_of(None), plan);
        for one in self.bumps {
            if let Some(release) = self.release_to_make(one) {
                let title = format!("make the GitHub release {} public", release.tag);
                let latest = self.is_latest(one);
                plan.steps.push(Step::new(
                    self.id("publish-github-release", one),
                    Stage::PublishGithubRelease,
                    title,
                    Action::PublishGithubRelease(PublishGithubRelease { release, latest }),
                ));
            }
        }
    }

    /// Returns whether it becomes the latest release: a back-port or a pre-release must not,
    /// and of several groups only the one that is the latest already, or the first.
    fn is_latest(&self, one: &VersionBump<'_>) -> bool {
        let found = self.facts.github.as_ref().and_then(|f| f.as_ref().ok());
        let latest = found.and_then(|found| found.latest.as_ref());
        let known = latest.and_then(|r| one.group.version_of(&r.tag_name));
        let ours = match (self.facts.groups.as_deref(), latest, &known) {
            (Ok([_]), ..) | (_, _, Some(_)) => true,
            (_, Some(_), None) => false,
            _ => self.facts.main_group(self.config) == Some(one.group),
        };
        one.to.pre.is_empty() && ours && known.is_none_or(|known| known <= one.to)
    }

    fn deploys(
        &self,
        wanted: &ReleaseRequest,
        plan: &mut Plan,
        blockers: &mut Vec<Blocker>,
    ) -> Option<String> {
        if let (Some(app), Some(_)) = (&self.config.app, self.missing) {
            plan.notes.push(format!(
                "nothing is deployed: `{} deploy` brings {} to its hosts",
                self.facts.command, app.name
            ));
            return None;
        }
        if let (Some(app), None) = (&self.config.app, self.app()) {
            plan.notes.push(format!(
                "{} is not part of this release, so nothing is deployed",
                app.name
            ));
            return None;
        }
        deploy::steps_of_release(self.facts, self.config, wanted, plan, blockers)
    }

    fn outcome(&self, plan: &mut Plan, environment: Option<&str>) {
        let reference = plan.reference();
        let places = |part| {
            let wanted = (&plan.version, reference.as_str());
            deploy::placements(self.config, part, wanted, environment)
        };
        let (hosts, frontends) = (places(HostPart::Backend), places(HostPart::Frontend));
        let frontend = self
            .config
            .app
            .as_ref()
            .and_then(|app| app.frontend.as_ref());
        let here = environment.and_then(|name| self.config.deploy.get(name));
        let url = frontend
            .and(here)
            .and_then(|e| e.url.clone())
            .or_else(|| frontend.filter(|_| here.is_some())?.url.clone());
        let action = Action::VerifyRelease(VerifyRelease {
            crates: self.crates_of(None),
            elsewhere: self.elsewhere(),
            releases: self
                .bumps
                .iter()
                .filter_map(|one| self.release_ref(one))
                .collect(),
            remote: self.config.release.remote().to_owned(),
            tags: self.bumps.iter().flat_map(VersionBump::tags).collect(),
            hosts: hosts.into_iter().map(|one| plan.place(one)).collect(),
            frontends: frontends.into_iter().map(|one| plan.place(one)).collect(),
            url,
        });
        for registry in self.config.registry.names() {
            let other = self.config.registry.other(registry);
            let crates = self.crates_of(other.as_deref());
            publish::fresh_project(self.facts, self.config, (other, crates), plan);
        }
        plan.steps.push(Step::new(
            "verify",
            Stage::Verify,
            "see what users now see",
            action,
        ));
    }

    fn notes(&self, plan: &mut Plan) {
        plan.notes
            .extend(requirements::notes(self.facts, self.config, self.bumps));
        if self.facts.changelogs.is_empty() {
            plan.notes.push(
                "there is no changelog, so the GitHub release says what its commits say".to_owned(),
            );
        }
        for one in self.bumps {
            let version = &one.group.version;
            for reason in &one.reasons {
                plan.notes.push(format!(
                    "{} {version} -> {}: {reason}",
                    one.group.name, one.to
                ));
            }
            if one.group.is_development {
                plan.notes.push(format!(
                    "{} stays at {} afterwards; the next development version is a commit of yours",
                    one.group.name, one.to
                ));
            }
            if !one.to.pre.is_empty() && !self.facts.changelogs.is_empty() {
                plan.notes.push(format!(
                    "{} is a pre-release: [Unreleased] keeps collecting until the release",
                    one.to
                ));
            }
        }
        if self.config.app.is_none() {
            plan.notes
                .push("there is no [app] in stagegate.toml, so nothing is deployed".to_owned());
        }
        publish::notes(self.facts, self.config, plan);
        plan.notes.extend(owners::notes(
            self.facts,
            self.config,
            &self.crates_of(None),
        ));
        if let Ok(remote) = &self.git.remote
            && remote.divergence == BranchDivergence::Ahead
        {
            plan.notes.push(format!(
                "{} has commits that {} does not have yet; they are pushed along",
                self.git.release_branch(self.config),
                self.config.release.remote()
            ));
        }
    }
}
