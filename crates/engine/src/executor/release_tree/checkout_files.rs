//! The files of the release tree as the checkout has them.
//!
//! git lays a commit; a checkout has more to it: submodules, files that a filter has
//! changed on their way (line endings, LFS), and a lockfile that nobody committed. What
//! is packed is what people have built and tested, so the tree gets these from the
//! checkout, as far as they belong to the very same objects. Somebody's changes that are
//! not committed never come along.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};

use crate::executor::release_tree::write_whole;
use crate::executor::step::StepContext;
use crate::tools::git::Git;

/// Brings the files of `tree`, a checkout of `commit`, to what the user's checkout has.
pub(super) fn bring(
    ctx: &mut StepContext<'_>,
    tree: &Utf8Path,
    commit: &str,
) -> anyhow::Result<()> {
    let checkout = ctx.context.top().to_owned();
    bring_filtered(&checkout, tree)?;
    bring_submodules(ctx, &checkout, tree, commit)?;
    bring_lockfile(ctx, tree)
}

/// Lays each submodule that the checkout has, at the commit that the tree names.
fn bring_submodules(
    ctx: &mut StepContext<'_>,
    checkout: &Utf8Path,
    tree: &Utf8Path,
    commit: &str,
) -> anyhow::Result<()> {
    for (path, commit) in Git::at(tree).submodules(commit)? {
        let (from, to) = (checkout.join(&path), tree.join(&path));
        if !from.join(".git").exists() {
            // It is not checked out there either; the survey tells where that matters.
            continue;
        }
        let git = Git::at(&from);
        if git.commit_of(&commit)?.is_none() {
            bail!(
                "the submodule {path} does not have the commit {commit} that the release names; `git submodule update --init --recursive`, and resume"
            );
        }
        ctx.run(git.tool(["worktree", "prune"]))?;
        ctx.run(git.tool([
            "worktree",
            "add",
            "--force",
            "--detach",
            "--quiet",
            to.as_str(),
            &commit,
        ]))?;
        bring_filtered(&from, &to)?;
        bring_submodules(ctx, &from, &to, &commit)?;
    }
    Ok(())
}

/// Gives files of the same object the checkout's bytes. Settings, attributes and filters
/// may have been others when the checkout was made.
fn bring_filtered(checkout: &Utf8Path, tree: &Utf8Path) -> anyhow::Result<()> {
    let here = Git::at(checkout).tracked()?;
    let there = Git::at(tree).tracked()?;
    let mut brought = Vec::new();
    for path in same_objects(&here, &there) {
        let (from, to) = (checkout.join(path), tree.join(path));
        if let Some(bytes) = differing(&from, &to)? {
            write_whole(&to, &bytes)?;
            brought.push(path);
        }
    }
    if brought.is_empty() {
        return Ok(());
    }
    // git takes another size for a change until it is told to look again.
    let git = Git::at(tree);
    for some in brought.chunks(ARGUMENTS) {
        git.read(["update-index", "--"].iter().chain(some))?;
    }
    // What is one all the same is somebody's change, not a filter's.
    let changed = git.read(["diff", "--cached", "--name-only", "-z"])?;
    for path in changed.split('\0').filter(|path| !path.is_empty()) {
        git.read(["checkout", "--quiet", "HEAD", "--", path])?;
    }
    Ok(())
}

/// As many paths as are given to a program at once.
const ARGUMENTS: usize = 200;

/// Regular files that are the same object in both.
fn same_objects<'a>(
    here: &'a BTreeMap<String, String>,
    there: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a str> {
    here.iter()
        .filter(|(_, entry)| entry.starts_with("100"))
        .filter(|(path, entry)| there.get(*path) == Some(entry))
        .map(|(path, _)| path.as_str())
}

/// The bytes of `from`, where `to` has others.
fn differing(from: &Utf8Path, to: &Utf8Path) -> anyhow::Result<Option<Vec<u8>>> {
    // A file may be missing in a sparse checkout.
    let (Ok(here), Ok(there)) = (from.symlink_metadata(), to.symlink_metadata()) else {
        return Ok(None);
    };
    if !here.is_file() || !there.is_file() {
        return Ok(None);
    }
    let read = |path: &Utf8Path| std::fs::read(path).with_context(|| format!("reading {path}"));
    let bytes = read(from)?;
    let same = here.len() == there.len() && bytes == read(to)?;
    Ok((!same).then_some(bytes))
}

/// A lockfile that is not committed says all the same what was built and tested.
fn bring_lockfile(ctx: &StepContext<'_>, tree: &Utf8Path) -> anyhow::Result<()> {
    let name = "Cargo.lock";
    let from = ctx.context.root.join(name);
    let to: Utf8PathBuf = tree.join(&ctx.context.subdirectory).join(name);
    if from.is_file() && !to.exists() {
        std::fs::copy(&from, &to).with_context(|| format!("copying {from} to {to}"))?;
    }
    Ok(())
}
