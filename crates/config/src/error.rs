//! A mistake in `stagegate.toml`, shown with the line it stands on.

use std::fmt;

use camino::Utf8PathBuf;

/// A configuration that cannot be used, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: Utf8PathBuf,
    /// Line and column, from 1, and the line's text.
    pub place: Option<(usize, usize, String)>,
    /// What is wrong and what is expected.
    pub message: String,
}

impl ConfigError {
    pub(crate) fn at(
        file: Utf8PathBuf,
        text: &str,
        offset: Option<usize>,
        message: &str,
    ) -> ConfigError {
        let place = offset.map(|offset| {
            let before = &text[..offset.min(text.len())];
            let start = before.rfind('\n').map_or(0, |i| i + 1);
            let line = text[start..].lines().next().unwrap_or_default().to_owned();
            (
                before.matches('\n').count() + 1,
                before[start..].chars().count() + 1,
                line,
            )
        });
        ConfigError {
            file,
            place,
            message: message.trim().replace('\n', ", "),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((line, column, text)) = &self.place else {
            return write!(f, "{}: {}", self.file, self.message);
        };
        write!(f, "{}:{line}:{column}: {}", self.file, self.message)?;
        let margin = line.to_string();
        write!(f, "\n  {margin} | {text}")?;
        write!(
            f,
            "\n  {:width$} | {:indent$}^",
            "",
            "",
            width = margin.len(),
            indent = column - 1
        )
    }
}

impl std::error::Error for ConfigError {}
