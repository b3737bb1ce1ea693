//! Whether the registry would take every upload of the release, asked before anything is
//! public.
//!
//! A workflow's identity is exchanged, and the registry is asked crate by crate what the
//! token is good for; where that ends, the plain token is looked for. A plain token is tried
//! on one crate that exists, which costs one upload of its rate limit and tells of its
//! scopes, the account's e-mail address and its ownership. New crates are not tried: five of
//! them are all that crates.io takes at once.

use anyhow::bail;
use stagegate_plan::model::{CheckAccess, PlannedUpload, count};
use stagegate_registry::{TokenUse, Trial};

use crate::executor::step::{Perform, StepContext};
use crate::steps::package::publish::kept_bytes;

impl Perform for CheckAccess {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let registry_name = ctx.context.registry_name(self.registry.as_deref());
        let registry = ctx.context.registry_of(registry_name)?;
        let (mut covered, mut plain) = (0, Vec::new());
        let mut problems: Vec<String> = Vec::new();
        let mut from = None;
        for PlannedUpload {
            name,
            version,
            is_new,
        } in &self.uploads
        {
            let text = version.to_string();
            let checksum = stagegate_manifest::sha256_hex(&kept_bytes(ctx, name)?);
            let wanted = TokenUse::Publish {
                name,
                version: &text,
                checksum: &checksum,
            };
            let granted = match ctx.context.upload_token(registry_name, wanted, *is_new) {
                Ok(granted) => granted,
                Err(error) => {
                    problems.push(format!("{name}: {error:#}"));
                    continue;
                }
            };
            if granted.lease.is_some() {
                covered += 1;
                continue;
            }
            plain.push(name.as_str());
            // One question tells of the token; a second one would tell the same.
            if from.is_some() || *is_new {
                continue;
            }
            from = Some(granted.from.clone());
            if let Trial::Refused(error) = registry.try_upload(Some(&granted.token), name, version)
                && let Some(problem) = error.access_problem()
            {
                problems.push(format!("{name}: {error}; {}", problem.remedy()));
            }
        }
        if !problems.is_empty() {
            bail!(
                "the registry would not take everything, so nothing was made public:\n  {}",
                problems.join("\n  ")
            );
        }
        Ok(match (covered, plain.len()) {
            (_, 0) => format!(
                "the workflow's identity is trusted by all {}",
                count(covered, "crate")
            ),
            (0, plain) => format!("a token for {} is there", count(plain, "crate")),
            (_, _) => format!(
                "the workflow's identity is trusted by {}; the plain token publishes {}",
                count(covered, "crate"),
                plain.join(", ")
            ),
        })
    }
}
