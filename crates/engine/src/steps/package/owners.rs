//! The owners of a crate that the release has created.
//!
//! The crate is published by then, so what the registry refuses stops nothing: it is told with
//! the command that does it later. A user who is invited owns nothing yet, and the registry lists
//! no invitation; inviting again changes nothing.

use std::time::Duration;

use stagegate_plan::model::AddOwners;
use stagegate_registry::{OwnerError, RegistryError, TokenUse};

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::github::release::ATTEMPTS;

impl Perform for AddOwners {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        Ok(match missing(ctx, self)?.is_empty() {
            true => Probe::Done(format!(
                "{} owned by {}",
                self.package,
                self.owners.join(", ")
            )),
            false => Probe::Absent,
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let registry = ctx.context.registry()?;
        let name: &str = &self.package;
        let granted = ctx
            .context
            .persons_token(&ctx.context.config.registry.name, TokenUse::Owners { name })?;
        let mut said = Vec::new();
        for owner in missing(ctx, self)? {
            ctx.progress(
                format!("adding {owner} to the owners of {name}"),
                None,
                None,
            );
            for attempt in 1.. {
                match registry.add_owner(&granted.token, name, owner) {
                    Ok(message) => said.push(message),
                    Err(OwnerError::AlreadyOwner { .. }) => {
                        said.push(format!("{owner} is an owner of {name}"));
                    }
                    Err(OwnerError::RateLimited { retry_after, .. }) if attempt < ATTEMPTS => {
                        let wait = retry_after.unwrap_or(Duration::from_secs(60));
                        let text = format!("the registry asks to wait {} s", wait.as_secs());
                        ctx.progress(text, None, None);
                        ctx.wait(wait)?;
                        continue;
                    }
                    // Asking twice is asking once.
                    Err(OwnerError::Unclear { .. }) if attempt < ATTEMPTS => {
                        ctx.wait(Duration::from_secs(1))?;
                        continue;
                    }
                    Err(
                        error @ (OwnerError::Refused { .. }
                        | OwnerError::Unauthorized { .. }
                        | OwnerError::Unsendable { .. }),
                    ) => {
                        ctx.notes.push(format!(
                            "{error}; `cargo owner --add {owner} {name}` does it"
                        ));
                    }
                    Err(error) => return Err(error.into()),
                }
                break;
            }
        }
        Ok(match said.is_empty() {
            true => format!("{name} has no new owner"),
            false => said.join("; "),
        })
    }
}

/// Returns who is to own the crate and does not. A registry that does not tell is asked to add
/// everybody.
fn missing<'o>(ctx: &StepContext<'_>, wanted: &'o AddOwners) -> anyhow::Result<Vec<&'o String>> {
    let registry = ctx.context.registry()?;
    let name: &str = &wanted.package;
    let known = match registry.owners(None, name) {
        Err(RegistryError::Unauthorized { .. }) => {
            let granted = ctx
                .context
                .persons_token(&ctx.context.config.registry.name, TokenUse::Owners { name })?;
            registry.owners(Some(&granted.token), name)
        }
        known => known,
    };
    let known = match known {
        Ok(known) => known,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(_) => Vec::new(),
    };
    Ok(wanted.missing_in(&known))
}
