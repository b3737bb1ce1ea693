//! The identity of a workflow run: a web token of GitHub Actions, for one
//! audience (OpenID Connect).
//!
//! A job with `permissions: id-token: write` finds an address and a token in
//! its environment, and gets a signed web token from there that says which
//! repository, workflow and environment it is. What it is good for is decided
//! by whoever trusts it. The variables are those of GitHub's own reference
//! ("OpenID Connect reference", `ACTIONS_ID_TOKEN_REQUEST_URL`).

use std::time::Duration;

use ureq::http::HeaderValue;
use url::Url;

use crate::Token;

/// Where the runner says who it is.
pub const IDENTITY_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
/// What it wants to see for that.
pub const IDENTITY_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// A runner that can say who it is.
#[derive(Clone, Debug)]
pub struct IdentitySource {
    url: Url,
    token: Token,
}

/// A web token that says who a workflow run is. It is a secret for as long as
/// it is valid; `Debug` does not show it.
#[derive(Clone)]
pub struct Identity(String);

/// Why there is no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The runner's address is none.
    #[error(
        "{IDENTITY_URL} is not a web address ({cause}); the runner sets it, do not set it yourself"
    )]
    Address {
        /// What is wrong with it.
        cause: String,
    },
    /// The runner did not answer.
    #[error("the runner at {host} gave no identity for {audience}: {cause}; try again")]
    Unreachable {
        /// The runner's host.
        host: String,
        /// Whom it is for.
        audience: String,
        /// What happened instead.
        cause: String,
    },
    /// The runner said no.
    #[error(
        "the runner at {host} gave no identity for {audience} (status {status}): {detail}; give the job `permissions: id-token: write`"
    )]
    Refused {
        /// The runner's host.
        host: String,
        /// Whom it is for.
        audience: String,
        /// The status of the answer.
        status: u16,
        /// What it says.
        detail: String,
    },
}

impl Identity {
    /// Returns the web token itself, for whom it is meant.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(…)")
    }
}

impl IdentitySource {
    /// Returns the runner that is named in the environment; `None` outside of a job that may have
    /// an identity.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Address`].
    pub fn find(
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<IdentitySource>, IdentityError> {
        let given = |name| env(name).filter(|text| !text.trim().is_empty());
        let (Some(url), Some(token)) = (given(IDENTITY_URL), given(IDENTITY_TOKEN)) else {
            return Ok(None);
        };
        let url = Url::parse(url.trim()).map_err(|error| IdentityError::Address {
            cause: error.to_string(),
        })?;
        if !url.has_host() || !matches!(url.scheme(), "http" | "https") {
            return Err(IdentityError::Address {
                cause: format!("its scheme is `{}`", url.scheme()),
            });
        }
        let token = Token::new(token);
        Ok(Some(IdentitySource { url, token }))
    }

    /// Asks for a web token that is good for one audience. Every one is new.
    ///
    /// # Errors
    ///
    /// [`IdentityError`].
    pub fn request(&self, audience: &str) -> Result<Identity, IdentityError> {
        let unreachable = |cause: String| IdentityError::Unreachable {
            host: self.host(),
            audience: audience.to_owned(),
            cause,
        };
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("audience", audience);
        let mut secret = HeaderValue::from_str(&format!("bearer {}", self.token.expose()))
            .map_err(|_| unreachable(format!("{IDENTITY_TOKEN} cannot be sent")))?;
        secret.set_sensitive(true);
        let mut response = self
            .agent()
            .get(url.as_str())
            .header("Authorization", secret)
            .header("Accept", "application/json")
            .call()
            // An error's text may name the address, and the address is a secret's neighbour.
            .map_err(|error| unreachable(error.to_string().replace(url.as_str(), "the address")))?;
        let status = response.status().as_u16();
        let text = response
            .body_mut()
            .read_to_string()
            .map_err(|error| unreachable(error.to_string()))?;
        if status != 200 {
            return Err(IdentityError::Refused {
                host: self.host(),
                audience: audience.to_owned(),
                status,
                detail: text.trim().chars().take(200).collect(),
            });
        }
        let document: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        document
            .as_ref()
            .and_then(|document| document.get("value")?.as_str())
            .map(|value| Identity(value.to_owned()))
            .ok_or_else(|| unreachable("the answer holds no `value`".to_owned()))
    }

    fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    fn agent(&self) -> ureq::Agent {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(30)));
        if ["127.0.0.1", "localhost", "[::1]"].contains(&self.host().as_str()) {
            config = config.proxy(None);
        }
        config.build().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(url: &str, token: &str) -> Result<Option<IdentitySource>, IdentityError> {
        IdentitySource::find(&|name| match name {
            IDENTITY_URL => Some(url.to_owned()),
            _ => Some(token.to_owned()),
        })
    }

    #[test]
    fn an_identity_needs_an_address_and_a_token() {
        assert!(
            find("https://e.org/x?api-version=2.0", "secret")
                .unwrap()
                .is_some()
        );
        assert!(find("", "secret").unwrap().is_none());
        assert!(find("https://e.org/x", " ").unwrap().is_none());
        assert!(find("e.org", "secret").is_err());
        assert!(find("file:///etc/passwd", "secret").is_err());
    }

    #[test]
    fn neither_token_is_shown() {
        let source = find("https://e.org/x", "secret").unwrap();
        let identity = Identity("secret".to_owned());
        assert!(!format!("{source:?} {identity:?}").contains("secret"));
    }
}
