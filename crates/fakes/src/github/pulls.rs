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

/// Lists those of a head branch, `OWNER:BRANCH`, in a state. They are sorted by `created`
/// or by `updated`, newest first when no `sort` or `direction=desc` is given, at most
/// `per_page` (GitHub's REST documentation, "List pull requests").
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
    let (sort, direction) = (params.get("sort"), params.get("direction"));
    let size = params.get("per_page").map_or(Ok(30), |text| text.parse());
    let Ok(size) = size else {
        return answer::error(StatusCode::UNPROCESSABLE_ENTITY, "per_page is a number");
    };
    let store = lock(&state.store);
    let mut found: Vec<&StoredPull> = store.pulls().iter().filter(fits).collect();
    match sort.map_or("created", String::as_str) {
        "created" => found.sort_by_key(|pull| pull.number),
        "updated" => found.sort_by_key(|pull| pull.updated),
        _ => return answer::invalid("PullRequest", "sort", "invalid"),
    }
    // "Default: desc when sort is created or sort is not specified, otherwise asc."
    let usual = if sort.is_none_or(|sort| sort == "created") {
        "desc"
    } else {
        "asc"
    };
    if direction.map_or(usual, String::as_str) == "desc" {
        found.reverse();
    }
    let shown: Vec<Value> = found
        .into_iter()
        .take(usize::clamp(size, 1, 100))
        .map(|pull| repository::pull(&state, pull))
        .collect();
    Json(shown).into_response()
}

/// Opens a new one: both branches must be there and differ, and there is one open pull request
/// for a pair of branches.
pub(super) async fn create(Shared(state): SharedState, Json(body): Json<Value>) -> Response {
    if !state.may_open_pulls() {
        // In these words, as reported by those whose workflows met it (peter-evans'
        // create-pull-request, README, "Workflow permissions").
        return answer::error(
            StatusCode::FORBIDDEN,
            "GitHub Actions is not permitted to create or approve pull requests.",
        );
    }
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
        merged: None,
        updated: 0,
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

/// Answers with one.
pub(super) async fn one(
    Shared(state): SharedState,
    Path((_, _, number)): Path<(String, String, u64)>,
) -> Response {
    match lock(&state.store).pull(number) {
        None => answer::error(StatusCode::NOT_FOUND, "Not Found"),
        Some(pull) => Json(repository::pull(&state, pull)).into_response(),
    }
}

/// Another title or body, or another state. What was merged is not opened again (422, as seen
/// on github.com).
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
    let Some(pull) = store.change_pull(number) else {
        return answer::error(StatusCode::NOT_FOUND, "Not Found");
    };
    let wanted = text(&body, "state");
    if wanted
        .as_deref()
        .is_some_and(|to| !["open", "closed"].contains(&to))
        || (wanted.as_deref() == Some("open") && pull.merged.is_some())
    {
        return answer::invalid("PullRequest", "state", "invalid");
    }
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
