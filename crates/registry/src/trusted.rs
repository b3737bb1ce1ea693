//! Trusted publishing: a short-lived token for the identity of a workflow run.
//!
//! A registry that trusts a forge takes a JSON Web Token of the forge, once,
//! and gives a token for it that lasts half an hour, may upload new versions of
//! the crates that name this workflow, and nothing else: no new crates, no
//! yanks (crates.io, <https://crates.io/docs/trusted-publishing>). It is given
//! back when it is no longer needed.
//!
//! The registry does not say for which crates a token is valid. A [`Lease`] keeps what
//! became known of that, by [`Registry::coverage`] before an upload or by the upload itself.
//!
//! It refuses to ask for the web token itself: that is the forge's business.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use semver::Version;
use serde_json::json;
use ureq::http::Request;

use crate::access::AccessProblem;
use crate::api::{self, Failure};
use crate::registry::Registry;
use crate::token::Token;
use crate::trial::Trial;
use crate::upload::{Upload, UploadError, Uploaded};

/// How long crates.io lets such a token live.
pub const TRUSTED_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// What an identity lacks, by the texts of crates.io
/// (`src/controllers/trustpub/tokens/exchange/mod.rs`, 2026-08-21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrustProblem {
    /// No crate names the repository.
    Repository,
    /// The repository belongs to another owner than the one that was trusted.
    Owner,
    /// The crates that name the repository name another workflow file.
    Workflow,
    /// They name another environment, or the job has none.
    Environment,
    /// The workflow was started by an event that is never trusted.
    Event,
    /// The identity was used before.
    Used,
    /// The web token itself is not valid, or for another registry.
    Identity,
    /// Something that the registry says in words of its own.
    Other,
}

impl TrustProblem {
    fn of(detail: &str) -> TrustProblem {
        let texts = [
            ("No Trusted Publishing config", TrustProblem::Repository),
            ("repository owner ID", TrustProblem::Owner),
            ("workflow filename", TrustProblem::Workflow),
            ("requires an environment", TrustProblem::Environment),
            ("the environment `", TrustProblem::Environment),
            ("event trigger", TrustProblem::Event),
            ("already been used", TrustProblem::Used),
            ("JWT", TrustProblem::Identity),
        ];
        let known = texts.iter().find(|(text, _)| detail.contains(text));
        known.map_or(TrustProblem::Other, |(_, problem)| *problem)
    }
}

/// Whether a lease is valid for a crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coverage {
    /// It is.
    Covered,
    /// It is not: the crate does not name this workflow, or is new.
    NotCovered,
    /// Nobody knows yet.
    Unknown,
}

/// A token of trusted publishing, and what is known of it.
#[derive(Debug)]
pub struct Lease {
    token: Token,
    since: Timestamp,
    coverage: Mutex<BTreeMap<String, Coverage>>,
    ended: Mutex<bool>,
}

impl Lease {
    /// Keeps a token that was exchanged at this time.
    pub fn new(token: Token, since: Timestamp) -> Lease {
        Lease {
            token,
            since,
            coverage: Mutex::default(),
            ended: Mutex::new(false),
        }
    }

    /// Returns the token.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Returns whether the lease still lasts for `margin` by the clock, and was not refused.
    pub fn is_good(&self, now: Timestamp, margin: Duration) -> bool {
        let left = SignedDuration::try_from(TRUSTED_LIFETIME.saturating_sub(margin));
        let lasts = left.is_ok_and(|left| now.duration_since(self.since) < left);
        lasts && !*self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is known of a crate.
    pub fn coverage(&self, name: &str) -> Coverage {
        let known = self.coverage.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).copied().unwrap_or(Coverage::Unknown)
    }

    fn learn(&self, name: &str, coverage: Coverage) {
        let mut known = self.coverage.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), coverage);
    }

    fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

/// Why there is no token for an identity, or why it was not given back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustedError {
    /// The registry has no such thing.
    #[error(
        "the registry at {registry} does not know trusted publishing ({detail}); use a token of your own"
    )]
    Unsupported {
        /// The index.
        registry: String,
        /// What the registry says.
        detail: String,
    },
    /// The identity is not trusted, not for this registry, or was used before.
    #[error(
        "the registry at {registry} does not trust this workflow (status {status}): {detail}; \
         name repository, workflow and environment in each crate's settings there, or use a token of your own"
    )]
    Refused {
        /// The index.
        registry: String,
        /// The status of the response.
        status: u16,
        /// What the identity lacks.
        problem: TrustProblem,
        /// What the registry says.
        detail: String,
    },
    /// There was no clear response. An identity may have been used up.
    #[error(
        "no clear response from the registry at {registry} to {what}: {cause}; try again with a fresh identity"
    )]
    Unreachable {
        /// The index.
        registry: String,
        /// What was asked for.
        what: &'static str,
        /// What happened instead.
        cause: String,
    },
}

impl Registry {
    /// Returns whom the forge's web token must be for: the host of the web API, as
    /// crates.io asks for `crates.io`. `None` where there is no web API.
    pub fn audience(&self) -> Option<String> {
        let api = self.inner.config.api.as_ref()?;
        let rest = api.split_once("://").map_or(api.as_str(), |(_, rest)| rest);
        Some(rest.split('/').next().unwrap_or(rest).to_owned())
    }

    /// Exchanges a web token for a registry token. The web token is used up,
    /// whatever the response.
    ///
    /// # Errors
    ///
    /// [`TrustedError`].
    pub fn exchange(&self, identity: &Token) -> Result<Token, TrustedError> {
        let what = "a request for a token";
        let body = json!({ "jwt": identity.secret() }).to_string();
        let request = self
            .trusted_request("POST", what)?
            .header("Content-Type", "application/json")
            .body(body.as_bytes())
            .map_err(|error| self.unreachable(what, error.to_string()))?;
        let document = api::send(self, request, 200).map_err(|f| self.trusted(what, f))?;
        match document.get("token").and_then(serde_json::Value::as_str) {
            Some(token) => Ok(Token::new(token.to_owned())),
            None => Err(self.unreachable(what, "the response holds no token".to_owned())),
        }
    }

    /// Gives a token of [`Registry::exchange`] back; it is worth nothing afterwards.
    ///
    /// # Errors
    ///
    /// [`TrustedError`].
    pub fn revoke(&self, token: &Token) -> Result<(), TrustedError> {
        let what = "giving back a token";
        let secret = api::secret_header(token, "Bearer ").map_err(|f| self.trusted(what, f))?;
        let request = self
            .trusted_request("DELETE", what)?
            .header("Authorization", secret)
            .body(&[][..])
            .map_err(|error| self.unreachable(what, error.to_string()))?;
        api::send(self, request, 204).map_err(|f| self.trusted(what, f))?;
        Ok(())
    }

    /// Exchanges a web token for a lease. The web token is used up, whatever the response.
    ///
    /// # Errors
    ///
    /// [`TrustedError`].
    pub fn lease(&self, identity: &Token, now: Timestamp) -> Result<Lease, TrustedError> {
        Ok(Lease::new(self.exchange(identity)?, now))
    }

    /// Returns whether a lease is valid for a crate, and asks the registry where that is not
    /// known ([`Registry::try_upload`], which charges a lease nothing). A lease that is
    /// refused as a whole is given back, and covers nothing.
    pub fn coverage(&self, lease: &Lease, name: &str, version: &Version) -> Coverage {
        if lease.coverage(name) == Coverage::Unknown {
            match self.try_upload(Some(&lease.token), name, version) {
                Trial::Accepted => lease.learn(name, Coverage::Covered),
                Trial::Refused(error) => self.learn(lease, name, &error),
                Trial::Unknown { .. } => {}
            }
        }
        lease.coverage(name)
    }

    /// Uploads with a lease, and keeps what that tells of it. A lease that is refused as a
    /// whole is given back: it is worth nothing here, and would be to whoever finds it.
    ///
    /// # Errors
    ///
    /// As [`Registry::upload`].
    pub fn upload_leased(
        &self,
        lease: &Lease,
        name: &str,
        package: &Upload,
    ) -> Result<Uploaded, UploadError> {
        let result = self.upload(&lease.token, package);
        match &result {
            Ok(_) => lease.learn(name, Coverage::Covered),
            Err(error) => self.learn(lease, name, error),
        }
        result
    }

    fn learn(&self, lease: &Lease, name: &str, error: &UploadError) {
        match error.access_problem() {
            Some(AccessProblem::NotCovered | AccessProblem::NewCrate) => {
                lease.learn(name, Coverage::NotCovered);
            }
            Some(AccessProblem::LeaseEnded | AccessProblem::UnknownToken) => {
                lease.end();
                lease.learn(name, Coverage::NotCovered);
                // It has ended already, or ends within half an hour: a failure to give it
                // back changes nothing that could be done here.
                let _ = self.revoke(&lease.token);
            }
            _ => {}
        }
    }

    fn trusted_request(
        &self,
        method: &str,
        what: &'static str,
    ) -> Result<ureq::http::request::Builder, TrustedError> {
        let Some(api) = &self.inner.config.api else {
            let cause = "its config.json states no `api`".to_owned();
            return Err(self.unreachable(what, cause));
        };
        Ok(Request::builder()
            .method(method)
            .uri(format!("{api}/api/v1/trusted_publishing/tokens"))
            .header("Accept", "application/json"))
    }

    fn unreachable(&self, what: &'static str, cause: String) -> TrustedError {
        TrustedError::Unreachable {
            registry: self.inner.index.clone(),
            what,
            cause,
        }
    }

    fn trusted(&self, what: &'static str, failure: Failure) -> TrustedError {
        let registry = self.inner.index.clone();
        match failure {
            Failure::Refused {
                status: 404 | 405,
                detail,
            } => TrustedError::Unsupported { registry, detail },
            Failure::Refused { status, detail } | Failure::Unauthorized { status, detail } => {
                TrustedError::Refused {
                    registry,
                    status,
                    problem: TrustProblem::of(&detail),
                    detail,
                }
            }
            Failure::RateLimited { detail, .. }
            | Failure::ReadOnly { detail }
            | Failure::TimedOut { detail } => self.unreachable(what, detail),
            Failure::Unreachable { cause }
            | Failure::Unsendable { cause }
            | Failure::Ambiguous { cause } => self.unreachable(what, cause),
        }
    }
}
