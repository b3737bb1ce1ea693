//! A release in the changelog: `[Unreleased]` becomes the version.

use std::ops::Range;

use semver::Version;

use crate::changelog::{Changelog, Section};
use crate::error::ChangelogError;
use crate::links::{self, CompareLinks};
use crate::title::{self, Parts, Title};

impl Changelog {
    /// Returns the text after a release: the unreleased changes stand under `version` and `date`,
    /// below a fresh, empty `[Unreleased]`.
    ///
    /// The new heading follows the newest version's in brackets, `v`, separator
    /// and inline link. Compare links move on if the file has them; if it has
    /// none, they are created from `links` where the heading is in brackets.
    /// Every other byte is preserved. `date` is `YYYY-MM-DD`.
    ///
    /// Where the section of the version is there already, undated, and nothing
    /// else is unreleased ([`Changelog::coming`]), it gets its date and no more.
    ///
    /// # Errors
    ///
    /// [`ChangelogError::BadDate`], those of [`Changelog::coming`], and
    /// [`ChangelogError::Unclosed`] where links would be swallowed.
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
        let coming = self.coming(version)?;
        let heading = &self.text[coming.heading.clone()];
        let end_of_line = if heading.ends_with("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        let style = Style::of(self, Some(coming));
        let (bracketed, inline_link, mut headings) = match &coming.parts {
            Some(parts) if coming.title != Title::Unreleased => {
                let dated = vec![style.date(self, coming, parts, date)];
                (parts.bracketed, parts.inline_link.is_some(), dated)
            }
            _ => {
                let at = coming.heading.start;
                let title = style.title(self, version, date, links);
                let fresh = moved_heading(self, coming, version);
                let fresh = (at..at, format!("{fresh}{end_of_line}"));
                let named = (coming.title_range.clone(), title);
                (
                    style.bracketed,
                    style.inline_link.is_some(),
                    vec![fresh, named],
                )
            }
        };
        let mut edits = Vec::new();
        if bracketed && !inline_link {
            let label = match coming.title {
                Title::Version(_) => self.label(coming).map(str::to_owned),
                _ => None,
            };
            let label = label.unwrap_or_else(|| style.label(version));
            edits.extend(links::edits(self, (version, &label), links, end_of_line)?);
        }
        // A link just above the heading stays above it: the order decides.
        edits.append(&mut headings);
        Ok(apply(&self.text, edits))
    }
}

/// Returns the heading of the fresh `[Unreleased]`: as it was, with its own link moved on.
pub(crate) fn moved_heading(changelog: &Changelog, coming: &Section, version: &Version) -> String {
    let heading = &changelog.text[coming.heading.clone()];
    let link = coming.parts.as_ref().and_then(|p| p.inline_link.clone());
    let link = link.map(|at| {
        let start = coming.title_range.start;
        start + at.start..start + at.end
    });
    let moved = link.clone().and_then(|at| {
        let moved = links::moved_inline(changelog, version, &changelog.text[at])?;
        Some(moved)
    });
    match (link, moved) {
        (Some(at), Some(moved)) => format!(
            "{}{moved}{}",
            &changelog.text[coming.heading.start..at.start],
            &changelog.text[at.end..coming.heading.end]
        ),
        _ => heading.to_owned(),
    }
}

/// How the file writes its version headings.
pub(crate) struct Style {
    /// What precedes the number: `[`, `v`, `[v`, `Version `.
    before: String,
    bracketed: bool,
    /// `(destination)` of the newest version.
    inline_link: Option<String>,
    /// What stands between version and date, and after the date.
    separator: String,
    after: String,
}

impl Style {
    /// Returns the style of the newest other version, or that of the section itself. A version
    /// that is still to come may have no date yet, so one that has goes before it.
    pub(crate) fn of(changelog: &Changelog, coming: Option<&Section>) -> Style {
        let others = || {
            changelog.sections().iter().filter(|s| {
                matches!(s.title, Title::Version(_)) && coming.is_none_or(|c| s.line != c.line)
            })
        };
        let dated = others().find(|s| s.date.is_some());
        let newest = dated.or_else(|| others().next()).or(coming);
        let mut style = Style {
            before: "[".to_owned(),
            bracketed: true,
            inline_link: None,
            separator: " - ".to_owned(),
            after: String::new(),
        };
        let known = newest.and_then(|s| Some((s, s.parts.as_ref()?)));
        if let Some((newest, parts)) = known {
            let shown = &changelog.text[newest.title_range.clone()];
            style.before = shown[..parts.name.start].to_owned();
            style.bracketed = parts.bracketed;
            style.inline_link = parts.inline_link.clone().map(|at| shown[at].to_owned());
            if let Some(date) = &parts.date {
                style.separator = shown[parts.name_end..date.start].to_owned();
                let mark = parts.yanked.as_ref().map_or(shown.len(), |mark| mark.start);
                // Remarks after the date are about that version alone; only a
                // closing bracket belongs to the style.
                let rest = &shown[date.end..mark.max(date.end)];
                for (open, close) in [('(', ")"), ('[', "]")] {
                    if style.separator.contains(open) && rest.starts_with(close) {
                        style.after = close.to_owned();
                    }
                }
            }
        }
        // An underlined `[1.4.0]: 2026-03-14` would be a link definition.
        if style.separator.trim_start().starts_with(':') {
            style.separator = " - ".to_owned();
        }
        style
    }

    /// Returns the edit that dates a section which names its version already: in the place of a
    /// word that stands for the date, or after the name.
    pub(crate) fn date(
        &self,
        changelog: &Changelog,
        section: &Section,
        parts: &Parts,
        date: &str,
    ) -> (Range<usize>, String) {
        let start = section.title_range.start;
        let after_name = start + parts.name_end;
        let remark = &changelog.text[after_name..section.title_range.end];
        match title::placeholder(remark) {
            Some(at) => (after_name + at.start..after_name + at.end, date.to_owned()),
            None => (
                after_name..after_name,
                format!("{}{date}{}", self.separator, self.after),
            ),
        }
    }

    /// Returns what stands in the brackets of a version's heading.
    fn label(&self, version: &Version) -> String {
        let prefix = self.before.rsplit('[').next().unwrap_or_default();
        format!("{prefix}{version}")
    }

    pub(crate) fn title(
        &self,
        changelog: &Changelog,
        version: &Version,
        date: &str,
        links: Option<&CompareLinks>,
    ) -> String {
        let bracket = if self.bracketed { "]" } else { "" };
        let pattern = self.inline_link.as_deref();
        let destination = || links::inline_destination(changelog, version, pattern, links);
        let link = pattern.and_then(|_| destination());
        let link = link.map(|link| format!("({link})")).unwrap_or_default();
        let Style {
            before,
            separator,
            after,
            ..
        } = self;
        format!("{before}{version}{bracket}{link}{separator}{date}{after}")
    }
}

/// Returns whether this is `YYYY-MM-DD` with a month and a day that there are.
pub(crate) fn is_date(date: &str) -> bool {
    let number = |range: Range<usize>| date[range].parse::<u32>().unwrap_or(0);
    title::iso_date(date) == Some(0..10)
        && date.len() == 10
        && (1..=12).contains(&number(5..7))
        && (1..=31).contains(&number(8..10))
}

/// Replaces the ranges, which are relative to the text before any edit.
pub(crate) fn apply(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
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
