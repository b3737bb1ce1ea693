//! `[[step]]`: a command of the team's own, placed at a stage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[[step]]`: a command of the team's own, and how to know that it is done.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomStep {
    /// A name for plans and messages. The default is the command.
    pub name: Option<String>,
    /// The stage that the step follows.
    pub after: Option<crate::stage::Stage>,
    /// The stage that the step precedes. Before `commit` it runs where the release is
    /// prepared, and the files that it changes are part of the release commit.
    pub before: Option<crate::stage::Stage>,
    /// The command, run without a shell. `{version}` stands for the version, `{name}` for
    /// the package where it runs for each.
    pub run: Vec<String>,
    /// A command that exits with 0 if the step is already done.
    pub probe: Option<Vec<String>>,
    /// Environment variables with secrets that the command needs, such as `GITHUB_TOKEN`.
    /// Without this, commands get no tokens, no runner identity and no agent socket.
    #[serde(default)]
    pub pass_env: Vec<String>,
    /// Whether it runs once, or for each package that is released.
    #[serde(default)]
    pub each: StepEach,
}

/// How often a step of the team's own runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepEach {
    /// Once.
    #[default]
    Release,
    /// For each package that is released, dependencies first.
    Package,
}
