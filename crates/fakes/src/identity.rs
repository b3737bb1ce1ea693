//! The identities of workflow runs: a runner that hands out signed web tokens,
//! and the registry's check of them.
//!
//! GitHub signs with a key of its own that registries fetch; here issuer and
//! registry share a key (HS256). All else is as strict as there: one audience,
//! a life of minutes, and no two alike. A request without the runner's token,
//! without an audience, or anything else is refused.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The key that issuer and registry share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityKey(pub Vec<u8>);

/// What a web token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// Whom it is for.
    pub aud: String,
    /// Which one it is; no two are alike.
    pub jti: String,
    /// The repository whose workflow it is.
    pub repository: String,
    /// Until when it is valid, in seconds of the issuer's clock.
    pub exp: u64,
}

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

impl IdentityKey {
    /// A signed web token.
    pub fn sign(&self, claims: &Claims) -> String {
        let claims = serde_json::to_vec(claims).expect("claims are plain data");
        let text = format!(
            "{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(HEADER),
            BASE64_URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.mac(&text).finalize().into_bytes());
        format!("{text}.{signature}")
    }

    /// What a web token says, if it was signed with this key.
    pub(crate) fn verify(&self, token: &str) -> Option<Claims> {
        let (text, signature) = token.rsplit_once('.')?;
        let (head, claims) = text.split_once('.')?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(text).verify_slice(&signature).ok()?;
        if BASE64_URL_SAFE_NO_PAD.decode(head).ok()? != HEADER.as_bytes() {
            return None;
        }
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key may have any length");
        mac.update(text.as_bytes());
        mac
    }
}

/// A runner that says who it is; it stops when this is dropped.
#[derive(Debug)]
pub struct FakeRunner {
    address: SocketAddr,
    token: String,
    server: tokio::task::JoinHandle<()>,
}

struct Issuer {
    key: IdentityKey,
    token: String,
    repository: String,
    issued: AtomicU64,
}

impl FakeRunner {
    /// Starts a runner of a repository's workflow.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub fn start(
        handle: &tokio::runtime::Handle,
        key: IdentityKey,
        repository: &str,
    ) -> anyhow::Result<FakeRunner> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("cannot listen on 127.0.0.1 for the fake runner")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let token = "rehearsal-runner-token".to_owned();
        let issuer = Arc::new(Issuer {
            key,
            token: token.clone(),
            repository: repository.to_owned(),
            issued: AtomicU64::new(0),
        });
        let guard = handle.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        drop(guard);
        let router = axum::Router::new()
            .route("/identity", get(identity))
            .with_state(issuer);
        let server = handle.spawn(async move {
            // It ends when it is aborted; until then there is nothing to report to.
            let _ = axum::serve(listener, router).await;
        });
        Ok(FakeRunner {
            address,
            token,
            server,
        })
    }

    /// What a job finds in its environment.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        let url = format!("http://{}/identity?api-version=2.0", self.address);
        [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", url),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", self.token.clone()),
        ]
    }
}

impl Drop for FakeRunner {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    audience: Option<String>,
    #[serde(rename = "api-version")]
    version: Option<String>,
}

type Answer = Result<axum::Json<serde_json::Value>, (StatusCode, &'static str)>;

async fn identity(
    State(issuer): State<Arc<Issuer>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer {
    let wanted = format!("bearer {}", issuer.token);
    let given = headers.get(header::AUTHORIZATION);
    if given.is_none_or(|given| !given.as_bytes().eq_ignore_ascii_case(wanted.as_bytes())) {
        return Err((
            StatusCode::UNAUTHORIZED,
            "the runner's token is missing or wrong",
        ));
    }
    if asked.version.as_deref() != Some("2.0") {
        return Err((StatusCode::BAD_REQUEST, "api-version=2.0 is missing"));
    }
    let Some(audience) = asked.audience else {
        return Err((
            StatusCode::BAD_REQUEST,
            "the fake runner wants an audience to be named",
        ));
    };
    let number = issuer.issued.fetch_add(1, Ordering::Relaxed);
    let claims = Claims {
        iss: "https://token.actions.githubusercontent.com".to_owned(),
        aud: audience,
        jti: format!("identity-{number}"),
        repository: issuer.repository.clone(),
        exp: seconds_now() + 300,
    };
    Ok(axum::Json(
        serde_json::json!({ "value": issuer.key.sign(&claims) }),
    ))
}

/// Seconds of the machine's clock, which web tokens are dated by.
pub(crate) fn seconds_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}
