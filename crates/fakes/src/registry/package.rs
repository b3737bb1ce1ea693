//! The `.crate` file of an upload: a compressed archive with one manifest in it.
//!
//! Order and texts are those of crates.io crates/crates_io_tarball/src/lib.rs and of
//! `impl From<TarballError>` in src/controllers/krate/publish.rs, 2026-08-21. Sizes in pax
//! headers are not compared with those of the archive's own headers.

use std::io::{self, Read};
use std::path::Component;

use flate2::read::GzDecoder;
use tar::EntryType;

use super::manifest::Manifest;
use super::refusal::Refusal;

/// crates.io unpacks no more than this.
const LARGEST_UNPACKED: u64 = 512 << 20;

/// Reads an archive to its end, and returns its manifest.
pub(crate) fn manifest(bytes: &[u8], root: &str) -> Result<Manifest, Refusal> {
    let refused = |detail: String| Err(Refusal::bad_request(detail));
    let unpacked = AtMost {
        inner: GzDecoder::new(bytes),
        left: LARGEST_UNPACKED,
    };
    let mut archive = tar::Archive::new(unpacked);
    let mut manifests = Vec::new();
    for entry in archive.entries().map_err(malformed)? {
        let mut entry = entry.map_err(malformed)?;
        let path = entry.path().map_err(malformed)?.into_owned();
        let shown = path.display();
        let Ok(inside) = path.strip_prefix(root) else {
            return refused(format!("invalid path found: {shown}"));
        };
        let leaves = inside.components().any(|part| part == Component::ParentDir);
        let (false, Some(inside)) = (leaves, inside.to_str()) else {
            return refused(format!("invalid path found: {shown}"));
        };
        let kind = entry.header().entry_type();
        if !kind.is_file() && !kind.is_dir() {
            let kind = described(kind);
            return refused(format!("unexpected tar entry type {kind} found: {shown}"));
        }
        if inside.eq_ignore_ascii_case("cargo.toml") {
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(malformed)?;
            manifests.push((inside.to_owned(), Manifest::parse(&text)?));
        }
    }
    manifests.sort_by(|(a, _), (b, _)| a.cmp(b));
    if manifests.len() > 1 {
        let names: Vec<_> = manifests.iter().map(|(name, _)| name.as_str()).collect();
        return refused(format!(
            "uploaded tarball contains more than one `Cargo.toml` manifest file; found `{}`",
            names.join("`, `")
        ));
    }
    match manifests.pop() {
        None => refused("uploaded tarball is missing a `Cargo.toml` manifest file".to_owned()),
        Some((name, manifest)) if name == "Cargo.toml" || name == "cargo.toml" => Ok(manifest),
        Some((name, _)) => refused(format!(
            "uploaded tarball is missing a `Cargo.toml` manifest file; `{name}` was found, but \
             must be named `Cargo.toml` with that exact casing"
        )),
    }
}

fn malformed(_: io::Error) -> Refusal {
    Refusal::bad_request("uploaded tarball is malformed or too large when decompressed")
}

/// Returns the kind as crates.io's own archive reader names it.
fn described(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Link => "Link",
        EntryType::Symlink => "Symlink",
        EntryType::Char => "Char",
        EntryType::Block => "Block",
        EntryType::Fifo => "Fifo",
        EntryType::Continuous => "Continuous",
        EntryType::GNUSparse => "GNUSparse",
        _ => "Other",
    }
}

/// Fails where a limit is passed, instead of ending there.
struct AtMost<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for AtMost<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other("the archive is too large when decompressed"))?;
        Ok(count)
    }
}
