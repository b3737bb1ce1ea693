//! `[[step]]`: a command of the team's own, placed at a stage.

use serde::{Deserialize, Serialize};

/// `[[step]]`: a command of the team's own, and how to know that it is done.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CustomStep {
    /// A name for messages; absent: the command's first words.
    pub name: Option<String>,
    /// The stage it follows.
    pub after: Option<crate::stage::Stage>,
    /// The stage it precedes.
    pub before: Option<crate::stage::Stage>,
    /// The command; `{version}` stands for the version. No shell is involved.
    pub run: Vec<String>,
    /// Exits with 0 when the step is already done.
    pub probe: Option<Vec<String>>,
    /// Secrets of the environment that it needs, by their names, such as `GITHUB_TOKEN`:
    /// commands lose tokens, the runner's identity and the agent's socket otherwise.
    #[serde(default)]
    pub pass_env: Vec<String>,
}
