//! An answer that says no, in the protocol's form.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Status and reason of a request that was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) detail: String,
    pub(crate) retry_after: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Refusal {
        Refusal {
            status,
            detail: detail.into(),
            retry_after: None,
        }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, detail)
    }

    /// Answers as crates.io to what fails by code (crates.io src/util/errors.rs,
    /// `server_error_response`).
    pub(crate) fn internal() -> Refusal {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    }

    /// Answers to a write while the database is read-only (the same file, 2026-08-21).
    pub(crate) fn read_only() -> Refusal {
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "crates.io is currently in read-only mode. Please check https://status.crates.io/ \
             for details and try again later.",
        )
    }

    pub(crate) fn unavailable() -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
    }
}

/// What fails in the fake itself, such as its disk, is never the client's
/// fault.
impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Refusal {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the fake registry failed: {error:#}"),
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let document = json!({"errors": [{"detail": self.detail}]});
        let retry_after = self.retry_after.map(|value| [(header::RETRY_AFTER, value)]);
        (self.status, retry_after, axum::Json(document)).into_response()
    }
}
