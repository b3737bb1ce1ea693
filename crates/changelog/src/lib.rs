//! Keep a Changelog as text: read, promote, mark yanked, byte for byte.
//!
//! A changelog is written by people, in many dialects. This crate finds the
//! version headings of such a file, and edits the few bytes that a release or a
//! yank changes. Everything else stays as it was: line endings, a byte order
//! mark, front matter, odd spacing, a missing final newline.
//!
//! It refuses to guess. Two `[Unreleased]` headings, an `[Unreleased]` without
//! content and a file that is AsciiDoc are errors that name the lines. It reads
//! and writes no files: text in, text out.

mod changelog;
mod check;
mod error;
mod links;
mod markdown;
mod promote;
mod title;
mod unreleased;
mod yank;

pub use changelog::{Changelog, Section};
pub use check::ChangelogProblem;
pub use error::ChangelogError;
pub use links::CompareLinks;
pub use title::Title;
