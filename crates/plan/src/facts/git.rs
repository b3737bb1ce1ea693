//! Facts of the git checkout and its remote.

use std::collections::{BTreeMap, BTreeSet};

use stagegate_config::schema::Config;

use crate::facts::SurveyResult;
use crate::model::{Blocker, CommitIdentity};

/// The git checkout.
#[derive(Clone, Debug, PartialEq)]
pub struct GitFacts {
    /// The branch; `None` when no branch is checked out.
    pub branch: Option<String>,
    /// The commit.
    pub head: String,
    /// Only a part of the history is here.
    pub shallow: bool,
    /// Whether git can sign as its settings ask it to; `None` where nothing is signed, or
    /// nobody wants to know.
    pub signing: Option<SurveyResult<String>>,
    /// Paths that differ from it.
    pub dirty: Vec<String>,
    /// Who commits.
    pub identity: Option<CommitIdentity>,
    /// Commits are to be signed.
    pub sign_commits: bool,
    /// Tags are to be signed.
    pub sign_tags: bool,
    /// Tags here, and the commits they mean.
    pub tags: BTreeMap<String, String>,
    /// Branches here.
    pub branches: Vec<String>,
    /// The first lines of the last commits, newest first; merges are left out.
    pub subjects: Vec<String>,
    /// Those of them whose commits are signed off.
    pub signed_off: BTreeSet<String>,
    /// The remote.
    pub remote: SurveyResult<RemoteFacts>,
}

impl GitFacts {
    /// Returns the commit of a released version's tag.
    ///
    /// # Errors
    /// The tag is not in this checkout.
    pub fn tagged(&self, tag: &str, config: &Config) -> SurveyResult<&String> {
        self.tags.get(tag).ok_or_else(|| {
            Blocker::new(
                format!("there is no tag {tag} in this checkout"),
                format!(
                    "fetch it (`git fetch {} tag {tag}`), or name a released version",
                    config.release.remote()
                ),
            )
        })
    }

    /// Returns every branch, here and at the remote.
    pub fn every_branch(&self) -> impl Iterator<Item = &String> + Clone {
        let there = self.remote.as_ref().ok().map(|remote| &remote.branches);
        self.branches.iter().chain(there.into_iter().flatten())
    }

    /// Returns the branch that a release goes on: a hotfix's own, or the configured one.
    pub fn release_branch<'a>(&'a self, config: &'a Config) -> &'a str {
        let current = self.branch.as_deref();
        let hotfix = current.filter(|branch| crate::model::is_hotfix_branch(branch));
        hotfix.unwrap_or_else(|| config.release.branch_of(current))
    }
}

/// The commit of a tag, where a plan is made with its files instead of the checked-out ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedCommit {
    /// The tag.
    pub tag: String,
    /// Its commit.
    pub commit: String,
    /// Whether what is checked out has it in its history.
    pub is_in_branch: bool,
}

/// The remote.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteFacts {
    /// Its address.
    pub url: String,
    /// Where its branch stands, relative to ours.
    pub divergence: BranchDivergence,
    /// Tags there, and the commits they mean.
    pub tags: BTreeMap<String, String>,
    /// Branches there.
    pub branches: Vec<String>,
    /// Branches of release pull requests there, and their commits.
    pub prepared: BTreeMap<String, String>,
}

/// How a remote's branch stands to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BranchDivergence {
    /// The same commit.
    Same,
    /// Ours has more.
    Ahead,
    /// The remote's has ours, and commits on top of it.
    OnTop,
    /// The remote's has commits that ours has not, and ours may have others.
    Behind,
    /// There is no such branch there yet.
    Absent,
}
