//! The repository itself, and its pull requests, in the shapes of GitHub's API.

use serde_json::{Map, Value, json};

use super::answer::account;
use super::store::StoredPull;
use super::{State, TokenKind};

/// Addresses that a repository's description names, by what follows its own.
const PLACES: [&str; 37] = [
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "hooks",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
    "svn",
];

/// When everything about the repository that never changes was made.
const MADE: &str = "2026-01-01T00:00:00Z";

/// Returns the repository.
pub(super) fn repository(state: &State) -> Value {
    let full = &state.options.repository;
    let name = full.split('/').next_back().unwrap_or_default();
    let api = format!("{}/repos/{full}", state.address);
    let web = format!("{}/{full}", state.address);
    let mut fields = Map::new();
    for place in PLACES {
        fields.insert(format!("{place}_url"), json!(format!("{api}/{place}")));
    }
    for count in [
        "forks",
        "forks_count",
        "open_issues",
        "open_issues_count",
        "size",
        "stargazers_count",
        "watchers",
        "watchers_count",
        "network_count",
        "subscribers_count",
    ] {
        fields.insert(count.to_owned(), json!(0));
    }
    for has in [
        "issues",
        "projects",
        "wiki",
        "pages",
        "discussions",
        "downloads",
    ] {
        fields.insert(format!("has_{has}"), json!(false));
    }
    for absent in [
        "description",
        "homepage",
        "language",
        "mirror_url",
        "license",
    ] {
        fields.insert(absent.to_owned(), Value::Null);
    }
    let rest = json!({
        "id": 1,
        "node_id": "R_1",
        "name": name,
        "full_name": full,
        "private": state.options.private,
        "fork": false,
        "archived": false,
        "disabled": false,
        "owner": account(state),
        "html_url": web,
        "url": api,
        "clone_url": format!("{web}.git"),
        "git_url": format!("{web}.git"),
        "ssh_url": format!("{web}.git"),
        "created_at": MADE,
        "updated_at": MADE,
        "pushed_at": MADE,
        "default_branch": state.default_branch(),
    });
    let mut rest = rest;
    if let Some(permissions) = permissions(state.options.token_kind) {
        rest["permissions"] = permissions;
    }
    if let Value::Object(rest) = rest {
        fields.extend(rest);
    }
    Value::Object(fields)
}

/// Returns what GitHub says of the token's rights, which is the account's role and not what the
/// token may do.
fn permissions(kind: TokenKind) -> Option<Value> {
    let all = |push: bool, pull: bool| json!({ "admin": false, "maintain": push, "push": push, "triage": push, "pull": pull });
    match kind {
        TokenKind::User => Some(all(true, true)),
        TokenKind::Reader => Some(all(false, true)),
        TokenKind::Workflow => Some(all(false, false)),
        TokenKind::WorkflowWithoutPermissions => None,
    }
}

/// Returns the labels of a pull request.
pub(super) fn labels(state: &State, names: &[String]) -> Value {
    let full = &state.options.repository;
    let label = |(at, name): (usize, &String)| {
        json!({
            "id": at + 1,
            "node_id": format!("LA_{}", at + 1),
            "url": format!("{}/repos/{full}/labels/{name}", state.address),
            "name": name,
            // GitHub's description of a pull request knows no label without one.
            "description": "",
            "color": "ededed",
            "default": false,
        })
    };
    names.iter().enumerate().map(label).collect()
}

/// Returns a pull request.
pub(super) fn pull(state: &State, pull: &StoredPull) -> Value {
    let full = &state.options.repository;
    let owner = full.split('/').next().unwrap_or_default();
    let api = format!("{}/repos/{full}/pulls/{}", state.address, pull.number);
    let web = format!("{}/{full}/pull/{}", state.address, pull.number);
    let issue = format!("{}/repos/{full}/issues/{}", state.address, pull.number);
    let link = |to: &str| json!({ "href": to });
    let end = |name: &str, commit: &str| {
        json!({
            "label": format!("{owner}:{name}"),
            "ref": name,
            "sha": commit,
            "user": account(state),
            "repo": repository(state),
        })
    };
    let mut shown = json!({
        "id": pull.number,
        "node_id": format!("PR_{}", pull.number),
        "number": pull.number,
        "state": pull.state,
        "title": pull.title,
        "body": pull.body,
        "user": account(state),
        "url": api,
        "html_url": web,
        "diff_url": format!("{web}.diff"),
        "patch_url": format!("{web}.patch"),
        "issue_url": issue,
        "commits_url": format!("{api}/commits"),
        "review_comments_url": format!("{api}/comments"),
        "review_comment_url": format!("{api}/comments/{{number}}"),
        "comments_url": format!("{issue}/comments"),
        "statuses_url": format!("{api}/statuses"),
        "_links": {
            "self": link(&api),
            "html": link(&web),
            "issue": link(&issue),
            "comments": link(&format!("{issue}/comments")),
            "review_comments": link(&format!("{api}/comments")),
            "review_comment": link(&format!("{api}/comments/{{number}}")),
            "commits": link(&format!("{api}/commits")),
            "statuses": link(&format!("{api}/statuses")),
        },
        "head": end(&pull.head, &state.commit_of(&pull.head)),
        "base": end(&pull.base, &state.commit_of(&pull.base)),
        "created_at": MADE,
        "updated_at": MADE,
        "labels": labels(state, &pull.labels),
        "mergeable_state": "unknown",
        "author_association": "OWNER",
        "commits": 1,
    });
    let closed = (pull.state == "closed").then_some(MADE);
    shown["closed_at"] = json!(closed);
    shown["merged_at"] = json!(pull.merged.as_ref().map(|_| MADE));
    // GitHub's REST documentation, "Get a pull request": after merging, the merge commit, the
    // squashed commit, or for a rebase the commit that the base branch was updated to.
    shown["merge_commit_sha"] = json!(pull.merged);
    for absent in [
        "assignee",
        "milestone",
        "auto_merge",
        "merged_by",
        "mergeable",
    ] {
        shown[absent] = Value::Null;
    }
    shown["merged"] = json!(pull.merged.is_some());
    for not in ["locked", "maintainer_can_modify"] {
        shown[not] = json!(false);
    }
    for count in [
        "additions",
        "deletions",
        "changed_files",
        "comments",
        "review_comments",
    ] {
        shown[count] = json!(0);
    }
    shown
}
