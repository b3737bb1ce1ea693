//! What the fake GitHub holds; the assets' bytes lie on the disk.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredRelease {
    /// Its number.
    pub id: u64,
    /// Its tag.
    pub tag_name: String,
    /// What the tag is made at where it is missing.
    pub target_commitish: String,
    /// Its title.
    pub name: String,
    /// Its notes.
    pub body: String,
    /// Not yet public.
    pub draft: bool,
    /// Not for everybody.
    pub prerelease: bool,
    /// Cannot change any more.
    pub immutable: bool,
    /// When it was made.
    pub created_at: String,
    /// When it became public.
    pub published_at: Option<String>,
    /// What is attached.
    pub assets: Vec<StoredAsset>,
}

/// An attached file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredAsset {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What the uploader said it is.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredPull {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The branch that is to be merged.
    pub head: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// `open` or `closed`.
    pub state: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// The commit that its base got when it was merged.
    pub merged: Option<String>,
    /// How many changes of pull requests there were when it was changed last.
    pub updated: u64,
}

pub(super) struct Store {
    directory: Utf8PathBuf,
    releases: Vec<StoredRelease>,
    pulls: Vec<StoredPull>,
    latest: Option<u64>,
    next: u64,
}

impl Store {
    pub(super) fn new(directory: &Utf8Path) -> Store {
        Store {
            directory: directory.to_owned(),
            releases: Vec::new(),
            pulls: Vec::new(),
            latest: None,
            next: 1,
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn pulls(&self) -> &[StoredPull] {
        &self.pulls
    }

    pub(super) fn pull(&mut self, number: u64) -> Option<&mut StoredPull> {
        self.pulls.iter_mut().find(|pull| pull.number == number)
    }

    pub(super) fn open_pull(&mut self, mut pull: StoredPull) -> StoredPull {
        pull.number = self.number();
        pull.updated = pull.number;
        self.pulls.insert(0, pull.clone());
        pull
    }

    /// Returns a pull request that is about to change.
    pub(super) fn change_pull(&mut self, number: u64) -> Option<&mut StoredPull> {
        let updated = self.number();
        let pull = self.pull(number)?;
        pull.updated = updated;
        Some(pull)
    }

    pub(super) fn releases(&self) -> &[StoredRelease] {
        &self.releases
    }

    pub(super) fn find(&mut self, id: u64) -> Option<&mut StoredRelease> {
        self.releases.iter_mut().find(|release| release.id == id)
    }

    pub(super) fn latest(&self) -> Option<&StoredRelease> {
        self.releases
            .iter()
            .find(|release| Some(release.id) == self.latest)
    }

    pub(super) fn set_latest(&mut self, id: u64) {
        self.latest = Some(id);
    }

    pub(super) fn add(&mut self, mut release: StoredRelease) -> StoredRelease {
        release.id = self.number();
        // Newest first, as GitHub lists them.
        self.releases.insert(0, release.clone());
        release
    }

    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.releases.len();
        self.releases.retain(|release| release.id != id);
        self.releases.len() < before
    }

    pub(super) fn attach(
        &mut self,
        id: u64,
        name: &str,
        content_type: &str,
        bytes: &[u8],
    ) -> std::io::Result<StoredAsset> {
        let asset = StoredAsset {
            id: self.number(),
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            size: bytes.len() as u64,
            sha256: Sha256::digest(bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        };
        std::fs::write(self.directory.join(asset.id.to_string()), bytes)?;
        if let Some(release) = self.find(id) {
            release.assets.push(asset.clone());
        }
        Ok(asset)
    }

    pub(super) fn detach(&mut self, id: u64) -> bool {
        let mut found = false;
        for release in &mut self.releases {
            let before = release.assets.len();
            release.assets.retain(|asset| asset.id != id);
            found |= release.assets.len() < before;
        }
        found
    }

    pub(super) fn read(&self, asset: &StoredAsset) -> std::io::Result<Vec<u8>> {
        std::fs::read(self.directory.join(asset.id.to_string()))
    }
}
