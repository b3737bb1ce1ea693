//! The mark of a yanked version in its heading.

use semver::Version;

use crate::changelog::{Changelog, Section};
use crate::error::ChangelogError;

impl Changelog {
    /// The text with `[YANKED]` at the end of the version's heading; unchanged
    /// if the heading says so already.
    ///
    /// # Errors
    ///
    /// [`ChangelogError::NoSuchVersion`].
    pub fn mark_yanked(&self, version: &Version) -> Result<String, ChangelogError> {
        let section = self.marked_section(version)?;
        let mut text = self.text.clone();
        if !section.yanked {
            text.insert_str(section.title_range.end, " [YANKED]");
        }
        Ok(text)
    }

    /// The text without the mark of a yanked version; unchanged if there is none.
    ///
    /// # Errors
    ///
    /// [`ChangelogError::NoSuchVersion`].
    pub fn unmark_yanked(&self, version: &Version) -> Result<String, ChangelogError> {
        let section = self.marked_section(version)?;
        let mut text = self.text.clone();
        let mark = section.parts.as_ref().and_then(|p| p.yanked.clone());
        if let Some(mark) = mark {
            let start = section.title_range.start;
            text.replace_range(start + mark.start..start + mark.end, "");
        }
        Ok(text)
    }

    fn marked_section(&self, version: &Version) -> Result<&Section, ChangelogError> {
        self.section(version)
            .ok_or_else(|| ChangelogError::NoSuchVersion {
                version: version.clone(),
            })
    }
}
