//! A fake for crates.io on this machine: sparse index, uploads, downloads,
//! yanks and owners, with the real one's rules and its moods.
//!
//! It exists so that a release can be rehearsed and tested with real cargo and
//! the real client, and without publishing anything. What it takes it keeps in a
//! directory (`index/`, `crates/`) for others to look at, and finds again when it
//! is started anew; by then, all of it is visible. It binds to the loopback
//! address only.
//!
//! It refuses what crates.io refuses, in the same words where they are known,
//! and every request that it does not understand. What it leaves out: teams and
//! invitations (whoever has the token owns everything), whether a category
//! exists, whether a licence expression is valid, search, and the web pages.

mod categories;
mod fault;
mod metadata;
mod package;
mod refusal;
mod routes;
mod rules;
mod server;
mod store;
mod trusted;
mod upstream;
mod world;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

pub use fault::{RegistryFault, RetryAfter};
pub use server::Request;
pub use trusted::TrustedPublisher;

use world::World;

/// How the fake behaves.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// The one token that may upload, yank and list owners.
    pub token: String,
    /// Login name of the token's user, who owns every package.
    pub owner: String,
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
    /// A registry that works, at once, on its own.
    pub fn new(token: impl Into<String>) -> RegistryOptions {
        RegistryOptions {
            token: token.into(),
            owner: "rehearsal".to_owned(),
            port: 0,
            index_lag: Duration::ZERO,
            pass_through: None,
            trusted: None,
            faults: Vec::new(),
        }
    }
}

/// A running fake; it stops when this is dropped.
#[derive(Debug)]
pub struct FakeRegistry {
    world: Arc<World>,
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
        let world = Arc::new(World::new(directory, address, options)?);
        let guard = handle.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        drop(guard);
        let server = handle.spawn(server::serve(listener, Arc::clone(&world)));
        Ok(FakeRegistry {
            world,
            address,
            directory: directory.to_owned(),
            server,
        })
    }

    /// The index as cargo wants it: `sparse+http://127.0.0.1:PORT/index/`.
    pub fn index(&self) -> String {
        format!("sparse+http://{}/index/", self.address)
    }

    /// Where it tells the state of documentation, as docs.rs does.
    pub fn docs(&self) -> String {
        format!("http://{}/docs", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory with `index/`, laid out as the index is served, and
    /// `crates/NAME/NAME-VERSION.crate`.
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.world.requests()
    }

    /// Lets time pass for the index lag, without waiting.
    pub fn advance(&self, by: Duration) {
        self.world.advance(by);
    }

    /// How many tokens were given out for identities, and how many of them were
    /// not given back.
    pub fn trusted_tokens(&self) -> (u64, usize) {
        self.world.trusted_tokens()
    }

    /// Adds faults behind those that have not happened yet.
    pub fn add_faults(&self, faults: impl IntoIterator<Item = RegistryFault>) {
        self.world.add_faults(faults);
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.server.abort();
    }
}
