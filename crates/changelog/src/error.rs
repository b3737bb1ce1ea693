//! What can be wrong with a changelog, and what its author should do about it.

use semver::Version;

/// Why a changelog could not be read or edited. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangelogError {
    /// There is no heading for unreleased changes.
    #[error(
        "the changelog has no `[Unreleased]` section to release; \
         add a heading `## [Unreleased]` above the newest version and describe the changes under it"
    )]
    NoUnreleased,
    /// The unreleased section holds no list item and no prose.
    #[error(
        "the `[Unreleased]` section at line {line} is empty; \
         describe under it what this release changes (bare sub-headings and comments do not count)"
    )]
    EmptyUnreleased {
        /// Line of its heading.
        line: usize,
    },
    /// The section of the version to be released holds no list item and no prose.
    #[error(
        "the section for {version} at line {line} is empty, and so are the unreleased changes; \
         describe under it what this release changes (bare sub-headings and comments do not count)"
    )]
    EmptyVersion {
        /// The version asked for.
        version: Version,
        /// Line of its heading.
        line: usize,
    },
    /// A code fence or a comment that goes on to the end of the file.
    #[error(
        "the code fence or comment that begins at line {line} is never closed, so what is added \
         at the end of the changelog would be part of it; close it"
    )]
    Unclosed {
        /// Line where it begins.
        line: usize,
    },
    /// Two headings for unreleased changes.
    #[error(
        "the changelog has two `[Unreleased]` sections, at line {first} and at line {second}; \
         merge them into one"
    )]
    DuplicateUnreleased {
        /// Line of the upper heading.
        first: usize,
        /// Line of the lower heading.
        second: usize,
    },
    /// The version to be released has a section already.
    #[error(
        "the changelog already has a section for {version}, at line {line}; \
         choose another version, or move its text under `[Unreleased]` and delete that heading"
    )]
    VersionExists {
        /// The version asked for.
        version: Version,
        /// Line of its heading.
        line: usize,
    },
    /// The version to be marked has no section.
    #[error(
        "the changelog has no section for {version}; \
         add a heading `## [{version}] - YYYY-MM-DD`, or check the version"
    )]
    NoSuchVersion {
        /// The version asked for.
        version: Version,
    },
    /// The text is AsciiDoc.
    #[error(
        "the changelog is AsciiDoc (line {line}: `{text}`), and only Markdown can be edited safely; \
         convert it to Markdown in the Keep a Changelog format"
    )]
    AsciiDoc {
        /// The line that gave it away.
        line: usize,
        /// What that line says.
        text: String,
    },
    /// Something is written under `[Unreleased]` of a changelog that is generated.
    #[error(
        "the `[Unreleased]` section at line {line} has text, and `changelog_mode` is `generate`: \
         delete the text, or set `changelog_mode = \"auto\"` to release it"
    )]
    Gathered {
        /// Line of its heading.
        line: usize,
    },
    /// The generator's configuration cannot be used.
    #[error("{file} cannot be used to generate a changelog section: {detail}; correct it")]
    Generator {
        /// The file, or `the default template`.
        file: String,
        /// What is wrong.
        detail: String,
    },
    /// The release date is not a date.
    #[error("`{date}` is not a release date; write it as YYYY-MM-DD, for example 2026-03-14")]
    BadDate {
        /// What was given.
        date: String,
    },
}

impl ChangelogError {
    /// Returns the line to look at, counted from 1, where there is one.
    pub fn line(&self) -> Option<usize> {
        match self {
            ChangelogError::EmptyUnreleased { line }
            | ChangelogError::EmptyVersion { line, .. }
            | ChangelogError::Gathered { line }
            | ChangelogError::Unclosed { line }
            | ChangelogError::DuplicateUnreleased { second: line, .. }
            | ChangelogError::VersionExists { line, .. }
            | ChangelogError::AsciiDoc { line, .. } => Some(*line),
            ChangelogError::NoUnreleased
            | ChangelogError::NoSuchVersion { .. }
            | ChangelogError::Generator { .. }
            | ChangelogError::BadDate { .. } => None,
        }
    }
}
