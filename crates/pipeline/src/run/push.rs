//! Branch and tag reach the remote together or not at all.

use anyhow::{Context, bail};

use super::seal::short;
use super::{Effect, Probe};

/// Where branch and tag stand at the remote, and where they should.
struct Stand {
    branch: Option<String>,
    tag: Option<String>,
    commit: String,
    tag_object: Option<String>,
}

fn look(
    effect: &mut Effect<'_>,
    remote: &str,
    branch: &str,
    tag: &str,
    reference: &str,
) -> anyhow::Result<Stand> {
    let git = effect.world.git();
    let commit = git
        .commit_of(reference)?
        .with_context(|| format!("{reference} is gone"))?;
    let tag_object = git.ask([
        "rev-parse",
        "--verify",
        "--quiet",
        &format!("refs/tags/{tag}"),
    ])?;
    let references = effect
        .account
        .during(crate::account::Spent::Git, || git.remote_refs(remote))?;
    let find = |name: String| {
        references
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, object)| object.clone())
    };
    Ok(Stand {
        branch: find(format!("refs/heads/{branch}")),
        tag: find(format!("refs/tags/{tag}")),
        commit,
        tag_object,
    })
}

pub(super) fn probe(
    effect: &mut Effect<'_>,
    remote: &str,
    branch: &str,
    tag: &str,
    reference: &str,
) -> anyhow::Result<Probe> {
    let stand = look(effect, remote, branch, tag, reference)?;
    let git = effect.world.git();
    if let Some(there) = &stand.tag
        && Some(there) != stand.tag_object.as_ref()
    {
        return Ok(Probe::Conflict(format!(
            "{remote} has another tag {tag} ({})",
            short(there)
        )));
    }
    // Somebody may have pushed on top in the meantime; the release is in it.
    let contains = stand
        .branch
        .as_ref()
        .is_some_and(|there| *there == stand.commit || git.is_ancestor(&stand.commit, there));
    if contains && stand.tag.is_some() {
        return Ok(Probe::Done(format!("{remote} has {branch} and {tag}")));
    }
    if let Some(there) = &stand.branch
        && !contains
        && !git.is_ancestor(there, &stand.commit)
    {
        return Ok(Probe::Conflict(format!(
            "{remote} has commits on {branch} that are not in the release ({}); nothing is published yet, so begin again from there",
            short(there)
        )));
    }
    Ok(Probe::Absent)
}

pub(super) fn perform(
    effect: &mut Effect<'_>,
    remote: &str,
    branch: &str,
    tag: &str,
    reference: &str,
) -> anyhow::Result<String> {
    let git = effect.world.git();
    let commit = git
        .commit_of(reference)?
        .with_context(|| format!("{reference} is gone"))?;
    let heads = format!("{commit}:refs/heads/{branch}");
    let tags = format!("refs/tags/{tag}:refs/tags/{tag}");
    effect.run(git.tool(["push", "--atomic", "--porcelain", remote, &heads, &tags]))?;
    let stand = look(effect, remote, branch, tag, reference)?;
    if stand.branch.as_ref() != Some(&commit)
        || stand.tag.is_none()
        || stand.tag != stand.tag_object
    {
        bail!(
            "git says it pushed, and {remote} does not have {branch} at {} with {tag}",
            short(&commit)
        );
    }
    Ok(format!(
        "{remote} has {branch} at {} and {tag}",
        short(&commit)
    ))
}
