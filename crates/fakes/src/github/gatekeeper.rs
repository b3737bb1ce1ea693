//! What comes before every answer: the token, the note of the request, and what is
//! to go wrong.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::fault::Now;
use super::{GitHubRequest, State, TokenKind, answer, lock};

type SharedState = Shared<Arc<State>>;

/// Where the bytes of assets are.
pub(super) const STORAGE: &str = "/storage/";

/// Notes every request, asks for the token, and lets things go wrong.
pub(super) async fn gatekeeper(
    Shared(state): SharedState,
    request: Request,
    next: Next,
) -> Response {
    if request.uri().path().starts_with(STORAGE) {
        // Not the API: where assets are kept. Its address is signed, and S3, like Azure's
        // storage, refuses a second way to say who asks.
        return match request.headers().get(header::AUTHORIZATION) {
            None => next.run(request).await,
            Some(_) => answer::error(StatusCode::BAD_REQUEST, "Only one auth mechanism allowed"),
        };
    }
    let content_type = of_header(request.headers(), header::CONTENT_TYPE);
    let (request, body) = match content_type.starts_with("application/json") {
        true => {
            let (head, body) = request.into_parts();
            let bytes = read(body).await;
            let value = serde_json::from_slice(&bytes).ok();
            (Request::from_parts(head, Body::from(bytes)), value)
        }
        false => (request, None),
    };
    let method = request.method().clone();
    let path = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let known = token.and_then(|t| {
        t.strip_prefix("Bearer ")
            .or_else(|| t.strip_prefix("token "))
    });
    let prefix = format!("/repos/{}", state.options.repository);
    let response = if known != Some(state.options.token.as_str()) {
        answer::error(StatusCode::UNAUTHORIZED, "Bad credentials")
    } else if request.headers().get(header::USER_AGENT).is_none() {
        answer::error(
            StatusCode::FORBIDDEN,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
        )
    } else if !path.starts_with(&prefix) {
        answer::error(StatusCode::NOT_FOUND, "Not Found")
    } else if lock(&state.requests).len() >= state.options.token_kind.hourly_limit() {
        limit_reached()
    } else if state.options.token_kind == TokenKind::Reader && method != Method::GET {
        // Seen with a token without `contents: write`.
        answer::error(
            StatusCode::FORBIDDEN,
            "Resource not accessible by personal access token",
        )
    } else {
        let now = if method == Method::GET {
            Now::Nothing
        } else {
            lock(&state.faults).next()
        };
        match now {
            Now::Nothing => next.run(request).await,
            Now::Before => answer::error(StatusCode::BAD_GATEWAY, "Server Error"),
            Now::After => {
                next.run(request).await;
                answer::error(StatusCode::BAD_GATEWAY, "Server Error")
            }
            Now::SecondaryLimit => answer::error(
                StatusCode::FORBIDDEN,
                // GitHub's docs, "Rate limits for the REST API": 403 or 429, and
                // `Retry-After` only sometimes.
                "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            ),
            Now::Limited => {
                let mut response = answer::error(
                    StatusCode::TOO_MANY_REQUESTS,
                    "You have exceeded a secondary rate limit",
                );
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
                response
            }
        }
    };
    let (head, sent) = response.into_parts();
    let bytes = read(sent).await;
    lock(&state.requests).push(GitHubRequest {
        method: method.to_string(),
        path,
        content_type,
        body,
        status: head.status.as_u16(),
        answer: serde_json::from_slice(&bytes).ok(),
    });
    Response::from_parts(head, Body::from(bytes))
}

/// Answers with a primary limit: no requests are left until the hour ends.
fn limit_reached() -> Response {
    let mut response = answer::error(
        StatusCode::FORBIDDEN,
        "API rate limit exceeded for installation",
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let reset = now.map_or(0, |now| now.as_secs()) + 3600;
    let headers = response.headers_mut();
    headers.insert(
        "x-ratelimit-remaining",
        header::HeaderValue::from_static("0"),
    );
    headers.insert("x-ratelimit-reset", header::HeaderValue::from(reset));
    response
}

fn of_header(headers: &HeaderMap, name: header::HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// Reads the whole of a body; what breaks off is as empty as what was never sent.
async fn read(body: Body) -> Bytes {
    axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default()
}
