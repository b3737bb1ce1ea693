//! `[app.backend.migrate]`: how the app's data follow a release.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[app.backend.migrate]`: commands, without a shell. `{version}` stands for the
/// version, `{backup}` for the place of the release's backup on the host.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrateConfig {
    /// What changes the data: run once per deploy, on one host, in the release's
    /// directory there, before users meet it; must bear being run again.
    pub run: Vec<String>,
    /// What saves them first.
    pub backup: Option<Vec<String>>,
    /// What brings them back; absent: they stay as they were migrated.
    pub undo: Option<Vec<String>>,
    /// How long each may take.
    #[serde(default = "default_limit")]
    #[schemars(with = "crate::json_schema::Duration")]
    pub limit: SignedDuration,
}

fn default_limit() -> SignedDuration {
    SignedDuration::from_mins(15)
}
