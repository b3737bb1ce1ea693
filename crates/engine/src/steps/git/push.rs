//! Branch and tags reach the remote together or not at all.

use anyhow::bail;
use stagegate_plan::model::Push;

use crate::executor::branch_moved::BranchMoved;
use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::git::create_commit::short;
use crate::tools::git::Git;

/// Where branch and tags stand at the remote, and where they should.
struct Stand {
    branch: Option<String>,
    commit: String,
    /// Each tag's name, its object at the remote, and ours.
    tags: Vec<(String, Option<String>, Option<String>)>,
}

impl Stand {
    /// Returns whether the remote has every tag as we have it.
    fn has_tags(&self) -> bool {
        self.tags
            .iter()
            .all(|(_, there, here)| there.is_some() && there == here)
    }
}

fn look(
    ctx: &mut StepContext<'_>,
    remote: &str,
    branch: &str,
    tags: &[String],
    reference: &str,
) -> anyhow::Result<Stand> {
    let git = ctx.context.git();
    let commit = git.need_commit(reference)?;
    let references = crate::timing::during(
        &mut ctx.time,
        stagegate_plan::model::TimeCategory::Git,
        || git.remote_refs(remote),
    )?;
    let find = |name: &str| {
        references
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, object)| object.clone())
    };
    let mut stands = Vec::new();
    for tag in tags {
        let name = format!("refs/tags/{tag}");
        let here = git.ask(["rev-parse", "--verify", "--quiet", &name])?;
        stands.push((tag.clone(), find(&name), here));
    }
    Ok(Stand {
        branch: find(&format!("refs/heads/{branch}")),
        commit,
        tags: stands,
    })
}

/// Returns what the remote's branch is to be: the release commit, or where the remote has others
/// since, the branch that holds both.
fn tip(git: &Git, branch: &str, stand: &Stand) -> anyhow::Result<String> {
    let Some(there) = &stand.branch else {
        return Ok(stand.commit.clone());
    };
    let ours = git.commit_of(&format!("refs/heads/{branch}"))?;
    let holds_both =
        |ours: &String| git.is_ancestor(&stand.commit, ours) && git.is_ancestor(there, ours);
    Ok(match git.is_ancestor(there, &stand.commit) {
        true => stand.commit.clone(),
        false => ours.filter(holds_both).unwrap_or(stand.commit.clone()),
    })
}

impl Perform for Push {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let remote: &str = &self.remote;
        let branch: &str = &self.branch;
        let tags: &[String] = &self.tags;
        let reference: &str = &self.reference;

        let stand = look(ctx, remote, branch, tags, reference)?;
        let git = ctx.context.git();
        for (tag, there, here) in &stand.tags {
            if let Some(there) = there.as_ref().filter(|_| there != here) {
                return Ok(Probe::Conflict(format!(
                    "{remote} has another tag {tag} ({})",
                    short(there)
                )));
            }
        }
        // Somebody may have pushed on top in the meantime; the release is in it.
        let contains = stand
            .branch
            .as_ref()
            .is_some_and(|there| *there == stand.commit || git.is_ancestor(&stand.commit, there));
        if contains && stand.has_tags() {
            let tags = tags.join(", ");
            return Ok(Probe::Done(format!("{remote} has {branch} and {tags}")));
        }
        if let Some(there) = &stand.branch
            && !contains
            && !git.is_ancestor(there, &tip(&git, branch, &stand)?)
        {
            return Err(BranchMoved {
                remote: remote.to_owned(),
                branch: branch.to_owned(),
                there: short(there),
            }
            .into());
        }
        Ok(Probe::Absent)
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let remote: &str = &self.remote;
        let branch: &str = &self.branch;
        let tags: &[String] = &self.tags;
        let reference: &str = &self.reference;

        let git = ctx.context.git();
        let commit = git.need_commit(reference)?;
        let contains = |there: &Option<String>| {
            there
                .as_ref()
                .is_some_and(|there| *there == commit || git.is_ancestor(&commit, there))
        };
        // A commit that was merged there may have others on top of it by now.
        let before = look(ctx, remote, branch, tags, reference)?;
        let mut args = ["push", "--atomic", "--porcelain", remote]
            .map(str::to_owned)
            .to_vec();
        if !contains(&before.branch) {
            let tip = tip(&git, branch, &before)?;
            args.push(format!("{tip}:refs/heads/{branch}"));
        }
        args.extend(
            tags.iter()
                .map(|tag| format!("refs/tags/{tag}:refs/tags/{tag}")),
        );
        // LFS brings its objects to the remote by a hook, and none is run.
        if !git.lfs_files()?.is_empty() {
            ctx.run(git.tool(["lfs", "push", remote, &commit]))?;
        }
        ctx.run(git.tool(args))?;
        let stand = look(ctx, remote, branch, tags, reference)?;
        let tags = tags.join(", ");
        if !contains(&stand.branch) || !stand.has_tags() {
            bail!(
                "git says it pushed, and {remote} does not have {branch} at {} with {tags}",
                short(&commit)
            );
        }
        Ok(format!(
            "{remote} has {branch} at {} and {tags}",
            short(&commit)
        ))
    }
}
