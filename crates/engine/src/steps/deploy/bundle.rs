//! Steps of a frontend bundle's deploy on one host.

use std::sync::Arc;

use stagegate_deploy::{
    ArtifactError, DeployJob, Part, perform_frontend as perform_on_host,
    probe_frontend as probe_on_host,
};
use stagegate_plan::model::{DeployBundle, Placement};

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::build::artifact;
use crate::steps::deploy::on_host;

/// Returns the built bundle, unless it is on the host already.
fn bundle(ctx: &StepContext<'_>, placement: &Placement) -> anyhow::Result<Option<Arc<DeployJob>>> {
    if !placement.built {
        return Ok(None);
    }
    let jobs = &ctx.context.deploy_jobs;
    let job = jobs.job(&artifact::bundle(ctx), |path| {
        let job = DeployJob::of_directory(path)?;
        Ok::<_, ArtifactError>(job.with_cache(on_host::cache(ctx, Part::Frontend)))
    })?;
    Ok(Some(job))
}

impl Perform for DeployBundle {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let placement = ctx.plan.placement(self.placement)?;
        let (deploy, bundle) = (on_host::deploy(ctx, placement), bundle(ctx, placement)?);
        let probe = on_host::ask(ctx, placement, |host| {
            probe_on_host(self.step, host, &deploy, bundle.as_deref())
        })?;
        Ok(on_host::probe_of(probe))
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let placement = ctx.plan.placement(self.placement)?;
        let (deploy, bundle) = (on_host::deploy(ctx, placement), bundle(ctx, placement)?);
        let host = on_host::connection(ctx, placement)?;
        let done = perform_on_host(self.step, &host, &deploy, bundle.as_deref(), &mut |p| {
            on_host::show(ctx, p)
        });
        let done = done.map_err(on_host::failure)?;
        ctx.context.connections.keep(host);
        Ok(done)
    }
}
