//! How the fake GitHub may misbehave.

/// What goes wrong, with requests that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitHubFault {
    /// 502, and nothing happened.
    ServerErrorBefore {
        /// How often.
        times: u32,
    },
    /// 502, and it happened all the same.
    ServerErrorAfter {
        /// How often.
        times: u32,
    },
    /// 403 without `Retry-After`: a secondary limit.
    SecondaryLimit {
        /// How often.
        times: u32,
    },
    /// Assets carry no digest, as on some Enterprise servers.
    NoDigests,
    /// 429 with `Retry-After: 1`.
    RateLimited {
        /// How often.
        times: u32,
    },
}

/// What is still to go wrong.
pub(super) struct Faults {
    before: u32,
    after: u32,
    limited: u32,
    secondary: u32,
}

/// What goes wrong with this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Now {
    Nothing,
    Before,
    After,
    Limited,
    SecondaryLimit,
}

impl Faults {
    pub(super) fn new(faults: &[GitHubFault]) -> Faults {
        let mut all = Faults {
            before: 0,
            after: 0,
            limited: 0,
            secondary: 0,
        };
        for fault in faults {
            match fault {
                GitHubFault::ServerErrorBefore { times } => all.before += times,
                GitHubFault::ServerErrorAfter { times } => all.after += times,
                GitHubFault::RateLimited { times } => all.limited += times,
                GitHubFault::SecondaryLimit { times } => all.secondary += times,
                GitHubFault::NoDigests => {}
            }
        }
        all
    }

    pub(super) fn next(&mut self) -> Now {
        for (left, now) in [
            (&mut self.limited, Now::Limited),
            (&mut self.secondary, Now::SecondaryLimit),
            (&mut self.before, Now::Before),
            (&mut self.after, Now::After),
        ] {
            if *left > 0 {
                *left -= 1;
                return now;
            }
        }
        Now::Nothing
    }
}
