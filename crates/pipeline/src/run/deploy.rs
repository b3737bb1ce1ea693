//! The steps on a host, handed to the deploy crate with what they need.

use anyhow::Context;
use stagegate_deploy::{
    Artifact, BackendStep, Deploy, DeployError, FrontendStep, Host, Progress, Release, Target,
    perform_backend as perform_on_host, perform_frontend as flip_on_host,
    probe_backend as probe_on_host, probe_frontend as probe_bundle_on_host,
};

use super::{Effect, Probe, build};
use crate::Plan;
use crate::account::Spent;
use crate::plan::{Action, BackendPlace, FrontendPlace, Step};

/// The step that settles a backend's steps on its host, for one of them.
pub(super) fn confirmation_of<'a>(plan: &'a Plan, step: &Step) -> Option<&'a str> {
    let Action::Backend { step: kind, place } = &step.action else {
        return None;
    };
    if *kind == BackendStep::Confirm {
        return None;
    }
    let same = |other: &&Step| matches!(&other.action, Action::Backend { step: BackendStep::Confirm, place: there } if there.target == place.target);
    plan.steps.iter().find(same).map(|step| step.id.as_str())
}

/// Whether a failed deploy left users on the release before.
pub(super) fn went_back(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| matches!(cause.downcast_ref(), Some(DeployError::RolledBack { .. })))
}

fn deploy(
    effect: &Effect<'_>,
    target: &Target,
    app: &stagegate_deploy::App,
    version: &semver::Version,
    revision: &str,
) -> anyhow::Result<Deploy> {
    // A rollback goes by the host's own record; that commit need not be here.
    let commit = effect
        .world
        .git()
        .commit_of(revision)
        .ok()
        .flatten()
        .unwrap_or_else(|| revision.to_owned());
    Ok(Deploy {
        target: target.clone(),
        app: app.clone(),
        release: Release {
            version: version.clone(),
            commit,
        },
        owner: format!("{}@{}", effect.plan.target, effect.plan.at.as_second()),
        by: who(),
    })
}

/// Who deploys, for the host's record.
fn who() -> String {
    let names = ["GITHUB_ACTOR", "USER", "LOGNAME"];
    names
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "unknown".to_owned())
}

fn answer(probe: stagegate_deploy::Probe) -> Probe {
    match probe {
        stagegate_deploy::Probe::Absent => Probe::Absent,
        stagegate_deploy::Probe::Done(evidence) => Probe::Done(evidence),
        stagegate_deploy::Probe::Conflict(what) => Probe::Conflict(what),
    }
}

fn backend_artifact(effect: &Effect<'_>, place: &BackendPlace) -> anyhow::Result<Option<Artifact>> {
    let artifact = |name: &String| Artifact::of_file(build::binary(effect, name));
    Ok(place.binary.as_ref().map(artifact).transpose()?)
}

fn bundle_artifact(effect: &Effect<'_>, place: &FrontendPlace) -> anyhow::Result<Option<Artifact>> {
    Ok(if place.built {
        Some(Artifact::of_directory(build::bundle(effect))?)
    } else {
        None
    })
}

pub(super) fn probe_backend(
    effect: &mut Effect<'_>,
    step: BackendStep,
    place: &BackendPlace,
) -> anyhow::Result<Probe> {
    let deploy = deploy(
        effect,
        &place.target,
        &place.app,
        &place.version,
        &place.revision,
    )?;
    let artifact = backend_artifact(effect, place)?;
    let host = Host::connect(&place.target)?;
    Ok(answer(probe_on_host(
        step,
        &host,
        &deploy,
        artifact.as_ref(),
    )?))
}

pub(super) fn perform_backend(
    effect: &mut Effect<'_>,
    step: BackendStep,
    place: &BackendPlace,
) -> anyhow::Result<String> {
    let deploy = deploy(
        effect,
        &place.target,
        &place.app,
        &place.version,
        &place.revision,
    )?;
    let artifact = backend_artifact(effect, place)?;
    // Always a connection of its own: what confirms a switch must not be the
    // one that was open before it.
    let host = Host::connect(&place.target)?;
    let start = std::time::Instant::now();
    let result = perform_on_host(step, &host, &deploy, artifact.as_ref(), &mut |p| {
        show(effect, p)
    });
    if matches!(step, BackendStep::Health | BackendStep::Stabilise) {
        effect.account.book(Spent::Waiting, start.elapsed());
    }
    result.with_context(|| format!("on {}", place.target))
}

pub(super) fn probe_frontend(
    effect: &mut Effect<'_>,
    step: FrontendStep,
    place: &FrontendPlace,
) -> anyhow::Result<Probe> {
    let deploy = deploy(
        effect,
        &place.target,
        &place.app,
        &place.version,
        &place.revision,
    )?;
    let artifact = bundle_artifact(effect, place)?;
    let host = Host::connect(&place.target)?;
    Ok(answer(probe_bundle_on_host(
        step,
        &host,
        &deploy,
        artifact.as_ref(),
    )?))
}

pub(super) fn perform_frontend(
    effect: &mut Effect<'_>,
    step: FrontendStep,
    place: &FrontendPlace,
) -> anyhow::Result<String> {
    let deploy = deploy(
        effect,
        &place.target,
        &place.app,
        &place.version,
        &place.revision,
    )?;
    let artifact = bundle_artifact(effect, place)?;
    let host = Host::connect(&place.target)?;
    flip_on_host(step, &host, &deploy, artifact.as_ref(), &mut |p| {
        show(effect, p)
    })
    .with_context(|| format!("on {}", place.target))
}

fn show(effect: &Effect<'_>, progress: Progress) {
    effect.progress(progress.text, progress.done, progress.total);
}
