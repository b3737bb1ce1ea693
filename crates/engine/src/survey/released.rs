//! The files of a released version, laid out beside the checkout to be read.
//! They are gone when the survey is over.

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::context::Context;
use crate::tools::process::read;

/// A released version's files.
pub(crate) struct ReleasedFiles {
    /// The Cargo workspace's root among them.
    pub(crate) root: Utf8PathBuf,
    _directory: TempDir,
}

/// Returns the files of a tag; nothing where there is no such tag.
pub(crate) fn files_of(
    context: &Context,
    tag: Option<&str>,
) -> anyhow::Result<Option<ReleasedFiles>> {
    let git = context.git();
    let Some(commit) = tag
        .map(|tag| git.commit_of(&format!("refs/tags/{tag}")))
        .transpose()?
        .flatten()
    else {
        return Ok(None);
    };
    let directory = tempfile::Builder::new()
        .prefix("stagegate-")
        .tempdir()
        .context("making a directory for the released files")?;
    let place = Utf8Path::from_path(directory.path())
        .context("the temporary directory's name is not UTF-8")?;
    // Cargo and git follow links, and the names are compared.
    let place = place
        .canonicalize_utf8()
        .with_context(|| format!("following {place}"))?;
    let files = place.join("files");
    // An index of its own: the checkout's is left alone. Unlike an archive, this
    // heeds no `export-ignore`, so every file is as a checkout of the tag has it.
    let index = place.join("index");
    let top = git.read(["rev-parse", "--show-toplevel"])?;
    let git = crate::tools::git::Git::at(Utf8Path::new(&top));
    let prefix = format!("--prefix={files}/");
    for args in [
        ["read-tree", &commit].as_slice(),
        &["checkout-index", "--all", &prefix],
    ] {
        read(git.tool(args).env("GIT_INDEX_FILE", index.as_str()))?;
    }
    Ok(Some(ReleasedFiles {
        root: files.join(&context.subdirectory),
        _directory: directory,
    }))
}
