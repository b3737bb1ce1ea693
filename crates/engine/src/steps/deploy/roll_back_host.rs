//! The step that takes one host back to the release before.

use std::time::Instant;

use stagegate_deploy::{Host, roll_back};
use stagegate_plan::model::{RollBackHost, TimeCategory};

use crate::executor::step::{Perform, StepContext};
use crate::steps::deploy::on_host;

impl Perform for RollBackHost {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let placement = ctx.plan.placement(self.placement)?;
        let deploy = on_host::deploy(ctx, placement);
        let host = Host::connect(&placement.target)?;
        let start = Instant::now();
        let result = roll_back(&host, &deploy, &mut |p| on_host::show(ctx, p));
        ctx.time.record(TimeCategory::Waiting, start.elapsed());
        Ok(result?)
    }
}
