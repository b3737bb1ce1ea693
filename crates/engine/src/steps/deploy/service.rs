//! Steps of a service's deploy on one host.

use std::sync::Arc;
use std::time::Instant;

use stagegate_deploy::{
    ArtifactError, DeployJob, Part, ServiceStep, perform_service as perform_on_host,
    probe_service as probe_on_host,
};
use stagegate_plan::model::{DeployService, Placement, TimeCategory};

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::build::artifact;
use crate::steps::deploy::on_host;

/// Returns the built binary, unless it is on the host already, or will be built there.
fn binary(
    ctx: &StepContext<'_>,
    part: Part,
    placement: &Placement,
) -> anyhow::Result<Option<Arc<DeployJob>>> {
    let service = placement.app.settings(part).filter(|_| placement.built);
    let Some(service) = service.filter(|service| service.build.is_none()) else {
        return Ok(None);
    };
    let jobs = &ctx.context.deploy_jobs;
    let job = jobs.job(&artifact::binary(ctx, &service.binary), |path| {
        Ok::<_, ArtifactError>(DeployJob::of_file(path)?.with_cache(on_host::cache(ctx, part)))
    })?;
    Ok(Some(job))
}

impl Perform for DeployService {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let placement = ctx.plan.placement(self.placement)?;
        let (deploy, binary) = (
            on_host::deploy(ctx, placement),
            binary(ctx, self.part, placement)?,
        );
        if self.step == ServiceStep::Confirm {
            ctx.context.connections.drop_all(&placement.target);
        }
        let probe = on_host::ask(ctx, placement, |host| {
            probe_on_host(self.part, self.step, host, &deploy, binary.as_deref())
        })?;
        Ok(on_host::probe_of(probe))
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let placement = ctx.plan.placement(self.placement)?;
        let (deploy, binary) = (
            on_host::deploy(ctx, placement),
            binary(ctx, self.part, placement)?,
        );
        let host = on_host::connection(ctx, placement)?;
        let start = Instant::now();
        let result = perform_on_host(
            self.part,
            self.step,
            &host,
            &deploy,
            binary.as_deref(),
            &mut |p| on_host::show(ctx, p),
        );
        // The app's start, the watch and the drain are waits that were asked for.
        if matches!(
            self.step,
            ServiceStep::Health | ServiceStep::Stabilize | ServiceStep::Confirm
        ) {
            ctx.time.record(TimeCategory::Waiting, start.elapsed());
        }
        let done = result.map_err(on_host::failure)?;
        ctx.context.connections.keep(host);
        Ok(done)
    }
}
