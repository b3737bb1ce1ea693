//! The addresses of the registry, and who answers them.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use semver::Version;
use serde_json::json;

use super::categories;
use super::fault::RegistryFault;
use super::metadata::NewUpload;
use super::refusal::Refusal;
use super::rules::{self, is_name};
use super::server::Cut;
use super::store::{checksum, index_path};
use super::world::{Authority, World};
use super::{package, upstream::Upstream};

/// Somewhat more than the largest upload, so that one too large is read to its
/// end and gets an answer.
const LARGEST_BODY: usize = 64 << 20;

type Shared = State<Arc<World>>;

/// All routes; everything else is refused.
pub(crate) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/index/config.json", get(config))
        .route("/index/{*path}", get(index_file))
        .route("/api/v1/crates/new", put(upload))
        .route("/api/v1/category_slugs", get(category_slugs))
        .route("/api/v1/crates/{name}/owners", get(owners))
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
        .layer(middleware::from_fn(read_whole))
        .with_state(world)
}

/// Reads what is sent before anything is answered, whoever answers. Otherwise
/// the connection is closed behind an answer that did not need the body, and a
/// client that keeps it notices only with its next request.
async fn read_whole(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match to_bytes(body, LARGEST_BODY).await {
        Ok(body) => next.run(Request::from_parts(head, Body::from(body))).await,
        Err(_) => {
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "what is sent is too large").into_response()
        }
    }
}

async fn config(State(world): Shared) -> Response {
    let base = format!("http://{}", world.address);
    axum::Json(json!({"dl": format!("{base}/api/v1/crates"), "api": base})).into_response()
}

async fn index_file(
    State(world): Shared,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if world.next_index_fault().is_some() {
        return Err(Refusal::unavailable());
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    if !is_name(name) || index_path(name) != path {
        return Err(Refusal::not_found(format!("the index has no file {path}")));
    }
    let lines = world.visible_lines(name)?;
    if lines.is_empty() {
        return match &world.upstream {
            Some(upstream) => Ok(redirect(upstream.index_file(name))),
            None => Err(Refusal::not_found(format!("the index has no file {path}"))),
        };
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let etag = format!("\"{}\"", checksum(text.as_bytes()));
    let seen = headers.get(header::IF_NONE_MATCH);
    if seen.is_some_and(|seen| seen.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    Ok(([(header::ETAG, etag)], text).into_response())
}

/// The web API tells of a version at once, as crates.io's does: only the index lags.
async fn one_version(
    State(world): Shared,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let version = checked(&name, &version)?;
    let line = world.line(&name, &version)?;
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
    State(world): Shared,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let version = checked(&name, &version)?;
    if let Some(bytes) = world.package(&name, &version)? {
        return Ok(([(header::CONTENT_TYPE, "application/gzip")], bytes).into_response());
    }
    let passed_on =
        async |upstream: &Upstream| upstream.download(&name, &version.to_string()).await;
    match &world.upstream {
        Some(upstream) => Ok(redirect(passed_on(upstream).await?)),
        None => Err(Refusal::not_found(format!(
            "there is no `{name}` {version}"
        ))),
    }
}

async fn upload(
    State(world): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let authority = authorised(&world, &headers)?;
    let fault = world.next_upload_fault();
    match &fault {
        Some(RegistryFault::RateLimited { retry_after, .. }) => {
            let detail = "You have published too many versions of existing crates in a short \
                          period of time. Please try again later or email help@crates.io to \
                          have your limit increased.";
            return Err(Refusal {
                retry_after: retry_after.map(super::RetryAfter::value),
                ..Refusal::new(StatusCode::TOO_MANY_REQUESTS, detail)
            });
        }
        Some(RegistryFault::TokenExpires { .. }) => {
            if authority == Authority::Workflow {
                world.revoke(token(&headers)?)?;
            }
            return Err(forbidden("authentication failed"));
        }
        Some(RegistryFault::ServerErrorBefore { .. }) => return Err(Refusal::unavailable()),
        Some(RegistryFault::ResetBefore { .. }) => return Ok(Cut::response()),
        _ => {}
    }
    let upload = NewUpload::parse(&body)?;
    rules::check(&upload)?;
    package::check(&upload)?;
    let is_new = !world.knows(&upload.metadata.name).await?;
    if is_new && authority == Authority::Workflow {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "Trusted Publishing tokens do not support creating new crates. Publish the crate \
             manually, first",
        ));
    }
    world.publish(&upload)?;
    match fault {
        Some(RegistryFault::ServerErrorAfter { .. }) => Err(Refusal::unavailable()),
        Some(RegistryFault::ResetAfter { .. }) => Ok(Cut::response()),
        Some(RegistryFault::SilenceAfter { .. }) => std::future::pending().await,
        _ => {
            let unknown = categories::unknown(&upload.metadata.categories);
            let warnings =
                json!({"invalid_categories": unknown, "invalid_badges": [], "other": []});
            Ok(axum::Json(json!({"warnings": warnings})).into_response())
        }
    }
}

async fn yank(
    State(world): Shared,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    set_yanked(&world, &headers, &name, &version, true).await
}

async fn unyank(
    State(world): Shared,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    set_yanked(&world, &headers, &name, &version, false).await
}

async fn set_yanked(
    world: &World,
    headers: &HeaderMap,
    name: &str,
    version: &str,
    yanked: bool,
) -> Result<Response, Refusal> {
    owner(world, headers)?;
    let version = checked(name, version)?;
    world.knows(name).await?;
    world.set_yanked(name, &version, yanked)?;
    Ok(axum::Json(json!({"ok": true})).into_response())
}

async fn category_slugs() -> Response {
    let slug = |slug: &&str| json!({"id": slug, "slug": slug, "description": ""});
    let slugs: Vec<_> = categories::CATEGORIES.iter().map(slug).collect();
    axum::Json(json!({"category_slugs": slugs})).into_response()
}

async fn owners(
    State(world): Shared,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    // crates.io tells them to everybody; a token that comes along must be one.
    if headers.contains_key(header::AUTHORIZATION) {
        owner(&world, &headers)?;
    }
    if !is_name(&name) || !world.knows(&name).await? {
        return Err(Refusal::not_found(format!("crate `{name}` does not exist")));
    }
    let user = json!({"id": 1, "login": world.owner, "name": null, "kind": "user"});
    Ok(axum::Json(json!({"users": [user]})).into_response())
}

fn forbidden(detail: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, detail)
}

/// Whoever may do something; the scheme `Bearer` may stand before the token.
fn authorised(world: &World, headers: &HeaderMap) -> Result<Authority, Refusal> {
    let token = token(headers)?;
    world
        .authority(token)
        .ok_or_else(|| forbidden("authentication failed"))
}

/// The user; a workflow's token is none of theirs.
fn owner(world: &World, headers: &HeaderMap) -> Result<(), Refusal> {
    match authorised(world, headers)? {
        Authority::Owner => Ok(()),
        Authority::Workflow => Err(forbidden("authentication failed")),
    }
}

fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return Err(forbidden("this action requires authentication"));
    };
    let given = given
        .to_str()
        .map_err(|_| forbidden("authentication failed"))?;
    match given.split_once(' ') {
        None => Ok(given),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token),
        Some((scheme, _)) => Err(forbidden(&format!(
            "Invalid `Authorization` header: Found unexpected authentication scheme `{scheme}`"
        ))),
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    jwt: String,
}

async fn exchange(
    State(world): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    if headers.get(header::AUTHORIZATION).is_some() {
        return Err(Refusal::bad_request(
            "the fake registry expects no token where one is asked for",
        ));
    }
    let asked: Exchange = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad_request(format!("invalid request: {error}")))?;
    let token = world.exchange(&asked.jwt)?;
    Ok(axum::Json(json!({ "token": token })).into_response())
}

async fn revoke(State(world): Shared, headers: HeaderMap) -> Result<Response, Refusal> {
    world.revoke(token(&headers)?)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// As docs.rs tells the state of its builds: none of a version it does not know.
async fn docs(
    State(world): Shared,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let version = checked(&name, &version)?;
    if world.package(&name, &version)?.is_none() {
        return Err(Refusal::not_found("no such version"));
    }
    let version = version.to_string();
    Ok(axum::Json(json!({ "doc_status": true, "version": version })).into_response())
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
