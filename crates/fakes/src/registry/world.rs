//! Everything that requests share: store, faults, clock, log.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use semver::Version;
use serde_json::Value;

use super::RegistryOptions;
use super::fault::{Faults, RegistryFault};
use super::metadata::NewUpload;
use super::refusal::Refusal;
use super::server::Request;
use super::store::{Store, checksum};
use super::trusted::{Leases, TrustedPublisher};
use super::upstream::Upstream;

/// The state of a fake registry.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    pub(crate) owner: String,
    pub(crate) upstream: Option<Upstream>,
    trusted: Option<TrustedPublisher>,
    index_lag: Duration,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    store: Store,
    faults: Faults,
    requests: Vec<Request>,
    /// When versions appear in the index, on this registry's clock.
    visible_at: HashMap<(String, String), Duration>,
    skipped: Duration,
    leases: Leases,
}

/// Who is asking, by the token that came along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authority {
    /// The user, who may do everything.
    Owner,
    /// A trusted workflow: new versions of what is known, and nothing else.
    Workflow,
}

impl World {
    pub(crate) fn new(
        directory: &Utf8Path,
        address: SocketAddr,
        options: RegistryOptions,
    ) -> anyhow::Result<World> {
        let mut faults = Faults::default();
        faults.add(options.faults);
        Ok(World {
            address,
            token: options.token,
            owner: options.owner,
            upstream: options.pass_through.as_deref().map(Upstream::new),
            trusted: options.trusted,
            index_lag: options.index_lag,
            started: Instant::now(),
            state: Mutex::new(State {
                store: Store::open(directory)?,
                faults,
                requests: Vec::new(),
                visible_at: HashMap::new(),
                skipped: Duration::ZERO,
                leases: Leases::default(),
            }),
        })
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    pub(crate) fn log(&self, request: Request) {
        self.state().requests.push(request);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.state().skipped += by;
    }

    /// Whose token this is.
    pub(crate) fn authority(&self, token: &str) -> Option<Authority> {
        if token == self.token {
            return Some(Authority::Owner);
        }
        let state = self.state();
        let now = self.started.elapsed() + state.skipped;
        let good = state.leases.is_good(token, now);
        good.then_some(Authority::Workflow)
    }

    /// A token for a workflow's identity.
    pub(crate) fn exchange(&self, identity: &str) -> Result<String, Refusal> {
        let Some(trusted) = &self.trusted else {
            return Err(Refusal::not_found("this registry trusts no workflow"));
        };
        let mut state = self.state();
        let now = self.started.elapsed() + state.skipped;
        let audience = self.address.to_string();
        state.leases.exchange(trusted, &audience, identity, now)
    }

    pub(crate) fn revoke(&self, token: &str) -> Result<(), Refusal> {
        self.state().leases.revoke(token)
    }

    pub(crate) fn trusted_tokens(&self) -> (u64, usize) {
        self.state().leases.count()
    }

    pub(crate) fn add_faults(&self, faults: impl IntoIterator<Item = RegistryFault>) {
        self.state().faults.add(faults);
    }

    pub(crate) fn next_upload_fault(&self) -> Option<RegistryFault> {
        self.state().faults.next_for_upload()
    }

    pub(crate) fn next_index_fault(&self) -> Option<RegistryFault> {
        self.state().faults.next_for_index()
    }

    /// What the index shows of a package now.
    pub(crate) fn visible_lines(&self, name: &str) -> anyhow::Result<Vec<Value>> {
        let state = self.state();
        let now = self.started.elapsed() + state.skipped;
        let Some(name) = state.store.published_name(name) else {
            return Ok(Vec::new());
        };
        let mut lines = state.store.lines(name)?;
        lines.retain(|line| {
            let version = line["vers"].as_str().unwrap_or_default();
            let key = (name.to_owned(), version.to_owned());
            state.visible_at.get(&key).is_none_or(|at| *at <= now)
        });
        Ok(lines)
    }

    /// What is known of a version, whether or not the index shows it yet.
    pub(crate) fn line(&self, name: &str, version: &Version) -> anyhow::Result<Option<Value>> {
        let state = self.state();
        let Some(name) = state.store.published_name(name) else {
            return Ok(None);
        };
        let mut lines = state.store.lines(name)?.into_iter();
        let version = version.to_string();
        Ok(lines.find(|line| line["vers"] == version.as_str()))
    }

    /// The archive of a version that was uploaded here.
    pub(crate) fn package(&self, name: &str, version: &Version) -> anyhow::Result<Option<Vec<u8>>> {
        self.state().store.package(name, version)
    }

    /// Whether the package is known here, after asking upstream for it. What
    /// upstream knows of it is taken in, so that old and new versions stand in
    /// one index file.
    pub(crate) async fn knows(&self, name: &str) -> anyhow::Result<bool> {
        let is_known = || self.state().store.published_name(name).is_some();
        if is_known() {
            return Ok(true);
        }
        let Some(upstream) = &self.upstream else {
            return Ok(false);
        };
        let lines = upstream.lines(name).await?;
        let Some(published) = lines.first().and_then(|line| line["name"].as_str()) else {
            return Ok(false);
        };
        let mut state = self.state();
        if state.store.published_name(name).is_none() {
            state.store.seed(published, &lines)?;
        }
        Ok(true)
    }

    /// Publishes a version that has passed all rules but those about what is
    /// published already.
    pub(crate) fn publish(&self, upload: &NewUpload) -> Result<(), Refusal> {
        let name = &upload.metadata.name;
        let mut state = self.state();
        for dependency in &upload.metadata.deps {
            let is_known = state.store.published_name(&dependency.name).is_some();
            if !is_known && self.upstream.is_none() {
                return Err(Refusal::bad_request(format!(
                    "no known crate named `{}`",
                    dependency.name
                )));
            }
        }
        if let Some(published) = state.store.published_name(name)
            && published != name
        {
            return Err(Refusal::bad_request(format!(
                "crate was previously named `{published}`"
            )));
        }
        let taken = |line: &Value| {
            let version = line["vers"].as_str().and_then(|v| Version::parse(v).ok());
            version.is_some_and(|v| v.cmp_precedence(&upload.version).is_eq())
        };
        if state.store.lines(name)?.iter().any(taken) {
            return Err(Refusal::bad_request(format!(
                "crate version `{}` is already uploaded",
                upload.version
            )));
        }
        let line = upload.index_line(&checksum(&upload.bytes));
        let now = self.started.elapsed() + state.skipped;
        let key = (name.clone(), upload.metadata.vers.clone());
        state.visible_at.insert(key, now + self.index_lag);
        state
            .store
            .publish(name, &upload.version, &upload.bytes, line)?;
        Ok(())
    }

    /// Sets whether a version is yanked.
    pub(crate) fn set_yanked(
        &self,
        name: &str,
        version: &Version,
        yanked: bool,
    ) -> Result<(), Refusal> {
        let mut state = self.state();
        let published = state.store.published_name(name).map(str::to_owned);
        let Some(published) = published else {
            return Err(Refusal::not_found(format!("crate `{name}` does not exist")));
        };
        if state.store.set_yanked(&published, version, yanked)? {
            return Ok(());
        }
        Err(Refusal::not_found(format!(
            "crate `{name}` does not have a version `{version}`"
        )))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole before it is visible, so a panic of another
        // request leaves nothing half-done here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
