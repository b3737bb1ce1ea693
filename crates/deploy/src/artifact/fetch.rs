//! Fetching a release from a host that runs it, so that another one gets the same bytes.
//!
//! A file travels in pieces, each an answer of its own, and is compared with the
//! checksum that was kept when it was uploaded: what was changed on the host since is
//! nobody's artifact.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use camino::Utf8Path;

use super::measure::Artifact;
use crate::model::app::{App, Release};
use crate::model::error::{ArtifactError, DeployError};
use crate::model::layout::Layout;
use crate::model::part::Part;
use crate::model::part_kind::PartKind;
use crate::model::step::Progress;
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// Bytes that are fetched at once.
const CHUNK_BYTES: u64 = 16 * 1024 * 1024;
/// Longest silence while one chunk is fetched.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(300);

/// `$1` file, `$2` first byte from 1, `$3` how many.
const READ_SH: &str = r#"tail -c "+$2" -- "$1" | head -c "$3""#;

/// `$1` directory: its files, relative to it.
const LIST_SH: &str = r#"cd -- "$1" && find . -type f -printf '%s %P\n'"#;

/// Fetches one part of a release into `to`: a service's program as that file, a bundle
/// as that directory, which must not be there yet.
///
/// # Errors
/// When the host does not have it, it was changed there since its upload, or the local
/// files cannot be written.
pub fn fetch(
    host: &Host,
    app: &App,
    release: &Release,
    part: Part,
    to: &Utf8Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Artifact, DeployError> {
    app.check()?;
    release.check()?;
    let layout = Layout::new(host.target(), app);
    let place = layout.part_directory(&release.id(), part);
    let kept = host.run(
        &Command::new("cat")
            .arg("--")
            .arg(format!("{place}.sha256"))
            .privileged(),
    )?;
    if kept.status != 0 {
        return Err(DeployError::Missing {
            target: host.target().to_string(),
            release: release.id(),
        });
    }
    let artifact = match app.part_kind(part)? {
        PartKind::Service(service) => {
            let program = place.join(&service.settings.binary);
            let size = Command::new("stat").args(["-c", "%s", "--", program.as_str()]);
            let size = host.check(&size.privileged())?.text();
            let size = size.trim().parse().unwrap_or(0);
            file(host, &program, size, to, progress)?;
            Artifact::of_file(to)?
        }
        PartKind::Bundle(_) => {
            let list = Command::script(LIST_SH).arg(&place).privileged();
            for line in host.check(&list)?.text().lines() {
                let Some((size, name)) = line.split_once(' ') else {
                    continue;
                };
                let (from, to) = (place.join(name), to.join(name));
                file(host, &from, size.parse().unwrap_or(0), &to, progress)?;
            }
            Artifact::of_directory(to)?
        }
    };
    let kept = kept.text();
    if kept.trim() != artifact.sha256 {
        return Err(DeployError::Conflict {
            target: host.target().to_string(),
            what: format!(
                "{} was changed since its upload: it was {}, it is {}",
                release.id(),
                kept.trim(),
                artifact.sha256
            ),
            next: "deploy that version by name, so that it is built afresh",
        });
    }
    Ok(artifact)
}

fn file(
    host: &Host,
    from: &Utf8Path,
    size: u64,
    to: &Utf8Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DeployError> {
    let unwritable = |source| {
        DeployError::from(ArtifactError::Unreadable {
            path: to.to_owned(),
            source,
        })
    };
    if let Some(directory) = to.parent() {
        std::fs::create_dir_all(directory).map_err(unwritable)?;
    }
    let mut local = File::create(to).map_err(unwritable)?;
    let mut done = 0;
    while done < size {
        let command = Command::script(READ_SH)
            .arg(from)
            .args([(done + 1).to_string(), CHUNK_BYTES.to_string()])
            .privileged()
            .silence_timeout(SILENCE_TIMEOUT);
        let output = host.check(&command)?;
        if output.stdout.is_empty() {
            let what = format!("it ends at byte {done} of {size}");
            return Err(host.unreadable(&command, what).into());
        }
        local.write_all(&output.stdout).map_err(unwritable)?;
        done += output.stdout.len() as u64;
        progress(Progress::counted(
            format!("fetching {}", from.file_name().unwrap_or_default()),
            done,
            size,
        ));
    }
    local.sync_all().map_err(unwritable)
}
