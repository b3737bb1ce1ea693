//! The fake GitHub: one repository's releases, assets and pull requests.
//!
//! It answers what the release stage asks, in the shapes of GitHub's own API,
//! and behaves as GitHub does where fakes usually do not: a draft is not
//! found by its tag, a taken asset name is 422 `already_exists`, publishing
//! creates a missing tag, assets carry digests, and an immutable release takes
//! no more assets. Every other address is 404, every missing or wrong token
//! 401: nothing is answered that was not asked for properly.

mod answer;
mod fault;
mod gatekeeper;
mod pulls;
mod repository;
mod routes;
mod store;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

pub use fault::GitHubFault;
pub use store::{StoredAsset, StoredPull, StoredRelease};

use fault::Faults;
use store::Store;

/// What kind of token it is, and so what GitHub says of its rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// A person's classic token: `permissions` are the person's.
    #[default]
    User,
    /// A person's who may only read.
    Reader,
    /// A workflow's own: `permissions` are all false, whatever the job may do. Seen by
    /// semantic-release (lib/verify.js, "GITHUB_TOKEN ... permissions" check) and release-it
    /// (lib/plugin/github/GitHub.js), which both skip the check for it. 1,000 requests an
    /// hour for each repository
    /// (<https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>).
    Workflow,
    /// The same on servers that leave `permissions` out.
    WorkflowWithoutPermissions,
}

impl TokenKind {
    /// Returns the requests that it has in an hour.
    fn hourly_limit(self) -> usize {
        match self {
            TokenKind::User | TokenKind::Reader => 5000,
            TokenKind::Workflow | TokenKind::WorkflowWithoutPermissions => 1000,
        }
    }
}

/// What the fake is to be like.
#[derive(Clone, Debug)]
pub struct GitHubOptions {
    /// `owner/name`
    pub repository: String,
    /// The token that may write.
    pub token: String,
    /// What kind of token that is.
    pub token_kind: TokenKind,
    /// Not everybody may see the repository.
    pub private: bool,
    /// It belongs to an organization, and not to a person.
    pub organization: bool,
    /// The bare repository behind it: its tags.
    pub git: Utf8PathBuf,
    /// Releases cannot change once they are public.
    pub immutable_releases: bool,
    /// What goes wrong.
    pub faults: Vec<GitHubFault>,
}

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitHubRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// What it said it sends; empty where it sends nothing.
    pub content_type: String,
    /// What it sent, where that is JSON.
    pub body: Option<serde_json::Value>,
    /// The answer's status.
    pub status: u16,
    /// The answer, where that is JSON.
    pub answer: Option<serde_json::Value>,
}

/// A running fake; ends when dropped.
pub struct FakeGitHub {
    address: String,
    state: Arc<State>,
    server: tokio::task::JoinHandle<()>,
}

struct State {
    address: String,
    options: GitHubOptions,
    store: Mutex<Store>,
    faults: Mutex<Faults>,
    requests: Mutex<Vec<GitHubRequest>>,
    /// Whether a workflow's own token may open pull requests: a setting of the repository, off
    /// until somebody allows it
    /// (<https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/enabling-features-for-your-repository/managing-github-actions-settings-for-a-repository>,
    /// "Preventing GitHub Actions from creating or approving pull requests").
    pulls_by_actions: AtomicBool,
}

impl State {
    /// Returns whether the token may open pull requests.
    fn may_open_pulls(&self) -> bool {
        let own = [TokenKind::Workflow, TokenKind::WorkflowWithoutPermissions];
        !own.contains(&self.options.token_kind) || self.pulls_by_actions.load(Ordering::SeqCst)
    }

    /// Returns whether assets carry the digest of their bytes.
    fn tells_digests(&self) -> bool {
        !self.options.faults.contains(&GitHubFault::NoDigests)
    }

    /// Returns the branch that the repository's HEAD names.
    fn default_branch(&self) -> String {
        let output = std::process::Command::new("git")
            .arg("--git-dir")
            .arg(&self.options.git)
            .args(["symbolic-ref", "--short", "HEAD"])
            .output();
        let found = output.ok().filter(|output| output.status.success());
        let text = found.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        text.map_or_else(|| "main".to_owned(), |text| text.trim().to_owned())
    }

    /// Returns the commit of a branch; empty where there is no such branch.
    fn commit_of(&self, branch: &str) -> String {
        let output = std::process::Command::new("git")
            .arg("--git-dir")
            .arg(&self.options.git)
            .args(["rev-parse", "--verify", "--quiet"])
            .arg(format!("refs/heads/{branch}"))
            .output();
        let found = output.ok().filter(|output| output.status.success());
        let text = found.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        text.unwrap_or_default().trim().to_owned()
    }
}

impl FakeGitHub {
    /// Starts it on a free loopback port; assets are kept under `directory`.
    pub fn start(
        handle: &tokio::runtime::Handle,
        directory: &Utf8Path,
        options: GitHubOptions,
    ) -> anyhow::Result<FakeGitHub> {
        std::fs::create_dir_all(directory).with_context(|| format!("creating {directory}"))?;
        let listener =
            std::net::TcpListener::bind(("127.0.0.1", 0)).context("binding a loopback port")?;
        listener.set_nonblocking(true)?;
        let address = format!("http://{}", listener.local_addr()?);
        let faults = Faults::new(&options.faults);
        let state = Arc::new(State {
            address: address.clone(),
            store: Mutex::new(Store::new(directory)),
            faults: Mutex::new(faults),
            requests: Mutex::new(Vec::new()),
            pulls_by_actions: AtomicBool::new(false),
            options,
        });
        let router = routes::router(Arc::clone(&state));
        let server = handle.spawn(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                return;
            };
            // Serving ends with the task; there is nobody to hear of an error.
            let _ = axum::serve(listener, router).await;
        });
        Ok(FakeGitHub {
            address,
            state,
            server,
        })
    }

    /// Returns the API's base address.
    pub fn api(&self) -> &str {
        &self.address
    }

    /// Returns the base address of uploads; octocrab sends its token to both.
    pub fn uploads(&self) -> &str {
        &self.address
    }

    /// Returns every release, drafts included.
    pub fn releases(&self) -> Vec<StoredRelease> {
        lock(&self.state.store).releases().to_vec()
    }

    /// Returns every pull request.
    pub fn pulls(&self) -> Vec<StoredPull> {
        lock(&self.state.store).pulls().to_vec()
    }

    /// Merges a pull request as a person does who chooses *Squash and merge*: its base gets one
    /// new commit with the files of its branch, called after the title and the number.
    /// Returns that commit.
    ///
    /// # Errors
    /// If there is no such open pull request, or its base has commits that its branch lacks:
    /// this merges nothing that could conflict.
    pub fn squash(&self, number: u64) -> anyhow::Result<String> {
        let mut store = lock(&self.state.store);
        let pull = store
            .change_pull(number)
            .filter(|pull| pull.state == "open")
            .with_context(|| format!("there is no open pull request {number}"))?;
        let git = |args: &[&str]| {
            let output = std::process::Command::new("git")
                .arg("--git-dir")
                .arg(&self.state.options.git)
                .args([
                    "-c",
                    "user.name=GitHub",
                    "-c",
                    "user.email=noreply@github.com",
                ])
                .args(args)
                .output()
                .context("starting git")?;
            anyhow::ensure!(output.status.success(), "git {args:?}: {output:?}");
            anyhow::Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let (head, base) = (
            format!("refs/heads/{}", pull.head),
            format!("refs/heads/{}", pull.base),
        );
        git(&["merge-base", "--is-ancestor", &base, &head])?;
        let title = format!("{} (#{number})", pull.title);
        let tree = format!("{head}^{{tree}}");
        let commit = git(&["commit-tree", &tree, "-p", &base, "-m", &title])?;
        git(&["update-ref", &base, &commit])?;
        pull.state = "closed".to_owned();
        pull.merged = Some(commit.clone());
        Ok(commit)
    }

    /// Returns an asset's bytes.
    pub fn asset_bytes(&self, asset: &StoredAsset) -> std::io::Result<Vec<u8>> {
        lock(&self.state.store).read(asset)
    }

    /// Allows workflows to open pull requests, as a person does in the repository's settings.
    pub fn allow_pulls_by_actions(&self) {
        self.state.pulls_by_actions.store(true, Ordering::SeqCst);
    }

    /// Returns what was asked, in order.
    pub fn requests(&self) -> Vec<GitHubRequest> {
        lock(&self.state.requests).clone()
    }
}

impl Drop for FakeGitHub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Locks the state; a panic in one request must not hide it from the others.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
