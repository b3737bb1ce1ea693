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
