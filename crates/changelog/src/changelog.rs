//! A changelog as a whole: its text and its sections.

use std::ops::Range;

use semver::Version;

use crate::error::ChangelogError;
use crate::markdown::{self, Line, LineKind};
use crate::title::{self, Parts, Title};

/// A changelog: its text, and where its sections are.
#[derive(Debug, Clone)]
pub struct Changelog {
    pub(crate) text: String,
    pub(crate) lines: Vec<Line>,
    sections: Vec<Section>,
    /// Where the link reference definitions at the end of the file begin.
    pub(crate) tail: usize,
    /// Line of a code fence or comment that is never closed, counted from 1.
    pub(crate) open: Option<usize>,
}

/// One section: a heading, and what stands under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What the section is about.
    pub title: Title,
    /// Line of the heading, counted from 1.
    pub line: usize,
    /// The release date, where the heading states one as `YYYY-MM-DD`.
    pub date: Option<String>,
    /// Whether the heading says that the version was yanked.
    pub yanked: bool,
    /// Bytes of the heading with all its lines and terminators.
    pub(crate) heading: Range<usize>,
    /// Bytes of the heading's title.
    pub(crate) title_range: Range<usize>,
    pub(crate) parts: Option<Parts>,
    pub(crate) body: Range<usize>,
}

impl Changelog {
    /// Reads a changelog.
    ///
    /// # Errors
    ///
    /// [`ChangelogError::DuplicateUnreleased`] and [`ChangelogError::AsciiDoc`].
    pub fn parse(text: &str) -> Result<Changelog, ChangelogError> {
        let (lines, open) = markdown::lines(text);
        refuse_asciidoc(text, &lines)?;
        let tail = tail(text, &lines);
        let sections = sections(text, &lines, tail);
        let mut unreleased = sections
            .iter()
            .filter(|section| section.title == Title::Unreleased);
        if let (Some(first), Some(second)) = (unreleased.next(), unreleased.next()) {
            return Err(ChangelogError::DuplicateUnreleased {
                first: first.line,
                second: second.line,
            });
        }
        Ok(Changelog {
            text: text.to_owned(),
            lines,
            sections,
            tail,
            open: open.map(|index| index + 1),
        })
    }

    /// Returns the text as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns all sections in the order of the file, which is newest first by convention.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Returns whether anything is told under `[Unreleased]`.
    pub fn has_news(&self) -> bool {
        self.unreleased()
            .is_some_and(|section| !self.is_empty(section))
    }

    /// Returns whether the file has no sections and leads its readers to where the changes are
    /// told: another changelog, or a page of releases.
    pub fn points_elsewhere(&self) -> bool {
        let conventions = [
            "keepachangelog.com",
            "semver.org",
            "conventionalcommits.org",
        ];
        let text = self.text.to_lowercase();
        let destinations = text.split("](").skip(1).chain(text.split("]:").skip(1));
        let mut destinations = destinations.chain(text.split('<').skip(1));
        self.sections.is_empty()
            && destinations.any(|rest| {
                let destination = rest.trim_start();
                let end = destination.find([')', '>', ' ', '\n']);
                let destination = &destination[..end.unwrap_or(destination.len())];
                let elsewhere = ["change", "release", "history", "news"];
                !conventions.iter().any(|site| destination.contains(site))
                    && elsewhere.iter().any(|word| destination.contains(word))
            })
    }

    /// Returns the section of unreleased changes.
    pub fn unreleased(&self) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.title == Title::Unreleased)
    }

    /// Returns the section of one version; build metadata must be equal too.
    pub fn section(&self, version: &Version) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| matches!(&section.title, Title::Version(v) if v == version))
    }

    /// Returns the section that a release of `version` publishes: `[Unreleased]`, or where that is
    /// absent or empty, the one that is named after the version already and has no date yet (`##
    /// [1.4.0] - TBD`).
    ///
    /// # Errors
    ///
    /// [`ChangelogError::VersionExists`], [`ChangelogError::NoUnreleased`],
    /// [`ChangelogError::EmptyUnreleased`] and [`ChangelogError::EmptyVersion`].
    pub fn coming(&self, version: &Version) -> Result<&Section, ChangelogError> {
        let told = |section: &&Section| !self.is_empty(section);
        let is_named = |s: &&Section| matches!(&s.title, Title::Version(v) if v == version);
        let mut named = self.sections.iter().filter(is_named);
        let (named, second) = (named.next(), named.next());
        if let Some(second) = second {
            return Err(ChangelogError::VersionExists {
                version: version.clone(),
                line: second.line,
            });
        }
        match (self.unreleased().filter(told), named) {
            (Some(unreleased), None) => Ok(unreleased),
            (None, Some(named)) if named.is_undated() => {
                let empty = || ChangelogError::EmptyVersion {
                    version: version.clone(),
                    line: named.line,
                };
                Some(named).filter(told).ok_or_else(empty)
            }
            (_, Some(named)) => Err(ChangelogError::VersionExists {
                version: version.clone(),
                line: named.line,
            }),
            (None, None) => Err(match self.unreleased() {
                Some(Section { line, .. }) => ChangelogError::EmptyUnreleased { line: *line },
                None => ChangelogError::NoUnreleased,
            }),
        }
    }

    /// Returns what stands under the heading, without blank lines around it and without the link
    /// reference definitions at the end of the file.
    pub fn body(&self, section: &Section) -> &str {
        self.text[section.body.clone()].trim()
    }

    /// Returns the body on its own, as for a release's notes: the definitions of the links it uses
    /// are appended where they stand elsewhere in the file.
    pub fn notes(&self, section: &Section) -> String {
        let body = self.body(section);
        let mut notes = body.to_owned();
        let lower = body.to_lowercase();
        let mut separator = "\n\n";
        for line in &self.lines {
            let outside = !section.body.contains(&line.content.start);
            if line.kind != LineKind::Definition || !outside {
                continue;
            }
            let content = &self.text[line.content.clone()];
            let Some((label, _)) = markdown::definition(content) else {
                continue;
            };
            if lower.contains(&format!("[{}]", label.to_lowercase())) {
                notes.push_str(separator);
                notes.push_str(content);
                separator = "\n";
            }
        }
        notes
    }

    /// Returns whether a section holds anything to tell: a list item, prose or code. Sub-headings,
    /// comments, rules and link definitions are nothing.
    pub(crate) fn is_empty(&self, section: &Section) -> bool {
        let body = self
            .lines
            .iter()
            .filter(|line| section.body.contains(&line.content.start));
        let mut in_comment = false;
        for line in body {
            let content = &self.text[line.content.clone()];
            let told = match line.kind {
                LineKind::Verbatim => true,
                LineKind::Prose => {
                    let shown = without_comments(content, &mut in_comment);
                    shown.contains(char::is_alphanumeric) || shown.contains(['[', '!'])
                }
                _ => false,
            };
            if told {
                return false;
            }
        }
        true
    }
}

impl Section {
    /// Returns whether the heading names a version and no date, in whatever words.
    pub(crate) fn is_undated(&self) -> bool {
        self.parts.as_ref().is_some_and(|parts| parts.undated) && !self.yanked
    }
}

/// Returns the part of a line that is outside HTML comments.
fn without_comments(line: &str, in_comment: &mut bool) -> String {
    let mut shown = String::new();
    let mut rest = line;
    loop {
        let mark = if *in_comment { "-->" } else { "<!--" };
        let (before, after) = match rest.split_once(mark) {
            Some((before, after)) => (before, Some(after)),
            None => (rest, None),
        };
        if !*in_comment {
            shown.push_str(before);
        }
        match after {
            Some(after) => {
                *in_comment = !*in_comment;
                rest = after;
            }
            None => return shown,
        }
    }
}

fn refuse_asciidoc(text: &str, lines: &[Line]) -> Result<(), ChangelogError> {
    let has_heading = lines
        .iter()
        .any(|line| matches!(line.kind, LineKind::Heading(_)));
    if has_heading {
        return Ok(());
    }
    let is_title = |line: &&Line| {
        let content = &text[line.content.clone()];
        let title = content.trim_start_matches('=');
        line.kind == LineKind::Prose
            && (1..=6).contains(&(content.len() - title.len()))
            && title.starts_with(' ')
            && !title.trim().is_empty()
    };
    match lines.iter().enumerate().find(|(_, line)| is_title(line)) {
        None => Ok(()),
        Some((index, line)) => Err(ChangelogError::AsciiDoc {
            line: index + 1,
            text: text[line.content.clone()].to_owned(),
        }),
    }
}

/// Returns where the block of link reference definitions at the end of the text begins; blank lines
/// and comments may stand between them.
fn tail(text: &str, lines: &[Line]) -> usize {
    lines
        .iter()
        .rev()
        .take_while(|line| {
            matches!(
                line.kind,
                LineKind::Definition | LineKind::Blank | LineKind::Comment
            )
        })
        .filter(|line| line.kind == LineKind::Definition)
        .last()
        .map_or(text.len(), |line| line.content.start)
}

fn sections(text: &str, lines: &[Line], tail: usize) -> Vec<Section> {
    let headings: Vec<_> = lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| match &line.kind {
            LineKind::Heading(heading) => {
                let parts = title::parse(&text[heading.title.clone()]);
                Some((index, line, heading, parts))
            }
            _ => None,
        })
        .collect();
    let Some(level) = headings
        .iter()
        .find_map(|(_, _, heading, parts)| parts.as_ref().map(|_| heading.level))
    else {
        return Vec::new();
    };
    let mut sections = Vec::new();
    for (at, (index, line, heading, parts)) in headings.iter().enumerate() {
        if parts.is_none() && heading.level != level {
            continue;
        }
        let end = headings[at + 1..]
            .iter()
            .find(|(_, _, next, parts)| parts.is_some() || next.level <= heading.level)
            .map_or(tail, |(_, next, _, _)| next.content.start);
        let underlined = lines
            .get(index + 1)
            .filter(|next| next.kind == LineKind::Underline);
        let heading_end = underlined.map_or(line.end, |next| next.end);
        let shown = &text[heading.title.clone()];
        let date = parts.as_ref().and_then(|parts| parts.date.clone());
        sections.push(Section {
            title: parts
                .as_ref()
                .map_or_else(|| Title::Other(shown.to_owned()), |p| p.title.clone()),
            line: index + 1,
            date: date.map(|range| shown[range].to_owned()),
            yanked: parts.as_ref().is_some_and(|parts| parts.yanked.is_some()),
            heading: line.content.start..heading_end,
            title_range: heading.title.clone(),
            parts: parts.clone(),
            body: heading_end..end.max(heading_end),
        });
    }
    sections
}
