//! How much of what somebody may do in what time.
//!
//! The buckets are those of crates.io `src/rate_limiter.rs`, 2026-08-21: the first request
//! fills one, each further one takes a token, and a request that finds none is refused. A
//! bucket is charged before the archive is read, whatever becomes of the upload.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;

use super::clock::http_date;
use super::refusal::Refusal;

/// The limits of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// For crates that are new.
    pub new_crates: RateLimit,
    /// For new versions.
    pub new_versions: RateLimit,
    /// For yanks, and for taking them back.
    pub yanks: RateLimit,
    /// How many versions of one crate there may be in 24 hours.
    pub versions_per_day: Option<usize>,
}

/// A bucket's size, and how often a token comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many at once.
    pub burst: u32,
    /// One more after each of these.
    pub refill: Duration,
}

impl RateLimits {
    /// Returns the limits of crates.io. How many versions a day it takes is a setting of its
    /// server that nobody publishes; here it is none.
    pub fn crates_io() -> RateLimits {
        let limit = |burst, minutes: u64| RateLimit {
            burst,
            refill: Duration::from_secs(60 * minutes),
        };
        RateLimits {
            new_crates: limit(5, 10),
            new_versions: limit(30, 1),
            yanks: limit(100, 1),
            versions_per_day: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LimitedAction {
    NewCrate,
    NewVersion,
    Yank,
}

impl LimitedAction {
    fn limit(self, limits: &RateLimits) -> RateLimit {
        match self {
            LimitedAction::NewCrate => limits.new_crates,
            LimitedAction::NewVersion => limits.new_versions,
            LimitedAction::Yank => limits.yanks,
        }
    }

    pub(crate) fn refusal(self, until: Timestamp) -> Refusal {
        let what = match self {
            LimitedAction::NewCrate => {
                "You have published too many new crates in a short period of time"
            }
            LimitedAction::NewVersion => {
                "You have published too many updates to existing crates in a short period of time"
            }
            LimitedAction::Yank => {
                "You have yanked or unyanked too many versions in a short period of time"
            }
        };
        let until = http_date(until);
        let detail = format!(
            "{what}. Please try again after {until} and see https://crates.io/docs/rate-limits \
             for more details."
        );
        Refusal {
            retry_after: Some(until),
            ..Refusal::new(StatusCode::TOO_MANY_REQUESTS, detail)
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: u32,
    last_refill: Timestamp,
}

/// The buckets of every account.
#[derive(Debug, Default)]
pub(crate) struct Buckets(HashMap<(String, LimitedAction), Bucket>);

impl Buckets {
    /// Takes a token of an account, or says when there is one.
    pub(crate) fn take(
        &mut self,
        limits: Option<&RateLimits>,
        login: &str,
        action: LimitedAction,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(limit) = limits.map(|limits| action.limit(limits)) else {
            return Ok(());
        };
        let key = (login.to_owned(), action);
        let Some(bucket) = self.0.get_mut(&key) else {
            let full = Bucket {
                tokens: limit.burst,
                last_refill: now,
            };
            self.0.insert(key, full);
            return Ok(());
        };
        let since = Duration::try_from(now.duration_since(bucket.last_refill)).unwrap_or_default();
        let refills =
            u32::try_from(since.as_millis() / limit.refill.as_millis().max(1)).unwrap_or(u32::MAX);
        bucket.tokens = bucket
            .tokens
            .saturating_sub(1)
            .saturating_add(refills)
            .min(limit.burst);
        bucket.last_refill = after(bucket.last_refill, limit.refill.saturating_mul(refills));
        if bucket.tokens >= 1 {
            return Ok(());
        }
        Err(action.refusal(after(bucket.last_refill, limit.refill)))
    }
}

fn after(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_empty_after_its_burst_and_fills_by_the_clock() {
        let start: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let limits = RateLimits::crates_io();
        let mut buckets = Buckets::default();
        let mut take = |login: &str, minutes: i64| {
            let now = start + jiff::SignedDuration::from_mins(minutes);
            let taken = buckets.take(Some(&limits), login, LimitedAction::NewCrate, now);
            taken.map_err(|refusal| refusal.retry_after.unwrap())
        };
        for _ in 0..5 {
            assert_eq!(take("alice", 0), Ok(()));
        }
        let tenth = "Fri, 20 Nov 2026 12:10:00 GMT".to_owned();
        assert_eq!(take("alice", 9), Err(tenth));
        assert_eq!(take("bob", 9), Ok(()));
        assert_eq!(take("alice", 10), Ok(()));
        assert!(take("alice", 10).is_err());
        // A refused request costs nothing beyond what is not there.
        assert_eq!(take("alice", 20), Ok(()));
        for _ in 0..5 {
            assert_eq!(take("alice", 600), Ok(()));
        }
        assert!(take("alice", 600).is_err());
    }
}
