//! The directory of a rehearsal: one per workspace, used by one at a time.
//!
//! Its place is always the same for the same workspace, so that a second
//! rehearsal finds the copy's members where cargo knows them from the first.

use std::fs::{DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};

/// A rehearsal's directory; removed at the end unless it is kept.
pub(super) struct Scratch {
    path: Utf8PathBuf,
    kept: std::cell::Cell<bool>,
    // The lock lasts as long as the open file.
    _lock: File,
}

impl Scratch {
    /// Takes the directory for a workspace, empty.
    pub(super) fn take(workspace: &Utf8Path) -> anyhow::Result<Scratch> {
        let mut hasher = DefaultHasher::new();
        workspace.hash(&mut hasher);
        let user = rustix::process::getuid().as_raw();
        let base = Utf8PathBuf::from_path_buf(std::env::temp_dir()).map_err(|path| {
            anyhow::anyhow!("the temporary directory {} is not UTF-8", path.display())
        })?;
        let mine = base.join(format!("stagegate-{user}"));
        private_directory(&mine, user)?;
        let name = format!(
            "{}-{:08x}",
            workspace.file_name().unwrap_or("workspace"),
            hasher.finish() & 0xffff_ffff
        );
        let path = mine.join(&name);
        let lock_path = mine.join(format!("{name}.lock"));
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&lock_path)
            .with_context(|| format!("opening {lock_path}"))?;
        if lock.try_lock().is_err() {
            bail!(
                "another rehearsal of {workspace} is under way ({lock_path} is locked); wait for it"
            );
        }
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(|| format!("removing {path}"))?;
        }
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("creating {path}"))?;
        Ok(Scratch {
            path,
            kept: std::cell::Cell::new(false),
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Leaves it there for somebody to look at.
    pub(super) fn keep(&self) {
        self.kept.set(true);
    }

    /// Copies this program: the original may be replaced by what the rehearsal builds.
    pub(super) fn keep_program(&self) -> anyhow::Result<Utf8PathBuf> {
        let program = std::env::current_exe().context("asking for this program's path")?;
        // Its name decides how it calls itself.
        let name = program.file_name().and_then(|name| name.to_str());
        let directory = self.path.join("program");
        std::fs::create_dir_all(&directory).with_context(|| format!("creating {directory}"))?;
        let copy = directory.join(name.unwrap_or("stagegate"));
        if std::fs::hard_link(&program, &copy).is_err() {
            std::fs::copy(&program, &copy)
                .with_context(|| format!("copying {}", program.display()))?;
        }
        Ok(copy)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.kept.get() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Makes a directory that is ours alone, in a place that everybody may write to.
fn private_directory(path: &Utf8Path, user: u32) -> anyhow::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        other => other.with_context(|| format!("creating {path}"))?,
    }
    let found = path
        .symlink_metadata()
        .with_context(|| format!("looking at {path}"))?;
    if !found.is_dir() || found.uid() != user || found.mode() & 0o077 != 0 {
        bail!("{path} is not a directory of ours alone; remove it, or set TMPDIR");
    }
    Ok(())
}
