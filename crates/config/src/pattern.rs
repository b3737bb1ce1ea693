//! Patterns for paths: `*` stands for any part of a name, `**` for any directories.

use std::fmt;
use std::str::FromStr;

use camino::Utf8Path;
use glob::{MatchOptions, Pattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pattern for paths relative to the workspace's root, such as `docs/**/*.md`.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern(Pattern);

impl PathPattern {
    /// Returns whether the whole of a path is as the pattern says; a `*` never stands for a `/`.
    pub fn fits(&self, path: &Utf8Path) -> bool {
        let options = MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        self.0.matches_with(path.as_str(), options)
    }
}

impl FromStr for PathPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<PathPattern, String> {
        Pattern::new(text).map(PathPattern).map_err(|e| {
            format!("`{text}` is no pattern for paths: {e}; write one such as `docs/**/*.md`")
        })
    }
}

impl TryFrom<String> for PathPattern {
    type Error = String;

    fn try_from(text: String) -> Result<PathPattern, String> {
        text.parse()
    }
}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> String {
        pattern.0.as_str().to_owned()
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::PathPattern;

    #[test]
    fn stars_and_directories() {
        let check = |pattern: &str, path: &str, want: bool| {
            let pattern: PathPattern = pattern.parse().unwrap();
            assert_eq!(pattern.fits(path.into()), want, "{pattern} {path}");
        };
        check("docs/*.md", "docs/a.md", true);
        check("docs/*.md", "docs/b/a.md", false);
        check("docs/**", "docs/b/a.md", true);
        check("**/*.md", "a.md", true);
        check("**/*.md", "docs/b/a.md", true);
        check("docs", "docs/a.md", false);
        assert!("a**b".parse::<PathPattern>().is_err());
    }
}
