//! A release in the changelog: `[Unreleased]` becomes the version.

use std::ops::Range;

use semver::Version;

use crate::changelog::{Changelog, Section};
use crate::error::ChangelogError;
use crate::links::{self, CompareLinks};
use crate::title::{self, Title};

impl Changelog {
    /// The text after a release: the unreleased changes stand under `version`
    /// and `date`, below a fresh, empty `[Unreleased]`.
    ///
    /// The new heading follows the newest version's in brackets, `v`, separator
    /// and inline link. Compare links move on if the file has them; if it has
    /// none, they are created from `links` where the heading is in brackets.
    /// Every other byte is preserved. `date` is `YYYY-MM-DD`.
    ///
    /// # Errors
    ///
    /// [`ChangelogError::BadDate`], [`ChangelogError::NoUnreleased`],
    /// [`ChangelogError::VersionExists`] and [`ChangelogError::EmptyUnreleased`].
    pub fn promote(
        &self,
        version: &Version,
        date: &str,
        links: Option<&CompareLinks>,
    ) -> Result<String, ChangelogError> {
        if !is_date(date) {
            return Err(ChangelogError::BadDate {
                date: date.to_owned(),
            });
        }
        let unreleased = self.unreleased().ok_or(ChangelogError::NoUnreleased)?;
        if let Some(existing) = self.section(version) {
            return Err(ChangelogError::VersionExists {
                version: version.clone(),
                line: existing.line,
            });
        }
        if self.is_empty(unreleased) {
            return Err(ChangelogError::EmptyUnreleased {
                line: unreleased.line,
            });
        }
        let heading = &self.text[unreleased.heading.clone()];
        let end_of_line = if heading.ends_with("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        let style = Style::of(self, unreleased);
        let at = unreleased.heading.start;
        let mut edits = vec![
            (at..at, format!("{heading}{end_of_line}")),
            (
                unreleased.title_range.clone(),
                style.title(self, version, date, links),
            ),
        ];
        if style.bracketed && !style.inline_link {
            edits.extend(links::edits(self, version, links, end_of_line));
        }
        Ok(apply(&self.text, edits))
    }
}

/// How the file writes its version headings.
struct Style {
    /// What precedes the number: `[`, `v`, `[v`, `Version `.
    before: String,
    bracketed: bool,
    inline_link: bool,
    /// What stands between version and date, and after the date.
    separator: String,
    after: String,
}

impl Style {
    /// The style of the newest version, or that of `[Unreleased]` itself.
    fn of(changelog: &Changelog, unreleased: &Section) -> Style {
        let newest = changelog
            .sections()
            .iter()
            .find(|section| matches!(section.title, Title::Version(_)))
            .unwrap_or(unreleased);
        let shown = &changelog.text[newest.title_range.clone()];
        let mut style = Style {
            before: String::new(),
            bracketed: true,
            inline_link: false,
            separator: " - ".to_owned(),
            after: String::new(),
        };
        if let Some(parts) = &newest.parts {
            style.before = shown[..parts.name.start].to_owned();
            style.bracketed = parts.bracketed;
            style.inline_link = parts.inline_link.is_some();
            let bracket = parts.name.end + usize::from(parts.bracketed);
            let name_end = parts.inline_link.as_ref().map_or(bracket, |link| link.end);
            if let Some(date) = &parts.date {
                style.separator = shown[name_end..date.start].to_owned();
                let mark = parts.yanked.as_ref().map_or(shown.len(), |mark| mark.start);
                // Remarks after the date are about that version alone; only a
                // closing bracket belongs to the style.
                if shown[date.end..mark.max(date.end)].starts_with(')') {
                    style.after = ")".to_owned();
                }
            }
        }
        style
    }

    fn title(
        &self,
        changelog: &Changelog,
        version: &Version,
        date: &str,
        links: Option<&CompareLinks>,
    ) -> String {
        let bracket = if self.bracketed { "]" } else { "" };
        let link = links
            .filter(|_| self.inline_link)
            .map(|links| format!("({})", links::destination(changelog, version, links)))
            .unwrap_or_default();
        let Style {
            before,
            separator,
            after,
            ..
        } = self;
        format!("{before}{version}{bracket}{link}{separator}{date}{after}")
    }
}

fn is_date(date: &str) -> bool {
    let number = |range: Range<usize>| date[range].parse::<u32>().unwrap_or(0);
    title::iso_date(date) == Some(0..10)
        && date.len() == 10
        && (1..=12).contains(&number(5..7))
        && (1..=31).contains(&number(8..10))
}

/// Replaces the ranges, which are relative to the text before any edit.
fn apply(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut result = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for (range, replacement) in edits {
        result.push_str(&text[at..range.start]);
        result.push_str(&replacement);
        at = range.end;
    }
    result.push_str(&text[at..]);
    result
}
