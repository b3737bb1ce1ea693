//! Trusted publishing: tokens for the identities of workflow runs, each for
//! half an hour of this registry's clock, and what such a token may not do.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use axum::http::StatusCode;

use super::refusal::Refusal;
use crate::identity::{IdentityKey, seconds_now};

/// Whom the registry trusts.
#[derive(Debug, Clone)]
pub struct TrustedPublisher {
    /// The key that identities are signed with.
    pub key: IdentityKey,
    /// The repository whose workflows may publish.
    pub repository: String,
    /// How long a token lasts; half an hour at crates.io.
    pub lifetime: Duration,
}

/// The tokens that were given out.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    /// When each ends, on this registry's clock.
    ends: HashMap<String, Duration>,
    used: HashSet<String>,
    given: u64,
}

impl Leases {
    /// A token for an identity, which is used up by this.
    pub(crate) fn exchange(
        &mut self,
        publisher: &TrustedPublisher,
        audience: &str,
        identity: &str,
        now: Duration,
    ) -> Result<String, Refusal> {
        let refused = |detail: &str| Refusal::bad_request(detail.to_owned());
        let Some(claims) = publisher.key.verify(identity) else {
            return Err(refused("Failed to decode JWT"));
        };
        if claims.aud != audience || claims.exp < seconds_now() {
            return Err(refused("Failed to decode JWT"));
        }
        if !self.used.insert(claims.jti) {
            return Err(refused("JWT has already been used"));
        }
        if claims.repository != publisher.repository {
            return Err(refused(
                "No Trusted Publishing config found for this repository",
            ));
        }
        self.given += 1;
        let token = format!("cio_tp_stand-in-{}", self.given);
        self.ends.insert(token.clone(), now + publisher.lifetime);
        Ok(token)
    }

    /// Whether a token is one of these, and still good.
    pub(crate) fn is_good(&self, token: &str, now: Duration) -> bool {
        self.ends.get(token).is_some_and(|end| now < *end)
    }

    /// Takes a token back, whether it is still good or not.
    pub(crate) fn revoke(&mut self, token: &str) -> Result<(), Refusal> {
        match self.ends.remove(token) {
            Some(_) => Ok(()),
            None => Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "Invalid authentication token",
            )),
        }
    }

    /// How many were given out, and how many of them were not given back.
    pub(crate) fn count(&self) -> (u64, usize) {
        (self.given, self.ends.len())
    }
}
