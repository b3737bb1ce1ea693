//! `ci pushed`: what the push that started a workflow calls for.
//!
//! One push starts one workflow. Whether it merged a release pull request is asked of GitHub,
//! because a person may merge, squash or rebase, and may rewrite every message.

use stagegate_engine::context::Context;
use stagegate_engine::survey::github::repository;
use stagegate_engine::survey::groups_of_checkout;
use stagegate_github::{GitHub, Pull, Repository};
use stagegate_plan::model::{Blockers, prepared_by};
use stagegate_plan::version::{Group, WORKSPACE};

use super::changed::{Since, part};
use crate::cli::Format;
use crate::exit_code::Exit;
use crate::output::line;

/// `ci pushed`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The commit that the branch was at before; without it, the last commit alone counts
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,
    /// The tag that was pushed, if it was one
    #[arg(long, value_name = "TAG", conflicts_with_all = ["since", "env"])]
    tag: Option<String>,
    /// The environment whose hosts are asked what they lack
    #[arg(long, value_name = "ENV")]
    env: Option<String>,
}

/// What a push calls for.
struct Pushed {
    /// What to release, as it is typed; none: nothing.
    release: Option<String>,
    /// The commit that is released.
    commit: String,
    /// The part of the app to deploy.
    part: &'static str,
    /// The same in a sentence.
    why: String,
}

/// Says what a push calls for. Nothing is written but the outputs of the workflow's step.
pub(super) fn run(context: &Context, args: &Args, format: Format) -> anyhow::Result<Exit> {
    let pushed = pushed(context, args)?;
    let release = pushed.release.as_deref().unwrap_or_default();
    crate::output::output(&[
        ("release", release),
        ("commit", &pushed.commit),
        ("part", pushed.part),
    ])?;
    match format {
        Format::Json => line(
            &serde_json::json!({
                "event": "pushed",
                "release": pushed.release,
                "commit": pushed.commit,
                "part": pushed.part,
            })
            .to_string(),
        ),
        Format::Human | Format::Github => line(&pushed.why),
    }
    Ok(Exit::Success)
}

fn pushed(context: &Context, args: &Args) -> anyhow::Result<Pushed> {
    let head = context.git().need_commit("HEAD")?;
    if let Some(tag) = &args.tag {
        return of_tag(context, tag, head);
    }
    if context.config.github.release
        && let Some((commit, pull)) = merged(context, args.since.as_deref())?
    {
        let words = prepared_by(&pull.head.branch);
        return Ok(Pushed {
            why: format!(
                "the pull request {} was merged: release {}",
                pull.number,
                words.as_deref().unwrap_or_default()
            ),
            release: words,
            commit,
            part: "none",
        });
    }
    let (part, why) = match &args.env {
        None => ("none", "no release pull request was merged".to_owned()),
        Some(environment) => {
            let (part, what) = part(context, &Since::what_runs_in(environment))?;
            (part, format!("changed since {what}: {part}"))
        }
    };
    Ok(Pushed {
        release: None,
        commit: head,
        part,
        why,
    })
}

/// Returns what a pushed tag releases. A tag that has a public release is one of ours, and
/// what it says is done.
fn of_tag(context: &Context, tag: &str, commit: String) -> anyhow::Result<Pushed> {
    let groups = groups_of_checkout(context)?;
    let nothing = |why: String| Pushed {
        release: None,
        commit: commit.clone(),
        part: "none",
        why,
    };
    let Some(words) = named_by(&groups, tag) else {
        return Ok(nothing(format!("{tag} names no version of this workspace")));
    };
    if context.config.github.release {
        let (github, repository) = open(context)?;
        if github.release_of(&repository, tag)?.is_some() {
            return Ok(nothing(format!("{tag} has a release already")));
        }
    }
    Ok(Pushed {
        why: format!("the tag {tag} was pushed: release {words}"),
        release: Some(words),
        commit,
        part: "none",
    })
}

/// Returns what a tag releases, as it is typed; none for a tag that is no release's.
fn named_by(groups: &[Group], tag: &str) -> Option<String> {
    groups.iter().find_map(|group| {
        let version = group.version_of(tag)?;
        Some(match groups.len() == 1 || group.name == WORKSPACE {
            true => version.to_string(),
            false => format!("{}={version}", group.name),
        })
    })
}

fn open(context: &Context) -> anyhow::Result<(GitHub, Repository)> {
    let repository =
        repository(context, &context.workspace).map_err(|blocker| Blockers(vec![blocker]))?;
    Ok((context.github()?, repository))
}

/// Returns the release pull request that the push merged, and the commit that it became. A
/// merge queue pushes several at once, so that it need not be the last.
fn merged(context: &Context, since: Option<&str>) -> anyhow::Result<Option<(String, Pull)>> {
    let git = context.git();
    // A new branch is said to have been at zeros, and one that was forced somewhere else.
    let from = match since.filter(|since| !since.starts_with('-')) {
        Some(since) => git
            .commit_of(since)?
            .filter(|since| git.is_ancestor(since, "HEAD")),
        None => None,
    };
    let range = match from {
        Some(from) => vec![format!("{from}..HEAD")],
        None => vec!["--max-count=1".to_owned(), "HEAD".to_owned()],
    };
    let args = ["rev-list", "--first-parent"].map(str::to_owned);
    let commits = git.read(args.into_iter().chain(range))?;
    let branch = git.ask(["symbolic-ref", "--quiet", "--short", "HEAD"])?;
    let base = context.config.release.branch_of(branch.as_deref());
    let (github, repository) = open(context)?;
    let pulls = github.closed_pulls(&repository, base)?;
    let found = pulls.into_iter().filter_map(|pull| {
        let ours = pull.is_from(&repository) && prepared_by(&pull.head.branch).is_some();
        let commit = pull.merge_commit_sha.clone().filter(|_| ours)?;
        let place = commits.lines().position(|line| line == commit)?;
        pull.merged_at.is_some().then_some((place, commit, pull))
    });
    let newest = found.min_by_key(|(place, ..)| *place);
    Ok(newest.map(|(_, commit, pull)| (commit, pull)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_says_whose_version_it_is() {
        let group = |name: &str, tag: &str| Group {
            name: name.to_owned(),
            members: vec![name.to_owned()],
            version: semver::Version::new(1, 0, 0),
            tag: tag.to_owned(),
            more_tags: Vec::new(),
            older_tags: vec![format!("{name}/{{version}}")],
            is_development: false,
            changelogs: Vec::new(),
        };
        let two = [
            group("core", "core-v{version}"),
            group("core-macros", "core-macros-v{version}"),
        ];
        let check = |groups: &[Group], tag: &str, want: Option<&str>| {
            assert_eq!(named_by(groups, tag).as_deref(), want, "{tag}");
        };
        check(&two, "core-v1.2.0", Some("core=1.2.0"));
        check(
            &two,
            "core-macros-v0.3.0-rc.1",
            Some("core-macros=0.3.0-rc.1"),
        );
        check(&two, "core/1.2.0", Some("core=1.2.0"));
        check(&two, "v1.2.0", None);
        check(&two, "core-v2026-08-01", None);
        check(&two[..1], "core-v1.2.0", Some("1.2.0"));
        let whole = [
            group(WORKSPACE, "v{version}"),
            group("tool", "tool-v{version}"),
        ];
        check(&whole, "v1.2.0", Some("1.2.0"));
    }
}
