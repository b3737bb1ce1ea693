//! The release tree: a checkout apart, where the release is prepared.
//!
//! Everything that may still fail happens here; the user's own files change
//! only when the release commit is made, packaged, built and proven. It is a
//! git worktree, so that the packages carry the release commit's own id.

mod checkout_files;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_plan::model::{Action, Plan};

use crate::context::Context;
use crate::executor::step::StepContext;
use crate::tools::git::Git;

/// Where a plan's tree lies.
fn checkout(context: &Context, plan: &Plan) -> Utf8PathBuf {
    context.output().join(plan.run_id.to_string()).join("tree")
}

/// The Cargo workspace's root within the tree.
pub(crate) fn root(context: &Context, plan: &Plan) -> Utf8PathBuf {
    let checkout = checkout(context, plan);
    if context.subdirectory.as_str().is_empty() {
        checkout
    } else {
        checkout.join(&context.subdirectory)
    }
}

/// git in the tree.
pub(crate) fn git(ctx: &StepContext<'_>) -> Git {
    Git::at(&root(ctx.context, ctx.plan))
}

/// Whether there is a tree at that commit, whatever its files hold.
pub(crate) fn stands_at(ctx: &StepContext<'_>, commit: &str) -> bool {
    let checkout = checkout(ctx.context, ctx.plan);
    // A directory without a `.git` of its own would answer for the user's checkout.
    checkout.join(".git").is_file()
        && matches!(Git::at(&checkout).commit_of("HEAD"), Ok(Some(head)) if head == commit)
}

/// Lays the tree at a commit, unless it stands there already.
pub(crate) fn lay(ctx: &mut StepContext<'_>, commit: &str) -> anyhow::Result<Utf8PathBuf> {
    if !stands_at(ctx, commit) {
        let checkout = checkout(ctx.context, ctx.plan);
        let git = ctx.context.git();
        if checkout.exists() {
            // Left by a run that was killed while git laid it.
            std::fs::remove_dir_all(&checkout).with_context(|| format!("removing {checkout}"))?;
        }
        ctx.run(git.tool(["worktree", "prune"]))?;
        ctx.run(git.tool([
            "worktree",
            "add",
            "--force",
            "--detach",
            "--quiet",
            checkout.as_str(),
            commit,
        ]))?;
        checkout_files::bring(ctx, &checkout, commit)?;
    }
    Ok(root(ctx.context, ctx.plan))
}

/// Lays the tree at a commit, without anything that was changed in it.
pub(crate) fn lay_anew(ctx: &mut StepContext<'_>, commit: &str) -> anyhow::Result<Utf8PathBuf> {
    remove(ctx.context, ctx.plan);
    let checkout = checkout(ctx.context, ctx.plan);
    if checkout.exists() {
        std::fs::remove_dir_all(&checkout).with_context(|| format!("removing {checkout}"))?;
    }
    lay(ctx, commit)
}

/// Lays the tree at the release commit.
pub(crate) fn of_release(ctx: &mut StepContext<'_>) -> anyhow::Result<Utf8PathBuf> {
    let commit = ctx.context.git().need_commit(&ctx.plan.reference())?;
    lay(ctx, &commit)
}

/// Removes what an earlier plan of the same name left: its tree, its commit and what was
/// made from it. A release that is begun again is made of the new plan alone.
pub(crate) fn discard_leftovers(context: &Context, plan: &Plan) -> anyhow::Result<()> {
    remove(context, plan);
    for left in [checkout(context, plan), kept(context, plan)] {
        if left.exists() {
            std::fs::remove_dir_all(&left).with_context(|| format!("removing {left}"))?;
        }
    }
    let git = context.git();
    for reference in files_kept(plan).chain([plan.reference().as_str()]) {
        if git.commit_of(reference)?.is_some() {
            git.read(["update-ref", "-d", reference])?;
        }
    }
    Ok(())
}

/// Returns the private references of files that steps of the plan have changed.
fn files_kept(plan: &Plan) -> impl Iterator<Item = &str> {
    plan.steps.iter().filter_map(|step| match &step.action {
        Action::ChangeTree(change) => Some(change.reference.as_str()),
        _ => None,
    })
}

/// Where a run keeps what a resumed one needs, apart from the journal.
pub(crate) fn kept(context: &Context, plan: &Plan) -> Utf8PathBuf {
    context.state.join(plan.run_id.to_string())
}

/// Removes the tree of a completed plan. Nothing depends on it any more, so a
/// failure here is no failure of the release.
pub(crate) fn remove(context: &Context, plan: &Plan) {
    let checkout = checkout(context, plan);
    if checkout.exists() {
        let _ = context
            .git()
            .read(["worktree", "remove", "--force", checkout.as_str()]);
    }
}

/// Forgets the files that steps of a completed plan have kept for its commit.
pub(crate) fn forget_files(context: &Context, plan: &Plan) {
    for reference in files_kept(plan) {
        let _ = context.git().read(["update-ref", "-d", reference]);
    }
}

/// Writes a file whole or not at all.
pub(crate) fn write_whole(path: &Utf8Path, bytes: &[u8]) -> anyhow::Result<()> {
    let directory = path
        .parent()
        .with_context(|| format!("{path} has no directory"))?;
    std::fs::create_dir_all(directory).with_context(|| format!("creating {directory}"))?;
    let beside = directory.join(format!(".{}.new", path.file_name().unwrap_or("file")));
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        // A script stays executable.
        if let Ok(old) = std::fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        std::fs::rename(&beside, path)
    });
    written.with_context(|| format!("writing {path}"))
}
