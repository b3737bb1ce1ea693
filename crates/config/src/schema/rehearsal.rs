//! `[rehearsal]`: what a rehearsal needs to know of the app.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[rehearsal]`
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RehearsalConfig {
    /// The app's environment on the fake host. `{prefix}` stands for the host's root. Do
    /// not put secrets here.
    pub env: BTreeMap<String, String>,
    /// The path that the load requests. The default is the health path.
    pub get: Option<String>,
    /// What the load posts, if the app takes anything.
    pub post: Option<PostConfig>,
}

/// `[rehearsal.post]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostConfig {
    /// The path.
    pub path: String,
    /// The body.
    pub body: String,
}
