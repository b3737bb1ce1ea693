//! The plan of a deploy, alone or at the end of a release, and of a rollback.

use semver::Version;
use stagegate_deploy::{App, BackendStep, FrontendStep, Target};

use super::action::{Action, Place};
use super::{Plan, Step};
use crate::blocker::Blocker;
use crate::checks;
use crate::config::{AppConfig, EnvironmentConfig};
use crate::facts::Facts;
use crate::request::{DeployRequest, Part, ReleaseRequest, RollbackRequest};
use crate::survey;
use crate::{Config, Stage};

/// An app in an environment, and what is to run there.
struct Deploy<'a> {
    app_there: App,
    environment: &'a EnvironmentConfig,
    version: &'a Version,
    revision: &'a str,
    /// Built for this run; otherwise it is on the hosts.
    built: bool,
}

const BACKEND: [(BackendStep, Stage, &str); 6] = [
    (
        BackendStep::Upload,
        Stage::DeployBackend,
        "bring the release to",
    ),
    (
        BackendStep::Start,
        Stage::DeployBackend,
        "start the idle slot on",
    ),
    (
        BackendStep::Health,
        Stage::Health,
        "ask the new slot for its health on",
    ),
    (
        BackendStep::Switch,
        Stage::Stabilise,
        "arm the dead man's switch, and switch users over on",
    ),
    (
        BackendStep::Stabilise,
        Stage::Stabilise,
        "watch the new release on",
    ),
    (
        BackendStep::Confirm,
        Stage::Stabilise,
        "confirm, disarm and drain the old slot on",
    ),
];

const FRONTEND: [(FrontendStep, &str); 2] = [
    (FrontendStep::Upload, "bring the bundle to"),
    (FrontendStep::Flip, "flip to the bundle on"),
];

impl Deploy<'_> {
    fn steps(&self, part: Part, plan: &mut Plan) -> Result<(), Blocker> {
        let targets = survey::targets(self.environment).map_err(|e| {
            Blocker::new(
                format!("`hosts` of the environment: {e}"),
                "write each host as user@host or user@host:port",
            )
        })?;
        let place = |target: &Target| Place {
            target: target.clone(),
            app: self.app_there.clone(),
            version: self.version.clone(),
            revision: self.revision.to_owned(),
            built: self.built,
        };
        if part.backend() && self.app_there.backend.is_some() {
            for target in &targets {
                for (step, stage, words) in BACKEND {
                    let id = format!("backend.{}@{}", name_of(&step), target.host);
                    let action = Action::Backend {
                        step,
                        place: place(target),
                    };
                    plan.steps
                        .push(Step::new(id, stage, format!("{words} {target}"), action));
                }
            }
        }
        if part.frontend() && self.app_there.frontend.is_some() {
            for target in &targets {
                for (step, words) in FRONTEND {
                    let id = format!("frontend.{}@{}", name_of(&step), target.host);
                    let action = Action::Frontend {
                        step,
                        place: place(target),
                    };
                    let title = format!("{words} {target}");
                    plan.steps
                        .push(Step::new(id, Stage::DeployFrontend, title, action));
                }
            }
        }
        Ok(())
    }
}

fn name_of(step: &impl std::fmt::Debug) -> String {
    format!("{step:?}").to_lowercase()
}

/// The app and the environment, or what is missing.
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
    Ok((app, survey::environment(config, environment)?))
}

/// The same for a run of its own: what is wrong with it, or with its hosts, is
/// in the way.
fn ready<'a>(
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
pub(super) fn steps_of_release(
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
    let app_there = survey::app_of(app, environment);
    let deploy = Deploy {
        app_there,
        environment,
        version: &version,
        revision: &revision,
        built: true,
    };
    match deploy.steps(Part::Both, plan) {
        Ok(()) => Some(wanted.environment.clone()),
        Err(blocker) => {
            blockers.push(blocker);
            None
        }
    }
}

/// The backend on every host, for the look at the end.
pub(super) fn places(
    facts: &Facts,
    config: &Config,
    part: Part,
    (version, revision): (&Version, &str),
    environment: Option<&str>,
) -> Vec<Place> {
    let Some((app, environment)) = environment.and_then(|name| app_in(config, name).ok()) else {
        return Vec::new();
    };
    let app = survey::app_of(app, environment);
    if !part.backend() || app.backend.is_none() {
        return Vec::new();
    }
    let place = |host: &crate::facts::HostSurvey| Place {
        target: host.target.clone(),
        app: app.clone(),
        version: version.clone(),
        revision: revision.to_owned(),
        built: false,
    };
    facts.hosts.iter().map(place).collect()
}

fn empty_plan(facts: &Facts, verb: &str, part: Part, environment: &str, version: Version) -> Plan {
    Plan {
        target: format!("{verb}-{environment}"),
        title: format!("{verb} {} in {environment}: {version}", part.name()),
        version,
        words: format!("{} --env {environment}", part.name()),
        versions: std::collections::BTreeMap::new(),
        from: None,
        at: facts.at,
        then: None,
        notes: Vec::new(),
        steps: Vec::new(),
    }
}

pub(super) fn plan(
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
    let (version, revision) = match &wanted.version {
        Some(version) => {
            let tag = facts.main_group(config)?.tag_of(version);
            let commit = git
                .tagged(&tag, config)
                .map_err(|b| blockers.push(b))
                .ok()?;
            (version.clone(), commit.clone())
        }
        None => {
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
        "deploy",
        wanted.part,
        &wanted.environment,
        version.clone(),
    );
    let (binaries, frontend) = app.build_of(wanted.part);
    let action = Action::Build {
        revision: revision.clone(),
        binaries,
        frontend,
    };
    plan.steps.push(Step::new(
        "build",
        Stage::Build,
        format!("build {} {version} for production", app.name),
        action,
    ));
    let app_there = survey::app_of(app, environment);
    let deploy = Deploy {
        app_there,
        environment,
        version: &version,
        revision: &revision,
        built: true,
    };
    if let Err(blocker) = deploy.steps(wanted.part, &mut plan) {
        blockers.push(blocker);
    }
    verify(
        facts,
        config,
        wanted.part,
        &wanted.environment,
        &mut plan,
        &revision,
    );
    Some(plan)
}

/// Looks at what users now see.
fn verify(
    facts: &Facts,
    config: &Config,
    part: Part,
    environment: &str,
    plan: &mut Plan,
    revision: &str,
) {
    let wanted = (&plan.version, revision);
    let hosts = places(facts, config, part, wanted, Some(environment));
    let frontend = config
        .app
        .as_ref()
        .and_then(|app| app.frontend.as_ref())
        .filter(|_| part.frontend());
    let here = config.deploy.get(environment).and_then(|e| e.url.clone());
    let url = frontend.and_then(|f| here.or_else(|| f.url.clone()));
    let action = Action::Outcome {
        crates: Vec::new(),
        releases: Vec::new(),
        remote: String::new(),
        tags: Vec::new(),
        hosts,
        url,
    };
    plan.steps.push(Step::new(
        "verify",
        Stage::Verify,
        "see what users now see",
        action,
    ));
}

fn missing_part(app: &AppConfig, part: Part, blockers: &mut Vec<Blocker>) {
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

pub(super) fn plan_rollback(
    facts: &Facts,
    config: &Config,
    wanted: &RollbackRequest,
    blockers: &mut Vec<Blocker>,
) -> Option<Plan> {
    let found = ready(facts, config, &wanted.environment, blockers);
    let (app, environment) = found?;
    missing_part(app, wanted.part, blockers);
    let mut plan: Option<Plan> = None;
    for host in &facts.hosts {
        let Some(previous) = &host.previous else {
            blockers.push(Blocker::new(
                format!(
                    "{}: no known-good release is recorded before the one that runs",
                    host.target
                ),
                "deploy a released version by name: `deploy backend --version V`",
            ));
            continue;
        };
        let release = previous
            .backend
            .as_ref()
            .filter(|_| wanted.part.backend())
            .or(previous.frontend.as_ref());
        let Some(release) = release else { continue };
        let plan = plan.get_or_insert_with(|| {
            empty_plan(
                facts,
                "rollback",
                wanted.part,
                &wanted.environment,
                release.version.clone(),
            )
        });
        let app_there = survey::app_of(app, environment);
        let one_host = EnvironmentConfig {
            hosts: vec![host.target.to_string()],
            ..environment.clone()
        };
        for (part, release) in [
            (Part::Backend, &previous.backend),
            (Part::Frontend, &previous.frontend),
        ] {
            let asked = wanted.part == Part::Both || wanted.part == part;
            let Some(release) = release.as_ref().filter(|_| asked) else {
                continue;
            };
            let deploy = Deploy {
                app_there: app_there.clone(),
                environment: &one_host,
                version: &release.version,
                revision: &release.commit,
                built: false,
            };
            if let Err(blocker) = deploy.steps(part, plan) {
                blockers.push(blocker);
            }
        }
    }
    let mut plan = plan?;
    if let Some(commit) = facts
        .hosts
        .iter()
        .find_map(|h| Some(h.previous.as_ref()?.backend.as_ref()?.commit.clone()))
    {
        verify(
            facts,
            config,
            wanted.part,
            &wanted.environment,
            &mut plan,
            &commit,
        );
    }
    Some(plan)
}
