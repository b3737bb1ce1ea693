//! `[app.backend.migrate]`: how the app's data follow a release.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[app.backend.migrate]`: commands, without a shell. `{version}` stands for the
/// version, `{backup}` for the place of the release's backup on the host.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrateConfig {
    /// The command that migrates the data. It runs once per deploy, on one host, in the
    /// release's directory, before the release gets traffic. It may run again after a
    /// power cut.
    pub run: Vec<String>,
    /// The command that backs the data up first.
    pub backup: Option<Vec<String>>,
    /// The command that undoes the migration in a rollback. Without it the data stays
    /// migrated.
    pub undo: Option<Vec<String>>,
    /// How long each command may take.
    #[serde(default = "default_limit")]
    #[schemars(with = "crate::text_value::Duration")]
    pub limit: SignedDuration,
}

fn default_limit() -> SignedDuration {
    SignedDuration::from_mins(15)
}
