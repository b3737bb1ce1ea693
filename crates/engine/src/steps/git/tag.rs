//! The annotated tag.

use stagegate_plan::model::CommitIdentity;

use crate::executor::step::{Probe, StepContext};
use crate::steps::git::create_commit::short;

pub(crate) fn probe(
    ctx: &mut StepContext<'_>,
    name: &str,
    reference: &str,
) -> anyhow::Result<Probe> {
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

pub(crate) fn perform(
    ctx: &mut StepContext<'_>,
    name: &str,
    message: &str,
    reference: &str,
    identity: &CommitIdentity,
    sign: bool,
) -> anyhow::Result<String> {
    let git = ctx.context.git();
    let kind = if sign { "--sign" } else { "--annotate" };
    // Changelog headings begin with `#`, which git would take for comments.
    let args = [
        "tag",
        kind,
        "--cleanup=whitespace",
        "--message",
        message,
        "--end-of-options",
        name,
        &format!("{reference}^{{commit}}"),
    ];
    ctx.run(git.sealed(identity, ctx.plan.at, args))?;
    let object = git.read(["rev-parse", &format!("refs/tags/{name}")])?;
    Ok(format!("{name}, object {}", short(&object)))
}
