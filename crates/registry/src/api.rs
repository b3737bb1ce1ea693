//! One request to the web API, and what is known after it.
//!
//! The protocol responds with `{"errors": [{"detail": …}]}`, some registries with
//! status 200 (as crates.io did for years). A failure before the request was
//! sent is told from one after it, because only the first leaves the registry
//! as it was for certain.

use std::io::ErrorKind;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use ureq::http::{HeaderMap, HeaderValue, Request};

use crate::crates_io::response;
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::retry_after;
use crate::token::{Token, is_sendable};

/// Longer texts are pages meant for a browser.
const LONGEST_DETAIL: usize = 300;

/// Why a request was no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing was sent, and nothing would be another time.
    Unsendable { cause: String },
    /// Nothing was sent.
    Unreachable { cause: String },
    /// The request may or may not have had its effect.
    Ambiguous { cause: String },
    /// The registry stopped waiting (status 408). The effect may be there all the same.
    TimedOut { detail: String },
    /// The registry takes no writes for now; nothing happened.
    ReadOnly { detail: String },
    /// There were too many requests; nothing happened.
    RateLimited {
        retry_after: Option<Duration>,
        detail: String,
    },
    /// The token or the account may not do this; nothing happened.
    Unauthorized { status: u16, detail: String },
    /// The registry said no, and did nothing.
    Refused { status: u16, detail: String },
}

impl Failure {
    pub(crate) fn of_status(status: u16, detail: String, retry_after: Option<Duration>) -> Failure {
        match status {
            401 | 403 => Failure::Unauthorized { status, detail },
            429 => Failure::RateLimited {
                retry_after,
                detail,
            },
            408 => Failure::TimedOut { detail },
            _ if response::is_read_only(status, &detail) => Failure::ReadOnly { detail },
            // The gateway may have given up on a server that has not.
            500.. => Failure::Ambiguous {
                cause: format!("status {status}: {detail}"),
            },
            _ if response::access_problem(status, &detail).is_some() => {
                Failure::Unauthorized { status, detail }
            }
            _ => Failure::Refused { status, detail },
        }
    }

    /// Returns the same for a request that changes nothing.
    pub(crate) fn into_read_error(self, url: &str) -> RegistryError {
        let url = url.to_owned();
        match self {
            Failure::Unsendable { cause } => RegistryError::Unsendable { url, cause },
            Failure::Unreachable { cause } | Failure::Ambiguous { cause } => {
                RegistryError::Unreachable { url, cause }
            }
            Failure::TimedOut { detail } => RegistryError::Status {
                url,
                status: 408,
                detail,
            },
            Failure::ReadOnly { detail } => RegistryError::Status {
                url,
                status: 503,
                detail,
            },
            Failure::RateLimited {
                retry_after,
                detail,
            } => RegistryError::RateLimited {
                url,
                retry_after,
                detail,
            },
            Failure::Unauthorized { status, detail } => RegistryError::Unauthorized {
                url,
                status,
                detail,
            },
            Failure::Refused { status, detail } => RegistryError::Status {
                url,
                status,
                detail,
            },
        }
    }
}

/// Sends one request, once, and reads the document of the response.
pub(crate) fn call(
    registry: &Registry,
    method: &str,
    url: &str,
    token: Option<&Token>,
    body: &[u8],
) -> Result<Value, Failure> {
    let request = request(method, url, token, body)?;
    send(registry, request, 200)
}

/// Sends a request, once. What is expected without content has no document.
pub(crate) fn send(
    registry: &Registry,
    request: Request<&[u8]>,
    expected: u16,
) -> Result<Value, Failure> {
    let mut response = registry.inner.writer.run(request).map_err(failed)?;
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let text = response
        .body_mut()
        .read_to_vec()
        .map_err(|error| Failure::Ambiguous {
            cause: format!("the response broke off after status {status}: {error}"),
        })?;
    if status != expected {
        let mut detail = detail(&text);
        if let Some(location) = header(response.headers(), "location") {
            detail = format!("{detail} (redirected to {location}, which is not followed)");
        }
        return Err(Failure::of_status(status, detail, retry_after));
    }
    if expected == 204 {
        return Ok(Value::Null);
    }
    let document: Value = serde_json::from_slice(&text).map_err(|_| Failure::Ambiguous {
        cause: format!(
            "status {status} with a response that is no JSON: {}",
            detail(&text)
        ),
    })?;
    match errors(&document) {
        // A registry that responds 200 with errors refused all the same.
        Some(detail) => Err(match response::access_problem(status, &detail) {
            Some(_) => Failure::Unauthorized { status, detail },
            None => Failure::Refused { status, detail },
        }),
        None => Ok(document),
    }
}

fn request<'b>(
    method: &str,
    url: &str,
    token: Option<&Token>,
    body: &'b [u8],
) -> Result<Request<&'b [u8]>, Failure> {
    let mut request = Request::builder().method(method).uri(url);
    if let Some(token) = token {
        request = request.header("Authorization", secret_header(token, "")?);
    }
    request
        .header("Accept", "application/json")
        .body(body)
        .map_err(|error| Failure::Unsendable {
            cause: error.to_string(),
        })
}

/// Makes a header of a token that is never logged, behind a scheme such as `Bearer `.
pub(crate) fn secret_header(token: &Token, scheme: &str) -> Result<HeaderValue, Failure> {
    let mut secret = HeaderValue::from_str(&format!("{scheme}{}", token.secret()))
        .ok()
        .filter(|_| is_sendable(token.secret()))
        .ok_or_else(|| Failure::Unsendable {
            cause: "the token holds characters that cannot be sent; nothing was".to_owned(),
        })?;
    secret.set_sensitive(true);
    Ok(secret)
}

/// Tells whether a request without a response was sent at all. In doubt it was.
fn failed(error: ureq::Error) -> Failure {
    use ureq::{Error, Timeout};
    let cause = error.to_string();
    let is_unsent = match &error {
        Error::Timeout(timeout) => matches!(timeout, Timeout::Resolve | Timeout::Connect),
        Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable
        ),
        Error::BadUri(_) | Error::InvalidProxyUrl | Error::Http(_) => {
            return Failure::Unsendable { cause };
        }
        Error::HostNotFound
        | Error::ConnectProxyFailed(_)
        | Error::ConnectionFailed
        | Error::Tls(_)
        | Error::TlsRequired => true,
        _ => false,
    };
    if is_unsent {
        Failure::Unreachable { cause }
    } else {
        Failure::Ambiguous { cause }
    }
}

/// Returns what a response says in words: the errors of the protocol, or its text.
pub(crate) fn detail(text: &[u8]) -> String {
    if let Some(detail) = serde_json::from_slice(text)
        .ok()
        .and_then(|document| errors(&document))
    {
        return detail;
    }
    let text = String::from_utf8_lossy(text);
    let text = text.trim();
    if text.is_empty() {
        return "no reason given".to_owned();
    }
    match text.char_indices().nth(LONGEST_DETAIL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the errors in a document of the protocol, if it is one of failure.
fn errors(document: &Value) -> Option<String> {
    let errors = document.get("errors")?.as_array()?;
    let details: Vec<_> = errors
        .iter()
        .map(|error| match error.get("detail").and_then(Value::as_str) {
            Some(detail) => detail.to_owned(),
            None => error.to_string(),
        })
        .collect();
    (!details.is_empty()).then(|| details.join("; "))
}

pub(crate) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = header(headers, "retry-after")?;
    retry_after::parse(value, header(headers, "date"), Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_say_what_is_known() {
        let of = |status| Failure::of_status(status, "d".to_owned(), None);
        for status in [500, 502, 503, 504] {
            assert!(matches!(of(status), Failure::Ambiguous { .. }), "{status}");
        }
        for status in [301, 400, 404, 409, 413, 422] {
            assert!(matches!(of(status), Failure::Refused { .. }), "{status}");
        }
        assert!(matches!(of(429), Failure::RateLimited { .. }));
        assert!(matches!(of(408), Failure::TimedOut { .. }));
        let read_only = "crates.io is currently in read-only mode.".to_owned();
        let paused = Failure::of_status(503, read_only, None);
        assert!(matches!(paused, Failure::ReadOnly { .. }), "{paused:?}");
        let email = "A verified email address is required".to_owned();
        let account = Failure::of_status(400, email, None);
        assert!(
            matches!(account, Failure::Unauthorized { .. }),
            "{account:?}"
        );
        assert!(matches!(of(403), Failure::Unauthorized { .. }));
    }

    #[test]
    fn details_are_the_protocols_or_the_text() {
        assert_eq!(
            detail(b"{\"errors\":[{\"detail\":\"a\"},{\"detail\":\"b\"}]}"),
            "a; b"
        );
        assert_eq!(detail(b" <html> "), "<html>");
        assert_eq!(detail(b""), "no reason given");
        assert!(detail("é".repeat(400).as_bytes()).ends_with('…'));
        assert_eq!(errors(&serde_json::json!({"errors": []})), None);
    }
}
