//! Facts of a changelog.

use camino::Utf8PathBuf;
use stagegate_changelog::{Changelog, ChangelogError};

use crate::facts::SurveyResult;

/// A changelog.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangelogFacts {
    /// The file, relative to the root, with links followed.
    pub file: Utf8PathBuf,
    /// What is in it.
    pub text: SurveyResult<String>,
}

impl ChangelogFacts {
    /// Returns whether it is AsciiDoc, by its name or by what is in it. Such a file is read
    /// by people only.
    pub fn is_asciidoc(&self) -> bool {
        let parsed = self.text.as_ref().map(|text| Changelog::parse(text));
        matches!(self.file.extension(), Some("adoc" | "asciidoc"))
            || matches!(parsed, Ok(Err(ChangelogError::AsciiDoc { .. })))
    }
}
