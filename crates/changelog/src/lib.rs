//! Changelogs as text: read, promote, generate, mark yanked, byte for byte.
//!
//! A changelog is written by people, in many dialects. This crate finds the
//! version headings of such a file, and edits the few bytes that a release or a
//! yank changes. Everything else stays as it was: line endings, a byte order
//! mark, front matter, odd spacing, a missing final newline.
//!
//! It refuses to guess. Two `[Unreleased]` headings, an `[Unreleased]` without
//! content and a file that is AsciiDoc are errors that name the lines. It reads
//! and writes no files: text in, text out.
//!
//! What nobody has written is generated from commits by git-cliff's library, with the
//! team's own `cliff.toml` where there is one; that too is text in, text out: no git, no
//! network, no command of the configuration's, no environment.

mod changelog;
mod check;
mod error;
mod generate;
mod insert;
mod links;
mod markdown;
mod promote;
mod title;
mod unreleased;
mod yank;

pub use changelog::{Changelog, Section};
pub use check::ChangelogProblem;
pub use error::ChangelogError;
pub use generate::{Change, Generated, Release, generate};
pub use links::CompareLinks;
pub use title::Title;
