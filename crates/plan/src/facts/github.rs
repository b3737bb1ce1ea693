//! Facts of GitHub.

use stagegate_github::{Pull, Release, Repository, RepositoryFacts, Server};

/// GitHub.
#[derive(Clone, Debug)]
pub struct GitHubFacts {
    /// The server.
    pub server: Server,
    /// The repository.
    pub repository: Repository,
    /// What it says of it.
    pub facts: RepositoryFacts,
    /// The release that it calls the latest.
    pub latest: Option<Release>,
    /// The release of the version in question, drafts included.
    pub existing: Option<Release>,
    /// The newest releases, drafts included, where a new one is to be made.
    pub releases: Vec<Release>,
    /// The open release pull requests, where a new one is to be made.
    pub pulls: Vec<Pull>,
}
