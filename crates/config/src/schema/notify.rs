//! `[notify]`: who is told that a run begins, and how it ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[notify]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// Where messages go, if anywhere.
    pub webhook: Option<WebhookConfig>,
    /// What is told; absent: everything.
    pub on: Option<Vec<NotifyEvent>>,
}

impl NotifyConfig {
    /// Whether an occasion is told of.
    pub fn tells(&self, occasion: NotifyEvent) -> bool {
        self.on.as_ref().is_none_or(|on| on.contains(&occasion))
    }
}

/// `webhook`: takes Slack's JSON. Its address is a secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// The environment variable that holds the address.
    pub env: String,
}

/// What is worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotifyEvent {
    /// A run begins.
    Started,
    /// Everything in its plan is done.
    Completed,
    /// A deploy went back to what ran before.
    RolledBack,
    /// It failed, or was stopped.
    Failed,
}
