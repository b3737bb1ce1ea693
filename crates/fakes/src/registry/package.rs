//! The `.crate` file of an upload: a compressed archive whose own manifest must
//! say what the metadata says.

use std::io::Read;
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use toml_edit::{Document, Item};

use super::metadata::NewUpload;
use super::refusal::Refusal;

/// crates.io unpacks no more than this.
const LARGEST_UNPACKED: u64 = 512 << 20;

/// Checks the archive of an upload against its metadata.
pub(crate) fn check(upload: &NewUpload) -> Result<(), Refusal> {
    let metadata = &upload.metadata;
    let root = format!("{}-{}", metadata.name, metadata.vers);
    let manifest = manifest(&upload.bytes, &root)?;
    let document = Document::parse(manifest.as_str()).map_err(|error| {
        Refusal::bad_request(format!(
            "failed to parse `Cargo.toml` manifest file\n\n{error}"
        ))
    })?;
    for (key, expected) in [("name", &metadata.name), ("version", &metadata.vers)] {
        let found = document
            .get("package")
            .and_then(|package| package.get(key))
            .and_then(Item::as_str);
        if found != Some(expected) {
            return Err(Refusal::bad_request(format!(
                "metadata from manifest does not match: `{key}` is {found:?} in `Cargo.toml`, \
                 but the upload says {expected:?}"
            )));
        }
    }
    Ok(())
}

/// The text of the manifest; every other entry is looked at too.
fn manifest(bytes: &[u8], root: &str) -> Result<String, Refusal> {
    let invalid = |detail: &dyn std::fmt::Display| {
        Refusal::bad_request(format!("invalid tarball uploaded: {detail}"))
    };
    let unpacked = GzDecoder::new(bytes).take(LARGEST_UNPACKED);
    let mut archive = tar::Archive::new(unpacked);
    let mut manifest = None;
    for entry in archive.entries().map_err(|error| invalid(&error))? {
        let mut entry = entry.map_err(|error| invalid(&error))?;
        let path = entry.path().map_err(|error| invalid(&error))?.into_owned();
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            return Err(invalid(&format!(
                "unexpected symlink or hard link found: {}",
                path.display()
            )));
        }
        let is_inside = path
            .components()
            .all(|component| matches!(component, Component::Normal(_)))
            && path.starts_with(root);
        if !is_inside {
            return Err(invalid(&format!("invalid path found: {}", path.display())));
        }
        if path == Path::new(root).join("Cargo.toml") {
            let mut text = String::new();
            entry
                .read_to_string(&mut text)
                .map_err(|error| invalid(&error))?;
            manifest = Some(text);
        }
    }
    manifest.ok_or_else(|| invalid(&"missing Cargo.toml"))
}
