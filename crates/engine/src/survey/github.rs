//! What GitHub knows of the repository.

use stagegate_github::{GitHub, GitHubError, Pull, Repository};
use stagegate_manifest::Workspace;
use stagegate_plan::facts::{GitHubFacts, SurveyResult};
use stagegate_plan::model::{Blocker, is_release_branch};

use crate::context::Context;
use crate::survey::Scope;

pub(crate) fn look(
    context: &Context,
    workspace: &Workspace,
    tag: Option<&str>,
    scope: &Scope,
) -> SurveyResult<GitHubFacts> {
    let repository = repository(context, workspace)?;
    if !context.has_github_token() {
        return Err(Blocker::new(
            format!("there is no token for GitHub, and the release is to be made on {repository}"),
            "set GITHUB_TOKEN to a token with `contents: write`, or pass `--skip draft`",
        ));
    }
    let server = context.github_server();
    let blocked = |e: GitHubError| {
        Blocker::new(
            e.to_string(),
            format!("check the address {} and the token", server.api),
        )
    };
    let github = context.github().map_err(|e| {
        Blocker::new(
            e.to_string(),
            "correct `github.api` and `github.uploads` in stagegate.toml",
        )
    })?;
    let facts = github.repository(&repository).map_err(blocked)?;
    let latest = github.latest(&repository).map_err(blocked)?;
    let existing = match tag {
        Some(tag) => github.release_of(&repository, tag).map_err(blocked)?,
        None => None,
    };
    let releases = match tag {
        Some(_) => Vec::new(),
        None => github.newest_releases(&repository).map_err(blocked)?,
    };
    let pulls = match scope.pulls {
        true => release_pulls(context, &github, &repository).map_err(blocked)?,
        false => Vec::new(),
    };
    Ok(GitHubFacts {
        pulls,
        server,
        repository,
        facts,
        latest,
        existing,
        releases,
    })
}

/// Returns the open release pull requests into the branch that is released from.
fn release_pulls(
    context: &Context,
    github: &GitHub,
    repository: &Repository,
) -> Result<Vec<Pull>, GitHubError> {
    let current = context
        .git()
        .ask(["symbolic-ref", "--quiet", "--short", "HEAD"]);
    let current = current.ok().flatten();
    let base = context.config.release.branch_of(current.as_deref());
    let mut pulls = github.open_pulls(repository, base)?;
    pulls.retain(|pull| pull.is_from(repository) && is_release_branch(&pull.head.branch));
    Ok(pulls)
}

/// Returns the repository on GitHub, by configuration, remote or packages.
///
/// # Errors
/// If none of them names one.
pub fn repository(context: &Context, workspace: &Workspace) -> SurveyResult<Repository> {
    if let Some(repository) = &context.config.github.repository {
        return Ok(repository.clone());
    }
    let remote = context
        .git()
        .read(["remote", "get-url", context.config.release.remote()])
        .ok();
    let from_remote = remote.as_deref().and_then(Repository::from_url);
    let from_packages = || {
        workspace
            .packages
            .iter()
            .find_map(|p| Repository::from_url(p.metadata.repository.as_deref()?))
    };
    from_remote.or_else(from_packages).ok_or_else(|| {
        Blocker::new(
            "neither the git remote nor any package's `repository` names a repository on GitHub",
            "set `github.repository = \"owner/name\"` in stagegate.toml, or `github.release = false`",
        )
    })
}
