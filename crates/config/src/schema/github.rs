//! `[github]`: where the GitHub release is made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stagegate_github::Repository;
use url::Url;

/// `[github]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GitHubConfig {
    /// `owner/name`. The default is read from the remote's address, then from the
    /// packages' `repository`.
    #[schemars(with = "Option<String>")]
    pub repository: Option<Repository>,
    /// The address of the API (GitHub Enterprise: `https://HOST/api/v3`).
    #[schemars(with = "crate::text_value::Address")]
    pub api: Url,
    /// The address of uploads (GitHub Enterprise: `https://HOST/api/uploads`).
    #[schemars(with = "crate::text_value::Address")]
    pub uploads: Url,
    /// Whether to make a GitHub release.
    pub release: bool,
    /// Whether to attach a bill of materials in CycloneDX.
    pub sbom: bool,
}

impl GitHubConfig {
    /// Returns what is wrong with it: the word to look for, and the message. A server of one's
    /// own has both addresses, and a token must not go to another.
    pub(crate) fn problem(&self) -> Option<(&'static str, String)> {
        let own = GitHubConfig::default();
        let (written, missing, of_github) = match (self.api == own.api, self.uploads == own.uploads)
        {
            (false, true) => ("api", "uploads", &own.uploads),
            (true, false) => ("uploads", "api", &own.api),
            _ => return None,
        };
        Some((
            written,
            format!(
                "`github.{written}` is of a server of your own, and `github.{missing}` is still {of_github}: write both"
            ),
        ))
    }
}

impl Default for GitHubConfig {
    fn default() -> Self {
        let url = |text| Url::parse(text).expect("a constant address parses");
        GitHubConfig {
            repository: None,
            api: url("https://api.github.com"),
            uploads: url("https://uploads.github.com"),
            release: true,
            sbom: true,
        }
    }
}
