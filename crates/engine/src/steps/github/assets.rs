//! The release's files: reconciled one by one, compared by digest.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use stagegate_github::{Asset, GitHub};
use stagegate_plan::model::{ReleaseRef, UploadAssets};

use crate::executor::step::{Perform, StepContext};
use crate::steps::build::{artifact, asset};
use crate::steps::github::release::{ATTEMPTS, need, pause};
use crate::steps::package::archive;
use crate::tools::process::read;

impl Perform for UploadAssets {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let UploadAssets {
            release,
            crates,
            binaries,
            targets,
            files: others,
        } = self;
        let binaries: (&[String], &[String]) = (binaries, targets);
        let files = files(ctx, crates, binaries, others)?;
        for attempt in 1.. {
            match attach(ctx, release, &files) {
                Ok(uploaded) => {
                    return Ok(format!(
                        "{} files, {uploaded} uploaded now, all have our bytes",
                        files.len()
                    ));
                }
                Err(error) => match error.downcast_ref::<stagegate_github::GitHubError>() {
                    Some(cause) if cause.is_transient() && attempt < ATTEMPTS => pause(ctx, cause)?,
                    _ => return Err(error),
                },
            }
        }
        bail!("no attempt was made")
    }
}

/// Reads the files: names and contents.
fn files(
    ctx: &StepContext<'_>,
    crates: &[String],
    (binaries, targets): (&[String], &[String]),
    others: &[String],
) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let read_file =
        |path: &camino::Utf8Path| std::fs::read(path).with_context(|| format!("reading {path}"));
    for name in crates {
        let file = archive::file_name(name, ctx.plan.version_of(name));
        files.insert(file, read_file(&archive::file(ctx, name))?);
    }
    for target in targets {
        for name in binaries {
            let file = artifact::name_for(ctx, name, target);
            files.insert(file, read_file(&artifact::binary_for(ctx, name, target))?);
        }
    }
    if !binaries.is_empty() && targets.is_empty() {
        let triple = host_triple(ctx)?;
        for name in binaries {
            let file = artifact::name_for(ctx, name, &triple);
            files.insert(file, read_file(&artifact::binary(ctx, name))?);
        }
    }
    for name in others {
        files.insert(name.clone(), read_file(&asset::kept(ctx, name))?);
    }
    let sums: String = files
        .iter()
        .map(|(name, bytes)| format!("{}  {name}\n", stagegate_manifest::sha256_hex(bytes)))
        .collect();
    files.insert("SHA256SUMS".to_owned(), sums.into_bytes());
    // GitHub turns `+` of build metadata into a dot; so do we, in the open.
    Ok(files
        .into_iter()
        .map(|(name, bytes)| (name.replace('+', "."), bytes))
        .collect())
}

pub(crate) fn host_triple(ctx: &StepContext<'_>) -> anyhow::Result<String> {
    let text = read(ctx.context.cargo_in(&ctx.context.root).args(["-vV"]))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`cargo -vV` names no host")?.to_owned())
}

/// Uploads what is missing, replaces what is broken, compares the rest.
fn attach(
    ctx: &mut StepContext<'_>,
    release: &ReleaseRef,
    files: &BTreeMap<String, Vec<u8>>,
) -> anyhow::Result<usize> {
    let (github, found) = need(ctx, release)?;
    let mut uploaded = 0;
    for (index, (name, bytes)) in files.iter().enumerate() {
        ctx.progress(name.clone(), Some(index as u64), Some(files.len() as u64));
        if let Some(there) = found.assets.iter().find(|asset| asset.name == *name) {
            if matches(&github, release, there, bytes)? {
                continue;
            }
            if found.immutable || !found.draft {
                bail!(
                    "{name} of the public release {} has other bytes than ours; it is not touched",
                    release.tag
                );
            }
            github.delete_asset(&release.repository, there)?;
        }
        let asset = github.upload_asset(&release.repository, &found, name, bytes.clone())?;
        if !matches(&github, release, &asset, bytes)? {
            bail!(
                "GitHub has {} as {} of {} bytes, and we sent {} bytes",
                asset.name,
                asset.state,
                asset.size,
                bytes.len()
            );
        }
        uploaded += 1;
    }
    Ok(uploaded)
}

/// Returns whether GitHub has these bytes: by the digest that it tells, or, where it tells none
/// (some Enterprise servers), by the bytes themselves.
fn matches(
    github: &GitHub,
    release: &ReleaseRef,
    asset: &Asset,
    bytes: &[u8],
) -> anyhow::Result<bool> {
    if asset.state != "uploaded" || asset.size != bytes.len() as u64 {
        return Ok(false);
    }
    Ok(match &asset.digest {
        Some(digest) => *digest == format!("sha256:{}", stagegate_manifest::sha256_hex(bytes)),
        None => github.download_asset(&release.repository, asset)? == bytes,
    })
}
