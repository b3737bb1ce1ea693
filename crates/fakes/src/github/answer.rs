//! Answers in the shapes of GitHub's API.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::State;
use super::store::{StoredAsset, StoredRelease};

/// Returns an error as GitHub words it.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    let body = json!({ "message": message, "documentation_url": "https://docs.github.com/rest", "status": status.as_str() });
    (status, Json(body)).into_response()
}

/// 422 with a code for one field.
pub(super) fn invalid(resource: &str, field: &str, code: &str) -> Response {
    let body = json!({
        "message": "Validation Failed",
        "errors": [{ "resource": resource, "field": field, "code": code }],
        "documentation_url": "https://docs.github.com/rest",
        "status": "422",
    });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

/// Somebody, as GitHub describes an account.
pub(super) fn account(state: &State) -> Value {
    let login = state
        .options
        .repository
        .split('/')
        .next()
        .unwrap_or_default();
    let api = format!("{}/users/{login}", state.address);
    json!({
        "login": login,
        "id": 1,
        "node_id": "U_1",
        "avatar_url": format!("{api}/avatar"),
        "gravatar_id": "",
        "url": api,
        "html_url": format!("{}/{login}", state.address),
        "followers_url": format!("{api}/followers"),
        "following_url": format!("{api}/following"),
        "gists_url": format!("{api}/gists"),
        "starred_url": format!("{api}/starred"),
        "subscriptions_url": format!("{api}/subscriptions"),
        "organizations_url": format!("{api}/orgs"),
        "repos_url": format!("{api}/repos"),
        "events_url": format!("{api}/events"),
        "received_events_url": format!("{api}/received_events"),
        "type": if state.options.organization { "Organization" } else { "User" },
        "site_admin": false,
    })
}

pub(super) fn release(state: &State, release: &StoredRelease) -> Value {
    let repository = &state.options.repository;
    let api = format!(
        "{}/repos/{repository}/releases/{}",
        state.address, release.id
    );
    let assets: Vec<Value> = release
        .assets
        .iter()
        .map(|a| asset(state, release, a))
        .collect();
    // A draft has no address by tag yet.
    let place = if release.draft {
        format!("untagged-{}", release.id)
    } else {
        release.tag_name.clone()
    };
    json!({
        "url": api,
        "assets_url": format!("{api}/assets"),
        "upload_url": format!("{}/repos/{repository}/releases/{}/assets{{?name,label}}", state.address, release.id),
        "html_url": format!("{}/{repository}/releases/tag/{place}", state.address),
        "id": release.id,
        "author": account(state),
        "node_id": format!("RE_{}", release.id),
        "tag_name": release.tag_name,
        "target_commitish": release.target_commitish,
        "name": release.name,
        "draft": release.draft,
        "immutable": release.immutable,
        "prerelease": release.prerelease,
        "created_at": release.created_at,
        "updated_at": release.created_at,
        "published_at": release.published_at,
        "assets": assets,
        "tarball_url": format!("{api}/tarball"),
        "zipball_url": format!("{api}/zipball"),
        "body": release.body,
    })
}

pub(super) fn asset(state: &State, release: &StoredRelease, asset: &StoredAsset) -> Value {
    let repository = &state.options.repository;
    json!({
        "url": format!("{}/repos/{repository}/releases/assets/{}", state.address, asset.id),
        "id": asset.id,
        "node_id": format!("RA_{}", asset.id),
        "name": asset.name,
        "label": "",
        "uploader": account(state),
        "content_type": asset.content_type,
        "state": "uploaded",
        "size": asset.size,
        "digest": state.tells_digests().then(|| format!("sha256:{}", asset.sha256)),
        "download_count": 0,
        "created_at": release.created_at,
        "updated_at": release.created_at,
        "browser_download_url": format!("{}/{repository}/releases/download/{}/{}", state.address, release.tag_name, asset.name),
    })
}
