//! What can go wrong with a registry, by order.

use std::time::Duration;

use jiff::Timestamp;

use super::clock::http_date;

/// A fault, and how many requests in a row it hits. All but the last hit
/// uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryFault {
    /// Status 429, nothing happens.
    RateLimited {
        /// How many uploads.
        times: u32,
        /// What the answer says about when to come back.
        retry_after: Option<RetryAfter>,
    },
    /// Status 500, nothing happens.
    ServerErrorBefore {
        /// How many uploads.
        times: u32,
    },
    /// Status 503, although the version is published.
    ServerErrorAfter {
        /// How many uploads.
        times: u32,
    },
    /// Status 503 with the reason that the registry is read-only, nothing happens.
    ReadOnly {
        /// How many uploads.
        times: u32,
    },
    /// Status 408 without a word, nothing happens: the body did not come in 30 s.
    BodyTimeout {
        /// How many uploads.
        times: u32,
    },
    /// The connection is cut without an answer, nothing happens.
    ResetBefore {
        /// How many uploads.
        times: u32,
    },
    /// The connection is cut without an answer, although the version is published.
    ResetAfter {
        /// How many uploads.
        times: u32,
    },
    /// No answer ever, although the version is published.
    SilenceAfter {
        /// How many uploads.
        times: u32,
    },
    /// The token that comes with the upload runs out: it is refused, and so is
    /// every later use of it if it was given out for an identity.
    TokenExpires {
        /// How many uploads.
        times: u32,
    },
    /// Status 503 for files of the index.
    IndexUnavailable {
        /// How many reads.
        times: u32,
    },
}

/// The two forms of the `Retry-After` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// A number of seconds.
    Seconds(u64),
    /// An HTTP-date this far from now, as crates.io sends it.
    DateIn(Duration),
}

impl RetryAfter {
    /// Returns the header's value.
    pub(crate) fn value(self, now: Timestamp) -> String {
        match self {
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::DateIn(_) => http_date(self.until(now)),
        }
    }

    /// Returns the time that it stands for.
    pub(crate) fn until(self, now: Timestamp) -> Timestamp {
        let wait = match self {
            RetryAfter::Seconds(seconds) => Duration::from_secs(seconds),
            RetryAfter::DateIn(wait) => wait,
        };
        now.checked_add(wait).unwrap_or(Timestamp::MAX)
    }
}

impl RegistryFault {
    fn times(&mut self) -> &mut u32 {
        match self {
            RegistryFault::RateLimited { times, .. }
            | RegistryFault::ServerErrorBefore { times }
            | RegistryFault::ServerErrorAfter { times }
            | RegistryFault::ReadOnly { times }
            | RegistryFault::BodyTimeout { times }
            | RegistryFault::ResetBefore { times }
            | RegistryFault::ResetAfter { times }
            | RegistryFault::SilenceAfter { times }
            | RegistryFault::TokenExpires { times }
            | RegistryFault::IndexUnavailable { times } => times,
        }
    }

    fn hits_the_index(&self) -> bool {
        matches!(self, RegistryFault::IndexUnavailable { .. })
    }
}

/// The faults that have not happened yet.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<RegistryFault>);

impl Faults {
    pub(crate) fn add(&mut self, faults: impl IntoIterator<Item = RegistryFault>) {
        self.0.extend(faults);
    }

    /// Returns the fault that hits this upload.
    pub(crate) fn next_for_upload(&mut self) -> Option<RegistryFault> {
        self.next(|fault| !fault.hits_the_index())
    }

    /// Returns the fault that hits this read of the index.
    pub(crate) fn next_for_index(&mut self) -> Option<RegistryFault> {
        self.next(RegistryFault::hits_the_index)
    }

    fn next(&mut self, hits: impl Fn(&RegistryFault) -> bool) -> Option<RegistryFault> {
        self.0.retain_mut(|fault| *fault.times() > 0);
        let fault = self.0.iter_mut().find(|fault| hits(fault))?;
        *fault.times() -= 1;
        Some(fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_happen_in_order_and_as_often_as_ordered() {
        let mut faults = Faults::default();
        faults.add([
            RegistryFault::ServerErrorBefore { times: 2 },
            RegistryFault::IndexUnavailable { times: 1 },
            RegistryFault::ResetAfter { times: 0 },
            RegistryFault::ResetBefore { times: 1 },
        ]);
        let is_503 = |fault| matches!(fault, Some(RegistryFault::ServerErrorBefore { .. }));
        assert!(is_503(faults.next_for_upload()));
        assert!(faults.next_for_index().is_some());
        assert!(faults.next_for_index().is_none());
        assert!(is_503(faults.next_for_upload()));
        assert!(matches!(
            faults.next_for_upload(),
            Some(RegistryFault::ResetBefore { .. })
        ));
        assert!(faults.next_for_upload().is_none());
    }
}
