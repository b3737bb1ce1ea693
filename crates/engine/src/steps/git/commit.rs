//! The branch, and the files of the user's checkout, move to the release commit.

use anyhow::{Context, bail};
use stagegate_manifest::{EditState, FileEdit};

use crate::executor::step::{Probe, StepContext};
use crate::steps::git::create_commit::short;

pub(crate) fn probe(
    ctx: &mut StepContext<'_>,
    branch: &str,
    parent: &str,
    reference: &str,
) -> anyhow::Result<Probe> {
    let git = ctx.context.git();
    let commit = git.need_commit(reference)?;
    let head = git.commit_of("HEAD")?.context("there is no commit")?;
    let current = git.ask(["symbolic-ref", "--quiet", "--short", "HEAD"])?;
    if current.as_deref() != Some(branch) {
        return Ok(Probe::Conflict(format!(
            "{branch} is no longer checked out; `git switch {branch}`"
        )));
    }
    if head == commit {
        return Ok(Probe::Done(format!("{branch} is at {}", short(&commit))));
    }
    if head == parent {
        return Ok(Probe::Absent);
    }
    Ok(Probe::Conflict(format!(
        "{branch} is at {}, and the release was made from {}; put your commits aside (`git branch later`, `git reset --keep {}`) and resume",
        short(&head),
        short(parent),
        short(parent)
    )))
}

pub(crate) fn perform(
    ctx: &mut StepContext<'_>,
    parent: &str,
    reference: &str,
    edits: &[FileEdit],
) -> anyhow::Result<String> {
    let git = ctx.context.git();
    restore_half_moved(ctx, edits)?;
    ctx.run(git.tool(["merge", "--ff-only", "--quiet", reference]))?;
    let commit = git.commit_of("HEAD")?.context("there is no commit")?;
    if commit == parent {
        bail!("git did not move to {reference}");
    }
    Ok(format!("{} on top of {}", short(&commit), short(parent)))
}

/// A git that was killed while it moved leaves some files as they will be. If
/// every changed file is one of ours and holds what it held or will hold,
/// nobody's work is in it, and it is put back before git moves again.
fn restore_half_moved(ctx: &mut StepContext<'_>, edits: &[FileEdit]) -> anyhow::Result<()> {
    let git = ctx.context.git();
    let dirty = git.changed()?;
    if dirty.is_empty() {
        return Ok(());
    }
    let mut ours = Vec::new();
    for path in &dirty {
        let relative = camino::Utf8Path::new(path)
            .strip_prefix(&ctx.context.subdirectory)
            .unwrap_or(path.as_ref());
        let known = edits.iter().find(|edit| edit.path == relative);
        let content = std::fs::read(ctx.context.root.join(relative));
        match (known, content) {
            (Some(edit), Ok(content)) if edit.state(&content) != EditState::Other => {
                ours.push(relative.to_string())
            }
            _ => bail!(
                "{path} was changed since the release began; commit it elsewhere or stash it, and resume"
            ),
        }
    }
    let mut args = vec!["restore", "--staged", "--worktree", "--"];
    args.extend(ours.iter().map(String::as_str));
    ctx.run(git.tool(args))?;
    Ok(())
}
