//! The git checkout and its remote.

use std::collections::{BTreeMap, BTreeSet};

use stagegate_plan::facts::{BranchDivergence, GitFacts, RemoteFacts, SurveyResult};
use stagegate_plan::model::{Blocker, CommitIdentity, is_hotfix_branch, is_release_branch};

use crate::context::Context;
use crate::survey::{Scope, signing};
use crate::tools::git::Git;

/// The settings that say what is signed.
const SIGNING: &str = "^(commit|tag)\\.gpgsign$";

pub(crate) fn look(context: &Context, scope: &Scope) -> SurveyResult<GitFacts> {
    let git = context.git();
    let Ok(Some(head)) = git.commit_of("HEAD") else {
        return Err(Blocker::new(
            format!("{} has no commit yet", context.root),
            "commit the workspace first; a release is made from a commit",
        ));
    };
    let unread = |e: anyhow::Error| {
        Blocker::new(format!("git cannot be read: {e:#}"), "repair the checkout")
    };
    let branch = git
        .ask(["symbolic-ref", "--quiet", "--short", "HEAD"])
        .map_err(unread)?;
    let hotfix = branch.as_deref().filter(|b| is_hotfix_branch(b));
    let configured = context.config.release.branch_of(branch.as_deref());
    let released_from = hotfix.unwrap_or(configured);
    // The slowest two: one looks at every file, the other at another machine.
    let (remote, dirty, rest) = std::thread::scope(|threads| {
        let remote = threads.spawn(|| remote(context, &git, &head, released_from));
        let dirty = threads.spawn(|| git.dirty());
        let rest = (identity(&git), git.switched_on(SIGNING), tags(&git));
        (
            remote.join().expect("asking does not panic"),
            dirty.join().expect("asking does not panic"),
            rest,
        )
    });
    let (identity, signing, tags) = rest;
    let signs = signing.map_err(unread)?;
    let subjects = subjects(&git).map_err(unread)?;
    let name = |(subject, _): &(String, bool)| subject.clone();
    let shallow = git.read(["rev-parse", "--is-shallow-repository"]);
    Ok(GitFacts {
        shallow: shallow.map_err(unread)? == "true",
        signing: (scope.signing && !signs.is_empty()).then(|| signing::look(&git, &head)),
        remote,
        branch,
        head,
        dirty: dirty.map_err(unread)?,
        identity,
        sign_commits: signs.contains("commit.gpgsign"),
        sign_tags: signs.contains("tag.gpgsign"),
        tags: tags.map_err(unread)?,
        branches: branches(&git).map_err(unread)?,
        signed_off: subjects
            .iter()
            .filter(|(_, signed)| *signed)
            .map(name)
            .collect(),
        subjects: subjects.iter().map(name).collect(),
    })
}

/// git's own rules for who somebody is, environment and all.
fn identity(git: &Git) -> Option<CommitIdentity> {
    let text = git.read(["var", "GIT_COMMITTER_IDENT"]).ok()?;
    let (name, rest) = text.split_once(" <")?;
    let (email, _) = rest.split_once('>')?;
    Some(CommitIdentity {
        name: name.to_owned(),
        email: email.to_owned(),
    })
}

/// Returns the names of the tags here; none where git cannot be read, which is said elsewhere.
pub(crate) fn tag_names(git: &Git) -> BTreeSet<String> {
    let tags = tags(git).unwrap_or_default();
    tags.into_keys().collect()
}

fn tags(git: &Git) -> anyhow::Result<BTreeMap<String, String>> {
    let format = "--format=%(refname:strip=2)%09%(objectname)%09%(*objectname)";
    let text = git.read(["for-each-ref", format, "refs/tags"])?;
    let mut tags = BTreeMap::new();
    for line in text.lines() {
        let mut parts = line.split('\t');
        if let (Some(name), Some(object)) = (parts.next(), parts.next()) {
            let peeled = parts.next().filter(|p| !p.is_empty()).unwrap_or(object);
            tags.insert(name.to_owned(), peeled.to_owned());
        }
    }
    Ok(tags)
}

fn branches(git: &Git) -> anyhow::Result<Vec<String>> {
    let text = git.read(["for-each-ref", "--format=%(refname:strip=2)", "refs/heads"])?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Returns as many commits as show a habit, and which of them are signed off.
fn subjects(git: &Git) -> anyhow::Result<Vec<(String, bool)>> {
    let text = git.read([
        "log",
        "--no-merges",
        "--max-count=100",
        "--format=%s%x01%(trailers:key=Signed-off-by,valueonly,separator=%x20)",
        "HEAD",
    ])?;
    let lines = text.lines().map(|line| match line.split_once('\u{1}') {
        Some((subject, signed)) => (subject.to_owned(), !signed.is_empty()),
        None => (line.to_owned(), false),
    });
    Ok(lines.collect())
}

fn remote(context: &Context, git: &Git, head: &str, branch: &str) -> SurveyResult<RemoteFacts> {
    let name = context.config.release.remote();
    let url = git.read(["remote", "get-url", name]).map_err(|_| {
        Blocker::new(
            format!("there is no git remote `{name}`"),
            format!("add it (`git remote add {name} ADDRESS`), or name another in `release.remote` of stagegate.toml"),
        )
    })?;
    let references = git.remote_refs(name).map_err(|e| {
        Blocker::new(
            format!("the git remote `{name}` does not answer: {e:#}"),
            "check the address, the network and your access",
        )
    })?;
    let branch = format!("refs/heads/{branch}");
    let there = references
        .iter()
        .find(|(name, _)| *name == branch)
        .map(|(_, commit)| commit);
    let divergence = match there {
        None => BranchDivergence::Absent,
        Some(there) if there == head => BranchDivergence::Same,
        Some(there) if git.is_ancestor(there, head) => BranchDivergence::Ahead,
        Some(there) if git.is_ancestor(head, there) => BranchDivergence::OnTop,
        // The remote's commit may not even be here: either way it has more.
        Some(_) => BranchDivergence::Behind,
    };
    let mut tags = BTreeMap::new();
    for (name, commit) in &references {
        if let Some(tag) = name.strip_prefix("refs/tags/") {
            // `tag^{}` is listed after `tag`, and is the commit.
            tags.insert(tag.trim_end_matches("^{}").to_owned(), commit.clone());
        }
    }
    let branches = references
        .iter()
        .filter_map(|(name, _)| Some(name.strip_prefix("refs/heads/")?.to_owned()))
        .collect();
    let prepared = references
        .iter()
        .filter_map(|(name, commit)| {
            let branch = name.strip_prefix("refs/heads/")?;
            is_release_branch(branch).then(|| (branch.to_owned(), commit.clone()))
        })
        .collect();
    Ok(RemoteFacts {
        url,
        divergence,
        tags,
        branches,
        prepared,
    })
}
