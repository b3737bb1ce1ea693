//! A branch for people to look at, and the pull request that shows it.
//!
//! The branch is stagegate's own: what stands there is replaced, but only what the
//! plan has seen there.

use anyhow::{Context as _, bail};
use stagegate_github::{GitHub, GitHubError, Pull, PullDraft};
use stagegate_plan::model::{ClosePullRequest, Proposal, PushBranch, TimeCategory};

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::git::create_commit::short;
use crate::steps::github::release::{ATTEMPTS, pause};

fn at_remote(
    ctx: &mut StepContext<'_>,
    remote: &str,
    branch: &str,
) -> anyhow::Result<Option<String>> {
    let git = ctx.context.git();
    let references =
        crate::timing::during(&mut ctx.time, TimeCategory::Git, || git.remote_refs(remote))?;
    let name = format!("refs/heads/{branch}");
    let found = references.into_iter().find(|(known, _)| *known == name);
    Ok(found.map(|(_, commit)| commit))
}

impl Perform for PushBranch {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let remote: &str = &self.remote;
        let branch: &str = &self.branch;
        let reference: &str = &self.reference;
        let expected = self.there.as_deref();

        let commit = ctx.context.git().need_commit(reference)?;
        let there = at_remote(ctx, remote, branch)?;
        Ok(match there.as_deref() {
            Some(there) if there == commit => {
                Probe::Done(format!("{remote} has {branch} at {}", short(there)))
            }
            there if there == expected => Probe::Absent,
            there => Probe::Conflict(format!(
                "{remote} has {branch} at {} now, not where the plan saw it; prepare again",
                there.map_or_else(|| "nothing".to_owned(), short)
            )),
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let remote: &str = &self.remote;
        let branch: &str = &self.branch;
        let reference: &str = &self.reference;
        let expected = self.there.as_deref();

        let git = ctx.context.git();
        let commit = git.need_commit(reference)?;
        let name = format!("refs/heads/{branch}");
        let lease = format!("--force-with-lease={name}:{}", expected.unwrap_or_default());
        let place = format!("{commit}:{name}");
        ctx.run(git.tool(["push", "--porcelain", &lease, remote, &place]))?;
        match at_remote(ctx, remote, branch)? {
            Some(there) if there == commit => {
                Ok(format!("{remote} has {branch} at {}", short(&commit)))
            }
            _ => bail!("git says it pushed, and {remote} does not have {branch} at {commit}"),
        }
    }
}

fn shown(pull: &Pull) -> String {
    format!("pull request {}: {}", pull.number, pull.html_url)
}

fn says(pull: &Pull, proposal: &Proposal) -> bool {
    // GitHub keeps line ends as browsers send them.
    let body = pull
        .body
        .as_deref()
        .unwrap_or_default()
        .replace("\r\n", "\n");
    pull.title == proposal.title && body == proposal.body && has_labels(pull, proposal)
}

/// Returns whether it has the labels that are asked for; GitHub tells them apart whatever
/// their case.
fn has_labels(pull: &Pull, proposal: &Proposal) -> bool {
    let has = |wanted: &String| {
        let mut labels = pull.labels.iter();
        labels.any(|label| label.name.eq_ignore_ascii_case(wanted))
    };
    proposal.labels.iter().all(has)
}

fn find(ctx: &StepContext<'_>, proposal: &Proposal) -> anyhow::Result<Option<Pull>> {
    let github = ctx.context.github()?;
    let (head, base) = (&proposal.head, &proposal.base);
    Ok(github.open_pull_of(&proposal.repository, head, base)?)
}

impl Perform for Proposal {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let proposal = self;
        let found = find(ctx, proposal)?;
        let same = found.filter(|pull| says(pull, proposal));
        Ok(same.map_or(Probe::Absent, |pull| Probe::Done(shown(&pull))))
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let proposal = self;
        let github = ctx.context.github()?;
        for attempt in 1.. {
            let found = find(ctx, proposal)?;
            match &found {
                Some(pull) if says(pull, proposal) => return Ok(shown(pull)),
                _ => {}
            }
            match send(&github, proposal, found.as_ref()) {
                Ok(pull) => {
                    label(ctx, &github, proposal, &pull);
                    return Ok(shown(&pull));
                }
                Err(error) if error.is_transient() && attempt < ATTEMPTS => pause(ctx, &error)?,
                Err(error @ GitHubError::Refused { status: 403, .. }) => {
                    return Err(error).context(
                        "a workflow's own token opens no pull request unless the repository's settings (Actions, General) allow it; allow it there, or name a secret with a token of your own in `ci.token`",
                    );
                }
                Err(error) => return Err(error.into()),
            }
        }
        bail!("no attempt was made")
    }
}

impl Perform for ClosePullRequest {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let github = ctx.context.github()?;
        let pull = github.pull(&self.repository, self.number)?;
        Ok(match pull.state.as_str() {
            "open" => Probe::Absent,
            // Merged or closed by somebody: either way it is not in the way.
            _ => Probe::Done(format!("{} is {}", shown(&pull), pull.state)),
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let github = ctx.context.github()?;
        for attempt in 1.. {
            let pull = github.pull(&self.repository, self.number)?;
            if pull.state != "open" {
                return Ok(format!("{} is {}", shown(&pull), pull.state));
            }
            let said = pull.body.as_deref().unwrap_or_default();
            let body = format!(
                "Closed: the pull request from `{}` takes its place.\n\n{said}",
                self.successor
            );
            match github.close_pull(&self.repository, self.number, &body) {
                Ok(pull) => return Ok(format!("{} is {}", shown(&pull), pull.state)),
                Err(error) if error.is_transient() && attempt < ATTEMPTS => pause(ctx, &error)?,
                Err(error) => return Err(error.into()),
            }
        }
        bail!("no attempt was made")
    }
}

fn send(github: &GitHub, proposal: &Proposal, found: Option<&Pull>) -> Result<Pull, GitHubError> {
    match found {
        Some(pull) => {
            github.rewrite_pull(&proposal.repository, pull, &proposal.title, &proposal.body)
        }
        None => github.create_pull(
            &proposal.repository,
            &PullDraft {
                title: proposal.title.clone(),
                body: proposal.body.clone(),
                head: proposal.head.clone(),
                base: proposal.base.clone(),
            },
        ),
    }
}

/// Adds the labels that are asked for and not there. The pull request is open: that it has no
/// label is no reason to stop, and somebody may add it by hand.
fn label(ctx: &mut StepContext<'_>, github: &GitHub, proposal: &Proposal, pull: &Pull) {
    if has_labels(pull, proposal) {
        return;
    }
    let labels = proposal.labels.join(", ");
    if let Err(error) = github.label_pull(&proposal.repository, pull, &proposal.labels) {
        ctx.notes
            .push(format!("it has no label {labels}, add it by hand: {error}"));
    }
}
