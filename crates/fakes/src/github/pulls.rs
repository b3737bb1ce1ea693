//! The requests about pull requests that the fake GitHub answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::store::StoredPull;
use super::{State, answer, lock, repository};

type SharedState = Shared<Arc<State>>;

fn text(body: &Value, name: &str) -> Option<String> {
    Some(body.get(name)?.as_str()?.to_owned())
}

/// Lists those of a head branch, `OWNER:BRANCH`, in a state.
pub(super) async fn list(
    Shared(state): SharedState,
    Query(params): Query<BTreeMap<String, String>>,
) -> Response {
    let owner = state
        .options
        .repository
        .split('/')
        .next()
        .unwrap_or_default();
    let wanted = params.get("state").map_or("open", String::as_str);
    let fits = |pull: &&StoredPull| {
        let head = params.get("head");
        let base = params.get("base");
        (wanted == "all" || pull.state == wanted)
            && head.is_none_or(|head| *head == format!("{owner}:{}", pull.head))
            && base.is_none_or(|base| *base == pull.base)
    };
    let store = lock(&state.store);
    let shown: Vec<Value> = store
        .pulls()
        .iter()
        .filter(fits)
        .map(|pull| repository::pull(&state, pull))
        .collect();
    Json(shown).into_response()
}

/// Opens a new one: both branches must be there and differ, and there is one open pull request
/// for a pair of branches.
pub(super) async fn create(Shared(state): SharedState, Json(body): Json<Value>) -> Response {
    let (Some(title), Some(head), Some(base)) = (
        text(&body, "title").filter(|title| !title.is_empty()),
        text(&body, "head"),
        text(&body, "base"),
    ) else {
        return answer::invalid("PullRequest", "title", "missing_field");
    };
    let (from, onto) = (state.commit_of(&head), state.commit_of(&base));
    if from.is_empty() {
        return answer::invalid("PullRequest", "head", "invalid");
    }
    if onto.is_empty() {
        return answer::invalid("PullRequest", "base", "invalid");
    }
    if from == onto {
        return answer::invalid("PullRequest", "head", "custom");
    }
    let mut store = lock(&state.store);
    let same = |pull: &StoredPull| pull.state == "open" && pull.head == head && pull.base == base;
    if store.pulls().iter().any(same) {
        return answer::invalid("PullRequest", "head", "custom");
    }
    let pull = store.open_pull(StoredPull {
        number: 0,
        title,
        body: text(&body, "body").unwrap_or_default(),
        head,
        base,
        state: "open".to_owned(),
        labels: Vec::new(),
    });
    let shown = Json(repository::pull(&state, &pull));
    (StatusCode::CREATED, shown).into_response()
}

/// Adds labels to one, beside those it has; unknown ones are created, and case is no
/// difference (the documentation of "Add labels to an issue").
pub(super) async fn label(
    Shared(state): SharedState,
    Path((_, _, number)): Path<(String, String, u64)>,
    Json(body): Json<Value>,
) -> Response {
    let named = body.get("labels").and_then(Value::as_array);
    let Some(named) = named else {
        return answer::invalid("Label", "labels", "missing_field");
    };
    let mut store = lock(&state.store);
    let Some(pull) = store.pull(number) else {
        return answer::error(StatusCode::NOT_FOUND, "Not Found");
    };
    for label in named.iter().filter_map(Value::as_str) {
        if !pull
            .labels
            .iter()
            .any(|known| known.eq_ignore_ascii_case(label))
        {
            pull.labels.push(label.to_owned());
        }
    }
    Json(repository::labels(&state, &pull.labels)).into_response()
}

/// Another title or body, or another state.
pub(super) async fn change(
    Shared(state): SharedState,
    Path((_, _, number)): Path<(String, String, u64)>,
    Json(body): Json<Value>,
) -> Response {
    let known = ["title", "body", "state", "base", "maintainer_can_modify"];
    let Some(fields) = body.as_object() else {
        return answer::error(StatusCode::BAD_REQUEST, "Problems parsing JSON");
    };
    if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        return answer::invalid("PullRequest", unknown, "unknown");
    }
    let mut store = lock(&state.store);
    let Some(pull) = store.pull(number) else {
        return answer::error(StatusCode::NOT_FOUND, "Not Found");
    };
    for (name, field) in [
        ("title", &mut pull.title),
        ("body", &mut pull.body),
        ("state", &mut pull.state),
        ("base", &mut pull.base),
    ] {
        if let Some(value) = text(&body, name) {
            *field = value;
        }
    }
    let pull = pull.clone();
    Json(repository::pull(&state, &pull)).into_response()
}
