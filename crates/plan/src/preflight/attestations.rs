//! Whether GitHub keeps attestations for the repository.
//!
//! `release.yml` attests what it releases in the job that publishes, just before the first
//! upload: too late to learn that the repository cannot have any. "If you are on a GitHub Free,
//! GitHub Pro, or GitHub Team plan, artifact attestations are only available for public
//! repositories. To use artifact attestations in private or internal repositories, you must be
//! on a GitHub Enterprise Cloud plan"
//! (<https://docs.github.com/actions/concepts/security/artifact-attestations>). A person's
//! account has Free or Pro. An organization's plan is told to its owners alone, so there it is
//! a note.

use stagegate_config::schema::Config;

use crate::facts::{Facts, GitHubFacts};
use crate::model::{Blocker, Plan};
use crate::request::ReleaseRequest;

/// Adds the problem, or the note, of a repository that may have no attestations. Only a release in
/// several jobs attests anything.
pub(crate) fn check(
    facts: &Facts,
    config: &Config,
    wanted: &ReleaseRequest,
    plan: &mut Plan,
    blockers: &mut Vec<Blocker>,
) {
    let Some(Ok(GitHubFacts { facts, .. })) = &facts.github else {
        return;
    };
    if !wanted.handed_on || !config.ci.attest || !facts.private {
        return;
    }
    let name = &facts.full_name;
    match facts.belongs_to_person {
        true => blockers.push(Blocker::new(
            format!(
                "{name} is private and belongs to a person's account, for which GitHub keeps no attestations"
            ),
            "set `ci.attest = false` in stagegate.toml and write the workflows again (`ci write`), or make the repository public",
        )),
        false => plan.notes.push(format!(
            "{name} is private: GitHub keeps attestations of it on the Enterprise Cloud plan only; without that, set `ci.attest = false`"
        )),
    }
}
