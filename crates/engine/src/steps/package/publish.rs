//! One crate reaches the registry, and the index shows it.
//!
//! Cargo does not take part: the bytes that were proven are the bytes that are
//! sent. An answer that leaves the outcome open is settled by looking at the
//! index before anything is sent again.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use semver::Version;
use stagegate_plan::model::{Publish, TimeCategory};
use stagegate_registry::{Registry, RegistryError, TokenUse, Upload, UploadError};

use crate::executor::release_tree;
use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::package::archive;
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

/// Returns the bytes of a package that were verified and kept.
pub(crate) fn kept_bytes(ctx: &StepContext<'_>, name: &str) -> anyhow::Result<Vec<u8>> {
    let file = archive::file(ctx, name);
    std::fs::read(&file).with_context(|| format!("reading the kept package {file}"))
}

impl Perform for Publish {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let name: &str = &self.package;

        let version = &self.version;
        let checksum = stagegate_manifest::sha256_hex(&kept_bytes(ctx, name)?);
        let registry = ctx.context.registry_name(self.registry.as_deref());
        let registry = ctx.context.registry_of(registry)?;
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

        let registry_name = ctx.context.registry_name(self.registry.as_deref());
        let bytes = kept_bytes(ctx, name)?;
        let size = bytes.len().div_ceil(1024);
        let metadata = archive::metadata(ctx, name, self.registry.as_deref())?;
        let checksum = stagegate_manifest::sha256_hex(&bytes);
        let refusal = refusal_file(ctx, registry_name, name, &checksum);
        if let Ok(why) = std::fs::read_to_string(&refusal) {
            bail!(
                "{}\n  it said: {why}",
                refused(ctx.context.command, name, &self.version.to_string())
            );
        }
        let packed = metadata.get("vers").and_then(serde_json::Value::as_str);
        if packed != Some(self.version.to_string().as_str()) {
            bail!(
                "the kept package of {name} is of version {}, and the plan publishes {}; nothing was sent. Give this run up and release again",
                packed.unwrap_or("none"),
                self.version
            );
        }
        let registry = ctx.context.registry_of(registry_name)?;
        let mut sending = Sending {
            registry_name,
            name,
            version: self.version.to_string(),
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
    /// The registry's name.
    registry_name: &'a str,
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
        let pace = ctx.rate_limits.of(self.registry_name, self.is_new);
        let (mut unclear, mut renewed) = (0, false);
        let mut undated = Undated::default();
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
            let answer = match &granted.lease {
                Some(lease) => registry.upload_leased(lease, self.name, &self.upload),
                None => registry.upload(&granted.token, &self.upload),
            };
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
                Err(UploadError::RateLimited {
                    retry_after: Some(wait),
                    ..
                }) => pace.asked(Instant::now(), wait),
                // Nobody knows how long: the daily limit of a crate says nothing of it.
                Err(UploadError::RateLimited {
                    retry_after: None,
                    detail,
                    ..
                }) => {
                    let wait = undated.next(self.is_new).with_context(|| {
                        format!(
                            "the registry has refused {} for an hour, and does not say until when: {detail}",
                            self.name
                        )
                    })?;
                    ctx.progress(format!("the registry says: {detail}"), None, None);
                    pace.asked(Instant::now(), wait);
                }
                // A workflow's token may have run out while a crate was waited for, or may
                // not be valid for this crate: then the plain token is next.
                Err(error @ UploadError::Unauthorized { .. })
                    if granted.lease.is_some() && !renewed =>
                {
                    renewed = true;
                    let covers = error
                        .access_problem()
                        .is_none_or(|it| !it.is_limit_of_lease());
                    if covers {
                        ctx.context.forget_token(self.registry_name, &granted);
                    }
                }
                // The package itself is refused: the same bytes would be again.
                Err(error @ UploadError::Refused { .. }) => {
                    let place = (self.registry_name, self.name);
                    remember_refusal(ctx, place, self.checksum, &error.to_string())?;
                    let text = refused(ctx.context.command, self.name, &self.version);
                    return Err(anyhow::Error::from(error).context(text));
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
        let granted = ctx
            .context
            .upload_token(self.registry_name, wanted, self.is_new)?;
        if let Some(remark) = &granted.remark {
            let told = format!("{remark}; the token came from {}", granted.from);
            ctx.progress(told.clone(), None, None);
            self.remark = Some(told);
        }
        Ok(granted)
    }
}

/// The waits after refusals for a rate limit that carry no `Retry-After`.
#[derive(Default)]
struct Undated {
    waited: Duration,
    last: Option<Duration>,
}

impl Undated {
    /// Returns the next wait: at first what crates.io's bucket takes for one more upload,
    /// then twice the last one; nothing once an hour has passed.
    fn next(&mut self, is_new: bool) -> Option<Duration> {
        let first = Duration::from_secs(if is_new { 600 } else { 60 });
        let wait = self.last.map_or(first, |last| last * 2);
        if self.waited >= UNDATED_LIMIT {
            return None;
        }
        let wait = wait.min(UNDATED_LIMIT - self.waited);
        self.waited += wait;
        self.last = Some(wait);
        Some(wait)
    }
}

/// How long an undated limit is waited for.
const UNDATED_LIMIT: Duration = Duration::from_secs(3600);

/// Returns where it is kept that a package was refused.
fn refusal_file(
    ctx: &StepContext<'_>,
    registry: &str,
    name: &str,
    checksum: &str,
) -> camino::Utf8PathBuf {
    let refused = ctx.kept().join("refused");
    match registry == ctx.context.config.registry.name {
        true => refused.join(format!("{name}-{checksum}")),
        false => refused.join(registry).join(format!("{name}-{checksum}")),
    }
}

/// Keeps that these bytes were refused, so that no resumed run sends them again.
fn remember_refusal(
    ctx: &StepContext<'_>,
    (registry, name): (&str, &str),
    checksum: &str,
    why: &str,
) -> anyhow::Result<()> {
    let file = refusal_file(ctx, registry, name, checksum);
    release_tree::write_whole(&file, why.as_bytes())
}

/// Returns what works where a package is refused.
fn refused(command: &str, name: &str, version: &str) -> String {
    format!(
        "the registry refuses the package {name} {version} itself, and would refuse the same bytes again: correct the manifest, commit, and release the next version (`{command} release patch`), which publishes every crate"
    )
}

/// How long the index is watched after an unclear answer.
const A_MOMENT: Duration = Duration::from_secs(5);

/// Unclear answers before a person is asked.
const UNCLEAR: u32 = 5;

/// Waits until our bytes appear in the index, within a limit. All of it is waiting.
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

/// Returns how long not to ask, once `waited` has passed: a tenth of it, so that what comes is seen
/// at most a tenth later than it came, with few requests.
fn pause_after(waited: Duration) -> Duration {
    (waited / 10).clamp(Duration::from_millis(50), Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undated_limit_is_waited_for_an_hour_and_no_longer() {
        let waits = |is_new| {
            let mut undated = Undated::default();
            std::iter::from_fn(|| undated.next(is_new).map(|wait| wait.as_secs()))
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(false), [60, 120, 240, 480, 960, 1740]);
        assert_eq!(waits(true), [600, 1200, 1800]);
    }

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
