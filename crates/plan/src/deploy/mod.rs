//! The plan of a deploy, alone or at the end of a release.

pub mod build;
pub mod frontend_migration;
pub mod host_files;
pub mod outgoing;
pub mod promote;
pub mod rollback;
pub mod unconfirmed;
pub mod waves;

use std::collections::BTreeMap;

use semver::Version;
use stagegate_config::resolve;
use stagegate_config::schema::{AppConfig, Config, EnvironmentConfig};
use stagegate_config::stage::Stage;
use stagegate_deploy::{App, Part as HostPart, Target};

use crate::deploy::waves::Deploy;
use crate::facts::{BranchDivergence, Facts, GitFacts};
use crate::model::{Action, Blocker, Build, Placement, Plan, RunId, Step, Verb, VerifyRelease};
use crate::preflight::checks;
use crate::preflight::freeze::frozen;
use crate::request::{DeployRequest, Part, ReleaseRequest};

/// Returns the app and the environment, or what is missing.
fn app_in<'a>(
    config: &'a Config,
    environment: &str,
) -> Result<(&'a AppConfig, &'a EnvironmentConfig), Blocker> {
    let app = config.app.as_ref().ok_or_else(|| {
        Blocker::new(
            "there is no [app] in stagegate.toml, so there is nothing to deploy",
            "describe the app there",
        )
    })?;
    Ok((app, resolve::environment(config, environment)?))
}

/// Returns the same for a run of its own; what is wrong with it, or with its hosts, is in the way.
pub fn ready<'a>(
    facts: &Facts,
    config: &'a Config,
    environment: &str,
    blockers: &mut Vec<Blocker>,
) -> Option<(&'a AppConfig, &'a EnvironmentConfig)> {
    let found = app_in(config, environment)
        .map_err(|blocker| blockers.push(blocker))
        .ok();
    blockers.extend(
        checks::hosts(facts)
            .into_iter()
            .filter_map(|check| check.outcome.err()),
    );
    found
}

/// Adds the deploy to a release's plan; answers with the environment, if any.
pub fn steps_of_release(
    facts: &Facts,
    config: &Config,
    wanted: &ReleaseRequest,
    plan: &mut Plan,
    blockers: &mut Vec<Blocker>,
) -> Option<String> {
    if config.app.is_none() || wanted.skips_deploy() {
        return None;
    }
    let (app, environment) = match app_in(config, &wanted.environment) {
        Ok(found) => found,
        Err(blocker) => {
            blockers.push(blocker);
            return None;
        }
    };
    let revision = plan.reference();
    let version = plan.version.clone();
    let hosts = hosts_of(app, environment)
        .map_err(|blocker| blockers.push(blocker))
        .ok()?;
    frozen(
        (&wanted.environment, environment),
        wanted.freeze_override.as_deref(),
        plan,
        blockers,
    );
    let head = facts.git.as_ref().map_or("", |git| &git.head);
    plan.notes
        .extend(outgoing::notes(facts, &hosts, Part::Both, head));
    let ahead = ahead(facts, app, (&version, Part::Both), plan);
    let deploy = Deploy {
        hosts: &hosts,
        environment,
        version: &version,
        revision: &revision,
        built: true,
        ahead: &ahead,
    };
    deploy.steps(Part::Both, plan);
    plan.environment = Some(wanted.environment.clone());
    Some(wanted.environment.clone())
}

/// Returns each host with the app as it has it.
pub fn hosts_of(
    app: &AppConfig,
    environment: &EnvironmentConfig,
) -> Result<Vec<(Target, App)>, Blocker> {
    Ok(resolve::hosts_of(app, environment)?)
}

/// Returns the hosts that run a newer release than the one that is to come. The plan tells what
/// that means for the order of both parts, or for the one that stays.
fn ahead(
    facts: &Facts,
    app: &AppConfig,
    (version, part): (&Version, Part),
    plan: &mut Plan,
) -> Vec<Target> {
    let mut ahead = Vec::new();
    if app.backend.is_none() || app.frontend.is_none() {
        return ahead;
    }
    for host in &facts.hosts {
        let Some(runs) = host.runs().filter(|runs| runs > version) else {
            continue;
        };
        let order = match part {
            Part::Both => "its frontend goes first, so that it is never ahead of its backend",
            Part::Backend => "its frontend stays, and is then ahead of its backend",
            Part::Frontend => "its backend stays",
        };
        plan.notes.push(format!(
            "{} runs {runs}, which is newer than {version}: {order}",
            host.target
        ));
        ahead.push(host.target.clone());
    }
    ahead
}

/// Returns a part that is a service on every host, for the verification at the end.
pub fn placements(
    config: &Config,
    part: HostPart,
    (version, revision): (&Version, &str),
    environment: Option<&str>,
) -> Vec<Placement> {
    let Some((app, environment)) = environment.and_then(|name| app_in(config, name).ok()) else {
        return Vec::new();
    };
    let hosts = resolve::hosts_of(app, environment).unwrap_or_default();
    let placement = |(target, app): (Target, App)| Placement {
        target,
        app,
        version: version.clone(),
        revision: revision.to_owned(),
        built: false,
    };
    let with = hosts
        .into_iter()
        .filter(|(_, app)| app.settings(part).is_some());
    with.map(placement).collect()
}

pub(crate) fn empty_plan(
    facts: &Facts,
    verb: Verb,
    part: Part,
    environment: &str,
    version: Version,
) -> Plan {
    Plan {
        title: format!(
            "{} {} in {environment}: {version}",
            verb.name(),
            part.name()
        ),
        cli_args: format!("{} --env {environment}", part.name()),
        environment: Some(environment.to_owned()),
        ..Plan::new(RunId::new(verb, environment), version, facts.at)
    }
}

pub(crate) fn plan(
    facts: &Facts,
    config: &Config,
    wanted: &DeployRequest,
    blockers: &mut Vec<Blocker>,
) -> Option<Plan> {
    let found = ready(facts, config, &wanted.environment, blockers);
    let git = facts
        .git
        .as_ref()
        .map_err(|b| blockers.push(b.clone()))
        .ok()?;
    let promotion = match &wanted.from {
        Some(from) => Some(
            promote::of(facts, config, wanted, from)
                .map_err(|found| blockers.extend(found))
                .ok()?,
        ),
        None => None,
    };
    let (version, revision) = match (&promotion, &wanted.version) {
        (Some(place), _) => (place.version.clone(), place.revision.clone()),
        (None, Some(version)) => {
            let tag = facts.tag_of(facts.main_group(config)?, version);
            let commit = git
                .tagged(&tag, config)
                .map_err(|b| blockers.push(b))
                .ok()?;
            (version.clone(), commit.clone())
        }
        (None, None) => {
            if !git.dirty.is_empty() {
                blockers.push(checks::dirty(&git.dirty));
            }
            (facts.main_group(config)?.version.clone(), git.head.clone())
        }
    };
    let (app, environment) = found?;
    missing_part(app, wanted.part, blockers);
    let mut plan = empty_plan(
        facts,
        Verb::Deploy,
        wanted.part,
        &wanted.environment,
        version.clone(),
    );
    let promoted = promotion.is_some();
    match promotion {
        Some(place) => promote::step(place, wanted.part, &mut plan),
        None => plan
            .steps
            .extend(build_here(app, wanted.part, &version, &revision)),
    }
    if !promoted && wanted.version.is_none() && wanted.part.backend() {
        blockers.extend(not_there_yet(app, git, config));
    }
    frozen(
        (&wanted.environment, environment),
        wanted.freeze_override.as_deref(),
        &mut plan,
        blockers,
    );
    let mut hosts = hosts_of(app, environment)
        .map_err(|blocker| blockers.push(blocker))
        .ok()?;
    if promoted {
        // They are sent what another environment runs, whoever built it there.
        hosts
            .iter_mut()
            .for_each(|(_, app)| app.disable_host_builds());
    }
    plan.notes
        .extend(outgoing::notes(facts, &hosts, wanted.part, &revision));
    let ahead = ahead(facts, app, (&version, wanted.part), &mut plan);
    let deploy = Deploy {
        hosts: &hosts,
        environment,
        version: &version,
        revision: &revision,
        built: true,
        ahead: &ahead,
    };
    deploy.steps(wanted.part, &mut plan);
    let seen = |on: bool, part: HostPart| match on {
        true => {
            let release = (&plan.version, revision.as_str());
            placements(config, part, release, Some(&wanted.environment))
        }
        false => Vec::new(),
    };
    let services = (
        seen(wanted.part.backend(), HostPart::Backend),
        seen(wanted.part.frontend(), HostPart::Frontend),
    );
    verify(
        config,
        wanted.part,
        &wanted.environment,
        services,
        &mut plan,
    );
    Some(plan)
}

/// Returns the step that builds what the hosts are sent, if they are sent anything.
fn build_here(app: &AppConfig, part: Part, version: &Version, revision: &str) -> Option<Step> {
    let (binaries, frontend) = build::built_here(app, part);
    if binaries.is_empty() && frontend.is_none() {
        return None;
    }
    let action = Action::Build(Build {
        revision: revision.to_owned(),
        binaries,
        frontend,
        target: None,
    });
    let title = format!("build {} {version} for production", app.name);
    Some(Step::new("build", Stage::Build, title, action))
}

/// Hosts that fetch what they build can only have what is pushed.
fn not_there_yet(app: &AppConfig, git: &GitFacts, config: &Config) -> Option<Blocker> {
    let backend = app.backend.as_ref()?;
    let remote = git.remote.as_ref().ok()?;
    let there = matches!(
        remote.divergence,
        BranchDivergence::Same | BranchDivergence::OnTop | BranchDivergence::Behind
    );
    if there || !backend.build.fetches_remote() {
        return None;
    }
    let (name, branch) = (config.release.remote(), git.release_branch(config));
    Some(Blocker::new(
        format!(
            "the hosts build what they fetch, and {name} does not have {} yet",
            git.head
        ),
        format!("`git push {name} {branch}`, then try again"),
    ))
}

/// Adds the verification of what users now see: on these placements of the backend and of
/// the frontend, and where the frontend is asked for at its address.
pub fn verify(
    config: &Config,
    part: Part,
    environment: &str,
    (hosts, frontends): (Vec<Placement>, Vec<Placement>),
    plan: &mut Plan,
) {
    let frontend = config
        .app
        .as_ref()
        .and_then(|app| app.frontend.as_ref())
        .filter(|_| part.frontend());
    let here = config.deploy.get(environment).and_then(|e| e.url.clone());
    let url = frontend.and_then(|f| here.or_else(|| f.url.clone()));
    let action = Action::VerifyRelease(VerifyRelease {
        elsewhere: BTreeMap::new(),
        crates: Vec::new(),
        releases: Vec::new(),
        remote: String::new(),
        tags: Vec::new(),
        hosts: hosts.into_iter().map(|one| plan.place(one)).collect(),
        frontends: frontends.into_iter().map(|one| plan.place(one)).collect(),
        url,
    });
    plan.steps.push(Step::new(
        "verify",
        Stage::Verify,
        "see what users now see",
        action,
    ));
}

pub(crate) fn missing_part(app: &AppConfig, part: Part, blockers: &mut Vec<Blocker>) {
    for (missing, name) in [
        (part.backend() && app.backend.is_none(), "backend"),
        (part == Part::Frontend && app.frontend.is_none(), "frontend"),
    ] {
        if missing {
            blockers.push(Blocker::new(
                format!("there is no [app.{name}] in stagegate.toml"),
                "describe it there, or name the other part",
            ));
        }
    }
}
