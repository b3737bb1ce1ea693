//! Trusted publishing: a short-lived token for the identity of a workflow run.
//!
//! A registry that trusts a forge takes a JSON Web Token of the forge, once,
//! and gives a token for it that lasts half an hour, may upload new versions of
//! the crates that trust this workflow, and nothing else: no new crates, no
//! yanks (crates.io, <https://crates.io/docs/trusted-publishing>). It is given
//! back when it is no longer needed.
//!
//! It refuses to ask for the web token itself: that is the forge's business.

use std::time::Duration;

use serde_json::json;
use ureq::http::Request;

use crate::api::{self, Failure};
use crate::registry::Registry;
use crate::token::Token;

/// How long crates.io lets such a token live.
pub const TRUSTED_LIFETIME: Duration = Duration::from_secs(30 * 60);

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
         name repository, workflow and environment in the crate's settings there, or use a token of your own"
    )]
    Refused {
        /// The index.
        registry: String,
        /// The status of the answer.
        status: u16,
        /// What the registry says.
        detail: String,
    },
    /// There was no clear answer. An identity may have been used up.
    #[error(
        "no clear answer from the registry at {registry} to {what}: {cause}; try again with a fresh identity"
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
    /// Whom the forge's web token must be for: the host of the web API, as
    /// crates.io asks for `crates.io`. `None` where there is no web API.
    pub fn audience(&self) -> Option<String> {
        let api = self.inner.config.api.as_ref()?;
        let rest = api.split_once("://").map_or(api.as_str(), |(_, rest)| rest);
        Some(rest.split('/').next().unwrap_or(rest).to_owned())
    }

    /// Exchanges a web token for a registry token. The web token is used up,
    /// whatever the answer.
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
        let answer = api::answer(self, request, 200).map_err(|f| self.trusted(what, f))?;
        match answer.get("token").and_then(serde_json::Value::as_str) {
            Some(token) => Ok(Token::new(token.to_owned())),
            None => Err(self.unreachable(what, "the answer holds no token".to_owned())),
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
        api::answer(self, request, 204).map_err(|f| self.trusted(what, f))?;
        Ok(())
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
                    detail,
                }
            }
            Failure::RateLimited { detail, .. } => self.unreachable(what, detail),
            Failure::Unreachable { cause } | Failure::Ambiguous { cause } => {
                self.unreachable(what, cause)
            }
        }
    }
}
