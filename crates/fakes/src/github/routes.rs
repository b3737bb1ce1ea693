//! The requests that the fake GitHub answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::gatekeeper::gatekeeper;
use super::store::StoredRelease;
use super::{State, answer, lock, pulls, repository as shapes};

type SharedState = Shared<Arc<State>>;
type Params = Query<BTreeMap<String, String>>;

pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/repos/{owner}/{repo}", get(repository))
        .route("/repos/{owner}/{repo}/releases", get(list).post(create))
        .route("/repos/{owner}/{repo}/releases/latest", get(latest))
        .route("/repos/{owner}/{repo}/releases/tags/{tag}", get(by_tag))
        .route(
            "/repos/{owner}/{repo}/releases/{id}",
            get(one).patch(change).delete(remove),
        )
        .route(
            "/repos/{owner}/{repo}/releases/{id}/assets",
            post(upload).get(assets),
        )
        .route(
            "/repos/{owner}/{repo}/releases/assets/{id}",
            get(one_asset).delete(remove_asset),
        )
        .route(
            "/repos/{owner}/{repo}/pulls",
            get(pulls::list).post(pulls::create),
        )
        .route(
            "/repos/{owner}/{repo}/issues/{number}/labels",
            axum::routing::post(pulls::label),
        )
        .route(
            "/repos/{owner}/{repo}/pulls/{number}",
            get(pulls::one).patch(pulls::change),
        )
        .route("/storage/{id}", get(bytes_of_asset))
        .fallback(|| async { answer::error(StatusCode::NOT_FOUND, "Not Found") })
        .layer(from_fn_with_state(Arc::clone(&state), gatekeeper))
        .layer(DefaultBodyLimit::max(512 * 1024 * 1024))
        .with_state(state)
}

fn not_found() -> Response {
    answer::error(StatusCode::NOT_FOUND, "Not Found")
}

async fn repository(Shared(state): SharedState) -> Response {
    Json(shapes::repository(&state)).into_response()
}

async fn list(Shared(state): SharedState, Query(params): Params) -> Response {
    let number =
        |name: &str, default: usize| params.get(name).map_or(Ok(default), |text| text.parse());
    let (Ok(size), Ok(page)) = (number("per_page", 30), number("page", 1)) else {
        return answer::error(
            StatusCode::UNPROCESSABLE_ENTITY,
            "per_page and page are numbers",
        );
    };
    let (size, page) = (size.clamp(1, 100), page.max(1));
    let store = lock(&state.store);
    let shown: Vec<Value> = store
        .releases()
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .map(|r| answer::release(&state, r))
        .collect();
    Json(shown).into_response()
}

async fn latest(Shared(state): SharedState) -> Response {
    let found = lock(&state.store).latest().cloned();
    found.map_or_else(not_found, |release| {
        Json(answer::release(&state, &release)).into_response()
    })
}

/// Public releases only: GitHub does not find a draft by its tag.
async fn by_tag(
    Shared(state): SharedState,
    Path((_, _, tag)): Path<(String, String, String)>,
) -> Response {
    let store = lock(&state.store);
    let found = store
        .releases()
        .iter()
        .find(|r| r.tag_name == tag && !r.draft);
    found.map_or_else(not_found, |release| {
        Json(answer::release(&state, release)).into_response()
    })
}

async fn one(
    Shared(state): SharedState,
    Path((_, _, id)): Path<(String, String, u64)>,
) -> Response {
    let found = lock(&state.store).find(id).cloned();
    found.map_or_else(not_found, |release| {
        Json(answer::release(&state, &release)).into_response()
    })
}

fn text(body: &Value, name: &str) -> Option<String> {
    Some(body.get(name)?.as_str()?.to_owned())
}

async fn create(Shared(state): SharedState, Json(body): Json<Value>) -> Response {
    let Some(tag_name) = text(&body, "tag_name").filter(|tag| !tag.is_empty()) else {
        return answer::invalid("Release", "tag_name", "missing_field");
    };
    let draft = body.get("draft").and_then(Value::as_bool).unwrap_or(false);
    let mut store = lock(&state.store);
    // Any number of drafts may name one tag; only one public release may.
    if !draft
        && store
            .releases()
            .iter()
            .any(|r| !r.draft && r.tag_name == tag_name)
    {
        return answer::invalid("Release", "tag_name", "already_exists");
    }
    let now = jiff::Timestamp::now().to_string();
    let release = store.add(StoredRelease {
        id: 0,
        name: text(&body, "name").unwrap_or_default(),
        body: text(&body, "body").unwrap_or_default(),
        target_commitish: text(&body, "target_commitish").unwrap_or_else(|| "main".to_owned()),
        draft: true,
        prerelease: body
            .get("prerelease")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        immutable: false,
        created_at: now,
        published_at: None,
        assets: Vec::new(),
        tag_name,
    });
    let release = if draft {
        release
    } else {
        match publish(&state, &mut store, release.id, &body) {
            Ok(public) => public,
            Err(response) => return *response,
        }
    };
    (StatusCode::CREATED, Json(answer::release(&state, &release))).into_response()
}

/// Makes a release public; a missing tag is made, as GitHub does.
fn publish(
    state: &State,
    store: &mut super::Store,
    id: u64,
    body: &Value,
) -> Result<StoredRelease, Box<Response>> {
    let immutable = state.options.immutable_releases;
    let release = store.find(id).ok_or_else(|| Box::new(not_found()))?;
    let git = |args: &[&str]| {
        let output = std::process::Command::new("git")
            .arg("--git-dir")
            .arg(&state.options.git)
            .args(args)
            .output();
        output.is_ok_and(|output| output.status.success())
    };
    let tag = format!("refs/tags/{}", release.tag_name);
    if !git(&["rev-parse", "--verify", "--quiet", &tag])
        && !git(&["update-ref", &tag, &release.target_commitish])
    {
        return Err(Box::new(answer::invalid(
            "Release",
            "target_commitish",
            "invalid",
        )));
    }
    release.draft = false;
    release.immutable = immutable;
    release.published_at = Some(jiff::Timestamp::now().to_string());
    let release = release.clone();
    let wish = body
        .get("make_latest")
        .and_then(Value::as_str)
        .unwrap_or("true");
    if wish == "true" && !release.prerelease {
        store.set_latest(release.id);
    }
    Ok(release)
}

async fn change(
    Shared(state): SharedState,
    Path((_, _, id)): Path<(String, String, u64)>,
    Json(body): Json<Value>,
) -> Response {
    let known = [
        "tag_name",
        "target_commitish",
        "name",
        "body",
        "draft",
        "prerelease",
        "make_latest",
    ];
    let Some(fields) = body.as_object() else {
        return answer::error(StatusCode::BAD_REQUEST, "Problems parsing JSON");
    };
    if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        return answer::invalid("Release", unknown, "unknown");
    }
    let mut store = lock(&state.store);
    let Some(release) = store.find(id) else {
        return not_found();
    };
    if release.immutable
        && (fields.contains_key("tag_name") || fields.contains_key("target_commitish"))
    {
        return answer::invalid("Release", "tag_name", "immutable");
    }
    for (name, field) in [
        ("name", &mut release.name),
        ("body", &mut release.body),
        ("tag_name", &mut release.tag_name),
    ] {
        if let Some(value) = text(&body, name) {
            *field = value;
        }
    }
    if let Some(prerelease) = body.get("prerelease").and_then(Value::as_bool) {
        release.prerelease = prerelease;
    }
    let becomes_public = release.draft && body.get("draft").and_then(Value::as_bool) == Some(false);
    let mut release = release.clone();
    if becomes_public {
        release = match publish(&state, &mut store, id, &body) {
            Ok(public) => public,
            Err(response) => return *response,
        };
    }
    Json(answer::release(&state, &release)).into_response()
}

async fn remove(
    Shared(state): SharedState,
    Path((_, _, id)): Path<(String, String, u64)>,
) -> Response {
    if lock(&state.store).remove(id) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        not_found()
    }
}

async fn assets(
    Shared(state): SharedState,
    Path((_, _, id)): Path<(String, String, u64)>,
) -> Response {
    let found = lock(&state.store).find(id).cloned();
    let Some(release) = found else {
        return not_found();
    };
    let shown: Vec<Value> = release
        .assets
        .iter()
        .map(|asset| answer::asset(&state, &release, asset))
        .collect();
    Json(shown).into_response()
}

async fn upload(
    Shared(state): SharedState,
    Path((_, _, id)): Path<(String, String, u64)>,
    Query(params): Params,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(name) = params.get("name").filter(|name| !name.is_empty()) else {
        return answer::invalid("ReleaseAsset", "name", "missing_field");
    };
    // GitHub keeps letters, digits and a few signs, and makes dots of the rest.
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-._".contains(c) {
                c
            } else {
                '.'
            }
        })
        .collect();
    let Some(content_type) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return answer::error(StatusCode::BAD_REQUEST, "Content-Type is required");
    };
    let mut store = lock(&state.store);
    let Some(release) = store.find(id) else {
        return not_found();
    };
    if release.immutable {
        return answer::invalid("ReleaseAsset", "release", "immutable");
    }
    if release.assets.iter().any(|asset| asset.name == name) {
        return answer::invalid("ReleaseAsset", "name", "already_exists");
    }
    let release = release.clone();
    match store.attach(id, &name, content_type, &body) {
        Ok(asset) => (
            StatusCode::CREATED,
            Json(answer::asset(&state, &release, &asset)),
        )
            .into_response(),
        Err(e) => {
            let body = json!({ "message": format!("the fake cannot keep the asset: {e}") });
            (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
        }
    }
}

/// Answers with an asset, or where its bytes are: "the API responds with 302" to whoever accepts
/// `application/octet-stream` (GitHub's REST documentation, "Get a release asset").
async fn one_asset(
    Shared(state): SharedState,
    Path((_, _, id)): Path<(String, String, u64)>,
    headers: HeaderMap,
) -> Response {
    let releases = lock(&state.store).releases().to_vec();
    let found = releases.iter().find_map(|release| {
        let asset = release.assets.iter().find(|asset| asset.id == id)?;
        Some(answer::asset(&state, release, asset))
    });
    let Some(asset) = found else {
        return not_found();
    };
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    if accepts != Some("application/octet-stream") {
        return Json(asset).into_response();
    }
    let place = format!(
        "{}{}{id}?signature=0",
        state.address,
        super::gatekeeper::STORAGE
    );
    (StatusCode::FOUND, [(header::LOCATION, place)]).into_response()
}

async fn bytes_of_asset(Shared(state): SharedState, Path(id): Path<u64>) -> Response {
    let store = lock(&state.store);
    let mut assets = store.releases().iter().flat_map(|release| &release.assets);
    match assets
        .find(|asset| asset.id == id)
        .map(|asset| store.read(asset))
    {
        Some(Ok(bytes)) => bytes.into_response(),
        _ => not_found(),
    }
}

async fn remove_asset(
    Shared(state): SharedState,
    Path((_, _, id)): Path<(String, String, u64)>,
) -> Response {
    let mut store = lock(&state.store);
    let immutable = store
        .releases()
        .iter()
        .any(|r| r.immutable && r.assets.iter().any(|a| a.id == id));
    if immutable {
        return answer::invalid("ReleaseAsset", "release", "immutable");
    }
    if store.detach(id) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        not_found()
    }
}
