//! `[[asset]]`: more files for the GitHub release.

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[[asset]]`: a file of the release commit, or one that a command makes there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetConfig {
    /// The file, relative to the root; `{version}` stands for the version.
    #[schemars(with = "String")]
    pub file: Utf8PathBuf,
    /// Its name in the release. The default is the name of the file.
    pub name: Option<String>,
    /// The command that makes it, run at the root of the release tree.
    pub build: Option<Vec<String>>,
    /// The version group whose release it belongs to. The default is the main one.
    pub group: Option<String>,
}
