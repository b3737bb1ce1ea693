//! The file that is sent of an artifact: a program itself, or a bundle as one archive, because
//! a file each would cost a round trip each.
//!
//! An archive is kept here for later patches. A host keeps no archive but files, and its
//! own `tar` may lay them out otherwise; so a bundle's patch is made against the contents
//! of its files, one after another in the order of their names. Both sides can make that
//! of what they have.

use std::io::{self, Read as _, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::measure::{Artifact, file_sha256, files_below};
use crate::model::digest::{hex, sha256_hex};
use crate::model::error::ArtifactError;

/// A file that is sent.
pub(crate) struct Payload {
    path: Utf8PathBuf,
    sha256: String,
    length: u64,
    /// Removed when nobody sends it any more.
    _made: Option<NamedTempFile>,
}

impl Payload {
    /// Creates the payload of a program: the file as it is.
    pub(crate) fn of_program(artifact: &Artifact) -> Result<Payload, ArtifactError> {
        Ok(Payload {
            length: length(&artifact.path)?,
            path: artifact.path.clone(),
            sha256: artifact.sha256.clone(),
            _made: None,
        })
    }

    /// Archives a bundle, in a fixed order and without owners: the same files make the same
    /// bytes.
    pub(crate) fn of_bundle(artifact: &Artifact) -> Result<Payload, ArtifactError> {
        let unreadable = |source| ArtifactError::Unreadable {
            path: artifact.path.clone(),
            source,
        };
        let file = NamedTempFile::new().map_err(unreadable)?;
        let mut archive = tar::Builder::new(io::BufWriter::new(file));
        archive.mode(tar::HeaderMode::Deterministic);
        for name in files_below(&artifact.path)? {
            archive
                .append_path_with_name(artifact.path.join(&name), &name)
                .map_err(unreadable)?;
        }
        let mut writer = archive.into_inner().map_err(unreadable)?;
        writer.flush().map_err(unreadable)?;
        let made = writer
            .into_inner()
            .map_err(|error| unreadable(error.into_error()))?;
        let path = Utf8PathBuf::try_from(made.path().to_owned())
            .map_err(|error| unreadable(error.into_io_error()))?;
        Ok(Payload {
            sha256: file_sha256(&path)?,
            length: length(&path)?,
            path,
            _made: Some(made),
        })
    }

    /// Returns the file.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Returns the SHA-256 of its own bytes; that of a bundle is another.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Returns its length, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

fn length(path: &Utf8Path) -> Result<u64, ArtifactError> {
    let unreadable = |source| ArtifactError::Unreadable {
        path: path.to_owned(),
        source,
    };
    Ok(path.metadata().map_err(unreadable)?.len())
}

/// Returns what a delta is made against, of what was kept of the artifact with that SHA-256: a
/// program's bytes, or the contents of a bundle's files. `None` if it is something else.
pub(crate) fn delta_base_of(kept: Vec<u8>, sha256: &str) -> Option<Vec<u8>> {
    if sha256_hex(&kept) == sha256 {
        return Some(kept);
    }
    let (listed, contents) = contents_of(&kept).ok()?;
    (listed == sha256).then_some(contents)
}

/// Returns the hash of an archive's listing, and the contents of its files in their order.
fn contents_of(archive: &[u8]) -> io::Result<(String, Vec<u8>)> {
    let (mut listing, mut contents) = (Sha256::new(), Vec::new());
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let begun = contents.len();
        entry.read_to_end(&mut contents)?;
        let hash = sha256_hex(&contents[begun..]);
        listing.update(format!("{hash}  "));
        listing.update(entry.path_bytes());
        listing.update("\n");
    }
    Ok((hex(&listing.finalize()), contents))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_archive_gives_the_contents_that_a_host_concatenates() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(scratch.path()).unwrap();
        let long = format!("{}/{}", "d".repeat(90), "f".repeat(90));
        for name in ["b.txt", "a/z", "a.txt", long.as_str()] {
            let place = root.join(name);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, format!("of {name};")).unwrap();
        }
        let artifact = Artifact::of_directory(root).unwrap();
        let payload = Payload::of_bundle(&artifact).unwrap();
        let again = Payload::of_bundle(&artifact).unwrap();
        assert_eq!(payload.sha256(), again.sha256());
        let kept = std::fs::read(payload.path()).unwrap();
        assert_eq!(kept.len() as u64, payload.length());
        let base = delta_base_of(kept.clone(), &artifact.sha256).unwrap();
        let output = std::process::Command::new("sh")
            .args([
                "-c",
                &format!(
                    "{}contents \"$1\"",
                    crate::artifact::apply_delta::CONTENTS_SH
                ),
            ])
            .args(["sh", root.as_str()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, base);
        assert!(base.starts_with(b"of a.txt;of a/z;of b.txt;"), "{base:?}");
        // What is kept under another name than its own is of no use.
        let mut spoiled = kept;
        spoiled[513] ^= 1;
        assert_eq!(delta_base_of(spoiled, &artifact.sha256), None);
        assert_eq!(
            delta_base_of(b"no archive".to_vec(), &artifact.sha256),
            None
        );
    }
}
