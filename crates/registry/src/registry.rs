//! A registry: its index and its downloads, read over HTTP.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use semver::Version;
use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::config::AutoHeaderValue;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;

use crate::api::{self, Failure};
use crate::config::Config;
use crate::early_response;
use crate::error::RegistryError;
use crate::index::{self, IndexVersion};
use crate::names::Names;
use crate::token::Token;

/// crates.io refuses requests without one.
const USER_AGENT: &str = concat!(
    "stagegate/",
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("CARGO_PKG_REPOSITORY"),
    ")"
);

/// Larger than any index file or package of crates.io, which takes 10 MiB.
const MAX_RESPONSE: u64 = 256 << 20;

/// A cargo registry. Clones share connections and what they have read.
#[derive(Clone)]
pub struct Registry {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    /// The index as it was given, `sparse+https://…/`.
    pub(crate) index: String,
    /// The same as an address, with a slash at the end.
    base: String,
    pub(crate) config: Config,
    /// For reads: follows redirects and keeps connections.
    reader: Agent,
    /// For the web API: a connection of its own for every request, so that an
    /// old one that the other side has closed never makes an outcome unclear.
    pub(crate) writer: Agent,
    /// The response for each index address, to ask whether it changed.
    seen: Mutex<HashMap<String, Seen>>,
}

#[derive(Clone)]
struct Seen {
    etag: String,
    versions: Vec<IndexVersion>,
}

/// What the web API tells of a crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrateInfo {
    /// The name as it was first published.
    pub name: String,
    /// Whether new versions come from trusted publishing alone; `None` where the registry
    /// does not say.
    pub trusted_publishing_only: Option<bool>,
}

/// What the index has under a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// Nothing, or not yet.
    No,
    /// These bytes.
    Same,
    /// Other bytes: another upload used the number up.
    Different {
        /// SHA-256 of those, in lower-case hex.
        checksum: String,
    },
}

/// How long to wait for a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the response begins, after a request is sent; the whole of a request
    /// may take twice as long.
    pub response: Duration,
}

impl Default for Timeouts {
    /// Allows 15 s to connect, 120 s for a response: crates.io works through a large
    /// upload in half a minute.
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(15),
            response: Duration::from_secs(120),
        }
    }
}

impl Registry {
    /// Opens the registry of a sparse index, `sparse+https://index.crates.io/`,
    /// and reads its `config.json`.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] if the index is none, or cannot be read.
    pub fn open(index: &str) -> Result<Registry, RegistryError> {
        Registry::open_with(index, Timeouts::default())
    }

    /// Opens a registry like [`Registry::open`], with other timeouts.
    ///
    /// # Errors
    ///
    /// As [`Registry::open`].
    pub fn open_with(index: &str, timeouts: Timeouts) -> Result<Registry, RegistryError> {
        let address = index
            .strip_prefix("sparse+")
            .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
            .ok_or_else(|| RegistryError::NotSparse {
                index: index.to_owned(),
            })?;
        let base = format!("{}/", address.trim_end_matches('/'));
        let reader = agent(&base, timeouts, true);
        let writer = agent(&base, timeouts, false);
        let url = format!("{base}config.json");
        let response = get(&reader, &url, &[])?;
        let config = Config::parse(&url, &response.expect_found()?)?;
        Ok(Registry {
            inner: Arc::new(Inner {
                index: index.to_owned(),
                base,
                config,
                reader,
                writer,
                seen: Mutex::default(),
            }),
        })
    }

    /// Returns the index as it was given to [`Registry::open`].
    pub fn index(&self) -> &str {
        &self.inner.index
    }

    /// Returns the versions of a package in the index, yanked ones too; none if there
    /// is no such package. The index is asked every time.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub fn versions(&self, name: &str) -> Result<Vec<IndexVersion>, RegistryError> {
        index::check_name(name)?;
        let url = format!("{}{}", self.inner.base, index::path(name));
        let seen = self.seen().get(&url).cloned();
        let mut headers = vec![("Cache-Control", "no-cache")];
        if let Some(seen) = &seen {
            headers.push(("If-None-Match", &seen.etag));
        }
        let response = get(&self.inner.reader, &url, &headers)?;
        match (response.status, seen.as_ref()) {
            (304, Some(seen)) => return Ok(seen.versions.clone()),
            // Gone, or withheld for legal reasons: cargo takes both for absent.
            (404 | 410 | 451, _) => {
                self.seen().remove(&url);
                return Ok(Vec::new());
            }
            _ => {}
        }
        let etag = response.etag.clone();
        let versions = index::parse(&url, &response.expect_found()?)?;
        if let Some(etag) = etag {
            let versions = versions.clone();
            self.seen().insert(url, Seen { etag, versions });
        }
        Ok(versions)
    }

    /// Downloads the `.crate` file of a version and compares it with the checksum
    /// in the index.
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoSuchVersion`], [`RegistryError::Checksum`], and
    /// whatever keeps the registry from being read.
    pub fn download(&self, name: &str, version: &Version) -> Result<Vec<u8>, RegistryError> {
        let entry = self
            .versions(name)?
            .into_iter()
            .find(|entry| entry.vers == *version)
            .ok_or_else(|| RegistryError::NoSuchVersion {
                name: name.to_owned(),
                version: version.clone(),
            })?;
        let config = &self.inner.config;
        let url = config.download(&entry.name, &version.to_string(), &entry.cksum);
        let bytes = get(&self.inner.reader, &url, &[])?.expect_found()?;
        let found = sha256_hex(&bytes);
        if found != entry.cksum {
            return Err(RegistryError::Checksum {
                name: entry.name,
                version: version.clone(),
                expected: entry.cksum,
                found,
            });
        }
        Ok(bytes)
    }

    /// Returns the login names of those who may publish a package. crates.io tells
    /// everybody; other registries want a token for it.
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoSuchPackage`], [`RegistryError::Unauthorized`],
    /// [`RegistryError::NoApi`], and whatever keeps the registry from responding.
    pub fn owners(&self, token: Option<&Token>, name: &str) -> Result<Vec<String>, RegistryError> {
        index::check_name(name)?;
        let Some(api) = &self.inner.config.api else {
            return Err(RegistryError::NoApi {
                index: self.inner.index.clone(),
            });
        };
        let url = format!("{api}/api/v1/crates/{name}/owners");
        let document =
            api::call(self, "GET", &url, token, &[]).map_err(|failure| match failure {
                Failure::Refused { status: 404, .. } => RegistryError::NoSuchPackage {
                    name: name.to_owned(),
                },
                other => other.into_read_error(&url),
            })?;
        let users = document.get("users").and_then(|users| users.as_array());
        let login = |user: &serde_json::Value| Some(user.get("login")?.as_str()?.to_owned());
        users
            .and_then(|users| users.iter().map(login).collect())
            .ok_or_else(|| RegistryError::Malformed {
                url,
                detail: "there is no list of users with `login`".to_owned(),
            })
    }

    /// Returns the categories that crates may name; `None` where the registry tells of none.
    ///
    /// # Errors
    ///
    /// Whatever keeps the registry from responding.
    pub fn categories(&self) -> Result<Option<BTreeSet<String>>, RegistryError> {
        let Some(api) = &self.inner.config.api else {
            return Ok(None);
        };
        let url = format!("{api}/api/v1/category_slugs");
        let document = match api::call(self, "GET", &url, None, &[]) {
            Ok(document) => document,
            Err(Failure::Refused { .. } | Failure::Unauthorized { .. }) => return Ok(None),
            Err(other) => return Err(other.into_read_error(&url)),
        };
        let slugs = document
            .get("category_slugs")
            .and_then(|all| all.as_array());
        let slug = |category: &serde_json::Value| Some(category.get("slug")?.as_str()?.to_owned());
        Ok(slugs.and_then(|all| all.iter().map(slug).collect()))
    }

    /// Returns what the web API tells of a crate, whatever case, `-` or `_` it is asked for
    /// with; `None` if it knows none. crates.io tells everybody. A registry that tells
    /// nothing of this kind knows no crate.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Unauthorized`], [`RegistryError::NoApi`], and whatever keeps the
    /// registry from responding.
    pub fn crate_info(
        &self,
        token: Option<&Token>,
        name: &str,
    ) -> Result<Option<CrateInfo>, RegistryError> {
        index::check_name(name)?;
        let Some(api) = &self.inner.config.api else {
            return Err(RegistryError::NoApi {
                index: self.inner.index.clone(),
            });
        };
        let url = format!("{api}/api/v1/crates/{name}");
        let document = match api::call(self, "GET", &url, token, &[]) {
            Ok(document) => document,
            Err(Failure::Refused {
                status: 404 | 405, ..
            }) => return Ok(None),
            Err(other) => return Err(other.into_read_error(&url)),
        };
        let found = document.get("crate");
        let name = found.and_then(|found| found.get("name")?.as_str().map(str::to_owned));
        let trusted = found.and_then(|found| found.get("trustpub_only")?.as_bool());
        match name {
            Some(name) => Ok(Some(CrateInfo {
                name,
                trusted_publishing_only: trusted,
            })),
            None => Err(RegistryError::Malformed {
                url,
                detail: "there is no crate with a `name`".to_owned(),
            }),
        }
    }

    /// Looks whether a version is in the index, and whether its bytes are these. `checksum`
    /// is SHA-256 in lower-case hex.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub fn published(
        &self,
        name: &str,
        version: &Version,
        checksum: &str,
    ) -> Result<Published, RegistryError> {
        let mut versions = self.versions(name)?.into_iter();
        // A number is taken once, whatever its build part.
        let entry = versions.find(|entry| entry.vers.cmp_precedence(version).is_eq());
        Ok(match entry {
            None => Published::No,
            Some(entry) if entry.cksum == checksum => Published::Same,
            Some(entry) => Published::Different {
                checksum: entry.cksum,
            },
        })
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, HashMap<String, Seen>> {
        // A panic elsewhere leaves the map whole: entries are set at once.
        self.inner
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registry").field(&self.inner.index).finish()
    }
}

/// Connections that are kept for further reads: as many as a caller may well ask
/// side by side. ureq keeps three to one host and would open the others anew.
const CONNECTIONS: usize = 32;

fn agent(base: &str, timeouts: Timeouts, reads: bool) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(AutoHeaderValue::from(USER_AGENT))
        .tls_config(trusting_the_machine())
        .timeout_connect(Some(timeouts.connect))
        .timeout_recv_response(Some(timeouts.response))
        .timeout_per_write(Some(early_response::SILENCE_TIMEOUT.min(timeouts.response)))
        .timeout_global(Some(timeouts.connect + 2 * timeouts.response));
    if reads {
        config = config
            .max_idle_connections(CONNECTIONS)
            .max_idle_connections_per_host(CONNECTIONS);
    } else {
        config = config.max_redirects(0).max_idle_connections(0);
    }
    let host = base.split("://").nth(1).unwrap_or_default();
    if ["127.0.0.1", "[::1]", "localhost"]
        .iter()
        .any(|own| host.starts_with(own))
    {
        // A proxy would look for this registry on its own machine.
        config = config.proxy(None);
    }
    Agent::with_parts(
        config.build(),
        early_response::connector(),
        Names::<DefaultResolver>::default(),
    )
}

/// Trusts the certificates that the machine trusts, as cargo does, rather than a list
/// that was compiled in.
fn trusting_the_machine() -> TlsConfig {
    TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build()
}

/// A response to a read.
struct Response {
    url: String,
    status: u16,
    etag: Option<String>,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Response {
    /// Returns the body of a success; everything else as an error.
    fn expect_found(self) -> Result<Vec<u8>, RegistryError> {
        if self.status == 200 {
            return Ok(self.body);
        }
        let detail = api::detail(&self.body);
        Err(
            match Failure::of_status(self.status, detail, self.retry_after) {
                Failure::Ambiguous { cause } => RegistryError::Status {
                    url: self.url,
                    status: self.status,
                    detail: cause,
                },
                failure => failure.into_read_error(&self.url),
            },
        )
    }
}

fn get(agent: &Agent, url: &str, headers: &[(&str, &str)]) -> Result<Response, RegistryError> {
    let unreachable = |error: ureq::Error| RegistryError::Unreachable {
        url: url.to_owned(),
        cause: error.to_string(),
    };
    let mut request = agent.get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.call().map_err(unreachable)?;
    let body = response
        .body_mut()
        .with_config()
        .limit(MAX_RESPONSE)
        .read_to_vec()
        .map_err(unreachable)?;
    Ok(Response {
        url: url.to_owned(),
        status: response.status().as_u16(),
        etag: api::header(response.headers(), "etag").map(str::to_owned),
        retry_after: api::retry_after(response.headers()),
        body,
    })
}

fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
