//! `stop` of a service: how it is told to end.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stagegate_deploy::{Stop, StopSignal};

/// How a service is stopped, after its connections were drained.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StopConfig {
    /// The signal that tells it to end.
    pub signal: StopSignal,
    /// How long it may take to end until it is killed.
    #[schemars(with = "crate::text_value::Duration")]
    pub within: SignedDuration,
}

impl Default for StopConfig {
    fn default() -> StopConfig {
        let Stop { signal, seconds } = Stop::default();
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        StopConfig {
            signal,
            within: SignedDuration::from_secs(seconds),
        }
    }
}

impl StopConfig {
    /// Returns what is wrong with it.
    pub(crate) fn problem(&self) -> Option<String> {
        let most = SignedDuration::from_mins(10);
        let fits = SignedDuration::from_secs(1) <= self.within && self.within <= most;
        (!fits).then(|| {
            "`stop.within` is 1 s at least, and 10 min at most: the next deploy waits for it"
                .to_owned()
        })
    }
}
