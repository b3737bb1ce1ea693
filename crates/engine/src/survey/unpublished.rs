//! The tag that a release of what is missing is planned with.
//!
//! The registry is asked before anything else is, because what it lacks tells which files are
//! meant: those of a tag, which may be behind what is checked out.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use stagegate_manifest::Workspace;
use stagegate_plan::facts::{RegistryFacts, TaggedCommit};
use stagegate_plan::release::unpublished::{tag_of_all, unfinished};
use stagegate_plan::version::Evidence;

use crate::context::Context;
use crate::survey::{Scope, add_from_afar, checkout, every_registry, learn, mark_registered};

/// Returns the tag of all that is missing, where it is at another commit than the one that is
/// checked out. What cannot be asked is a problem of the survey that follows.
pub(crate) fn tag(
    context: &Context,
    workspace: &Workspace,
    files: &BTreeMap<Utf8PathBuf, Vec<u8>>,
    scope: &Scope,
    evidence: &Evidence,
) -> anyhow::Result<Option<TaggedCommit>> {
    let registries = every_registry(context, workspace);
    let (true, Ok(git)) = (
        registries.iter().all(Result::is_ok),
        checkout::look(context, scope),
    ) else {
        return Ok(None);
    };
    let (mut workspace, mut evidence) = (workspace.clone(), evidence.clone());
    mark_registered(&mut workspace, &registries);
    add_from_afar(&mut evidence, Some(&git), &registries);
    let Ok(learned) = learn(context, &mut workspace, files, scope, &evidence) else {
        return Ok(None);
    };
    let known: Vec<&RegistryFacts> = registries.iter().flatten().collect();
    let missing = unfinished(&workspace, &learned.groups, &known);
    let Some(tag) = tag_of_all(&git, &missing) else {
        return Ok(None);
    };
    let commit = git.tags[&tag].clone();
    Ok(Some(TaggedCommit {
        is_in_branch: context.git().is_ancestor(&commit, "HEAD"),
        tag,
        commit,
    }))
}
