//! What the deploy steps of one run share, on all hosts: each program or bundle is measured
//! once, and git is asked once for each commit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use stagegate_deploy::DeployJob;

/// The jobs of a run by their paths, and its commits by their revisions.
#[derive(Debug, Default)]
pub(crate) struct DeployJobs {
    jobs: Mutex<BTreeMap<Utf8PathBuf, Arc<DeployJob>>>,
    commits: Mutex<BTreeMap<String, String>>,
}

impl DeployJobs {
    /// Returns the job of that file or directory, which the first call makes.
    ///
    /// # Errors
    /// That of `make`; then the next call makes it.
    pub(crate) fn job<E>(
        &self,
        path: &Utf8Path,
        make: impl FnOnce(&Utf8Path) -> Result<DeployJob, E>,
    ) -> Result<Arc<DeployJob>, E> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = jobs.get(path) {
            return Ok(Arc::clone(job));
        }
        let job = Arc::new(make(path)?);
        jobs.insert(path.to_owned(), Arc::clone(&job));
        Ok(job)
    }

    /// Returns the commit that a revision means, which the first call asks for. One that is
    /// not there yet is asked for again.
    pub(crate) fn commit(
        &self,
        revision: &str,
        ask: impl FnOnce(&str) -> Option<String>,
    ) -> Option<String> {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(commit) = commits.get(revision) {
            return Some(commit.clone());
        }
        let commit = ask(revision)?;
        commits.insert(revision.to_owned(), commit.clone());
        Some(commit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steps_share_is_made_once() {
        let shared = DeployJobs::default();
        let file = Utf8Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let mut made = 0;
        let mut job = || {
            shared.job(file, |path| {
                made += 1;
                DeployJob::of_file(path)
            })
        };
        let (first, again) = (job().unwrap(), job().unwrap());
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(made, 1);
        let mut asked = 0;
        let mut commit = |known: Option<&str>| {
            shared.commit("main", |_| {
                asked += 1;
                known.map(str::to_owned)
            })
        };
        assert_eq!(commit(None), None);
        for _step in 0..12 {
            assert_eq!(commit(Some("c0ffee")).as_deref(), Some("c0ffee"));
        }
        assert_eq!(asked, 2);
    }
}
