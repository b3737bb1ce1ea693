//! The release commit, made before any branch moves to it.
//!
//! Its dates are the plan's, so that making it again makes the same commit. A
//! private reference keeps it from being collected, and is what the later
//! steps go by.

use anyhow::{Context, bail};
use camino::Utf8Path;
use stagegate_manifest::FileEdit;
use stagegate_plan::model::{CommitIdentity, CreateCommitObject};

use crate::executor::release_tree;
use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::git::change_tree::files_of;
use crate::steps::git::edit;

impl Perform for CreateCommitObject {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let parent: &str = &self.parent;
        let reference: &str = &self.reference;

        let git = ctx.context.git();
        let Some(commit) = git.commit_of(reference)? else {
            return Ok(Probe::Absent);
        };
        let changes = !ctx.plan.edits.is_empty() || self.files.is_some();
        // Where nothing had to be written, and no command has changed anything, the commit
        // is the one that stands there.
        let as_it_stands = commit == parent && ctx.plan.edits.is_empty();
        let before = || git.read(["rev-parse", &format!("{commit}^")]);
        if as_it_stands || changes && before()? == parent && is_made(self, &commit, ctx)? {
            return Ok(Probe::Done(short(&commit)));
        }
        // Left by a plan that was given up: nothing but this plan goes by it now.
        Ok(Probe::Absent)
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let parent: &str = &self.parent;
        let message: &str = &self.message;
        let identity: &CommitIdentity = &self.identity;
        let sign = self.sign;
        let reference: &str = &self.reference;
        let edits: &[FileEdit] = &ctx.plan.edits;

        let root = release_tree::lay(ctx, parent)?;
        let git = release_tree::git(ctx);
        let content = match &self.files {
            Some(files) => files_of(&git, files)?,
            None => planned(ctx, &root, edits)?,
        };
        if content == git.read(["rev-parse", &format!("{parent}^{{tree}}")])? {
            // Everything stands there already: that commit is the one to release.
            let args = [
                "update-ref",
                "-m",
                "stagegate: release commit",
                reference,
                parent,
            ];
            ctx.run(ctx.context.git().tool(args))?;
            return Ok(format!("{} as it stands", short(parent)));
        }
        let mut args = vec!["commit-tree", &content, "-p", parent, "-m", message];
        if sign {
            args.push("-S");
        }
        let commit = ctx
            .run(git.sealed(identity, ctx.plan.at, args))?
            .trim()
            .to_owned();
        ctx.run(git.tool([
            "update-ref",
            "-m",
            "stagegate: release commit",
            reference,
            &commit,
        ]))?;
        if self.files.is_some() {
            // A command of the team's own wrote them, maybe into another tree.
            ctx.run(git.tool(["read-tree", "--reset", "-u", &content]))?;
        }
        ctx.run(git.tool(["checkout", "--quiet", "--detach", &commit]))?;
        let made = git
            .commit_of("HEAD")?
            .context("the release tree has no commit")?;
        Ok(format!("{} “{message}”", short(&made)))
    }
}

/// Writes the planned files as a tree of git's.
fn planned(
    ctx: &mut StepContext<'_>,
    root: &Utf8Path,
    edits: &[FileEdit],
) -> anyhow::Result<String> {
    // A killed run may have left the tree without some of its changes.
    edit::apply(root, edits)?;
    let git = release_tree::git(ctx);
    let mut add = vec!["add", "--"];
    add.extend(
        edits
            .iter()
            .map(|e| e.path.as_str())
            .filter(|path| !ignored(&git, path)),
    );
    if add.len() > 2 {
        ctx.run(git.tool(add))?;
    }
    let left = git.read(["diff", "--name-only"])?;
    if !left.is_empty() {
        bail!(
            "the release tree has changes that are not part of the release: {}",
            left.replace('\n', ", ")
        );
    }
    git.read(["write-tree"])
}

/// Returns whether a commit is the one that this plan makes: its message, its author, and the
/// moment that the plan was made. Another plan's has the same parent, and may have other changes.
fn is_made(
    wanted: &CreateCommitObject,
    commit: &str,
    ctx: &StepContext<'_>,
) -> anyhow::Result<bool> {
    let CommitIdentity { name, email } = &wanted.identity;
    let at = ctx.plan.at.as_second();
    let wanted = format!("{name}\n{email}\n{at}\n{}", wanted.message);
    let format = "--format=%cn%n%ce%n%ct%n%B";
    let git = ctx.context.git();
    let found = git.read(["log", "-1", "--no-show-signature", format, commit])?;
    Ok(found.trim_end() == wanted.trim_end())
}

pub(crate) fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

/// Returns whether git ignores a lockfile: it is changed here, and is not part of the commit.
fn ignored(git: &crate::tools::git::Git, path: &str) -> bool {
    matches!(git.ask(["check-ignore", "--quiet", path]), Ok(Some(_)))
}
