//! `[notify]`: who is told that a run begins, and how it ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[notify]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// Where messages are sent.
    pub webhook: Option<WebhookConfig>,
    /// The events to tell of. The default is all of them.
    pub on: Option<Vec<NotifyEvent>>,
}

impl NotifyConfig {
    /// Returns whether an event is told of.
    pub fn includes(&self, event: NotifyEvent) -> bool {
        self.on.as_ref().is_none_or(|on| on.contains(&event))
    }
}
/// A webhook that takes Slack's JSON. Its address is a secret.
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
    /// A run starts.
    Started,
    /// Everything in the plan is done.
    Completed,
    /// A deploy was rolled back.
    RolledBack,
    /// The run failed, was stopped, or its rollback is incomplete.
    Failed,
}
