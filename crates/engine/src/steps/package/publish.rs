//! One crate reaches the registry, and the index shows it.
//!
//! Cargo does not take part: the bytes that were proven are the bytes that are
//! sent. An answer that leaves the outcome open is settled by looking at the
//! index before anything is sent again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use semver::Version;
use stagegate_plan::model::{Publish, TimeCategory};
use stagegate_registry::{Registry, RegistryError, TokenUse, Upload, UploadError};

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::package::package;
use crate::tools::tokens::Granted;

/// How a version stands in the index.
enum Shown {
    No,
    Ours,
    Other(String),
}

fn look(
    registry: &Registry,
    name: &str,
    version: &Version,
    checksum: &str,
) -> Result<Shown, RegistryError> {
    let versions = registry.versions(name)?;
    Ok(match versions.into_iter().find(|v| v.vers == *version) {
        None => Shown::No,
        Some(there) if there.cksum == checksum => Shown::Ours,
        Some(there) => Shown::Other(there.cksum),
    })
}

fn conflict(name: &str, version: &Version, there: &str, ours: &str) -> String {
    format!(
        "the registry has {name} {version} with checksum {there}, and our package has {ours}: somebody published another one. Yank it if it is wrong, and release the next version"
    )
}

fn kept_bytes(ctx: &StepContext<'_>, name: &str) -> anyhow::Result<Vec<u8>> {
    let file = package::file(ctx, name);
    std::fs::read(&file).with_context(|| format!("reading the kept package {file}"))
}

impl Perform for Publish {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let name: &str = &self.package;

        let version = ctx.plan.version_of(name);
        let checksum = stagegate_manifest::sha256_hex(&kept_bytes(ctx, name)?);
        let registry = ctx.context.registry()?;
        Ok(match look(&registry, name, version, &checksum)? {
            Shown::No => Probe::Absent,
            Shown::Ours => Probe::Done(format!(
                "{name} {version} is in the index, checksum {checksum}"
            )),
            Shown::Other(there) => Probe::Conflict(conflict(name, version, &there, &checksum)),
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let name: &str = &self.package;

        let bytes = kept_bytes(ctx, name)?;
        let size = bytes.len().div_ceil(1024);
        let metadata = package::metadata(ctx, name)?;
        let checksum = stagegate_manifest::sha256_hex(&bytes);
        let registry = ctx.context.registry()?;
        let mut sending = Sending {
            name,
            version: ctx.plan.version_of(name).to_string(),
            is_new: registry.versions(name)?.is_empty(),
            checksum: &checksum,
            upload: Upload { metadata, bytes },
            remark: None,
        };
        sending.send(ctx, &registry)?;
        let limit =
            Duration::try_from(ctx.context.config.registry.visible_within).unwrap_or_default();
        let start = Instant::now();
        if !appears(ctx, &registry, name, &checksum, limit)? {
            bail!(
                "the registry took {name}, and its index does not show it after {} s; resume when it does",
                start.elapsed().as_secs()
            );
        }
        let remark = sending.remark.map_or(String::new(), |r| format!("; {r}"));
        Ok(format!(
            "{name} {} is in the index, {size} KiB, checksum {checksum}{remark}",
            sending.version
        ))
    }
}

/// One upload, until it is known to have happened.
struct Sending<'a> {
    name: &'a str,
    version: String,
    is_new: bool,
    checksum: &'a str,
    upload: Upload,
    /// What is worth telling of the token.
    remark: Option<String>,
}

impl Sending<'_> {
    fn send(&mut self, ctx: &mut StepContext<'_>, registry: &Registry) -> anyhow::Result<()> {
        let paces = Arc::clone(&ctx.context.paces);
        let pace = paces.of(self.is_new);
        let (mut unclear, mut renewed) = (0, false);
        loop {
            let turn = pace.turn();
            let wait = pace.wait(Instant::now());
            if !wait.is_zero() {
                let text = format!("the registry asks to wait {} s", wait.as_secs());
                ctx.progress(text, None, None);
                ctx.wait(wait)?;
            }
            let granted = self.token(ctx)?;
            ctx.progress(format!("uploading {}", self.name), None, None);
            let answer = registry.upload(&granted.token, &self.upload);
            match answer {
                Ok(uploaded) => {
                    let warnings = uploaded.warnings.into_iter();
                    self.remark = self
                        .remark
                        .take()
                        .into_iter()
                        .chain(warnings)
                        .reduce(|a, b| format!("{a}; {b}"));
                    return Ok(());
                }
                // Ours from an attempt whose answer was lost, or another's: the index tells.
                Err(UploadError::AlreadyUploaded { .. }) => return Ok(()),
                Err(UploadError::RateLimited { retry_after, .. }) => {
                    pace.asked(
                        Instant::now(),
                        retry_after.unwrap_or(without_word(self.is_new)),
                    );
                }
                // A workflow's token may have run out while a crate was waited for.
                Err(UploadError::Unauthorized { .. }) if granted.renewable && !renewed => {
                    renewed = true;
                    ctx.context.forget_token(&granted);
                }
                Err(error @ UploadError::Unauthorized { .. }) => {
                    let from = format!("the token came from {}", granted.from);
                    return Err(anyhow::Error::from(error).context(from));
                }
                Err(
                    error @ (UploadError::Ambiguous { .. }
                    | UploadError::TimedOut { .. }
                    | UploadError::ReadOnly { .. }
                    | UploadError::Unreachable { .. }),
                ) => {
                    drop(turn);
                    unclear += 1;
                    if unclear == UNCLEAR {
                        return Err(error.into());
                    }
                    ctx.progress(format!("{error}; looking before another try"), None, None);
                    if appears(ctx, registry, self.name, self.checksum, A_MOMENT)? {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn token(&mut self, ctx: &StepContext<'_>) -> anyhow::Result<Granted> {
        let wanted = TokenUse::Publish {
            name: self.name,
            version: &self.version,
            checksum: self.checksum,
        };
        let granted = ctx.context.upload_token(wanted, self.is_new)?;
        if let Some(remark) = &granted.remark {
            let told = format!("{remark}; the token came from {}", granted.from);
            ctx.progress(told.clone(), None, None);
            self.remark = Some(told);
        }
        Ok(granted)
    }
}

/// Where a 429 carries no `Retry-After`, the wait is what crates.io's bucket
/// takes for one more upload.
fn without_word(is_new: bool) -> Duration {
    Duration::from_secs(if is_new { 600 } else { 60 })
}

/// How long the index is watched after an unclear answer.
const A_MOMENT: Duration = Duration::from_secs(5);

/// Unclear answers before a person is asked.
const UNCLEAR: u32 = 5;

/// Whether our bytes appear in the index within a limit. All of it is waiting.
fn appears(
    ctx: &mut StepContext<'_>,
    registry: &Registry,
    name: &str,
    checksum: &str,
    limit: Duration,
) -> anyhow::Result<bool> {
    let start = Instant::now();
    let appeared = watch(ctx, registry, name, checksum, limit);
    ctx.time.record(TimeCategory::Waiting, start.elapsed());
    appeared
}

fn watch(
    ctx: &StepContext<'_>,
    registry: &Registry,
    name: &str,
    checksum: &str,
    limit: Duration,
) -> anyhow::Result<bool> {
    let start = Instant::now();
    let version = ctx.plan.version_of(name);
    loop {
        let shown = look(registry, name, version, checksum);
        let waited = start.elapsed();
        let mut pause = pause_after(waited);
        match shown {
            Ok(Shown::Ours) => return Ok(true),
            Ok(Shown::Other(there)) => bail!(conflict(name, version, &there, checksum)),
            Ok(Shown::No) if waited >= limit => return Ok(false),
            Ok(Shown::No) => {
                ctx.progress(format!("waiting for the index to show {name}"), None, None);
            }
            // An index that is down for a moment is no reason to leave a release
            // half-way.
            Err(error) if error.is_transient() && waited < limit => {
                ctx.progress(error.to_string(), None, None);
                pause = error
                    .retry_after()
                    .unwrap_or(pause)
                    .min(limit.saturating_sub(waited))
                    .max(pause);
            }
            Err(error) => return Err(error.into()),
        }
        ctx.pause(pause)?;
    }
}

/// How long not to ask, once `waited` has passed: a tenth of it, so that what
/// comes is seen at most a tenth later than it came, with few requests.
fn pause_after(waited: Duration) -> Duration {
    (waited / 10).clamp(Duration::from_millis(50), Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_seen_soon_after_it_changes_and_not_asked_often() {
        let check = |lag: f64, latest: f64, requests: u32| {
            let lag = Duration::from_secs_f64(lag);
            let (mut now, mut asked) = (Duration::ZERO, 1);
            while now < lag {
                now += pause_after(now);
                asked += 1;
            }
            assert!(now.as_secs_f64() <= latest, "{lag:?}: seen at {now:?}");
            assert!(asked <= requests, "{lag:?}: asked {asked} times");
        };
        check(0.0, 0.0, 1);
        check(0.3, 0.35, 8);
        check(1.4, 1.54, 24);
        check(90.0, 91.0, 125);
    }
}
