//! The branch, and the files of the user's checkout, move to the release commit.

use anyhow::{Context, bail};
use stagegate_manifest::{EditState, FileEdit};
use stagegate_plan::model::MoveBranch;

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::git::create_commit::short;
use crate::tools::git::Git;

impl Perform for MoveBranch {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let branch: &str = &self.branch;
        let parent: &str = &self.parent;
        let reference: &str = &self.reference;

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
        if git.is_ancestor(&commit, &head) {
            return Ok(Probe::Done(format!("{branch} holds {}", short(&commit))));
        }
        if head == parent || is_elsewhere(ctx, parent, &head)? {
            return Ok(Probe::Absent);
        }
        Ok(Probe::Conflict(format!(
            "{branch} is at {}, and the release was made from {}; put your commits aside (`git branch later`, `git reset --keep {}`) and resume",
            short(&head),
            short(parent),
            short(parent)
        )))
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let parent: &str = &self.parent;
        let reference: &str = &self.reference;
        let edits: &[FileEdit] = &ctx.plan.edits;

        let git = ctx.context.git();
        restore_half_moved(ctx, edits, (parent, reference))?;
        let head = git.commit_of("HEAD")?.context("there is no commit")?;
        if head != parent {
            // Another workspace of the repository was released in the meantime.
            let message = format!("Merge the {}", ctx.plan.title);
            let merge = ["merge", "--no-ff", "--quiet", "-m", &message, reference];
            ctx.run(git.tool(merge))?;
            return Ok(format!("merged into {} of {}", short(&head), self.branch));
        }
        ctx.run(git.tool(["merge", "--ff-only", "--quiet", reference]))?;
        let commit = git.commit_of("HEAD")?.context("there is no commit")?;
        if commit == parent {
            bail!("git did not move to {reference}");
        }
        Ok(format!("{} on top of {}", short(&commit), short(parent)))
    }
}

/// Returns whether a workspace below the repository's top is as the release found it, though the
/// branch has moved: what came since belongs to others.
fn is_elsewhere(ctx: &StepContext<'_>, parent: &str, head: &str) -> anyhow::Result<bool> {
    let git = ctx.context.git();
    if ctx.context.subdirectory.as_str().is_empty() || !git.is_ancestor(parent, head) {
        return Ok(false);
    }
    let members = ctx.context.workspace.packages.iter();
    let mut places: Vec<String> = members.map(|p| p.directory().to_string()).collect();
    places.push(ctx.context.root.to_string());
    let mut args = ["diff", "--name-only", parent, head, "--"]
        .map(str::to_owned)
        .to_vec();
    args.append(&mut places);
    Ok(git.read(args)?.is_empty())
}

/// Restores what a killed git left half done: it leaves some files as they will be. If every
/// changed file is one of ours and holds what it held or will hold, nobody's work is in it,
/// and it is put back before git moves again.
fn restore_half_moved(
    ctx: &mut StepContext<'_>,
    edits: &[FileEdit],
    commits: (&str, &str),
) -> anyhow::Result<()> {
    let git = ctx.context.git();
    remove_half_added(ctx, commits)?;
    let dirty = git.changed()?;
    if dirty.is_empty() {
        return Ok(());
    }
    let mut ours = Vec::new();
    for path in &dirty {
        let relative = ctx.context.relative_to_root(path);
        let known = edits.iter().find(|edit| edit.path == relative);
        let content = std::fs::read(ctx.context.root.join(&relative));
        match (known, content) {
            (Some(edit), Ok(content)) if edit.state(&content) != EditState::Other => {
                ours.push(relative.to_string())
            }
            // A command of the team's own has changed it.
            (None, _) if holds_either(ctx, path, commits)? => ours.push(relative.to_string()),
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

/// Returns whether a file of the checkout is what it is in one of the two commits.
fn holds_either(
    ctx: &StepContext<'_>,
    path: &str,
    (parent, reference): (&str, &str),
) -> anyhow::Result<bool> {
    let git = Git::at(ctx.context.top());
    if !ctx.context.top().join(path).exists() {
        let there = format!("{reference}:{path}");
        let there = git.ask(["rev-parse", "--quiet", "--verify", &there])?;
        return Ok(there.is_none());
    }
    let Some(here) = git.ask(["hash-object", "--", path])? else {
        return Ok(false);
    };
    for commit in [parent, reference] {
        let there = git.ask([
            "rev-parse",
            "--quiet",
            "--verify",
            &format!("{commit}:{path}"),
        ])?;
        if there.as_deref() == Some(here.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes the files that a killed git has laid already and does not know of.
fn remove_half_added(
    ctx: &mut StepContext<'_>,
    (parent, reference): (&str, &str),
) -> anyhow::Result<()> {
    let git = Git::at(ctx.context.top());
    let added = git.read([
        "diff",
        "--name-only",
        "-z",
        "--diff-filter=A",
        parent,
        reference,
    ])?;
    let top = ctx.context.top();
    let laid = added.split('\0').filter(|path| !path.is_empty());
    let laid: Vec<&str> = laid.filter(|path| top.join(path).is_file()).collect();
    if laid.is_empty() {
        return Ok(());
    }
    let tracked = git.tracked()?;
    for path in laid {
        if !tracked.contains_key(path) && holds_either(ctx, path, (parent, reference))? {
            let file = top.join(path);
            std::fs::remove_file(&file).with_context(|| format!("removing {file}"))?;
        }
    }
    Ok(())
}
