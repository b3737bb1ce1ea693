//! The plan of a rollback: every host back to the pair that ran there before.
//!
//! A deploy goes backend first, then frontend; a way back goes the other way round, so that
//! no user meets a frontend that is ahead of its backend: the frontends of all hosts are
//! back before the first backend goes. Only where the pair of before is the newer one (an
//! older release was deployed by its name) does the frontend follow its backend.

use stagegate_config::schema::{Config, EnvironmentConfig};
use stagegate_deploy::{App, Part as HostPart, PastDeploy, Release, Target};

use crate::deploy::waves::{Deploy, take_data_back, undo_of};
use crate::deploy::{app_in, empty_plan, hosts_of, missing_part, verify};
use crate::facts::{Facts, HostSurvey};
use crate::model::{Blocker, Placement, Plan, Verb};
use crate::request::{Part, RollbackRequest};

/// A host that goes back.
struct Back<'a> {
    host: &'a (Target, App),
    survey: &'a HostSurvey,
    to: &'a PastDeploy,
}

impl Back<'_> {
    /// Returns what the part goes back to.
    fn release(&self, part: HostPart) -> Option<&Release> {
        match part {
            HostPart::Backend => self.to.backend.as_ref(),
            HostPart::Frontend => self.to.frontend.as_ref(),
        }
    }

    /// Returns whether the frontend that comes is newer than the backend that runs.
    fn is_ahead(&self) -> bool {
        let comes = self.to.frontend.as_ref().map(|release| &release.version);
        let runs = self.survey.runs();
        comes.zip(runs).is_some_and(|(comes, runs)| *comes > runs)
    }

    /// Returns a problem where the frontend that comes is none that this configuration could run.
    fn other_form(&self) -> Option<Blocker> {
        let (target, app) = self.host;
        let comes = self.to.frontend.as_ref()?;
        let is_service = app.settings(HostPart::Frontend).is_some();
        if app.frontend.is_none() || is_service == self.to.frontend_is_service {
            return None;
        }
        let (was, is) = match is_service {
            true => ("a bundle", "a service"),
            false => ("a service", "a bundle"),
        };
        Some(Blocker::new(
            format!(
                "{target}: before, the frontend was {was} ({}), and stagegate.toml says that it is {is}",
                comes.version
            ),
            format!(
                "check out {}, where it still was, and `deploy both` from there; or roll back the backend alone",
                comes.commit
            ),
        ))
    }

    /// Returns the part as the host shall have it, where it is a service that goes back.
    fn placement(&self, part: HostPart) -> Option<Placement> {
        let (target, app) = self.host;
        app.settings(part)?;
        let release = self.release(part)?;
        Some(Placement {
            target: target.clone(),
            app: app.clone(),
            version: release.version.clone(),
            revision: release.commit.clone(),
            built: false,
        })
    }
}

pub(crate) fn plan(
    facts: &Facts,
    config: &Config,
    wanted: &RollbackRequest,
    blockers: &mut Vec<Blocker>,
) -> Option<Plan> {
    let part = wanted.part;
    let mut notes = Vec::new();
    let left = look_at_hosts(facts, &mut notes, blockers);
    let found = app_in(config, &wanted.environment).map_err(|blocker| blockers.push(blocker));
    let (app, environment) = found.ok()?;
    missing_part(app, part, blockers);
    let hosts = hosts_of(app, environment)
        .map_err(|blocker| blockers.push(blocker))
        .ok()?;
    let backs = backs(facts, &hosts, part, &mut notes, blockers);
    let parts: Vec<HostPart> = HostPart::ALL
        .into_iter()
        .filter(|one| is_meant(part, *one))
        .collect();
    let releases = parts
        .iter()
        .flat_map(|part| groups(*part, &backs, |_| true));
    let (first, _) = releases.into_iter().next()?;
    let mut plan = empty_plan(
        facts,
        Verb::Rollback,
        part,
        &wanted.environment,
        first.version,
    );
    plan.notes = notes;
    plan.next_step_hint = (!left.is_empty()).then(|| {
        format!(
            "{} was left as it is; roll back once more when it can be reached",
            left.join(", ")
        )
    });
    steps(part, &backs, environment, &mut plan);
    if part.backend() {
        data_back(&hosts, &backs, &mut plan);
    }
    let seen = |one: HostPart| match is_meant(part, one) {
        true => backs
            .iter()
            .filter_map(|back| back.placement(one))
            .collect(),
        false => Vec::new(),
    };
    let services = (seen(HostPart::Backend), seen(HostPart::Frontend));
    verify(config, part, &wanted.environment, services, &mut plan);
    Some(plan)
}

/// Adds what keeps the hosts from going back to the problems. What only matters to a new release
/// is a note, and so is a host that cannot be asked where others can: it must not keep their users
/// on a release that has to go. Returns the hosts that are left.
fn look_at_hosts(
    facts: &Facts,
    notes: &mut Vec<String>,
    blockers: &mut Vec<Blocker>,
) -> Vec<String> {
    let mut left = Vec::new();
    let any_answers = facts.hosts.iter().any(|host| host.found.is_ok());
    for host in &facts.hosts {
        match &host.found {
            Err(blocker) if any_answers => {
                notes.push(format!(
                    "{} is left as it is, for it cannot be asked: {}",
                    host.target, blocker.what
                ));
                left.push(host.target.to_string());
            }
            Err(blocker) => blockers.push(blocker.clone()),
            Ok(found) => {
                // A survey belongs to no run yet, so a lease is always another's.
                let stops = found.rollback_problems("");
                let others = found.problems("").into_iter();
                notes.extend(
                    others
                        .filter(|problem| !stops.contains(problem))
                        .map(|problem| {
                            format!("{}, which keeps no release from going back", problem.what)
                        }),
                );
                let stops = stops.into_iter();
                blockers.extend(stops.map(|problem| Blocker::new(problem.what, problem.remedy)));
            }
        }
    }
    left
}

fn is_meant(wanted: Part, part: HostPart) -> bool {
    match part {
        HostPart::Backend => wanted.backend(),
        HostPart::Frontend => wanted.frontend(),
    }
}

/// Adds the steps of all hosts. Those that go back to the same go together, wave after wave.
fn steps(wanted: Part, backs: &[Back<'_>], environment: &EnvironmentConfig, plan: &mut Plan) {
    let mut go = |part: HostPart, which: &dyn Fn(&Back<'_>) -> bool| {
        let wanted = match part {
            HostPart::Backend => Part::Backend,
            HostPart::Frontend => Part::Frontend,
        };
        for (release, hosts) in groups(part, backs, which) {
            let deploy = Deploy {
                hosts: &hosts,
                environment,
                version: &release.version,
                revision: &release.commit,
                built: false,
                ahead: &[],
            };
            deploy.steps(wanted, plan);
        }
    };
    if wanted.frontend() {
        go(HostPart::Frontend, &|back| !back.is_ahead());
    }
    if wanted.backend() {
        go(HostPart::Backend, &|_| true);
    }
    if wanted.frontend() {
        go(HostPart::Frontend, &|back| back.is_ahead());
    }
}

/// Takes back what the release that is left has migrated, once nobody meets it any more.
fn data_back(hosts: &[(Target, App)], backs: &[Back<'_>], plan: &mut Plan) {
    let migrates = |(_, app): &&(Target, App)| {
        let backend = app.backend.as_ref();
        backend.is_some_and(|backend| backend.migrate.is_some())
    };
    // The first host migrates for all.
    let Some((target, app)) = hosts.iter().find(migrates) else {
        return;
    };
    if !undo_of(app) {
        plan.notes.push(
            "the migration has no `undo`: the data stay as they are, and the older release must bear that"
                .to_owned(),
        );
        return;
    }
    // It is asked for what it leaves itself, or for what the others leave where it is back.
    let first = backs.iter().find(|back| back.host.0 == *target);
    let left = first
        .or(backs.first())
        .and_then(|back| back.survey.found.as_ref().ok())
        .and_then(|found| found.running.as_ref());
    let Some((version, left)) = left.and_then(|left| Some((left.version.parse().ok()?, left)))
    else {
        return;
    };
    let there = Placement {
        target: target.clone(),
        app: app.clone(),
        version,
        revision: left.commit.clone(),
        built: false,
    };
    let step = take_data_back(format!("data@{}", target.host), there, plan);
    plan.steps.push(step);
}

/// Returns the hosts that go back, each with what ran there before.
///
/// Where a deploy or a rollback ended on some hosts only, there are hosts that are already
/// where the others go. They stay: every host is to have the same pair in the end, and not
/// each one what it had before.
fn backs<'a>(
    facts: &'a Facts,
    hosts: &'a [(Target, App)],
    part: Part,
    notes: &mut Vec<String>,
    blockers: &mut Vec<Blocker>,
) -> Vec<Back<'a>> {
    let mut backs = Vec::new();
    for survey in facts.hosts.iter().filter(|host| host.found.is_ok()) {
        let Some(host) = hosts.iter().find(|(target, _)| *target == survey.target) else {
            continue;
        };
        if let Some(other) = is_back_already(survey, &facts.hosts, part) {
            notes.push(format!(
                "{} stays as it is: it already runs what {} goes back to",
                survey.target, other.target
            ));
            continue;
        }
        let known = survey.known.previous.as_ref().filter(|previous| {
            (part.backend() && previous.backend.is_some())
                || (part.frontend() && previous.frontend.is_some())
        });
        match known {
            Some(to) => {
                let back = Back { host, survey, to };
                blockers.extend(back.other_form().filter(|_| part.frontend()));
                backs.push(back);
            }
            None => blockers.push(Blocker::new(
                format!(
                    "{}: no known-good release is recorded before the one that runs",
                    survey.target
                ),
                "deploy a released version by name: `deploy backend --version V`",
            )),
        }
    }
    backs
}

/// Returns the host that goes back to what this one runs, unless each had what the other has.
fn is_back_already<'a>(
    survey: &HostSurvey,
    all: &'a [HostSurvey],
    part: Part,
) -> Option<&'a HostSurvey> {
    let same = |a: &Option<PastDeploy>, b: &Option<PastDeploy>| {
        let (Some(a), Some(b)) = (a, b) else {
            return false;
        };
        (!part.backend() || a.backend == b.backend)
            && (!part.frontend() || a.frontend == b.frontend)
    };
    all.iter().find(|other| {
        same(&other.known.previous, &survey.known.current)
            && !same(&survey.known.previous, &other.known.current)
            && !same(&survey.known.current, &other.known.current)
    })
}

/// Returns the releases of one part, each with those of the hosts that go back to it.
fn groups(
    part: HostPart,
    backs: &[Back<'_>],
    which: impl Fn(&Back<'_>) -> bool,
) -> Vec<(Release, Vec<(Target, App)>)> {
    let mut releases: Vec<(Release, Vec<(Target, App)>)> = Vec::new();
    for back in backs.iter().filter(|back| which(back)) {
        let Some(release) = back.release(part) else {
            continue;
        };
        match releases.iter_mut().find(|(known, _)| known == release) {
            Some((_, there)) => there.push(back.host.clone()),
            None => releases.push((release.clone(), vec![back.host.clone()])),
        }
    }
    releases
}
