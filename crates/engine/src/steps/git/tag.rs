//! The annotated tag.

use stagegate_plan::model::{CommitIdentity, CreateTag};

use crate::executor::release_tree;
use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::git::create_commit::short;

impl Perform for CreateTag {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let name: &str = &self.name;
        let reference: &str = &self.reference;

        let git = ctx.context.git();
        let wanted = git.need_commit(reference)?;
        match git.commit_of(&format!("refs/tags/{name}"))? {
            None => Ok(Probe::Absent),
            Some(there) if there == wanted => {
                Ok(Probe::Done(format!("{name} is at {}", short(&there))))
            }
            Some(there) => Ok(Probe::Conflict(format!(
                "the tag {name} is at {}, not at the release commit {}; remove it if it is yours (`git tag --delete {name}`) and resume",
                short(&there),
                short(&wanted)
            ))),
        }
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let name: &str = &self.name;
        let message: &str = &self.message;
        let reference: &str = &self.reference;
        let identity: &CommitIdentity = &self.identity;
        let sign = self.sign;

        let git = ctx.context.git();
        let kind = if sign { "--sign" } else { "--annotate" };
        // A program takes no argument of more than 128 KiB, and notes may be longer.
        let text = ctx.kept().join("tag-message");
        release_tree::write_whole(&text, message.as_bytes())?;
        // Changelog headings begin with `#`, which git would take for comments.
        let args = [
            "tag",
            kind,
            "--cleanup=whitespace",
            "--file",
            text.as_str(),
            "--end-of-options",
            name,
            &format!("{reference}^{{commit}}"),
        ];
        ctx.run(git.sealed(identity, ctx.plan.at, args))?;
        let object = git.read(["rev-parse", &format!("refs/tags/{name}")])?;
        Ok(format!("{name}, object {}", short(&object)))
    }
}
