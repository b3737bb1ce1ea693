//! The step that marks a yanked version in the changelog, or takes the mark off.

use stagegate_manifest::{EditState, FileEdit};
use stagegate_plan::model::{CommitIdentity, MarkChangelog};

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::git::edit;

/// Returns the committed changelog, and whether the remote has that commit.
fn stand(
    ctx: &StepContext<'_>,
    edit: &FileEdit,
    remote: &str,
    branch: &str,
) -> anyhow::Result<(EditState, bool)> {
    let git = ctx.context.git();
    let path = ctx.context.subdirectory.join(&edit.path);
    let text = git.read(["show", &format!("HEAD:{path}")])?;
    // git's output loses its final newline on the way; the file keeps it.
    let content = std::fs::read(ctx.context.root.join(&edit.path))?;
    let committed = content.strip_suffix(b"\n").unwrap_or(&content) == text.as_bytes();
    let state = if committed {
        edit.state(&content)
    } else {
        EditState::Before
    };
    let head = git.commit_of("HEAD")?;
    let there = git
        .remote_refs(remote)?
        .into_iter()
        .find(|(name, _)| *name == format!("refs/heads/{branch}"));
    Ok((state, there.map(|(_, commit)| commit) == head))
}

impl Perform for MarkChangelog {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let edit: &FileEdit = &self.edit;
        let remote: &str = &self.remote;
        let branch: &str = &self.branch;

        let (state, pushed) = stand(ctx, edit, remote, branch)?;
        Ok(if state == EditState::After && pushed {
            Probe::Done(format!("{} says so, at {remote} too", edit.path))
        } else {
            Probe::Absent
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let edit: &FileEdit = &self.edit;
        let message: &str = &self.message;
        let branch: &str = &self.branch;
        let remote: &str = &self.remote;
        let parent: &str = &self.parent;
        let identity: &CommitIdentity = &self.identity;

        let git = ctx.context.git();
        if git.commit_of("HEAD")?.as_deref() == Some(parent) {
            edit::apply(&ctx.context.root, std::slice::from_ref(edit))?;
            let args = [
                "commit",
                "--quiet",
                "--only",
                "--message",
                message,
                "--",
                edit.path.as_str(),
            ];
            ctx.run(git.sealed(identity, ctx.plan.at, args))?;
        }
        ctx.run(git.tool([
            "push",
            "--porcelain",
            remote,
            &format!("HEAD:refs/heads/{branch}"),
        ]))?;
        Ok(format!("{} says so, at {remote} too", edit.path))
    }
}
