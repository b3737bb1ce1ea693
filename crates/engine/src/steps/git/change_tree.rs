//! A team's own command in the release tree: what it changes is part of the release commit.
//!
//! The files that it leaves are a tree of git's, kept by a private reference, so that a
//! killed run finds what was done before, and a command that was interrupted begins with
//! the files that it was to begin with.

use anyhow::{Context as _, bail};
use stagegate_plan::model::{ChangeTree, CommitIdentity, count};

use crate::executor::release_tree;
use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::gates::command::own_tool;
use crate::steps::git::edit;
use crate::tools::git::Git;

/// Who keeps the files: nobody sees these commits.
const KEEPER: (&str, &str) = ("stagegate", "stagegate@localhost");

/// Says by which plan and step kept files were made.
fn mark(ctx: &StepContext<'_>) -> String {
    format!("{} of {}", ctx.step.id, ctx.plan.digest())
}

/// Lays the files that the command begins with, and returns their tree. What an
/// interrupted command left is not among them.
fn begin(change: &ChangeTree, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
    release_tree::lay(ctx, &change.base)?;
    let git = release_tree::git(ctx);
    let before = match &change.after {
        Some(reference) => Some(files_of(&git, reference)?),
        None => None,
    };
    if !is_clean(ctx, &git, before.as_deref())? {
        release_tree::lay_anew(ctx, &change.base)?;
        if let Some(tree) = &before {
            ctx.run(git.tool(["read-tree", "--reset", "-u", tree]))?;
        }
    }
    match before {
        Some(tree) => Ok(tree),
        None => {
            let root = release_tree::root(ctx.context, ctx.plan);
            edit::apply(&root, &ctx.plan.edits)?;
            written(&git)
        }
    }
}

/// Returns whether the tree holds nothing but what the command begins with.
fn is_clean(ctx: &StepContext<'_>, git: &Git, before: Option<&str>) -> anyhow::Result<bool> {
    if let Some(tree) = before {
        return Ok(written(git)? == tree);
    }
    let root = release_tree::root(ctx.context, ctx.plan);
    let planned = |path: &String| {
        let relative = ctx.context.relative_to_root(path);
        let edit = ctx.plan.edits.iter().find(|edit| edit.path == relative);
        let content = std::fs::read(root.join(&relative));
        matches!((edit, content), (Some(edit), Ok(content))
                if edit.state(&content) != stagegate_manifest::EditState::Other)
    };
    Ok(git.dirty()?.iter().all(planned))
}

impl Perform for ChangeTree {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let git = ctx.context.git();
        if git.commit_of(&self.reference)?.is_none() {
            return Ok(Probe::Absent);
        }
        let made = git.read(["log", "-1", "--format=%s", &self.reference])?;
        Ok(match made.trim() == mark(ctx) {
            true => Probe::Done("its changes are kept".to_owned()),
            false => Probe::Absent,
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let [program, args @ ..] = &self.command.run[..] else {
            bail!("the step has no command")
        };
        let before = begin(self, ctx)?;
        let root = release_tree::root(ctx.context, ctx.plan);
        let target = ctx.context.target_directory.clone();
        let tool = own_tool(ctx, &self.command, &root, program)?
            .args(args)
            .env("CARGO_TARGET_DIR", target.as_str());
        let shown = tool.shown().to_owned();
        ctx.run(tool)?;
        let git = release_tree::git(ctx);
        let after = written(&git)?;
        let identity = CommitIdentity {
            name: KEEPER.0.to_owned(),
            email: KEEPER.1.to_owned(),
        };
        let mark = mark(ctx);
        let args = ["commit-tree", &after, "-p", &self.base, "-m", &mark];
        let kept = ctx.run(git.sealed(&identity, ctx.plan.at, args))?;
        let kept = kept.trim();
        ctx.run(git.tool(["update-ref", &self.reference, kept]))?;
        let names = git.read(["diff", "--name-only", "-z", &before, &after])?;
        let names: Vec<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return Ok(format!("`{shown}` changed no file"));
        }
        let patch = git.read(["diff", "--no-color", "--no-ext-diff", &before, &after])?;
        ctx.patch(patch);
        let some = names.iter().take(4).copied().collect::<Vec<_>>().join(", ");
        Ok(format!(
            "`{shown}` changed {}: {some}",
            count(names.len(), "file")
        ))
    }
}

/// Returns the tree that a private reference keeps.
pub(crate) fn files_of(git: &Git, reference: &str) -> anyhow::Result<String> {
    git.read(["rev-parse", "--verify", &format!("{reference}^{{tree}}")])
        .with_context(|| {
            format!(
                "finding the files under {reference}, which an earlier step of this run has kept"
            )
        })
}

/// Writes the files of the tree as they are, but for those that git ignores, as a tree of
/// git's.
fn written(git: &Git) -> anyhow::Result<String> {
    git.read(["add", "--all"])?;
    git.read(["write-tree"])
}
