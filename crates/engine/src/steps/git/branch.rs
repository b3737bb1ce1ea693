//! A branch at a commit that was sealed apart, checked out.

use anyhow::bail;

use crate::executor::step::{Probe, StepContext};
use crate::steps::git::create_commit::short;

pub(crate) fn probe(
    ctx: &mut StepContext<'_>,
    name: &str,
    reference: &str,
) -> anyhow::Result<Probe> {
    let git = ctx.context.git();
    let wanted = git.need_commit(reference)?;
    let current = git.ask(["symbolic-ref", "--quiet", "--short", "HEAD"])?;
    Ok(match git.commit_of(&format!("refs/heads/{name}"))? {
        None => Probe::Absent,
        Some(there) if there != wanted => Probe::Conflict(format!(
            "the branch {name} is there already, at {}; remove it if it is not needed (`git branch --delete {name}`) and resume",
            short(&there)
        )),
        Some(_) if current.as_deref() == Some(name) => {
            Probe::Done(format!("{name} is checked out, at {}", short(&wanted)))
        }
        Some(_) => Probe::Absent,
    })
}

pub(crate) fn perform(
    ctx: &mut StepContext<'_>,
    name: &str,
    reference: &str,
) -> anyhow::Result<String> {
    let git = ctx.context.git();
    let dirty = git.changed()?;
    if !dirty.is_empty() {
        bail!(
            "the working tree has changes that are not committed ({}); commit or stash them, and resume",
            dirty.join(", ")
        );
    }
    let commit = git.need_commit(reference)?;
    // A killed run may have made the branch and not yet switched to it.
    if git.commit_of(&format!("refs/heads/{name}"))?.is_none() {
        ctx.run(git.tool(["branch", "--no-track", name, &commit]))?;
    }
    ctx.run(git.tool(["switch", "--quiet", name]))?;
    Ok(format!("{name} is checked out, at {}", short(&commit)))
}
