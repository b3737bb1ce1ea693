//! A fake for crates.io on this machine: sparse index, uploads, downloads,
//! yanks and owners, with the real one's rules and its moods.
//!
//! It exists so that a release can be rehearsed and tested with real cargo and
//! the real client, and without publishing anything. What it takes it keeps in a
//! directory (`index/`, `crates/`) for others to look at, and finds again when it
//! is started anew; by then, all of it is visible. It binds to the loopback
//! address only.
//!
//! It refuses what crates.io refuses, in the same order and in the same words, before it has
//! read what it does not need; `tests/registry/answers.rs` holds it to 119 requests that the
//! real server answered. It refuses every request that it does not understand. What it
//! leaves out: removing owners, invitations that end, limits that crates.io has raised for one crate, search,
//! and the web pages.

mod account;
mod categories;
mod clock;
mod fault;
mod limits;
mod manifest;
mod metadata;
mod owners;
mod package;
mod refusal;
mod routes;
mod rules;
mod server;
mod state;
mod store;
mod trusted;
mod upstream;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

pub use account::{Account, AccountLock, ApiToken, Scope};
pub use fault::{RegistryFault, RetryAfter};
pub use limits::{RateLimit, RateLimits};
pub use owners::Team;
pub use server::Request;
pub use trusted::{TrustConfig, TrustedCrates, TrustedPublisher};

use state::RegistryState;

/// How the fake behaves.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// A token that may do everything.
    pub token: String,
    /// Login name of the token's user, who owns every package that nobody else was named for
    /// or has created.
    pub owner: String,
    /// Other accounts.
    pub accounts: Vec<Account>,
    /// Teams on GitHub.
    pub teams: Vec<Team>,
    /// Owners of packages that are there already, by name.
    pub owners: Vec<(String, Vec<String>)>,
    /// How much an account may do. None for rehearsals, which may publish more crates at once
    /// than crates.io takes new ones; [`RateLimits::crates_io`] for the real ones.
    pub limits: Option<RateLimits>,
    /// Packages that take new versions from trusted workflows alone.
    pub trusted_only: Vec<String>,
    /// Packages that were deleted.
    pub deleted: Vec<DeletedCrate>,
    /// What the registry's clock shows at the start; the machine's time if it is none.
    pub start: Option<Timestamp>,
    /// The port on 127.0.0.1; 0 for any that is free. Cargo keeps what it
    /// downloads by the address of the index, and builds anew what lies at
    /// another path: where third-party packages come through here, the same
    /// port as last time spares fetching and building them again.
    pub port: u16,
    /// How long after its upload a version appears in the index.
    pub index_lag: Duration,
    /// Base of a real sparse index (`https://index.crates.io/`) for packages
    /// that were not uploaded here: its index files and downloads are
    /// redirected to, and a package's own published versions are taken in from
    /// it when a new one is uploaded.
    pub pass_through: Option<String>,
    /// Whose workflows may publish without a token of a person.
    pub trusted: Option<TrustedPublisher>,
    /// What goes wrong, in this order.
    pub faults: Vec<RegistryFault>,
}

impl RegistryOptions {
    /// Makes a registry that works, at once, on its own.
    pub fn new(token: impl Into<String>) -> RegistryOptions {
        RegistryOptions {
            token: token.into(),
            owner: "rehearsal".to_owned(),
            accounts: Vec::new(),
            teams: Vec::new(),
            owners: Vec::new(),
            limits: None,
            trusted_only: Vec::new(),
            deleted: Vec::new(),
            start: None,
            port: 0,
            index_lag: Duration::ZERO,
            pass_through: None,
            trusted: None,
            faults: Vec::new(),
        }
    }
}

/// A package that was deleted, and whose name is kept for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedCrate {
    /// The name.
    pub name: String,
    /// When somebody may have it again.
    pub available_at: Timestamp,
}

/// A running fake; it stops when this is dropped.
#[derive(Debug)]
pub struct FakeRegistry {
    state: Arc<RegistryState>,
    address: SocketAddr,
    directory: Utf8PathBuf,
    server: tokio::task::JoinHandle<()>,
}

impl FakeRegistry {
    /// Starts the fake on a runtime; it keeps what it takes in `directory`,
    /// which is made if it is missing.
    ///
    /// # Errors
    ///
    /// If the directory cannot be used or the port is taken.
    pub fn start(
        handle: &tokio::runtime::Handle,
        directory: &Utf8Path,
        options: RegistryOptions,
    ) -> anyhow::Result<FakeRegistry> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listener = TcpListener::bind(wanted)
            .with_context(|| format!("cannot listen on {wanted} for the fake registry"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let state = Arc::new(RegistryState::new(directory, address, options)?);
        let guard = handle.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        drop(guard);
        let server = handle.spawn(server::serve(listener, Arc::clone(&state)));
        Ok(FakeRegistry {
            state,
            address,
            directory: directory.to_owned(),
            server,
        })
    }

    /// Returns the index as cargo wants it: `sparse+http://127.0.0.1:PORT/index/`.
    pub fn index(&self) -> String {
        format!("sparse+http://{}/index/", self.address)
    }

    /// Returns where it tells the state of documentation, as docs.rs does.
    pub fn docs(&self) -> String {
        format!("http://{}/docs", self.address)
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the directory with `index/`, laid out as the index is served, and
    /// `crates/NAME/NAME-VERSION.crate`.
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Returns every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests()
    }

    /// Returns the metadata of every upload that was published, as it was sent.
    pub fn uploads(&self) -> Vec<serde_json::Value> {
        self.state.uploads()
    }

    /// Lets time pass on the registry's clock, without waiting.
    pub fn advance(&self, by: Duration) {
        self.state.advance(by);
    }

    /// Returns who was invited to own a package and has not accepted.
    pub fn invited(&self, name: &str) -> Vec<String> {
        self.state.invited(name)
    }

    /// Accepts an invitation, as somebody does on the web page.
    pub fn accept_invitation(&self, name: &str, login: &str) {
        self.state.accept_invitation(name, login);
    }

    /// Returns how many tokens were given out for identities, and how many of them were
    /// not given back.
    pub fn trusted_tokens(&self) -> (u64, usize) {
        self.state.trusted_tokens()
    }

    /// Adds faults behind those that have not happened yet.
    pub fn add_faults(&self, faults: impl IntoIterator<Item = RegistryFault>) {
        self.state.add_faults(faults);
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.server.abort();
    }
}
