//! The steps on a host, handed to the deploy crate with what they need.

use std::sync::Arc;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_deploy::{
    ArtifactError, Deploy, DeployError, DeployJob, Host, Part, Progress, Release, RunError,
    ServiceStep, fetch as fetch_from_host, migrate as migrate_data,
    perform_frontend as flip_on_host, perform_service as perform_on_host,
    probe_frontend as probe_bundle_on_host, probe_migration as probe_data,
    probe_service as probe_on_host, roll_back as take_back_on_host,
};
use stagegate_plan::model::{
    DeployBundle, DeployService, FetchArtifacts, MigrateData, Place, Plan, RollBackHost,
    TimeCategory,
};

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::build::build;

fn deploy(ctx: &StepContext<'_>, place: &Place) -> Deploy {
    // A rollback goes by the host's own record; that commit need not be here.
    let ask = |revision: &str| ctx.context.git().commit_of(revision).ok().flatten();
    let known = ctx.context.deploy_jobs.commit(&place.revision, ask);
    let mut app = place.app.clone();
    if !place.built {
        // What is on the host already is not built there again.
        app.disable_host_builds();
    }
    Deploy {
        target: place.target.clone(),
        app,
        release: Release {
            version: place.version.clone(),
            commit: known.unwrap_or_else(|| place.revision.clone()),
        },
        owner: format!("{}@{}", ctx.plan.run_id, ctx.plan.at.as_second()),
        by: who(ctx.plan),
        is_rollback: !place.built,
    }
}

/// Who deploys, for the host's record, and why in a freeze.
fn who(plan: &Plan) -> String {
    match &plan.freeze_override {
        None => account(),
        Some(why) => format!("{} (despite the freeze: {why})", account()),
    }
}

fn account() -> String {
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

/// The built binary, unless it is on the host already, or will be built there.
fn binary(
    ctx: &StepContext<'_>,
    part: Part,
    place: &Place,
) -> anyhow::Result<Option<Arc<DeployJob>>> {
    let service = place.app.settings(part).filter(|_| place.built);
    let Some(service) = service.filter(|service| service.build.is_none()) else {
        return Ok(None);
    };
    let jobs = &ctx.context.deploy_jobs;
    let job = jobs.job(&build::binary(ctx, &service.binary), |path| {
        Ok::<_, ArtifactError>(DeployJob::of_file(path)?.with_cache(cache(ctx, part)))
    })?;
    Ok(Some(job))
}

/// The built bundle, unless it is on the host already.
fn bundle(ctx: &StepContext<'_>, place: &Place) -> anyhow::Result<Option<Arc<DeployJob>>> {
    if !place.built {
        return Ok(None);
    }
    let jobs = &ctx.context.deploy_jobs;
    let job = jobs.job(&build::bundle(ctx), |path| {
        let job = DeployJob::of_directory(path)?;
        Ok::<_, ArtifactError>(job.with_cache(cache(ctx, Part::Frontend)))
    })?;
    Ok(Some(job))
}

/// Where a few of a part's artifacts are kept for patches. Each part has its own, so that
/// none lets the others' go.
fn cache(ctx: &StepContext<'_>, part: Part) -> Utf8PathBuf {
    let deployed = ctx.context.output().join("deployed");
    deployed.join(part.name())
}

/// Asks the host over a connection that is kept, if there is one, and keeps it for what
/// the step then does.
fn ask<T>(
    ctx: &StepContext<'_>,
    place: &Place,
    question: impl Fn(&Host) -> Result<T, DeployError>,
) -> anyhow::Result<T> {
    let connections = &ctx.context.connections;
    let kept = connections.take(&place.target).map(|host| {
        let answer = question(&host);
        (host, answer)
    });
    let (host, answer) = match kept {
        Some((host, answer)) if !matches!(answer, Err(DeployError::Run(RunError::Lost { .. }))) => {
            (host, answer)
        }
        // None, or lost while it was kept.
        _ => {
            let host = Host::connect(&place.target)?;
            let answer = question(&host);
            (host, answer)
        }
    };
    let answer = answer?;
    connections.keep(host);
    Ok(answer)
}

/// The connection by which the step's host was asked, or a new one.
fn host(ctx: &StepContext<'_>, place: &Place) -> anyhow::Result<Host> {
    Ok(match ctx.context.connections.take(&place.target) {
        Some(host) => host,
        None => Host::connect(&place.target)?,
    })
}

impl Perform for DeployService {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let part = self.part;
        let step = self.step;
        let place: &Place = &self.place;

        let (deploy, binary) = (deploy(ctx, place), binary(ctx, part, place)?);
        if step == ServiceStep::Confirm {
            ctx.context.connections.drop_all(&place.target);
        }
        let probe = ask(ctx, place, |host| {
            probe_on_host(part, step, host, &deploy, binary.as_deref())
        })?;
        Ok(answer(probe))
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let part = self.part;
        let step = self.step;
        let place: &Place = &self.place;

        let (deploy, binary) = (deploy(ctx, place), binary(ctx, part, place)?);
        let host = host(ctx, place)?;
        let start = std::time::Instant::now();
        let result = perform_on_host(part, step, &host, &deploy, binary.as_deref(), &mut |p| {
            show(ctx, p)
        });
        // The app's start, the watch and the drain are waits that were asked for.
        if matches!(
            step,
            ServiceStep::Health | ServiceStep::Stabilize | ServiceStep::Confirm
        ) {
            ctx.time.record(TimeCategory::Waiting, start.elapsed());
        }
        let done = result?;
        ctx.context.connections.keep(host);
        Ok(done)
    }
}

impl Perform for FetchArtifacts {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let place: &Place = &self.place;
        let backend = self.backend;
        let frontend = self.frontend;

        let release = deploy(ctx, place).release;
        let host = Host::connect(&place.target)?;
        let mut fetched = Vec::new();
        let mut take = |part, to: &Utf8Path, what: &str| -> anyhow::Result<()> {
            let artifact =
                fetch_from_host(&host, &place.app, &release, part, to, &mut |p| show(ctx, p))?;
            fetched.push(format!("{what}, SHA-256 {}", artifact.sha256));
            Ok(())
        };
        for (wanted, part) in [(backend, Part::Backend), (frontend, Part::Frontend)] {
            match place.app.settings(part) {
                _ if !wanted => {}
                Some(service) => {
                    let to = build::binary(ctx, &service.binary);
                    take(part, &to, &service.binary)?;
                    std::fs::set_permissions(
                        &to,
                        std::os::unix::fs::PermissionsExt::from_mode(0o755),
                    )?;
                }
                None => {
                    let to = build::bundle(ctx);
                    if to.exists() {
                        std::fs::remove_dir_all(&to).with_context(|| format!("removing {to}"))?;
                    }
                    take(part, &to, "the bundle")?;
                }
            }
        }
        let from = &place.target;
        Ok(format!("{} from {from}", fetched.join("; ")))
    }
}

impl Perform for MigrateData {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let direction = self.direction;
        let place: &Place = &self.place;

        let deploy = deploy(ctx, place);
        let probe = ask(ctx, place, |host| probe_data(direction, host, &deploy))?;
        Ok(answer(probe))
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let direction = self.direction;
        let place: &Place = &self.place;

        let deploy = deploy(ctx, place);
        let host = host(ctx, place)?;
        let start = std::time::Instant::now();
        let result = migrate_data(direction, &host, &deploy, &mut |p| show(ctx, p));
        // The team's own command, however long it takes.
        ctx.time.record(TimeCategory::Waiting, start.elapsed());
        let done = result?;
        ctx.context.connections.keep(host);
        Ok(done)
    }
}

impl Perform for RollBackHost {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let place: &Place = &self.place;

        let deploy = deploy(ctx, place);
        let host = Host::connect(&place.target)?;
        let start = std::time::Instant::now();
        let result = take_back_on_host(&host, &deploy, &mut |p| show(ctx, p));
        ctx.time.record(TimeCategory::Waiting, start.elapsed());
        Ok(result?)
    }
}

impl Perform for DeployBundle {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let step = self.step;
        let place: &Place = &self.place;

        let (deploy, bundle) = (deploy(ctx, place), bundle(ctx, place)?);
        let probe = ask(ctx, place, |host| {
            probe_bundle_on_host(step, host, &deploy, bundle.as_deref())
        })?;
        Ok(answer(probe))
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let step = self.step;
        let place: &Place = &self.place;

        let (deploy, bundle) = (deploy(ctx, place), bundle(ctx, place)?);
        let host = host(ctx, place)?;
        let done = flip_on_host(step, &host, &deploy, bundle.as_deref(), &mut |p| {
            show(ctx, p)
        })?;
        ctx.context.connections.keep(host);
        Ok(done)
    }
}

fn show(ctx: &StepContext<'_>, progress: Progress) {
    if let Some(probed) = progress.probed {
        return ctx.probed(probed.at, probed.latency);
    }
    ctx.progress(progress.text, progress.done, progress.total);
}
