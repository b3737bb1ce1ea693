//! The step that migrates a host's data, or takes a migration back.

use std::time::Instant;

use stagegate_deploy::{migrate, probe_migration};
use stagegate_plan::model::{MigrateData, TimeCategory};

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::deploy::on_host;

impl Perform for MigrateData {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let placement = ctx.plan.placement(self.placement)?;
        let deploy = on_host::deploy(ctx, placement);
        let probe = on_host::ask(ctx, placement, |host| {
            probe_migration(self.direction, host, &deploy)
        })?;
        Ok(on_host::probe_of(probe))
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let placement = ctx.plan.placement(self.placement)?;
        let deploy = on_host::deploy(ctx, placement);
        let host = on_host::connection(ctx, placement)?;
        let start = Instant::now();
        let result = migrate(self.direction, &host, &deploy, &mut |p| {
            on_host::show(ctx, p)
        });
        // The team's own command, however long it takes.
        ctx.time.record(TimeCategory::Waiting, start.elapsed());
        let done = result?;
        ctx.context.connections.keep(host);
        Ok(done)
    }
}
