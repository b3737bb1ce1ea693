//! A pull request.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{Answer, GitHub};
use crate::{GitHubError, Repository};

/// A pull request as GitHub reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// Its number in the repository.
    pub number: u64,
    /// `open` or `closed`.
    pub state: String,
    /// The title.
    pub title: String,
    /// The text, Markdown.
    pub body: Option<String>,
    /// Where people see it.
    pub html_url: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// The branch that is to be merged.
    pub head: PullHead,
    /// When it was merged; absent while it was not.
    #[serde(default)]
    pub merged_at: Option<String>,
    /// The commit that the branch it was merged into got by that, however it was merged.
    #[serde(default)]
    pub merge_commit_sha: Option<String>,
}

/// The branch of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullHead {
    /// The branch.
    #[serde(rename = "ref")]
    pub branch: String,
    /// The repository that it is in; absent where that was deleted.
    pub repo: Option<HeadRepository>,
}

/// The repository of a pull request's branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadRepository {
    /// `owner/name`
    pub full_name: String,
}

impl Pull {
    /// Returns whether its branch is in the repository itself, and not in a fork, whose
    /// branches anybody names.
    pub fn is_from(&self, repository: &Repository) -> bool {
        let head = self.head.repo.as_ref();
        head.is_some_and(|head| head.full_name.eq_ignore_ascii_case(&repository.to_string()))
    }
}

/// A label of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Its name.
    pub name: String,
}

/// What a pull request is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullDraft {
    /// The title.
    pub title: String,
    /// The text, Markdown.
    pub body: String,
    /// The branch that is to be merged, in the repository itself.
    pub head: String,
    /// The branch that it is to be merged into.
    pub base: String,
}

impl GitHub {
    /// Returns the open pull request from one branch of the repository into another.
    ///
    /// # Errors
    /// If GitHub cannot be asked.
    pub fn open_pull_of(
        &self,
        repository: &Repository,
        head: &str,
        base: &str,
    ) -> Answer<Option<Pull>> {
        let attempt = format!("listing the pull requests of {repository}");
        let query = json!({
            "state": "open",
            "head": format!("{}:{head}", repository.owner),
            "base": base,
        });
        let route = format!("/repos/{repository}/pulls");
        let found: Vec<Pull> = self
            .runtime
            .block_on(self.octocrab.get(route, Some(&query)))
            .map_err(|e| GitHubError::from_octocrab(&attempt, e))?;
        Ok(found.into_iter().next())
    }

    /// Returns the newest open pull requests into a branch, at most 100.
    ///
    /// # Errors
    /// If GitHub cannot be asked.
    pub fn open_pulls(&self, repository: &Repository, base: &str) -> Answer<Vec<Pull>> {
        self.newest_pulls(repository, "open", base)
    }

    /// Returns the pull requests into a branch that were closed or changed last, at most 100;
    /// merged ones are among them.
    ///
    /// # Errors
    /// If GitHub cannot be asked.
    pub fn closed_pulls(&self, repository: &Repository, base: &str) -> Answer<Vec<Pull>> {
        self.newest_pulls(repository, "closed", base)
    }

    fn newest_pulls(&self, repository: &Repository, state: &str, base: &str) -> Answer<Vec<Pull>> {
        let attempt = format!("listing the {state} pull requests into {base} of {repository}");
        let query = json!({
            "state": state,
            "base": base,
            "sort": "updated",
            "direction": "desc",
            "per_page": 100,
        });
        let route = format!("/repos/{repository}/pulls");
        self.runtime
            .block_on(self.octocrab.get(route, Some(&query)))
            .map_err(|e| GitHubError::from_octocrab(&attempt, e))
    }

    /// Returns a pull request by its number.
    ///
    /// # Errors
    /// If there is none, or GitHub cannot be asked.
    pub fn pull(&self, repository: &Repository, number: u64) -> Answer<Pull> {
        let attempt = format!("reading the pull request {number} of {repository}");
        let route = format!("/repos/{repository}/pulls/{number}");
        self.runtime
            .block_on(self.octocrab.get(route, None::<&()>))
            .map_err(|e| GitHubError::from_octocrab(&attempt, e))
    }

    /// Closes a pull request that is not to be merged, with a text that says why.
    ///
    /// # Errors
    /// If GitHub refuses it, or cannot be asked.
    pub fn close_pull(&self, repository: &Repository, number: u64, body: &str) -> Answer<Pull> {
        let attempt = format!("closing the pull request {number} of {repository}");
        let route = format!("/repos/{repository}/pulls/{number}");
        let change = json!({ "state": "closed", "body": body });
        self.runtime
            .block_on(self.octocrab.patch(route, Some(&change)))
            .map_err(|e| GitHubError::from_octocrab(&attempt, e))
    }

    /// Opens a pull request. Look with [`GitHub::open_pull_of`] first: GitHub refuses a
    /// second one for the same branches.
    ///
    /// # Errors
    /// If GitHub refuses it, or cannot be asked.
    pub fn create_pull(&self, repository: &Repository, draft: &PullDraft) -> Answer<Pull> {
        let attempt = format!(
            "opening a pull request from {} into {} on {repository}",
            draft.head, draft.base
        );
        let body = json!({
            "title": draft.title,
            "body": draft.body,
            "head": draft.head,
            "base": draft.base,
        });
        let route = format!("/repos/{repository}/pulls");
        self.runtime
            .block_on(self.octocrab.post(route, Some(&body)))
            .map_err(|e| GitHubError::from_octocrab(&attempt, e))
    }

    /// Gives a pull request labels, beside those it has. GitHub creates what it does not
    /// know.
    ///
    /// # Errors
    /// If GitHub refuses it, or cannot be asked.
    pub fn label_pull(
        &self,
        repository: &Repository,
        pull: &Pull,
        labels: &[String],
    ) -> Answer<Vec<Label>> {
        let attempt = format!("labeling the pull request {} of {repository}", pull.number);
        let route = format!("/repos/{repository}/issues/{}/labels", pull.number);
        self.runtime
            .block_on(
                self.octocrab
                    .post(route, Some(&json!({ "labels": labels }))),
            )
            .map_err(|e| GitHubError::from_octocrab(&attempt, e))
    }

    /// Replaces a pull request's title and text.
    ///
    /// # Errors
    /// If GitHub refuses it, or cannot be asked.
    pub fn rewrite_pull(
        &self,
        repository: &Repository,
        pull: &Pull,
        title: &str,
        body: &str,
    ) -> Answer<Pull> {
        let attempt = format!("changing the pull request {} of {repository}", pull.number);
        let route = format!("/repos/{repository}/pulls/{}", pull.number);
        let change = json!({ "title": title, "body": body });
        self.runtime
            .block_on(self.octocrab.patch(route, Some(&change)))
            .map_err(|e| GitHubError::from_octocrab(&attempt, e))
    }
}
