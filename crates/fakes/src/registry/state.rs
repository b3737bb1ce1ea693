//! Everything that requests share: store, accounts, limits, faults, clock, log.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use camino::Utf8Path;
use jiff::{SignedDuration, Timestamp};
use semver::Version;
use serde_json::Value;

use super::account::{Account, Accounts, Scope, forbidden};
use super::categories::CATEGORIES;
use super::clock::Clock;
use super::fault::{Faults, RegistryFault};
use super::limits::{Buckets, LimitedAction, RateLimits};
use super::manifest::Manifest;
use super::owners::{self, Added, Directory, Rights, Team};
use super::refusal::Refusal;
use super::rules;
use super::server::Request;
use super::store::{Store, canonical, checksum};
use super::trusted::{Leases, TrustedPublisher};
use super::upstream::Upstream;
use super::{DeletedCrate, RegistryOptions};

/// The state of a fake registry.
#[derive(Debug)]
pub(crate) struct RegistryState {
    pub(crate) address: SocketAddr,
    pub(crate) upstream: Option<Upstream>,
    accounts: Accounts,
    teams: Vec<Team>,
    /// Who owns what nobody else was named for.
    owner: String,
    limits: Option<RateLimits>,
    trusted: Option<TrustedPublisher>,
    trusted_only: Vec<String>,
    deleted: Vec<DeletedCrate>,
    index_lag: Duration,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    faults: Faults,
    requests: Vec<Request>,
    uploads: Vec<Value>,
    /// When versions appear in the index, by time since the clock started.
    visible_at: HashMap<(String, String), Duration>,
    clock: Clock,
    buckets: Buckets,
    leases: Leases,
    /// Login names, by the canonical name of the crate.
    owners: HashMap<String, Vec<String>>,
    /// Login names of those who have not accepted yet, in the same way.
    invited: HashMap<String, Vec<String>>,
    /// When versions were published, by the canonical name of the crate.
    published: HashMap<String, Vec<Timestamp>>,
    /// When index files changed last, by the canonical name of the crate.
    changed: HashMap<String, Timestamp>,
}

/// Who uploads, by the token that came along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Uploader {
    /// Somebody with an account.
    Account {
        /// The login name.
        login: String,
        /// Whether it may publish as far as its address goes.
        has_verified_email: bool,
    },
    /// A trusted workflow: new versions of the crates that name it, and nothing else.
    Workflow,
}

impl RegistryState {
    pub(crate) fn new(
        directory: &Utf8Path,
        address: SocketAddr,
        options: RegistryOptions,
    ) -> anyhow::Result<RegistryState> {
        let mut faults = Faults::default();
        faults.add(options.faults);
        let mut accounts = vec![Account::new(&options.owner, &options.token)];
        accounts.extend(options.accounts);
        let owners = options.owners.into_iter();
        Ok(RegistryState {
            address,
            upstream: options.pass_through.as_deref().map(Upstream::new),
            accounts: Accounts(accounts),
            teams: options.teams,
            owner: options.owner,
            limits: options.limits,
            trusted: options.trusted,
            trusted_only: options.trusted_only,
            deleted: options.deleted,
            index_lag: options.index_lag,
            inner: Mutex::new(Inner {
                store: Store::open(directory)?,
                faults,
                requests: Vec::new(),
                uploads: Vec::new(),
                visible_at: HashMap::new(),
                clock: Clock::starting_at(options.start),
                buckets: Buckets::default(),
                leases: Leases::default(),
                owners: owners
                    .map(|(name, logins)| (canonical(&name), logins))
                    .collect(),
                invited: HashMap::new(),
                published: HashMap::new(),
                changed: HashMap::new(),
            }),
        })
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.inner().requests.clone()
    }

    pub(crate) fn log(&self, request: Request) {
        self.inner().requests.push(request);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.inner().clock.advance(by);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner().clock.now()
    }

    pub(crate) fn uploads(&self) -> Vec<Value> {
        self.inner().uploads.clone()
    }

    pub(crate) fn log_upload(&self, metadata: Value) {
        self.inner().uploads.push(metadata);
    }

    /// Refuses a name whose crate was deleted a short while ago.
    pub(crate) fn check_deleted(&self, name: &str) -> Result<(), Refusal> {
        let now = self.now();
        let deleted = self.deleted.iter().find(|deleted| {
            canonical(&deleted.name) == canonical(name) && now < deleted.available_at
        });
        match deleted {
            None => Ok(()),
            Some(deleted) => Err(Refusal::bad_request(format!(
                "A crate with the name `{}` was recently deleted. Reuse of this name will be \
                 available after {}.",
                deleted.name,
                deleted.available_at.strftime("%FT%TZ"),
            ))),
        }
    }

    /// Returns who uploads a version of a crate that exists or not, if the token is for that.
    pub(crate) fn uploader(
        &self,
        headers: &HeaderMap,
        name: &str,
        exists: bool,
    ) -> Result<Uploader, Refusal> {
        let scope = match exists {
            true => Scope::PublishUpdate,
            false => Scope::PublishNew,
        };
        let account = self.accounts.check(headers, scope, name, self.now())?;
        if exists && self.is_trusted_only(name) {
            return Err(forbidden(
                "New versions of this crate can only be published using Trusted Publishing (see \
                 https://crates.io/docs/trusted-publishing).",
            ));
        }
        Ok(Uploader::Account {
            login: account.login.clone(),
            has_verified_email: account.has_verified_email,
        })
    }

    /// Returns the login of whoever yanks, if the token is for that.
    pub(crate) fn yanker(&self, headers: &HeaderMap, name: &str) -> Result<String, Refusal> {
        let account = self
            .accounts
            .check(headers, Scope::Yank, name, self.now())?;
        Ok(account.login.clone())
    }

    pub(crate) fn is_trusted_only(&self, name: &str) -> bool {
        let mut all = self.trusted_only.iter();
        all.any(|one| canonical(one) == canonical(name))
    }

    /// Charges an account's bucket.
    pub(crate) fn charge(&self, login: &str, action: LimitedAction) -> Result<(), Refusal> {
        let mut inner = self.inner();
        let now = inner.clock.now();
        inner.buckets.take(self.limits.as_ref(), login, action, now)
    }

    /// Returns the login names of those who own a crate.
    pub(crate) fn owners(&self, name: &str) -> Vec<String> {
        let inner = self.inner();
        let known = inner.owners.get(&canonical(name)).cloned();
        known.unwrap_or_else(|| vec![self.owner.clone()])
    }

    /// Returns what somebody may do with a crate.
    pub(crate) fn rights(&self, login: &str, name: &str) -> Rights {
        owners::rights(login, &self.owners(name), &self.teams)
    }

    /// Returns the login of whoever changes owners, if the token is for that.
    pub(crate) fn owner_changer(&self, headers: &HeaderMap, name: &str) -> Result<String, Refusal> {
        let now = self.now();
        let account = self
            .accounts
            .check(headers, Scope::ChangeOwners, name, now)?;
        Ok(account.login.clone())
    }

    /// Adds owners, all or none, and returns what is said of them.
    pub(crate) fn add_owners(
        &self,
        asking: &str,
        name: &str,
        wanted: &[String],
    ) -> Result<String, Refusal> {
        let owners = self.owners(name);
        let directory = Directory {
            accounts: &self.accounts.0,
            teams: &self.teams,
            asking,
        };
        directory.check(&owners)?;
        let mut inner = self.inner();
        let mut invited = inner
            .invited
            .get(&canonical(name))
            .cloned()
            .unwrap_or_default();
        let mut teams = owners.clone();
        let mut messages = Vec::new();
        for login in wanted {
            let added = directory.add(login, &owners, &invited)?;
            messages.push(added.message(name));
            match added {
                Added::Invited(login) => invited.push(login),
                Added::Team(login) => teams.push(login),
                Added::InvitedBefore(_) => {}
            }
        }
        inner.invited.insert(canonical(name), invited);
        inner.owners.insert(canonical(name), teams);
        Ok(messages.join(","))
    }

    pub(crate) fn invited(&self, name: &str) -> Vec<String> {
        let inner = self.inner();
        inner
            .invited
            .get(&canonical(name))
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn accept_invitation(&self, name: &str, login: &str) {
        let mut owners = self.owners(name);
        let mut inner = self.inner();
        let invited = inner.invited.entry(canonical(name)).or_default();
        if let Some(at) = invited.iter().position(|one| one == login) {
            owners.push(invited.remove(at));
            inner.owners.insert(canonical(name), owners);
        }
    }

    /// Gives a token for a workflow's identity.
    pub(crate) fn exchange(&self, identity: &str) -> Result<String, Refusal> {
        let Some(trusted) = &self.trusted else {
            return Err(Refusal::not_found("this registry trusts no workflow"));
        };
        let mut inner = self.inner();
        let now = inner.clock.elapsed();
        let audience = self.address.to_string();
        inner.leases.exchange(trusted, &audience, identity, now)
    }

    /// Checks that a workflow's token is good for a crate.
    pub(crate) fn check_lease(&self, token: &str, name: &str) -> Result<(), Refusal> {
        let inner = self.inner();
        inner.leases.check(token, name, inner.clock.elapsed())
    }

    pub(crate) fn revoke(&self, token: &str) {
        self.inner().leases.revoke(token);
    }

    pub(crate) fn trusted_tokens(&self) -> (u64, usize) {
        self.inner().leases.count()
    }

    pub(crate) fn add_faults(&self, faults: impl IntoIterator<Item = RegistryFault>) {
        self.inner().faults.add(faults);
    }

    pub(crate) fn next_upload_fault(&self) -> Option<RegistryFault> {
        self.inner().faults.next_for_upload()
    }

    pub(crate) fn next_index_fault(&self) -> Option<RegistryFault> {
        self.inner().faults.next_for_index()
    }

    /// Returns what the index shows of a package now.
    pub(crate) fn visible_lines(&self, name: &str) -> anyhow::Result<Vec<Value>> {
        let state = self.inner();
        let now = state.clock.elapsed();
        let Some(published) = state.store.published_name(name) else {
            return Ok(Vec::new());
        };
        // Another spelling is another file, apart from case.
        if !published.eq_ignore_ascii_case(name) {
            return Ok(Vec::new());
        }
        let name = published;
        let mut lines = state.store.lines(name)?;
        lines.retain(|line| {
            let version = line["vers"].as_str().unwrap_or_default();
            let key = (name.to_owned(), version.to_owned());
            state.visible_at.get(&key).is_none_or(|at| *at <= now)
        });
        Ok(lines)
    }

    /// Returns when a package's index file changed last, as far as that happened here.
    pub(crate) fn changed(&self, name: &str) -> Timestamp {
        let inner = self.inner();
        let last = inner.changed.get(&canonical(name)).copied();
        last.unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Returns what is known of a version, whether or not the index shows it yet.
    pub(crate) fn line(&self, name: &str, version: &Version) -> anyhow::Result<Option<Value>> {
        let state = self.inner();
        let Some(name) = state.store.published_name(name) else {
            return Ok(None);
        };
        let mut lines = state.store.lines(name)?.into_iter();
        let version = version.to_string();
        Ok(lines.find(|line| line["vers"] == version.as_str()))
    }

    /// Returns the archive of a version that was uploaded here.
    pub(crate) fn package(&self, name: &str, version: &Version) -> anyhow::Result<Option<Vec<u8>>> {
        self.inner().store.package(name, version)
    }

    /// Returns the name of the package if it is known here, after asking upstream for it. What
    /// upstream knows of it is taken in, so that old and new versions stand in
    /// one index file.
    pub(crate) async fn published_name(&self, name: &str) -> anyhow::Result<Option<String>> {
        let known = || self.inner().store.published_name(name).map(str::to_owned);
        if let Some(known) = known() {
            return Ok(Some(known));
        }
        let Some(upstream) = &self.upstream else {
            return Ok(None);
        };
        let lines = upstream.lines(name).await?;
        let Some(published) = lines.first().and_then(|line| line["name"].as_str()) else {
            return Ok(None);
        };
        let mut state = self.inner();
        if state.store.published_name(name).is_none() {
            state.store.seed(published, &lines)?;
        }
        Ok(state.store.published_name(name).map(str::to_owned))
    }

    /// Publishes a version that has passed all rules but those about what is known already.
    /// The order is that of the transaction in crates.io src/controllers/krate/publish.rs,
    /// 2026-08-21: what fails in it leaves nothing behind.
    pub(crate) fn publish(
        &self,
        uploader: &Uploader,
        name: &str,
        version: &Version,
        manifest: &Manifest,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        if rules::reserved().any(|reserved| canonical(reserved) == canonical(name)) {
            return Err(Refusal::bad_request(
                "cannot upload a crate with a reserved name",
            ));
        }
        let mut state = self.inner();
        let published = state.store.published_name(name).map(str::to_owned);
        let now = state.clock.now();
        if let (Some(published), Uploader::Account { login, .. }) = (&published, uploader) {
            let owners = state.owners.get(&canonical(published));
            let own = [self.owner.clone()];
            let owners = owners.map_or(&own[..], Vec::as_slice);
            if owners::rights(login, owners, &self.teams) == Rights::None {
                return Err(forbidden(
                    "this crate exists but you don't seem to be an owner. If you believe this \
                     is a mistake, perhaps you need to accept an invitation to be an owner \
                     before publishing.",
                ));
            }
        }
        if let Some(published) = &published
            && published != name
        {
            return Err(Refusal::bad_request(format!(
                "crate was previously named `{published}`"
            )));
        }
        let day = SignedDuration::from_hours(24);
        let today = state.published.get(&canonical(name)).map_or(0, |all| {
            let recent = |at: &&Timestamp| now.duration_since(**at) < day;
            all.iter().filter(recent).count()
        });
        let daily = self.limits.and_then(|limits| limits.versions_per_day);
        if daily.is_some_and(|daily| today >= daily) {
            return Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "You have published too many versions of this crate in the last 24 hours",
            ));
        }
        let taken = |line: &Value| {
            let known = line["vers"].as_str().and_then(|v| Version::parse(v).ok());
            known.is_some_and(|known| known.cmp_precedence(version).is_eq())
        };
        if state.store.lines(name)?.iter().any(taken) {
            let mut number = version.clone();
            number.build = semver::BuildMetadata::EMPTY;
            return Err(Refusal::bad_request(format!(
                "crate version `{number}` is already uploaded"
            )));
        }
        for dependency in &manifest.dependencies {
            let known = state.store.published_name(&dependency.name);
            // Upstream has more than is known here; another spelling is known to be wrong.
            let passes = match known {
                Some(known) => known == dependency.name,
                None => self.upstream.is_some(),
            };
            if !passes {
                return Err(Refusal::bad_request(format!(
                    "no known crate named `{}`",
                    dependency.name
                )));
            }
        }
        let unknown: Vec<&str> = manifest
            .categories
            .iter()
            .map(String::as_str)
            .filter(|category| !CATEGORIES.contains(category))
            .collect();
        if !unknown.is_empty() {
            return Err(Refusal::bad_request(format!(
                "The following category slugs are not currently supported on crates.io: {}\n\n\
                 See https://crates.io/category_slugs for a list of supported slugs.",
                unknown.join(", ")
            )));
        }
        let text = version.to_string();
        let line = manifest.index_line(name, &text, &checksum(bytes));
        let visible = state.clock.elapsed() + self.index_lag;
        state.visible_at.insert((name.to_owned(), text), visible);
        state.store.publish(name, version, bytes, line)?;
        if let (None, Uploader::Account { login, .. }) = (&published, uploader) {
            let owners = state.owners.entry(canonical(name));
            owners.or_insert_with(|| vec![login.clone()]);
        }
        state.changed.insert(canonical(name), now);
        state
            .published
            .entry(canonical(name))
            .or_default()
            .push(now);
        Ok(())
    }

    /// Finds a version for somebody who wants to change it; before anybody is asked who that
    /// is (crates.io src/controllers/version/yank.rs, 2026-08-21).
    pub(crate) fn find_version(&self, name: &str, version: &Version) -> Result<(), Refusal> {
        let published = self.inner().store.published_name(name).map(str::to_owned);
        let Some(published) = published else {
            return Err(Refusal::not_found(format!("crate `{name}` does not exist")));
        };
        match self.line(&published, version)? {
            Some(_) => Ok(()),
            None => Err(Refusal::not_found(format!(
                "crate `{name}` does not have a version `{version}`"
            ))),
        }
    }

    /// Sets whether a version is yanked.
    pub(crate) fn set_yanked(
        &self,
        name: &str,
        version: &Version,
        yanked: bool,
    ) -> Result<(), Refusal> {
        let mut state = self.inner();
        if let Some(published) = state.store.published_name(name).map(str::to_owned) {
            state.store.set_yanked(&published, version, yanked)?;
            let now = state.clock.now();
            state.changed.insert(canonical(name), now);
        }
        Ok(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is whole before it is visible, so a panic of another
        // request leaves nothing half-done here.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
