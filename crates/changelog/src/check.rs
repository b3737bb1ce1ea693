//! What is wrong with a changelog that can be read: nothing that stops a release,
//! and still not what its author meant.

use std::collections::BTreeMap;

use semver::Version;

use crate::changelog::{Changelog, Section};
use crate::links;
use crate::promote::is_date;
use crate::title::Title;

/// Something that an author should mend. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangelogProblem {
    /// Two sections of one version.
    #[error("{version} has a section at line {first} already; merge them into one")]
    DuplicateVersion {
        /// The version.
        version: Version,
        /// Line of the upper heading.
        first: usize,
        /// Line of the lower heading.
        second: usize,
    },
    /// A heading that begins like a version and is none.
    #[error("`{title}` begins with no semantic version; write all three numbers, as in 1.4.0")]
    NotAVersion {
        /// Its line.
        line: usize,
        /// What it says.
        title: String,
    },
    /// A date that no calendar has.
    #[error("`{date}` is not a date; write it as YYYY-MM-DD")]
    BadDate {
        /// Line of the heading.
        line: usize,
        /// What it says.
        date: String,
    },
    /// A heading in brackets that leads nowhere, in a file where others do.
    #[error(
        "`[{label}]` is not defined, though other versions' links are; add `[{label}]: ADDRESS` at the end"
    )]
    MissingLink {
        /// Line of the heading.
        line: usize,
        /// What stands in the brackets.
        label: String,
    },
    /// A code fence or comment that goes on to the end of the file.
    #[error("the code fence or comment that begins here is never closed; close it")]
    Unclosed {
        /// Its line.
        line: usize,
    },
}

impl ChangelogProblem {
    /// Returns the line to look at, counted from 1.
    pub fn line(&self) -> usize {
        match self {
            ChangelogProblem::DuplicateVersion { second: line, .. }
            | ChangelogProblem::NotAVersion { line, .. }
            | ChangelogProblem::BadDate { line, .. }
            | ChangelogProblem::MissingLink { line, .. }
            | ChangelogProblem::Unclosed { line } => *line,
        }
    }
}

impl Changelog {
    /// Returns everything that should be mended, by line.
    pub fn problems(&self) -> Vec<ChangelogProblem> {
        let mut problems = Vec::new();
        let mut first: BTreeMap<&Version, usize> = BTreeMap::new();
        for section in self.sections() {
            match &section.title {
                Title::Version(version) => match first.get(version) {
                    Some(&first) => problems.push(ChangelogProblem::DuplicateVersion {
                        version: version.clone(),
                        first,
                        second: section.line,
                    }),
                    None => drop(first.insert(version, section.line)),
                },
                Title::Other(title) if looks_like_a_version(title) => {
                    problems.push(ChangelogProblem::NotAVersion {
                        line: section.line,
                        title: title.clone(),
                    });
                }
                _ => {}
            }
            if let Some(date) = section.date.as_ref().filter(|date| !is_date(date)) {
                problems.push(ChangelogProblem::BadDate {
                    line: section.line,
                    date: date.clone(),
                });
            }
        }
        problems.extend(self.missing_links());
        problems.extend(self.open.map(|line| ChangelogProblem::Unclosed { line }));
        problems.sort_by_key(ChangelogProblem::line);
        problems
    }

    fn missing_links(&self) -> Vec<ChangelogProblem> {
        let definitions = links::definitions(self);
        let is_defined = |label: &str| {
            let mut labels = definitions.iter().map(|d| d.label);
            labels.any(|known| known.eq_ignore_ascii_case(label))
        };
        let labelled = self.sections().iter();
        let labelled = labelled.filter_map(|section| Some((section, self.label(section)?)));
        let (defined, missing): (Vec<_>, Vec<_>) =
            labelled.partition(|(_, label)| is_defined(label));
        if defined.is_empty() {
            return Vec::new();
        }
        let problem = |(section, label): (&Section, &str)| ChangelogProblem::MissingLink {
            line: section.line,
            label: label.to_owned(),
        };
        missing.into_iter().map(problem).collect()
    }

    /// Returns what stands in the brackets of a heading that is to be a link.
    pub(crate) fn label(&self, section: &Section) -> Option<&str> {
        let parts = section.parts.as_ref()?;
        if !parts.bracketed || parts.inline_link.is_some() {
            return None;
        }
        let title = &self.text[section.title_range.clone()];
        let start = title[..parts.name.end].rfind('[')? + 1;
        Some(&title[start..parts.name.end])
    }
}

/// Returns whether the first word has the shape of numbers with dots, and is no version.
fn looks_like_a_version(title: &str) -> bool {
    let word = title.trim_start_matches('[').trim_start_matches(['v', 'V']);
    let end = word.find(|c: char| c.is_whitespace() || c == ']');
    let word = &word[..end.unwrap_or(word.len())];
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.contains('.')
        && Version::parse(word).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_author_should_mend() {
        let check = |text: &str, want: &[&str]| {
            let problems = Changelog::parse(text).unwrap().problems();
            let shown: Vec<String> = problems
                .iter()
                .map(|p| format!("{}: {p}", p.line()))
                .collect();
            assert_eq!(shown.len(), want.len(), "{text}: {shown:?}");
            for (shown, want) in shown.iter().zip(want) {
                assert!(shown.contains(want), "{shown} without {want}");
            }
        };
        check(
            "## [Unreleased]\n## [1.0.0] - 2026-01-31\n## 0.9.0 - TBD\n## Older\n",
            &[],
        );
        check(
            "## 1.0.0\n## v1.0.0\n",
            &["2: 1.0.0 has a section at line 1"],
        );
        check(
            "## 1.0.0\n## [1.4] - 2026-01-01\n",
            &["2: `[1.4] - 2026-01-01`"],
        );
        check(
            "## 1.0.0 - 2026-02-33\n",
            &["1: `2026-02-33` is not a date"],
        );
        check(
            "## [Unreleased]\n## [1.1.0]\n## [1.0.0](https://e.org)\n\n[1.1.0]: https://e.org\n",
            &["1: `[Unreleased]` is not defined"],
        );
        check("## 1.0.0\n```\n", &["2: the code fence"]);
    }
}
