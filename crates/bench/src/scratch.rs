//! A directory to measure in, removed when it goes out of scope.

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

/// The directory.
pub(crate) struct Scratch {
    _keep: TempDir,
    path: Utf8PathBuf,
}

impl Scratch {
    /// Makes an empty one.
    pub(crate) fn make() -> anyhow::Result<Scratch> {
        let keep = tempfile::Builder::new()
            .prefix("stagegate-bench-")
            .tempdir()
            .context("making a directory to work in")?;
        let path = Utf8Path::from_path(keep.path())
            .context("the temporary directory's name is not UTF-8")?
            .to_owned();
        Ok(Scratch { _keep: keep, path })
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }
}
