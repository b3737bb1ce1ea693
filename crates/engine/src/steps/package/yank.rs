//! The step that yanks a version, or takes its yank back.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use semver::Version;
use stagegate_plan::model::Yank;
use stagegate_registry::{TokenUse, YankError};

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::github::release;

fn state(ctx: &StepContext<'_>, yank: &Yank) -> anyhow::Result<bool> {
    let (name, version) = (&yank.package, &yank.version);
    let registry = ctx.context.registry_name(yank.registry.as_deref());
    let versions = ctx.context.registry_of(registry)?.versions(name)?;
    let there = versions.into_iter().find(|v| v.vers == *version);
    Ok(there
        .with_context(|| format!("{name} {version} is not in the index"))?
        .yanked)
}

fn word(undo: bool) -> &'static str {
    if undo { "not yanked" } else { "yanked" }
}

impl Perform for Yank {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let name: &str = &self.package;
        let version: &Version = &self.version;
        let undo = self.undo;

        Ok(if state(ctx, self)? != undo {
            Probe::Done(format!(
                "the index shows {name} {version} as {}",
                word(undo)
            ))
        } else {
            Probe::Absent
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let name: &str = &self.package;
        let version: &Version = &self.version;
        let undo = self.undo;

        let registry_name = ctx.context.registry_name(self.registry.as_deref());
        let registry = ctx.context.registry_of(registry_name)?;
        let text = version.to_string();
        let wanted = if undo {
            TokenUse::Unyank {
                name,
                version: &text,
            }
        } else {
            TokenUse::Yank {
                name,
                version: &text,
            }
        };
        let token = ctx.context.persons_token(registry_name, wanted)?.token;
        for attempt in 1.. {
            let answer = if undo {
                registry.unyank(&token, name, version)
            } else {
                registry.yank(&token, name, version)
            };
            match answer {
                Ok(()) => break,
                Err(YankError::RateLimited { retry_after, .. }) => {
                    let wait = retry_after.unwrap_or(Duration::from_secs(60));
                    ctx.progress(
                        format!("the registry asks to wait {} s", wait.as_secs()),
                        None,
                        None,
                    );
                    ctx.wait(wait)?;
                }
                // Yanking twice is yanking once: an unclear answer is simply asked again.
                Err(error) if error.is_transient() && attempt < release::ATTEMPTS => {
                    ctx.wait(Duration::from_secs(1))?
                }
                Err(error) => return Err(error.into()),
            }
        }
        let limit =
            Duration::try_from(ctx.context.config.registry.visible_within).unwrap_or_default();
        let start = Instant::now();
        while state(ctx, self)? == undo {
            if start.elapsed() >= limit {
                bail!(
                    "the registry took it, and its index does not show {name} {version} as {}; resume later",
                    word(undo)
                );
            }
            ctx.wait(Duration::from_millis(200))?;
        }
        Ok(format!(
            "the index shows {name} {version} as {}",
            word(undo)
        ))
    }
}
