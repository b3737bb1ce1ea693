//! The GitHub release: a draft first, public at the end.

use anyhow::{Context, bail};
use stagegate_github::{GitHub, Release, ReleaseDraft};
use stagegate_plan::model::{DraftRelease, PublishGithubRelease, ReleaseRef};

use crate::executor::step::{Perform, Probe, StepContext};

/// Returns the client, and the release if there is one.
pub(crate) fn find(
    ctx: &StepContext<'_>,
    release: &ReleaseRef,
) -> anyhow::Result<(GitHub, Option<Release>)> {
    let github = ctx.context.github()?;
    let found = github.release_of(&release.repository, &release.tag)?;
    Ok((github, found))
}

/// Returns the same where it has to be there.
pub(crate) fn need(
    ctx: &StepContext<'_>,
    release: &ReleaseRef,
) -> anyhow::Result<(GitHub, Release)> {
    let (github, found) = find(ctx, release)?;
    let found = found.with_context(|| {
        format!("the release {} of {} is gone; somebody removed it. Remove the journal's last lines about it, or skip it with a new run", release.tag, release.repository)
    })?;
    Ok((github, found))
}

impl Perform for DraftRelease {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let release: &ReleaseRef = &self.release;

        let (_, found) = find(ctx, release)?;
        Ok(found.map_or(Probe::Absent, |found| Probe::Done(shown(&found))))
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let release: &ReleaseRef = &self.release;
        let name: &str = &self.name;
        let notes: &str = &self.notes;
        let prerelease = self.prerelease;

        let draft = ReleaseDraft {
            tag_name: release.tag.clone(),
            name: name.to_owned(),
            body: notes.to_owned(),
            prerelease,
        };
        for attempt in 1.. {
            let (github, found) = find(ctx, release)?;
            if let Some(found) = found {
                return Ok(shown(&found));
            }
            match github.create_draft(&release.repository, &draft) {
                Ok(made) => return Ok(shown(&made)),
                Err(error) if error.is_transient() && attempt < ATTEMPTS => pause(ctx, &error)?,
                Err(error) => return Err(error.into()),
            }
        }
        bail!("no attempt was made")
    }
}

fn shown(release: &Release) -> String {
    let state = if release.draft { "draft" } else { "public" };
    format!("release {} is {state}: {}", release.id, release.html_url)
}

/// How often something is looked at and tried again before a person is asked.
pub(crate) const ATTEMPTS: u32 = 5;

/// Waits as GitHub asks, or a moment.
pub(crate) fn pause(
    ctx: &mut StepContext<'_>,
    error: &stagegate_github::GitHubError,
) -> anyhow::Result<()> {
    let wait = match error {
        stagegate_github::GitHubError::RateLimited {
            retry_after: Some(wait),
            ..
        } => *wait,
        stagegate_github::GitHubError::RateLimited { .. } => std::time::Duration::from_secs(60),
        _ => std::time::Duration::from_secs(1),
    };
    ctx.progress(
        format!("{error}; looking again in {} s", wait.as_secs()),
        None,
        None,
    );
    ctx.wait(wait)
}

impl Perform for PublishGithubRelease {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let release: &ReleaseRef = &self.release;

        let (_, found) = need(ctx, release)?;
        Ok(if found.draft {
            Probe::Absent
        } else {
            Probe::Done(shown(&found))
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let release: &ReleaseRef = &self.release;
        let latest = self.latest;

        for attempt in 1.. {
            let (github, found) = need(ctx, release)?;
            if !found.draft {
                return Ok(shown(&found));
            }
            match github.publish(&release.repository, &found, latest) {
                Ok(public) => return Ok(shown(&public)),
                Err(error) if error.is_transient() && attempt < ATTEMPTS => pause(ctx, &error)?,
                Err(error) => return Err(error.into()),
            }
        }
        bail!("no attempt was made")
    }
}
