//! What is done while bytes are sent: progress is reported, and the lease renewed.

use std::time::{Duration, Instant};

use crate::model::app::Deploy;
use crate::model::error::DeployError;
use crate::model::step::Progress;
use crate::remote::lease::{self, LEASE_RENEWAL};
use crate::ssh::host::Host;

/// Longest silence of a command that reads large files on a small host.
pub(crate) const SILENCE_TIMEOUT: Duration = Duration::from_secs(300);

/// Reports how far an upload is, and keeps the lease.
pub(crate) struct UploadProgress<'a> {
    host: &'a Host,
    deploy: &'a Deploy,
    total: u64,
    progress: &'a mut dyn FnMut(Progress),
    renewed: Instant,
    lost_lease: Option<DeployError>,
}

impl<'a> UploadProgress<'a> {
    pub(crate) fn new(
        host: &'a Host,
        deploy: &'a Deploy,
        total: u64,
        progress: &'a mut dyn FnMut(Progress),
    ) -> UploadProgress<'a> {
        UploadProgress {
            host,
            deploy,
            total,
            progress,
            renewed: Instant::now(),
            lost_lease: None,
        }
    }

    /// Reports that so many bytes are sent, and renews the lease when it is time.
    pub(crate) fn sent(&mut self, sent: u64) {
        let text = format!("uploading {}", self.deploy.release.id());
        (self.progress)(Progress::counted(text, sent, self.total));
        if self.renewed.elapsed() > LEASE_RENEWAL {
            self.renewed = Instant::now();
            let held = lease::acquire(self.host, self.deploy);
            self.lost_lease = self.lost_lease.take().or(held.err());
        }
    }

    /// Fails if the lease was lost meanwhile: such an upload does not count.
    pub(crate) fn finish(self) -> Result<(), DeployError> {
        match self.lost_lease {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
