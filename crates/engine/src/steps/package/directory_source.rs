//! A directory of crates, as `cargo vendor` makes it, with the siblings of a release in it.
//!
//! A workspace whose dependencies are vendored reads its registry out of a directory, in
//! which the release's own crates are not yet. This one holds links to the vendored
//! crates, and each package as soon as it is made.

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_manifest::sha256_hex;

use crate::executor::release_tree::write_whole;
use crate::steps::package::verify::unpack;

/// The name of the source in cargo's configuration.
const NAME: &str = "stagegate-siblings";

/// The directory.
pub(super) struct DirectorySource {
    directory: Utf8PathBuf,
}

impl DirectorySource {
    /// Makes `directory` a source with the crates of `vendored`.
    pub(super) fn beside(
        vendored: &std::path::Path,
        directory: Utf8PathBuf,
    ) -> anyhow::Result<DirectorySource> {
        if directory.exists() {
            std::fs::remove_dir_all(&directory).with_context(|| format!("removing {directory}"))?;
        }
        std::fs::create_dir_all(&directory).with_context(|| format!("creating {directory}"))?;
        let shown = vendored.display();
        let entries = std::fs::read_dir(vendored).with_context(|| format!("reading {shown}"))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("reading {shown}"))?;
            if entry.path().join("Cargo.toml").is_file() {
                let link = directory.as_std_path().join(entry.file_name());
                std::os::unix::fs::symlink(entry.path(), &link)
                    .with_context(|| format!("linking {}", link.display()))?;
            }
        }
        Ok(DirectorySource { directory })
    }

    /// Returns what cargo is told to read it in the place of crates.io.
    pub(super) fn arguments(&self) -> Vec<String> {
        let directory = toml_edit::Value::from(self.directory.as_str());
        [
            "--config".to_owned(),
            format!("source.crates-io.replace-with=\"{NAME}\""),
            "--config".to_owned(),
            format!("source.{NAME}.directory={directory}"),
            "--registry".to_owned(),
            "crates-io".to_owned(),
        ]
        .to_vec()
    }

    /// Adds a packed crate.
    pub(super) fn add(&self, packed: &Utf8Path) -> anyhow::Result<()> {
        unpack(packed, &self.directory)?;
        let bytes = std::fs::read(packed).with_context(|| format!("reading {packed}"))?;
        let name = packed.file_stem().unwrap_or_default();
        let checksum = serde_json::json!({ "files": {}, "package": sha256_hex(&bytes) });
        let file = self.directory.join(name).join(".cargo-checksum.json");
        write_whole(&file, checksum.to_string().as_bytes())
    }
}
