//! The step that fetches, from a host that runs them, the artifacts that another shall run.

use std::os::unix::fs::PermissionsExt;

use anyhow::Context;
use camino::Utf8Path;
use stagegate_deploy::{Host, Part, fetch as fetch_from_host};
use stagegate_plan::model::FetchArtifacts;

use crate::executor::step::{Perform, StepContext};
use crate::steps::build::artifact;
use crate::steps::deploy::on_host;

impl Perform for FetchArtifacts {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let placement = ctx.plan.placement(self.placement)?;
        let release = on_host::deploy(ctx, placement).release;
        let host = Host::connect(&placement.target)?;
        let mut fetched = Vec::new();
        let mut take = |part, to: &Utf8Path, what: &str| -> anyhow::Result<()> {
            let artifact = fetch_from_host(&host, &placement.app, &release, part, to, &mut |p| {
                on_host::show(ctx, p)
            })?;
            fetched.push(format!("{what}, SHA-256 {}", artifact.sha256));
            Ok(())
        };
        for (wanted, part) in [
            (self.backend, Part::Backend),
            (self.frontend, Part::Frontend),
        ] {
            match placement.app.settings(part) {
                _ if !wanted => {}
                Some(service) => {
                    let to = artifact::binary(ctx, &service.binary);
                    take(part, &to, &service.binary)?;
                    std::fs::set_permissions(&to, PermissionsExt::from_mode(0o755))?;
                }
                None => {
                    let to = artifact::bundle(ctx);
                    if to.exists() {
                        std::fs::remove_dir_all(&to).with_context(|| format!("removing {to}"))?;
                    }
                    take(part, &to, "the bundle")?;
                }
            }
        }
        let from = &placement.target;
        Ok(format!("{} from {from}", fetched.join("; ")))
    }
}
