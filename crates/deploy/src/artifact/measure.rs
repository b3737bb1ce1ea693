//! What is uploaded, with the checksum by which the host proves that it has it.
//!
//! A file has the SHA-256 of its bytes; a directory that of a listing, `HASH  PATH` per
//! regular file, sorted by path in byte order: what `sha256sum` prints on the host.
//! It refuses links, devices and odd names in a directory: a bundle is plain files.

use std::fs::File;
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::digest::hex;
use crate::model::error::ArtifactError;

/// A local file or directory to upload.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Artifact {
    /// The file (a backend's program) or directory (a frontend's bundle).
    pub path: Utf8PathBuf,
    /// SHA-256 in hexadecimal, of the file or of the directory's listing.
    pub sha256: String,
}

impl Artifact {
    /// Measures a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no regular file.
    pub fn of_file(path: impl AsRef<Utf8Path>) -> Result<Artifact, ArtifactError> {
        let path = path.as_ref();
        expect_file(path)?;
        Ok(Artifact {
            path: path.to_owned(),
            sha256: file_sha256(path)?,
        })
    }

    /// Measures a directory.
    ///
    /// # Errors
    /// When it cannot be read, is empty, or holds something other than plain files.
    pub fn of_directory(path: impl AsRef<Utf8Path>) -> Result<Artifact, ArtifactError> {
        let path = path.as_ref();
        let mut listing = Sha256::new();
        let files = files_below(path)?;
        if files.is_empty() {
            return Err(ArtifactError::Unfit {
                path: path.to_owned(),
                what: "an empty directory",
            });
        }
        for file in files {
            let hash = file_sha256(&path.join(&file))?;
            listing.update(format!("{hash}  {file}\n"));
        }
        Ok(Artifact {
            path: path.to_owned(),
            sha256: hex(&listing.finalize()),
        })
    }
}

/// Refuses what is no regular file.
pub(super) fn expect_file(path: &Utf8Path) -> Result<(), ArtifactError> {
    let unreadable = |source| ArtifactError::Unreadable {
        path: path.to_owned(),
        source,
    };
    if path.metadata().map_err(unreadable)?.is_file() {
        return Ok(());
    }
    Err(ArtifactError::Unfit {
        path: path.to_owned(),
        what: "no regular file",
    })
}

/// Lists the regular files below a directory, relative to it, in byte order.
pub(crate) fn files_below(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>, ArtifactError> {
    let mut files = Vec::new();
    let mut pending = vec![Utf8PathBuf::new()];
    while let Some(directory) = pending.pop() {
        let place = root.join(&directory);
        let unreadable = |source| ArtifactError::Unreadable {
            path: place.clone(),
            source,
        };
        for entry in place.read_dir_utf8().map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            let name = directory.join(entry.file_name());
            let unfit = |what| ArtifactError::Unfit {
                path: root.join(&name),
                what,
            };
            // sha256sum writes such names differently, so the listings would not agree.
            if entry.file_name().contains(['\n', '\r', '\\']) {
                return Err(unfit("a name with a line break or backslash"));
            }
            match (kind.is_dir(), kind.is_file()) {
                (true, _) => pending.push(name),
                (_, true) => files.push(name),
                _ => return Err(unfit("a link or device")),
            }
        }
    }
    files.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    Ok(files)
}

pub(crate) fn file_sha256(path: &Utf8Path) -> Result<String, ArtifactError> {
    let unreadable = |source| ArtifactError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        (directory, path)
    }

    #[test]
    fn a_file_has_the_hash_of_its_bytes() {
        let (_keep, root) = scratch();
        std::fs::write(root.join("abc"), "abc").unwrap();
        let artifact = Artifact::of_file(root.join("abc")).unwrap();
        // The test vector of FIPS 180-4.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(artifact.sha256, expected);
        assert!(Artifact::of_file(&root).is_err());
        assert!(Artifact::of_file(root.join("absent")).is_err());
    }

    #[test]
    fn a_directory_has_the_hash_that_the_host_computes() {
        let (_keep, root) = scratch();
        std::fs::create_dir_all(root.join("assets/deep")).unwrap();
        for name in [
            "index.html",
            "assets/a b.js",
            "assets/deep/-x.css",
            "assets.txt",
        ] {
            std::fs::write(root.join(name), name).unwrap();
        }
        let artifact = Artifact::of_directory(&root).unwrap();
        let output = std::process::Command::new("sh")
            .args([
                "-c",
                crate::artifact::host_digest::TREE_HASH_SH,
                "sh",
                root.as_str(),
            ])
            .output()
            .unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            shown.trim(),
            artifact.sha256,
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    #[test]
    fn links_and_emptiness_are_refused() {
        let (_keep, root) = scratch();
        assert!(Artifact::of_directory(&root).is_err());
        std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
        let error = Artifact::of_directory(&root).unwrap_err().to_string();
        assert!(error.contains("link or device"), "{error}");
    }
}
