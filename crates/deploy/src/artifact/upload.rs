//! Bringing a release to a host: whole, checked, and immutable afterwards.
//!
//! Bytes go into a directory of their own, are checked there against the artifact's
//! SHA-256, and get their name by one rename: a release is there or it is not. The
//! checksum is kept beside it, so that a later run can tell whether it was touched. A
//! different content under the same name is a conflict, never overwritten.

use camino::Utf8Path;

use super::cache;
use super::host_digest::query_content_hash;
use super::job::DeployJob;
use super::transfer::{Received, Transfer};
use super::upload_progress::SILENCE_TIMEOUT;
use crate::model::app::Deploy;
use crate::model::error::{DeployError, RunError};
use crate::model::layout::Layout;
use crate::model::part::Part;
use crate::model::step::{Probe, Progress};
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// `$1` the directory of the part:
/// prints `absent`, or the hash that was kept at its upload, or `none`.
const QUERY_SH: &str = r#"set -eu
if [ ! -e "$1" ]; then echo absent; exit 0; fi
if [ -e "$1.sha256" ]; then cat "$1.sha256"; else echo none; fi
"#;

/// `$1` incoming, `$2` place, `$3` hash: makes it durable and gives it its name.
const PUBLISH_SH: &str = r#"set -eu
umask 022
find "$1" -type f -exec sync {} +
mkdir -p "$(dirname "$2")"
printf '%s\n' "$3" >"$2.sha256"
sync "$2.sha256"
mv -T "$1" "$2"
sync "$(dirname "$2")"
"#;

/// Asks whether the host has the release, with this very content.
pub(crate) fn probe(
    host: &Host,
    deploy: &Deploy,
    part: Part,
    job: Option<&DeployJob>,
) -> Result<Probe, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let release = deploy.release.id();
    let place = layout.part_directory(&release, part);
    let kept = host
        .check(&Command::script(QUERY_SH).arg(&place).privileged())?
        .text();
    let kept = kept.trim();
    if kept == "absent" {
        return Ok(Probe::Absent);
    }
    let found = query_content_hash(host, deploy.app.part_kind(part)?, place.as_str())?;
    if kept != "none" && kept != found {
        return Ok(Probe::Conflict(format!(
            "{release} was changed on the host since its upload (it was {kept}, it is {found}); \
             remove {place} and deploy again"
        )));
    }
    match job.map(DeployJob::artifact).transpose()? {
        Some(artifact) if artifact.sha256 != found => Ok(Probe::Conflict(format!(
            "{release} is already on the host with another content ({found}, not {}); the same \
             version and commit must give the same bytes: remove {place}, or release a new version",
            artifact.sha256
        ))),
        _ => Ok(Probe::Done(format!(
            "{release} is on the host, SHA-256 {found}"
        ))),
    }
}

/// Uploads the release, unless it is there.
pub(crate) fn perform(
    host: &Host,
    deploy: &Deploy,
    part: Part,
    job: Option<&DeployJob>,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let release = deploy.release.id();
    let target = host.target().to_string();
    if let Some(evidence) = evidence_of_upload(host, deploy, part, job)? {
        return Ok(evidence);
    }
    let job = job.ok_or_else(|| DeployError::Missing {
        target: target.clone(),
        release: release.clone(),
    })?;
    let artifact = job.artifact()?;
    let transfer = Transfer::new(host, deploy, part, job)?;
    let incoming = transfer.incoming();
    let Received { sha256, how } = match transfer.send_smallest(progress) {
        Ok(arrived) => arrived,
        // Over a line that is lost nothing can be removed; an upload goes on from there.
        Err(error @ DeployError::Run(RunError::Lost { .. } | RunError::Stopped { .. })) => {
            return Err(error);
        }
        Err(error) => {
            remove_partial(host, &incoming);
            return Err(error);
        }
    };
    if sha256 != artifact.sha256 {
        remove_partial(host, &incoming);
        return Err(DeployError::Conflict {
            target,
            what: format!(
                "{} arrived as {sha256}, not as {}",
                artifact.path, artifact.sha256
            ),
            next: "the partial upload was removed; check that the file is not being written, and resume",
        });
    }
    install_release(host, deploy, part, &incoming, &sha256)?;
    let kept = match job.cache() {
        Some(directory) => cache::store(directory, artifact, transfer.payload()),
        None => Ok(()),
    };
    let note = match kept {
        Ok(()) => String::new(),
        // The release is there all the same.
        Err(error) => format!("; not kept here for a later patch: {error}"),
    };
    Ok(format!("uploaded {release}, {how}, SHA-256 {sha256}{note}"))
}

/// Returns what shows that the release is there; `None` if it is not.
///
/// # Errors
/// A conflict: what is there is something else.
pub(crate) fn evidence_of_upload(
    host: &Host,
    deploy: &Deploy,
    part: Part,
    job: Option<&DeployJob>,
) -> Result<Option<String>, DeployError> {
    match probe(host, deploy, part, job)? {
        Probe::Done(evidence) => Ok(Some(evidence)),
        Probe::Conflict(what) => {
            let target = host.target().to_string();
            let next = "a release is immutable: nothing was uploaded";
            Err(DeployError::Conflict { target, what, next })
        }
        Probe::Absent => Ok(None),
    }
}

/// Renames a whole and checked directory to the release's own.
pub(crate) fn install_release(
    host: &Host,
    deploy: &Deploy,
    part: Part,
    incoming: &Utf8Path,
    sha256: &str,
) -> Result<(), DeployError> {
    let place = Layout::new(host.target(), &deploy.app).part_directory(&deploy.release.id(), part);
    let publish = Command::script(PUBLISH_SH)
        .args([incoming.as_str(), place.as_str(), sha256])
        .privileged()
        .silence_timeout(SILENCE_TIMEOUT);
    host.check(&publish)?;
    Ok(())
}

/// Removes a partial upload. The error that led here is the one to tell; what stays
/// behind is cleared by the next upload.
fn remove_partial(host: &Host, incoming: &Utf8Path) {
    drop(
        host.run(
            &Command::new("rm")
                .args(["-rf", "--", incoming.as_str()])
                .privileged(),
        ),
    );
}
