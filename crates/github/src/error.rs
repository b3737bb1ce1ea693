//! What can go wrong between us and GitHub, as a caller must branch on it.

use std::time::Duration;

/// A failed request to GitHub. Every message says what was attempted.
#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// The token is missing, wrong or expired (401).
    #[error(
        "{attempt}: GitHub does not accept the token ({detail}); set GITHUB_TOKEN to one that may write releases (`contents: write`)"
    )]
    Unauthorized {
        /// What was attempted, on what.
        attempt: String,
        /// GitHub's own words.
        detail: String,
    },
    /// The token may not do this (403), or the thing does not exist for it (404).
    #[error(
        "{attempt}: {detail} (HTTP {status}); check the repository's name, and that the token may write to it"
    )]
    Refused {
        /// What was attempted, on what.
        attempt: String,
        /// The HTTP status.
        status: u16,
        /// GitHub's own words.
        detail: String,
    },
    /// The request is well understood and not acceptable (422), such as an
    /// asset name that is taken: GitHub's code for it is `already_exists`.
    #[error("{attempt}: {detail} (HTTP 422, code {code})")]
    Invalid {
        /// What was attempted, on what.
        attempt: String,
        /// GitHub's error code, `custom` where it gave none.
        code: String,
        /// GitHub's own words.
        detail: String,
    },
    /// Too many requests; wait before the next one.
    #[error("{attempt}: GitHub's rate limit is reached; go on {}", .retry_after.map_or("later".to_owned(), |d| format!("after {} s", d.as_secs())))]
    RateLimited {
        /// What was attempted, on what.
        attempt: String,
        /// How long to wait, if GitHub said so.
        retry_after: Option<Duration>,
    },
    /// The request may or may not have had its effect: look before trying again.
    #[error("{attempt}: no clear answer ({cause}); it may have happened all the same")]
    Ambiguous {
        /// What was attempted, on what.
        attempt: String,
        /// What came instead of an answer.
        cause: String,
    },
    /// The client could not even be made.
    #[error("cannot make a client for {address}: {cause}")]
    Client {
        /// The address as configured.
        address: String,
        /// Why not.
        cause: String,
    },
}

impl GitHubError {
    pub(crate) fn from_octocrab(attempt: &str, error: octocrab::Error) -> GitHubError {
        let attempt = attempt.to_owned();
        let octocrab::Error::GitHub { source, .. } = &error else {
            // `Display` of octocrab's errors carries a backtrace; the cause does not.
            let mut cause: &dyn std::error::Error = &error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            return GitHubError::Ambiguous {
                attempt,
                cause: cause.to_string(),
            };
        };
        let status = source.status_code.as_u16();
        let detail = source.message.clone();
        let header = |name: &str| {
            let value = source.headers.as_ref()?.get(name)?.to_str().ok()?;
            value.parse::<u64>().ok()
        };
        let exhausted = header("x-ratelimit-remaining") == Some(0);
        let reset = header("x-ratelimit-reset").filter(|_| exhausted);
        let retry_after = header("retry-after")
            .map(Duration::from_secs)
            .or_else(|| reset.map(until));
        let secondary = is_secondary(&detail, source.documentation_url.as_deref());
        let retry_after = retry_after.or(secondary.then_some(SECONDARY_LIMIT_WAIT));
        match status {
            401 => GitHubError::Unauthorized { attempt, detail },
            429 => GitHubError::RateLimited {
                attempt,
                retry_after,
            },
            403 if exhausted || retry_after.is_some() => GitHubError::RateLimited {
                attempt,
                retry_after,
            },
            422 => {
                let first = source.errors.as_ref().and_then(|errors| errors.first());
                let code = first
                    .and_then(|e| e.get("code")?.as_str())
                    .unwrap_or("custom")
                    .to_owned();
                let more = first.and_then(|e| e.get("message")?.as_str().map(str::to_owned));
                let detail = more.map_or(detail.clone(), |more| format!("{detail}: {more}"));
                GitHubError::Invalid {
                    attempt,
                    code,
                    detail,
                }
            }
            500.. => GitHubError::Ambiguous {
                attempt,
                cause: format!("HTTP {status}: {detail}"),
            },
            _ => GitHubError::Refused {
                attempt,
                status,
                detail,
            },
        }
    }

    /// Returns whether a later try, after a look, may well succeed.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            GitHubError::Ambiguous { .. } | GitHubError::RateLimited { .. }
        )
    }
}

/// How long to wait where a secondary limit comes without `Retry-After`: at least a minute
/// (<https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api>).
const SECONDARY_LIMIT_WAIT: Duration = Duration::from_secs(60);

/// Returns whether a refusal is a secondary limit. Its status is 403 as that of a missing right,
/// and nothing but GitHub's words tells the two apart.
fn is_secondary(detail: &str, documentation: Option<&str>) -> bool {
    detail.contains("secondary rate limit")
        || documentation.is_some_and(|url| url.contains("secondary-rate-limits"))
}

/// Returns the time until a moment that GitHub tells in seconds since 1970; a little more, for
/// clocks differ.
fn until(reset: u64) -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    Duration::from_secs(reset.saturating_sub(now) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secondary_limit_is_told_from_a_missing_right() {
        let check = |detail, documentation, want| {
            assert_eq!(is_secondary(detail, documentation), want, "{detail}");
        };
        check("You have exceeded a secondary rate limit", None, true);
        let about = "https://docs.github.com/free-pro-team@latest/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits";
        check("slow down", Some(about), true);
        check("Resource not accessible by integration", None, false);
    }

    #[test]
    fn a_reset_that_is_past_is_no_wait() {
        assert_eq!(until(1), Duration::from_secs(1));
    }
}
