//! Bringing a release to a host: whole, checked, and immutable afterwards.
//!
//! Bytes go into a directory of their own, are checked there against the artifact's
//! SHA-256, and get their name by one rename: a release is there or it is not. The
//! checksum is kept beside it, so that a later run can tell whether it was touched. A
//! different content under the same name is a conflict, never overwritten.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::app::Deploy;
use crate::artifact::{Artifact, files_below};
use crate::command::Command;
use crate::error::{DeployError, RunError};
use crate::host::Host;
use crate::layout::{Layout, Part};
use crate::lease;
use crate::step::{Probe, Progress};

/// Checksums of large files take a while on a small host.
const PATIENCE: Duration = Duration::from_secs(300);
/// The lease is renewed this often while bytes travel.
const RENEWAL: Duration = Duration::from_secs(30);

/// The hash of a directory's listing, as [`Artifact::of_directory`] computes it: `$1`.
pub(crate) const TREE_HASH: &str = r#"cd -- "$1" || exit 1
odd=$(find . ! -type d ! -type f -print | head -n 1)
if [ -n "$odd" ]; then printf '%s is neither file nor directory\n' "$odd" >&2; exit 1; fi
find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 -r sha256sum -- | sha256sum | cut -d ' ' -f 1
"#;

/// `$1` the file: its hash.
const FILE_HASH: &str = r#"sha256sum -- "$1" | cut -d ' ' -f 1"#;

/// `$1` the directory of the part:
/// prints `absent`, or the hash that was kept at its upload, or `none`.
const LOOK: &str = r#"set -eu
if [ ! -e "$1" ]; then echo absent; exit 0; fi
if [ -e "$1.sha256" ]; then cat "$1.sha256"; else echo none; fi
"#;

/// `$1` releases: clears what an earlier upload left, and makes a fresh directory.
const PREPARE: &str = r#"set -eu
umask 022
mkdir -p "$1"
rm -rf "$1"/.incoming-*
mktemp -d "$1/.incoming-XXXXXXXX"
"#;

/// `$1` incoming directory: receives a program.
const RECEIVE_FILE: &str = r#"set -eu
umask 022
cat >"$1/$2"
chmod 0755 "$1/$2"
chmod 0755 "$1"
"#;

/// `$1` incoming directory: receives a bundle.
const RECEIVE_TREE: &str = r#"set -eu
umask 022
tar -x -f - --no-same-owner -C "$1"
chmod -R u=rwX,go=rX "$1"
"#;

/// `$1` incoming, `$2` place, `$3` hash: makes it durable and gives it its name.
const PUBLISH: &str = r#"set -eu
umask 022
find "$1" -type f -exec sync {} +
mkdir -p "$(dirname "$2")"
printf '%s\n' "$3" >"$2.sha256"
sync "$2.sha256"
mv -T "$1" "$2"
sync "$(dirname "$2")"
"#;

/// Whether the host has the release, with the very content.
pub(crate) fn probe(
    host: &Host,
    deploy: &Deploy,
    part: Part,
    artifact: Option<&Artifact>,
) -> Result<Probe, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let release = deploy.release.id();
    let place = layout.part(&release, part);
    let kept = host
        .check(&Command::script(LOOK).arg(&place).privileged())?
        .text();
    let kept = kept.trim();
    if kept == "absent" {
        return Ok(Probe::Absent);
    }
    let found = hash_of(host, deploy, part, place.as_str())?;
    if kept != "none" && kept != found {
        return Ok(Probe::Conflict(format!(
            "{release} was changed on the host since its upload (it was {kept}, it is {found}); \
             remove {place} and deploy again"
        )));
    }
    match artifact {
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
    artifact: Option<&Artifact>,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let release = deploy.release.id();
    let target = host.target().to_string();
    match probe(host, deploy, part, artifact)? {
        Probe::Done(evidence) => return Ok(evidence),
        Probe::Conflict(what) => {
            let next = "a release is immutable: nothing was uploaded";
            return Err(DeployError::Conflict { target, what, next });
        }
        Probe::Absent => {}
    }
    let artifact = artifact.ok_or_else(|| DeployError::Missing {
        target: target.clone(),
        release: release.clone(),
    })?;
    let layout = Layout::new(host.target(), &deploy.app);
    let prepare = Command::script(PREPARE).arg(layout.releases()).privileged();
    let incoming = host.check(&prepare)?.text().trim().to_owned();
    let received = receive(host, deploy, part, artifact, &incoming, progress)
        .and_then(|bytes| Ok((bytes, hash_of(host, deploy, part, &incoming)?)));
    let (bytes, found) = match received {
        Ok(received) => received,
        Err(error) => {
            remove(host, &incoming);
            return Err(error);
        }
    };
    if found != artifact.sha256 {
        remove(host, &incoming);
        return Err(DeployError::Conflict {
            target,
            what: format!(
                "{} arrived as {found}, not as {}",
                artifact.path, artifact.sha256
            ),
            next: "the partial upload was removed; check that the file is not being written, and resume",
        });
    }
    let place = layout.part(&release, part);
    let publish = Command::script(PUBLISH)
        .args([&incoming, place.as_str(), &found])
        .privileged()
        .patience(PATIENCE);
    host.check(&publish)?;
    Ok(format!(
        "uploaded {release}, {bytes} bytes, SHA-256 {found}"
    ))
}

/// Removes a partial upload. The error that led here is the one to tell; what stays
/// behind is cleared by the next upload.
fn remove(host: &Host, incoming: &str) {
    drop(
        host.run(
            &Command::new("rm")
                .args(["-rf", "--", incoming])
                .privileged(),
        ),
    );
}

fn hash_of(host: &Host, deploy: &Deploy, part: Part, place: &str) -> Result<String, DeployError> {
    let command = match part {
        Part::Backend => {
            Command::script(FILE_HASH).arg(format!("{place}/{}", deploy.app.backend()?.binary))
        }
        Part::Frontend => Command::script(TREE_HASH).arg(place),
    };
    let command = command.privileged().patience(PATIENCE);
    let hash = host.check(&command)?.text().trim().to_owned();
    if hash.len() == 64 && hash.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(hash);
    }
    Err(host
        .unreadable(&command, format!("{hash:?} is no SHA-256"))
        .into())
}

fn receive(
    host: &Host,
    deploy: &Deploy,
    part: Part,
    artifact: &Artifact,
    incoming: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64, DeployError> {
    let local = |source| RunError::Local {
        target: host.target().to_string(),
        path: artifact.path.clone(),
        source,
    };
    // A bundle travels as one archive: a file each would cost a round trip each.
    let bundle = match part {
        Part::Backend => None,
        Part::Frontend => Some(pack(artifact)?),
    };
    let source = match &bundle {
        None => artifact.path.clone(),
        Some(file) => camino::Utf8PathBuf::try_from(file.path().to_owned())
            .map_err(|error| local(error.into_io_error()))?,
    };
    let total = source.metadata().map_err(local)?.len();
    let command = match part {
        Part::Backend => {
            Command::script(RECEIVE_FILE).args([incoming, &deploy.app.backend()?.binary])
        }
        Part::Frontend => Command::script(RECEIVE_TREE).arg(incoming),
    };
    let mut renewed = Instant::now();
    let mut lost_lease = None;
    let text = format!("uploading {}", deploy.release.id());
    host.upload(
        &source,
        &command.privileged().patience(PATIENCE),
        &mut |sent| {
            progress(Progress {
                text: text.clone(),
                done: Some(sent),
                total: Some(total),
                probed: None,
            });
            if renewed.elapsed() > RENEWAL {
                renewed = Instant::now();
                lost_lease = lost_lease.take().or(lease::hold(host, deploy).err());
            }
        },
    )?;
    match lost_lease {
        Some(error) => Err(error),
        None => Ok(total),
    }
}

/// The bundle as an archive in a temporary file, in a fixed order and without owners.
fn pack(artifact: &Artifact) -> Result<tempfile::NamedTempFile, DeployError> {
    let unreadable = |source| {
        DeployError::Artifact(crate::artifact::ArtifactError::Unreadable {
            path: artifact.path.clone(),
            source,
        })
    };
    let file = tempfile::NamedTempFile::new().map_err(unreadable)?;
    let mut archive = tar::Builder::new(std::io::BufWriter::new(file));
    archive.mode(tar::HeaderMode::Deterministic);
    for name in files_below(&artifact.path)? {
        archive
            .append_path_with_name(artifact.path.join(&name), &name)
            .map_err(unreadable)?;
    }
    let mut writer = archive.into_inner().map_err(unreadable)?;
    writer.flush().map_err(unreadable)?;
    writer
        .into_inner()
        .map_err(|error| unreadable(error.into_error()))
}
