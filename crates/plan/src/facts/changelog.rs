//! Facts of a changelog.

use camino::Utf8PathBuf;

use crate::facts::SurveyResult;

/// A changelog.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangelogFacts {
    /// The file, relative to the root, with links followed.
    pub file: Utf8PathBuf,
    /// What is in it.
    pub text: SurveyResult<String>,
}
