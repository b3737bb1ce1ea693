//! `[[release.replace]]`: text in other files that names the version.

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[[release.replace]]`: a search and a replacement in a file of the release commit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// The file, relative to the workspace's root.
    #[schemars(with = "String")]
    pub file: Utf8PathBuf,
    /// A regular expression, in which `^` and `$` match at lines. `{version}`, `{previous}`,
    /// `{date}`, `{name}` and `{tag}` stand for themselves, literally.
    pub search: String,
    /// What each match becomes: `$1` or `${name}` stand for what a group of `search` matched,
    /// and `{version}`, `{previous}`, `{date}`, `{name}` and `{tag}` for the release's own.
    pub replace: String,
    /// How many matches there must be at least. The default is 1.
    pub min: Option<usize>,
    /// How many matches there may be.
    pub max: Option<usize>,
    /// How many matches there must be, no more and no fewer.
    pub exactly: Option<usize>,
    /// The package whose release it belongs to. The default is the workspace's, or the
    /// app's.
    pub package: Option<String>,
    /// Whether pre-releases replace it too.
    #[serde(default)]
    pub prerelease: bool,
}

impl Replacement {
    /// Returns how many matches there must be at least.
    pub fn least(&self) -> usize {
        self.exactly.or(self.min).unwrap_or(1)
    }

    /// Returns how many matches there may be.
    pub fn most(&self) -> usize {
        self.exactly.or(self.max).unwrap_or(usize::MAX)
    }
}

/// Returns a regular expression with its placeholders filled, each value literally; a name
/// without a value stays as it is, in letters.
pub fn filled_search(search: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let names = &crate::schema::PLACEHOLDERS[..5];
    let mut filled = search.to_owned();
    for name in names {
        let value = value(name).unwrap_or_else(|| (*name).to_owned());
        filled = filled.replace(&format!("{{{name}}}"), &regex::escape(&value));
    }
    format!("(?m){filled}")
}
