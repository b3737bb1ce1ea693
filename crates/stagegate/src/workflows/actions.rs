//! The actions of others that the workflows use, as `[ci.actions]` says.

use super::Outline;

impl Outline<'_> {
    pub(super) fn checkout(&self) -> &str {
        &self.config.ci.actions.checkout
    }

    pub(super) fn cache_action(&self) -> &str {
        &self.config.ci.actions.cache
    }

    pub(super) fn upload_artifact(&self) -> &str {
        &self.config.ci.actions.upload_artifact
    }

    pub(super) fn download_artifact(&self) -> &str {
        &self.config.ci.actions.download_artifact
    }

    pub(super) fn attest(&self) -> &str {
        &self.config.ci.actions.attest
    }
}
