//! The last look: what users now see is what was released.

use std::time::Duration;

use anyhow::{Context, bail};
use stagegate_deploy::Host;
use stagegate_plan::model::VerifyRelease;
use url::Url;

use crate::executor::step::{Perform, StepContext};
use crate::steps::github::release;
use crate::steps::package::archive;

impl Perform for VerifyRelease {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let VerifyRelease {
            crates,
            releases,
            remote,
            tags,
            hosts,
            frontends,
            url,
            elsewhere,
        } = self;
        let (tags, url): (&[String], _) = (tags, url.as_ref());
        let mut seen = Vec::new();
        if !crates.is_empty() {
            let main = &ctx.context.config.registry.name;
            downloads(ctx, main, crates)?;
            seen.push(format!("{} crates download with our bytes", crates.len()));
        }
        for (registry, crates) in elsewhere {
            downloads(ctx, registry, crates)?;
            seen.push(format!(
                "{} crates of {registry} download with our bytes",
                crates.len()
            ));
        }
        let references = match tags {
            [] => Vec::new(),
            _ => ctx.context.git().remote_refs(remote)?,
        };
        for tag in tags {
            if !references
                .iter()
                .any(|(name, _)| *name == format!("refs/tags/{tag}"))
            {
                bail!("{remote} does not have the tag {tag}");
            }
            seen.push(format!("{tag} is at {remote}"));
        }
        for release in releases {
            let (_, found) = release::need(ctx, release)?;
            if found.draft {
                bail!("the GitHub release {} is still a draft", release.tag);
            }
            seen.push(found.html_url);
        }
        for id in hosts {
            let there = ctx.plan.placement(*id)?;
            let host = Host::connect(&there.target)?;
            let status = stagegate_deploy::status(&host, &there.app)?;
            let running = status
                .version
                .context("no release is recorded as running")?;
            if running != there.version.to_string() {
                bail!("{} runs {running}, not {}", there.target, there.version);
            }
            seen.push(format!("{} runs {running}", there.target.host));
        }
        for id in frontends {
            let there = ctx.plan.placement(*id)?;
            let host = Host::connect(&there.target)?;
            let status = stagegate_deploy::status(&host, &there.app)?;
            let shown = status
                .frontend
                .context("no release of the frontend is recorded")?;
            let version = shown.rsplit_once('-').map_or("", |(version, _)| version);
            if version != there.version.to_string() {
                bail!(
                    "{} shows the frontend {shown}, not {}",
                    there.target,
                    there.version
                );
            }
            seen.push(format!("{} shows {shown}", there.target.host));
        }
        if let Some(url) = url {
            seen.push(page(url)?);
        }
        Ok(seen.join("; "))
    }
}

fn downloads(ctx: &StepContext<'_>, registry: &str, crates: &[String]) -> anyhow::Result<()> {
    let registry = ctx.context.registry_of(registry)?;
    for (index, name) in crates.iter().enumerate() {
        ctx.progress(
            format!("downloading {name}"),
            Some(index as u64),
            Some(crates.len() as u64),
        );
        let version = ctx.plan.version_of(name);
        let ours = archive::file(ctx, name);
        let ours = std::fs::read(&ours).with_context(|| format!("reading {ours}"))?;
        if registry.download(name, version)? != ours {
            bail!("the registry gives other bytes for {name} {version} than we sent");
        }
    }
    Ok(())
}

/// Opens what users open; returns what it answers.
fn page(url: &Url) -> anyhow::Result<String> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(30)))
        .build();
    let agent: ureq::Agent = config.into();
    let answer = agent
        .get(url.as_str())
        .call()
        .with_context(|| format!("opening {url} as users do"))?;
    Ok(format!("{url} answers {}", answer.status()))
}
