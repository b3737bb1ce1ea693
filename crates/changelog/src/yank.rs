//! The mark of a yanked version in its heading.

use semver::Version;

use crate::changelog::{Changelog, Section};
use crate::error::ChangelogError;

impl Changelog {
    /// Returns the text with `[YANKED]` in the version's heading, at its end; unchanged if the
    /// heading says so already.
    ///
    /// # Errors
    ///
    /// [`ChangelogError::NoSuchVersion`].
    pub fn mark_yanked(&self, version: &Version) -> Result<String, ChangelogError> {
        let section = self.marked_section(version)?;
        let mut text = self.text.clone();
        if !section.yanked {
            text.insert_str(self.end_of_title(section), " [YANKED]");
        }
        Ok(text)
    }

    /// Returns the text without the mark of a yanked version; unchanged if there is none.
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

    /// Returns where the mark goes: at the end, but before a colon, for an underlined `[1.4.0]:`
    /// with a word behind it would be a link definition.
    fn end_of_title(&self, section: &Section) -> usize {
        let after_name = section.parts.as_ref().map_or(0, |parts| parts.name_end);
        let after_name = section.title_range.start + after_name;
        let remark = &self.text[after_name..section.title_range.end];
        match remark.starts_with(':') {
            true => after_name,
            false => section.title_range.end,
        }
    }

    fn marked_section(&self, version: &Version) -> Result<&Section, ChangelogError> {
        self.section(version)
            .ok_or_else(|| ChangelogError::NoSuchVersion {
                version: version.clone(),
            })
    }
}
