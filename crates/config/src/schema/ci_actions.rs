//! `[ci.actions]`: the actions of others that the workflows use, each pinned by its commit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[ci.actions]`: each as it is written after `uses:`, pinned by a commit, with the version
/// behind a `#`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CiActions {
    /// Checks out the repository.
    pub checkout: String,
    /// Keeps files from one run to the next.
    pub cache: String,
    /// Passes a file on to later jobs.
    pub upload_artifact: String,
    /// Fetches what earlier jobs passed on.
    pub download_artifact: String,
    /// Attests where files were built.
    pub attest: String,
}

impl Default for CiActions {
    fn default() -> Self {
        CiActions {
            checkout: "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
                .to_owned(),
            cache: "actions/cache@55cc8345863c7cc4c66a329aec7e433d2d1c52a9 # v6.1.0".to_owned(),
            upload_artifact:
                "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1"
                    .to_owned(),
            download_artifact:
                "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1"
                    .to_owned(),
            attest: "actions/attest@1e69f48acb82d1966a394da916b4c1698aa569d6 # v4.2.2".to_owned(),
        }
    }
}

impl CiActions {
    /// Returns what is wrong with one of them: an action that is not pinned can change under
    /// a release.
    pub fn problem(&self) -> Option<String> {
        let all = [
            &self.checkout,
            &self.cache,
            &self.upload_artifact,
            &self.download_artifact,
            &self.attest,
        ];
        let pinned = |action: &str| {
            let action = action.split(" #").next().unwrap_or_default().trim();
            action.starts_with("./")
                || action.split_once('@').is_some_and(|(_, commit)| {
                    commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit())
                })
        };
        let loose = all.into_iter().find(|action| !pinned(action))?;
        Some(format!(
            "`ci.actions` names {loose:?}, which is not pinned: write the commit's 40 digits after the `@`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_pinned_by_its_commit() {
        let of = |cache: &str| CiActions {
            cache: cache.to_owned(),
            ..CiActions::default()
        };
        assert_eq!(CiActions::default().problem(), None);
        assert_eq!(of("./tools/cache").problem(), None);
        for loose in [
            "actions/cache",
            "actions/cache@v6",
            "actions/cache@main # v6",
        ] {
            assert!(of(loose).problem().unwrap().contains(loose), "{loose}");
        }
    }
}
