//! The identities of workflow runs: a runner that hands out signed web tokens,
//! and the registry's check of them.
//!
//! As GitHub's, they are signed with RS256 under a key that is known by its id, are for one
//! audience, live for minutes, and no two are alike. The key lies beside this file: it signs
//! for fakes, which nobody else trusts. A request without the runner's token, without an
//! audience, or anything else is refused.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::UnparsedPublicKey;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use serde::{Deserialize, Serialize};

/// Who signs the identities of GitHub's workflows.
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// A key that identities are signed with.
#[derive(Debug, Clone)]
pub struct IdentityKey {
    id: String,
    pair: Arc<RsaKeyPair>,
}

/// What a web token says, as GitHub words it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// Whom it is for.
    pub aud: String,
    /// Which one it is; no two are alike.
    pub jti: String,
    /// When it was issued, in seconds of the issuer's clock.
    pub iat: u64,
    /// From when it is valid.
    #[serde(default)]
    pub nbf: u64,
    /// Until when it is valid.
    pub exp: u64,
    /// The repository whose workflow it is.
    pub repository: String,
    /// The number of the account that owns the repository.
    pub repository_owner_id: String,
    /// The workflow's file and the reference that it ran on.
    pub workflow_ref: String,
    /// The environment of the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What started the workflow.
    pub event_name: String,
    /// The number of the run.
    pub run_id: String,
    /// The commit.
    pub sha: String,
}

impl Claims {
    /// Makes the claims of a release workflow, `release.yml`, that a person started.
    pub fn new(repository: &str, audience: &str, jti: &str) -> Claims {
        let now = seconds_now();
        Claims {
            iss: ISSUER.to_owned(),
            aud: audience.to_owned(),
            jti: jti.to_owned(),
            iat: now,
            nbf: now,
            exp: now + 300,
            repository: repository.to_owned(),
            repository_owner_id: OWNER_ID.to_string(),
            workflow_ref: format!("{repository}/.github/workflows/release.yml@refs/heads/main"),
            environment: None,
            event_name: "workflow_dispatch".to_owned(),
            run_id: "1".to_owned(),
            sha: "0".repeat(40),
        }
    }
}

/// The number of the account that owns a fake's repository.
pub const OWNER_ID: u64 = 65;

/// Why a web token is not taken, as crates.io tells it apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdentityProblem {
    /// It is none, its signature is wrong, it is for somebody else, or its time is not now.
    Undecodable,
    /// Another forge signed it.
    Issuer(String),
    /// It names no key.
    NoKeyId,
    /// It names a key that the forge has not.
    UnknownKeyId,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
}

impl IdentityKey {
    /// Returns the key of the fake GitHub.
    pub fn github() -> IdentityKey {
        IdentityKey::named("fake-github-1")
    }

    /// Returns the same key under another id.
    pub fn named(id: &str) -> IdentityKey {
        let pair = RsaKeyPair::from_pkcs8(include_bytes!("identity_key.der"))
            .expect("the key beside this file is one");
        IdentityKey {
            id: id.to_owned(),
            pair: Arc::new(pair),
        }
    }

    /// Signs a web token.
    pub fn sign(&self, claims: &Claims) -> String {
        self.sign_with(Some(&self.id), claims)
    }

    /// Signs a web token that names this key id, or none.
    pub fn sign_with(&self, id: Option<&str>, claims: &Claims) -> String {
        let header = Header {
            alg: "RS256".to_owned(),
            kid: id.map(str::to_owned),
            typ: Some("JWT".to_owned()),
        };
        let part = |json: Result<Vec<u8>, serde_json::Error>| {
            BASE64_URL_SAFE_NO_PAD.encode(json.expect("claims are plain data"))
        };
        let header = part(serde_json::to_vec(&header));
        let text = format!("{header}.{}", part(serde_json::to_vec(claims)));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .expect("the signature has the length of the key");
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// Returns what a web token says, if this key signed it for this audience and it is valid
    /// now. The order is that of crates.io: issuer, key id, then all else in one (crates.io
    /// src/controllers/trustpub/tokens/exchange/mod.rs, 2026-08-21).
    pub(crate) fn verify(&self, token: &str, audience: &str) -> Result<Claims, IdentityProblem> {
        let undecodable = || IdentityProblem::Undecodable;
        let (text, signature) = token.rsplit_once('.').ok_or_else(undecodable)?;
        let (head, body) = text.split_once('.').ok_or_else(undecodable)?;
        let decode = |part: &str| {
            BASE64_URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| undecodable())
        };
        let header: Header = serde_json::from_slice(&decode(head)?).map_err(|_| undecodable())?;
        let body = decode(body)?;
        let whole: serde_json::Value = serde_json::from_slice(&body).map_err(|_| undecodable())?;
        let issuer = whole["iss"].as_str().ok_or_else(undecodable)?;
        if issuer != ISSUER {
            return Err(IdentityProblem::Issuer(issuer.to_owned()));
        }
        match header.kid {
            None => return Err(IdentityProblem::NoKeyId),
            Some(id) if id != self.id => return Err(IdentityProblem::UnknownKeyId),
            Some(_) => {}
        }
        let public =
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref());
        let signature = decode(signature)?;
        if header.alg != "RS256" || public.verify(text.as_bytes(), &signature).is_err() {
            return Err(undecodable());
        }
        let claims: Claims = serde_json::from_slice(&body).map_err(|_| undecodable())?;
        let now = seconds_now();
        let is_now = claims.exp.saturating_add(LEEWAY) >= now
            && claims.nbf <= now + LEEWAY
            && claims.iat <= now + LEEWAY;
        if claims.aud != audience || !is_now {
            return Err(undecodable());
        }
        Ok(claims)
    }
}

/// How far clocks may differ, in seconds (crates.io crates/crates_io_trustpub/src/lib.rs).
const LEEWAY: u64 = 60;

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
    claims: Claims,
    issued: AtomicU64,
}

impl FakeRunner {
    /// Starts a runner of a repository's `release.yml`.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub fn start(
        handle: &tokio::runtime::Handle,
        key: IdentityKey,
        repository: &str,
    ) -> anyhow::Result<FakeRunner> {
        FakeRunner::start_as(handle, key, Claims::new(repository, "", ""))
    }

    /// Starts a runner whose identities say this, apart from audience, number and time.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub fn start_as(
        handle: &tokio::runtime::Handle,
        key: IdentityKey,
        claims: Claims,
    ) -> anyhow::Result<FakeRunner> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("cannot listen on 127.0.0.1 for the fake runner")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let token = "rehearsal-runner-token".to_owned();
        let issuer = Arc::new(Issuer {
            key,
            token: token.clone(),
            claims,
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

    /// Returns what a job finds in its environment.
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

type IdentityResponse = Result<axum::Json<serde_json::Value>, (StatusCode, &'static str)>;

async fn identity(
    State(issuer): State<Arc<Issuer>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> IdentityResponse {
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
    let now = seconds_now();
    let claims = Claims {
        aud: audience,
        jti: format!("identity-{number}"),
        iat: now,
        nbf: now,
        exp: now + 300,
        ..issuer.claims.clone()
    };
    Ok(axum::Json(
        serde_json::json!({ "value": issuer.key.sign(&claims) }),
    ))
}

/// Returns the seconds of the machine's clock, which web tokens are dated by.
pub(crate) fn seconds_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}
