//! What a run brings to its hosts: one program or bundle, measured and packed once.
//!
//! Made before the steps, and shared by all of them and by hosts side by side: whoever needs
//! the digest, the archive of a bundle, or a delta against some release first, computes it,
//! and whoever needs it meanwhile waits for that. A step that needs none computes none.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

use super::delta::{self, ZstdFrame};
use super::measure::{Artifact, expect_file};
use super::payload::Payload;
use crate::model::error::ArtifactError;

/// What is brought to hosts, and what was computed of it so far.
pub struct DeployJob {
    path: Utf8PathBuf,
    source: Source,
    /// Where a few of the artifacts that were deployed from here are kept.
    cache: Option<Utf8PathBuf>,
    measured: OnceLock<Artifact>,
    payload: OnceLock<Payload>,
    /// By the SHA-256 of what each is a delta against; `None` for the compressed whole.
    frames: Mutex<Vec<(Option<String>, Arc<ZstdFrame>)>>,
    /// Held while one of the above is computed.
    computing: Mutex<()>,
    digests: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Source {
    Program,
    Bundle,
}

impl DeployJob {
    /// Creates the job of a service: its program, a regular file. The file is not read yet.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn of_file(path: impl AsRef<Utf8Path>) -> Result<DeployJob, ArtifactError> {
        expect_file(path.as_ref())?;
        Ok(DeployJob::new(path.as_ref(), Source::Program))
    }

    /// Creates the job of a bundle: a directory of plain files. It is not read yet.
    ///
    /// # Errors
    /// When there is no such directory.
    pub fn of_directory(path: impl AsRef<Utf8Path>) -> Result<DeployJob, ArtifactError> {
        let path = path.as_ref();
        let unreadable = |source| ArtifactError::Unreadable {
            path: path.to_owned(),
            source,
        };
        path.read_dir_utf8().map_err(unreadable)?;
        Ok(DeployJob::new(path, Source::Bundle))
    }

    fn new(path: &Utf8Path, source: Source) -> DeployJob {
        DeployJob {
            path: path.to_owned(),
            source,
            cache: None,
            measured: OnceLock::new(),
            payload: OnceLock::new(),
            frames: Mutex::default(),
            computing: Mutex::default(),
            digests: AtomicUsize::new(0),
        }
    }

    /// Sets the directory in which a few of the deployed artifacts are kept: a delta is sent
    /// against what a host has of them. Without one, the whole is. Uploads create it and keep
    /// it small.
    #[must_use]
    pub fn with_cache(mut self, directory: impl Into<Utf8PathBuf>) -> DeployJob {
        self.cache = Some(directory.into());
        self
    }

    /// Returns the file or directory.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Returns the directory of deployed artifacts, if there is one.
    pub(crate) fn cache(&self) -> Option<&Utf8Path> {
        self.cache.as_deref()
    }

    /// Returns the artifact with its digest, which the first call computes.
    ///
    /// # Errors
    /// When it cannot be read, or is not what can be deployed.
    pub fn artifact(&self) -> Result<&Artifact, ArtifactError> {
        self.once(&self.measured, || {
            self.digests.fetch_add(1, Ordering::Relaxed);
            match self.source {
                Source::Program => Artifact::of_file(&self.path),
                Source::Bundle => Artifact::of_directory(&self.path),
            }
        })
    }

    /// Returns the digest: SHA-256 in hexadecimal, see [`Artifact`].
    ///
    /// # Errors
    /// As [`DeployJob::artifact`].
    pub fn sha256(&self) -> Result<&str, ArtifactError> {
        Ok(&self.artifact()?.sha256)
    }

    /// Returns how often the whole artifact was read to compute its digest.
    pub fn digests_computed(&self) -> usize {
        self.digests.load(Ordering::Relaxed)
    }

    /// Returns the file that is sent when nothing smaller can be.
    pub(crate) fn payload(&self) -> Result<&Payload, ArtifactError> {
        let artifact = self.artifact()?;
        self.once(&self.payload, || match self.source {
            Source::Program => Payload::of_program(artifact),
            Source::Bundle => Payload::of_bundle(artifact),
        })
    }

    /// Returns the payload, compressed.
    pub(crate) fn compressed(&self) -> Result<Arc<ZstdFrame>, ArtifactError> {
        let payload = self.payload()?;
        let frame = self.frame(None, || delta::compress(payload).map(Some))?;
        frame.ok_or_else(|| self.unreadable(io::Error::other("nothing was compressed")))
    }

    /// Returns the delta against the artifact of that SHA-256; `None` where it is not kept
    /// here, or one of the two is too large.
    pub(crate) fn delta(&self, base: &str) -> Result<Option<Arc<ZstdFrame>>, ArtifactError> {
        let Some(cache) = &self.cache else {
            return Ok(None);
        };
        let payload = self.payload()?;
        self.frame(Some(base), || delta::against(cache, base, payload))
    }

    fn frame(
        &self,
        base: Option<&str>,
        make: impl FnOnce() -> io::Result<Option<ZstdFrame>>,
    ) -> Result<Option<Arc<ZstdFrame>>, ArtifactError> {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, made)) = frames.iter().find(|(of, _)| of.as_deref() == base) {
            return Ok(Some(Arc::clone(made)));
        }
        let made = make().map_err(|source| self.unreadable(source))?;
        let made = made.map(Arc::new);
        if let Some(made) = &made {
            frames.push((base.map(str::to_owned), Arc::clone(made)));
        }
        Ok(made)
    }

    /// Computes a value unless it is there; whoever wants it meanwhile waits.
    fn once<'a, T>(
        &self,
        cell: &'a OnceLock<T>,
        compute: impl FnOnce() -> Result<T, ArtifactError>,
    ) -> Result<&'a T, ArtifactError> {
        if let Some(value) = cell.get() {
            return Ok(value);
        }
        let _alone = self
            .computing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match cell.get() {
            Some(value) => Ok(value),
            None => {
                let value = compute()?;
                Ok(cell.get_or_init(|| value))
            }
        }
    }

    fn unreadable(&self, source: io::Error) -> ArtifactError {
        ArtifactError::Unreadable {
            path: self.path.clone(),
            source,
        }
    }
}

impl std::fmt::Debug for DeployJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeployJob({})", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::cache;

    fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        (directory, root)
    }

    #[test]
    fn a_digest_is_computed_when_it_is_needed_and_once_for_all_hosts() {
        let (_keep, root) = scratch();
        std::fs::write(root.join("program"), "abc").unwrap();
        let job = DeployJob::of_file(root.join("program")).unwrap();
        assert_eq!(job.digests_computed(), 0);
        std::thread::scope(|scope| {
            for _host in 0..4 {
                scope.spawn(|| {
                    let whole = job.payload().unwrap();
                    assert_eq!(whole.sha256(), job.sha256().unwrap());
                });
            }
        });
        assert_eq!(job.digests_computed(), 1);
    }

    #[test]
    fn a_bundle_is_archived_once() {
        let (_keep, root) = scratch();
        std::fs::write(root.join("index.html"), "hello").unwrap();
        let job = DeployJob::of_directory(&root).unwrap();
        let (first, again) = (job.payload().unwrap().path(), job.payload().unwrap().path());
        assert_eq!(first, again);
        assert!(std::ptr::eq(job.payload().unwrap(), job.payload().unwrap()));
        assert_eq!(job.digests_computed(), 1);
    }

    #[test]
    fn a_delta_is_made_once_for_each_base() {
        let (_keep, root) = scratch();
        let cached = root.join("cache");
        for (name, text) in [("old", "one "), ("new", "two ")] {
            std::fs::write(root.join(name), text.repeat(1000)).unwrap();
        }
        let old = DeployJob::of_file(root.join("old")).unwrap();
        let new = DeployJob::of_file(root.join("new")).unwrap();
        let base = old.sha256().unwrap();
        assert!(new.delta(base).unwrap().is_none());
        let new = new.with_cache(&cached);
        assert!(new.delta(base).unwrap().is_none());
        cache::store(&cached, old.artifact().unwrap(), old.payload().unwrap()).unwrap();
        let made = new.delta(base).unwrap().unwrap();
        let again = new.delta(base).unwrap().unwrap();
        assert!(Arc::ptr_eq(&made, &again), "it was made twice");
        let whole = (new.compressed().unwrap(), new.compressed().unwrap());
        assert!(Arc::ptr_eq(&whole.0, &whole.1), "it was made twice");
        assert!(!Arc::ptr_eq(&whole.0, &made));
    }

    #[test]
    fn what_cannot_be_deployed_is_refused_before_any_step() {
        let (_keep, root) = scratch();
        assert!(DeployJob::of_file(root.join("absent")).is_err());
        assert!(DeployJob::of_file(&root).is_err());
        assert!(DeployJob::of_directory(root.join("absent")).is_err());
    }
}
