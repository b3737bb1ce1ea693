//! The addresses of the registry, and who answers them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use semver::Version;
use serde_json::json;

use super::account::{forbidden, token, unauthorized};
use super::categories;
use super::clock::http_date;
use super::fault::RegistryFault;
use super::limits::LimitedAction;
use super::metadata::UploadBody;
use super::owners::{self, Rights};
use super::refusal::Refusal;
use super::server::Cut;
use super::state::{RegistryState, Uploader};
use super::store::{checksum, index_path};
use super::upstream::Upstream;
use super::{package, rules, trusted};

type Shared = State<Arc<RegistryState>>;

/// Returns all routes; everything else is refused.
pub(crate) fn router(state: Arc<RegistryState>) -> Router {
    Router::new()
        .route("/index/config.json", get(config))
        .route("/index/{*path}", get(index_file))
        .route("/api/v1/crates/new", put(upload))
        .route("/api/v1/category_slugs", get(category_slugs))
        .route("/api/v1/crates/{name}", get(one_crate))
        .route(
            "/api/v1/crates/{name}/owners",
            get(list_owners).put(add_owners),
        )
        .route("/api/v1/crates/{name}/{version}", get(one_version))
        .route("/api/v1/crates/{name}/{version}/download", get(download))
        .route("/api/v1/crates/{name}/{version}/yank", delete(yank))
        .route("/api/v1/crates/{name}/{version}/unyank", put(unyank))
        .route(
            "/api/v1/trusted_publishing/tokens",
            post(exchange).delete(revoke),
        )
        .route("/docs/crate/{name}/{version}/status.json", get(docs))
        .fallback(|| async { Refusal::not_found("the fake registry does not know this address") })
        .method_not_allowed_fallback(|| async {
            Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "the fake registry does not know this method here",
            )
        })
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::clone(&state), around))
        .with_state(state)
}

/// Does what crates.io does around every answer: it asks for a `User-Agent`, makes text that
/// says no into JSON, and dates it (src/middleware/require_user_agent.rs and cargo_compat.rs,
/// 2026-08-21). The index is files at another host, and knows nothing of this.
async fn around(State(state): Shared, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_api = path.starts_with("/api/");
    let agent = request.headers().get(header::USER_AGENT);
    let is_named = agent.is_some_and(|agent| !agent.is_empty());
    let mut response = if is_api && !is_named && !path.ends_with("download") {
        Refusal::new(StatusCode::FORBIDDEN, NO_USER_AGENT).into_response()
    } else {
        next.run(request).await
    };
    if is_api && let Ok(date) = http_date(state.now()).parse() {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

const NO_USER_AGENT: &str = "We require that all requests include a `User-Agent` header.  To \
    allow us to determine the impact your bot has on our service, we ask that your user agent \
    actually identify your bot, and not just report the HTTP client library you're using.  \
    Including contact information will also reduce the chance that we will need to take action \
    against your bot.\n\nBad:\n  User-Agent: reqwest/0.9.1\n\nBetter:\n  User-Agent: \
    my_crawler\n\nBest:\n  User-Agent: my_crawler (my_crawler.com/info)\n  User-Agent: \
    my_crawler (help@my_crawler.com)\n\nIf you believe you've received this message in error, \
    please email help@crates.io and include the request id .\n";

async fn config(State(state): Shared) -> Response {
    let base = format!("http://{}", state.address);
    axum::Json(json!({"dl": format!("{base}/api/v1/crates"), "api": base})).into_response()
}

async fn index_file(
    State(state): Shared,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if state.next_index_fault().is_some() {
        return Err(Refusal::unavailable());
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    if !is_name(name) || index_path(name) != path {
        return Ok(StatusCode::NOT_FOUND.into_response());
    }
    let lines = state.visible_lines(name)?;
    if lines.is_empty() {
        return match &state.upstream {
            Some(upstream) => Ok(redirect(upstream.index_file(name))),
            // As at the real one, without a word.
            None => Ok(StatusCode::NOT_FOUND.into_response()),
        };
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let etag = format!("\"{}\"", checksum(text.as_bytes()));
    let seen = headers.get(header::IF_NONE_MATCH);
    if seen.is_some_and(|seen| seen.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let changed = http_date(state.changed(name));
    let headers = [
        (header::ETAG, etag),
        (header::LAST_MODIFIED, changed),
        (header::CONTENT_TYPE, "text/plain".to_owned()),
        // crates.io src/storage.rs; it purges its CDN when a file changes.
        (header::CACHE_CONTROL, "public,max-age=600".to_owned()),
        (header::VARY, "accept-encoding".to_owned()),
    ];
    Ok((headers, text).into_response())
}

/// Tells of a version at once, as crates.io's does: only the index lags.
async fn one_version(
    State(state): Shared,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let version = checked(&name, &version)?;
    let line = state.line(&name, &version)?;
    let line = line.ok_or_else(|| {
        Refusal::not_found(format!(
            "crate `{name}` does not have a version `{version}`"
        ))
    })?;
    let version = json!({
        "crate": line["name"],
        "num": line["vers"],
        "checksum": line["cksum"],
        "yanked": line["yanked"],
    });
    Ok(axum::Json(json!({ "version": version })).into_response())
}

async fn download(
    State(state): Shared,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let version = checked(&name, &version)?;
    if let Some(bytes) = state.package(&name, &version)? {
        return Ok(([(header::CONTENT_TYPE, "application/gzip")], bytes).into_response());
    }
    let passed_on =
        async |upstream: &Upstream| upstream.download(&name, &version.to_string()).await;
    match &state.upstream {
        Some(upstream) => Ok(redirect(passed_on(upstream).await?)),
        None => Err(Refusal::not_found(format!(
            "there is no `{name}` {version}"
        ))),
    }
}

/// Takes an upload. The order is that of crates.io src/controllers/krate/publish.rs,
/// 2026-08-21, and nothing is read of the body before its turn.
async fn upload(State(state): Shared, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let mut body = UploadBody::new(body);
    let (metadata, document) = body.metadata().await?;
    let name = &metadata.name;
    rules::crate_name("crate", name)?;
    let version = rules::version(&metadata.vers)?;
    state.check_deleted(name)?;
    let published = state.published_name(name).await?;
    let uploader = uploader(&state, &headers, name, published.as_deref())?;
    let fault = state.next_upload_fault();
    if let Some(answer) = before(&state, &headers, &uploader, fault.as_ref())? {
        return Ok(answer);
    }
    if let Uploader::Account {
        login,
        has_verified_email,
    } = &uploader
    {
        if !has_verified_email {
            return Err(Refusal::bad_request(
                "A verified email address is required to publish crates to crates.io. Visit \
                 https://crates.io/settings/profile to set and verify your email address.",
            ));
        }
        let action = match published {
            Some(_) => LimitedAction::NewVersion,
            None => LimitedAction::NewCrate,
        };
        state.charge(login, action)?;
    }
    let bytes = body.archive().await?;
    let manifest = package::manifest(&bytes, &format!("{name}-{version}"))?;
    if manifest.name != *name {
        return Err(Refusal::bad_request(format!(
            "metadata name `{name}` does not match manifest name `{}`",
            manifest.name
        )));
    }
    if manifest.version != metadata.vers {
        return Err(Refusal::bad_request(format!(
            "metadata version `{}` does not match manifest version `{}`",
            metadata.vers, manifest.version
        )));
    }
    rules::manifest(&manifest)?;
    state.publish(&uploader, name, &version, &manifest, &bytes)?;
    state.log_upload(serde_json::from_slice(&document).unwrap_or_default());
    match fault {
        Some(RegistryFault::ServerErrorAfter { .. }) => Err(Refusal::unavailable()),
        Some(RegistryFault::ResetAfter { .. }) => Ok(Cut::response()),
        Some(RegistryFault::SilenceAfter { .. }) => std::future::pending().await,
        // Warnings are a thing of the past: all three lists are always empty.
        _ => Ok(axum::Json(json!({
            "crate": {"id": name, "name": name, "max_version": version.to_string()},
            "warnings": {"invalid_categories": [], "invalid_badges": [], "other": []},
        }))
        .into_response()),
    }
}

/// Finds out who uploads. A token of trusted publishing is told by how it begins.
fn uploader(
    state: &RegistryState,
    headers: &HeaderMap,
    name: &str,
    published: Option<&str>,
) -> Result<Uploader, Refusal> {
    let Some(lease) = token(headers)?.filter(|token| token.starts_with(trusted::PREFIX)) else {
        return state.uploader(headers, name, published.is_some());
    };
    if !trusted::is_well_formed(lease) {
        return Err(unparsable());
    }
    let Some(published) = published else {
        return Err(forbidden(
            "Trusted Publishing tokens do not support creating new crates. Publish the crate \
             manually, first",
        ));
    };
    state.check_lease(lease, published)?;
    Ok(Uploader::Workflow)
}

/// Lets an ordered fault hit an upload that would go on; nothing happened then.
fn before(
    state: &RegistryState,
    headers: &HeaderMap,
    uploader: &Uploader,
    fault: Option<&RegistryFault>,
) -> Result<Option<Response>, Refusal> {
    match fault {
        Some(RegistryFault::RateLimited {
            retry_after: Some(retry_after),
            ..
        }) => {
            let now = state.now();
            Err(Refusal {
                retry_after: Some(retry_after.value(now)),
                ..LimitedAction::NewVersion.refusal(retry_after.until(now))
            })
        }
        // The one limit of crates.io without a date.
        Some(RegistryFault::RateLimited { .. }) => Err(Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "You have published too many versions of this crate in the last 24 hours",
        )),
        Some(RegistryFault::TokenExpires { .. }) => Err(forbidden(match uploader {
            Uploader::Account { .. } => "authentication failed",
            Uploader::Workflow => {
                state.revoke(token(headers)?.unwrap_or_default());
                "Invalid authentication token"
            }
        })),
        Some(RegistryFault::ServerErrorBefore { .. }) => Err(Refusal::internal()),
        Some(RegistryFault::ReadOnly { .. }) => Err(Refusal::read_only()),
        Some(RegistryFault::BodyTimeout { .. }) => {
            Ok(Some(StatusCode::REQUEST_TIMEOUT.into_response()))
        }
        Some(RegistryFault::ResetBefore { .. }) => Ok(Some(Cut::response())),
        _ => Ok(None),
    }
}

async fn yank(
    State(state): Shared,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    set_yanked(&state, &headers, &name, &version, true).await
}

async fn unyank(
    State(state): Shared,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    set_yanked(&state, &headers, &name, &version, false).await
}

/// Yanks or gives back. Whether there is such a version comes before who asks (crates.io
/// src/controllers/version/yank.rs, 2026-08-21).
async fn set_yanked(
    state: &RegistryState,
    headers: &HeaderMap,
    name: &str,
    version: &str,
    yanked: bool,
) -> Result<Response, Refusal> {
    let version = Version::parse(version)
        .map_err(|error| Refusal::bad_request(format!("Invalid URL: {error}")))?;
    let Some(published) = known(state, name).await? else {
        return Err(Refusal::not_found(format!("crate `{name}` does not exist")));
    };
    state.find_version(name, &version)?;
    let login = state.yanker(headers, &published)?;
    state.charge(&login, LimitedAction::Yank)?;
    if state.rights(&login, &published) == Rights::None {
        return Err(forbidden("must already be an owner to yank or unyank"));
    }
    state.set_yanked(name, &version, yanked)?;
    Ok(axum::Json(json!({"ok": true})).into_response())
}

/// Returns the name under which a crate was published, if it was.
async fn known(state: &RegistryState, name: &str) -> Result<Option<String>, Refusal> {
    if !is_name(name) {
        return Ok(None);
    }
    Ok(state.published_name(name).await?)
}

/// Tells everybody what there is to know of a crate.
async fn one_crate(State(state): Shared, Path(name): Path<String>) -> Result<Response, Refusal> {
    let Some(published) = known(&state, &name).await? else {
        return Err(Refusal::not_found(format!("crate `{name}` does not exist")));
    };
    let trusted_only = state.is_trusted_only(&published);
    let found = json!({"id": published, "name": published, "trustpub_only": trusted_only});
    Ok(axum::Json(json!({ "crate": found })).into_response())
}

async fn category_slugs() -> Response {
    let slug = |slug: &&str| json!({"id": slug, "slug": slug, "description": ""});
    let slugs: Vec<_> = categories::CATEGORIES.iter().map(slug).collect();
    axum::Json(json!({"category_slugs": slugs})).into_response()
}

/// crates.io tells them to everybody, and looks at no token.
async fn list_owners(State(state): Shared, Path(name): Path<String>) -> Result<Response, Refusal> {
    let Some(published) = known(&state, &name).await? else {
        return Err(Refusal::not_found(format!("crate `{name}` does not exist")));
    };
    Ok(axum::Json(owners::listed(&state.owners(&published))).into_response())
}

#[derive(serde::Deserialize)]
struct ChangeOwners {
    #[serde(alias = "users")]
    owners: Vec<String>,
}

/// Adds owners. The number of names comes before who asks, and that before the crate (crates.io
/// src/controllers/krate/owners.rs, commit 005cec0a).
async fn add_owners(
    State(state): Shared,
    Path(name): Path<String>,
    headers: HeaderMap,
    asked: Result<axum::Json<ChangeOwners>, JsonRejection>,
) -> Result<Response, Refusal> {
    let axum::Json(ChangeOwners { owners }) =
        asked.map_err(|rejection| Refusal::new(rejection.status(), rejection.body_text()))?;
    if owners.len() > 10 {
        return Err(Refusal::bad_request(
            "too many invites for this request - maximum 10",
        ));
    }
    let login = state.owner_changer(&headers, &name)?;
    let Some(published) = known(&state, &name).await? else {
        return Err(Refusal::not_found(format!("crate `{name}` does not exist")));
    };
    let msg = state.add_owners(&login, &published, &owners)?;
    Ok(axum::Json(json!({ "msg": msg, "ok": true })).into_response())
}

#[derive(serde::Deserialize)]
struct Exchange {
    jwt: String,
}

/// Exchanges an identity for a token. What the extractor of axum says, crates.io says: it uses
/// the same one (src/controllers/trustpub/tokens/json.rs, 2026-08-21).
async fn exchange(
    State(state): Shared,
    asked: Result<axum::Json<Exchange>, JsonRejection>,
) -> Result<Response, Refusal> {
    let asked =
        asked.map_err(|rejection| Refusal::new(rejection.status(), rejection.body_text()))?;
    let token = state.exchange(&asked.jwt)?;
    Ok(axum::Json(json!({ "token": token })).into_response())
}

/// Takes back what has the form of a token, whether there is one or not (crates.io
/// src/controllers/trustpub/tokens/revoke/mod.rs, 2026-08-21).
async fn revoke(State(state): Shared, headers: HeaderMap) -> Result<Response, Refusal> {
    let given = token(&headers)?;
    let given = given.ok_or_else(|| unauthorized("Missing `Authorization` header"))?;
    if !trusted::is_well_formed(given) {
        return Err(unparsable());
    }
    state.revoke(given);
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn unparsable() -> Refusal {
    unauthorized("Invalid `Authorization` header: Failed to parse token")
}

/// As docs.rs tells the state of its builds: none of a version it does not know.
async fn docs(
    State(state): Shared,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let version = checked(&name, &version)?;
    if state.package(&name, &version)?.is_none() {
        return Err(Refusal::not_found("no such version"));
    }
    let version = version.to_string();
    Ok(axum::Json(json!({ "doc_status": true, "version": version })).into_response())
}

fn is_name(name: &str) -> bool {
    rules::crate_name("crate", name).is_ok()
}

fn checked(name: &str, version: &str) -> Result<Version, Refusal> {
    if !is_name(name) {
        return Err(Refusal::not_found(format!("crate `{name}` does not exist")));
    }
    Version::parse(version).map_err(|_| {
        Refusal::not_found(format!(
            "crate `{name}` does not have a version `{version}`"
        ))
    })
}

fn redirect(to: String) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
}
