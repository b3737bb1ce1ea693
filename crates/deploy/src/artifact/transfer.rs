//! Bringing an artifact to a host in few bytes, and going on where an upload broke off.
//!
//! Where the host has `zstd`, a patch travels against the release that users meet, if what
//! was sent of that is still here too; else all of it compressed; without `zstd` as it is. What
//! comes of a patch must have the artifact's SHA-256, or the next way is taken. A host
//! needs nothing for this: without, it only gets more bytes.
//!
//! What was sent stays until it is whole, in a directory named after the artifact, in a
//! file named after its own bytes. The same bytes go on at its end; others begin anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::apply_delta;
use super::delta::ZstdFrame;
use super::job::DeployJob;
use super::measure::Artifact;
use super::payload::Payload;
use super::upload_progress::{SILENCE_TIMEOUT, UploadProgress};
use crate::model::app::{Deploy, Release};
use crate::model::digest::is_sha256;
use crate::model::error::{ArtifactError, DeployError, RunError};
use crate::model::layout::Layout;
use crate::model::part::Part;
use crate::model::part_kind::PartKind;
use crate::model::step::Progress;
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// `$1` releases, `$2` incoming directory, `$3` the confirmed switch, or the link to the
/// bundle that is served, `$4` the part: makes room, and says what is there: `zstd`; `base RELEASE SHA256`; `sent NAME LENGTH`.
const PREPARE_SH: &str = r#"set -eu
umask 022
mkdir -p "$1"
for left in "$1"/.incoming-*; do
  if [ "$left" != "$2" ]; then rm -rf "$left"; fi
done
mkdir -p -m 0700 "$2"
if zstd --version >/dev/null 2>&1; then echo zstd; fi
if [ -e "$3" ]; then
  if [ -L "$3" ]; then release=$(basename "$(readlink "$3")")
  else release=$(sed -n '/^# end$/q; s/^# release //p' "$3"); fi
  kept=$1/$release/$4.sha256
  if [ -e "$kept" ]; then printf 'base %s %s\n' "$release" "$(cat "$kept")"; fi
fi
for sent in "$2"/sent-*; do
  if [ -f "$sent" ]; then printf 'sent %s %s\n' "${sent##*/}" "$(stat -c %s "$sent")"; fi
done
"#;

/// `$1` incoming directory, `$2` name, `$3` what of it stays. A file that begins anew is
/// another one: whoever was lost while writing the old one does not write into it.
const RECEIVE_SH: &str = r#"set -eu
umask 022
keep=$2
if [ "$3" = 0 ]; then keep=; fi
find "$1" -mindepth 1 -maxdepth 1 ! -name "$keep" -exec rm -rf {} +
truncate -s "$3" "$1/$2"
cat >>"$1/$2"
"#;

/// What the host has before anything travels.
#[derive(Debug, Default, PartialEq)]
struct HostInventory {
    zstd: bool,
    /// The release that users meet, and the SHA-256 that was kept at its upload.
    base: Option<(String, String)>,
    /// What of earlier tries is there, in bytes.
    sent: BTreeMap<String, u64>,
}

/// How an artifact is sent.
enum Encoding {
    Plain,
    Compressed(Arc<ZstdFrame>),
    /// With the release that it is a delta against.
    Delta(Arc<ZstdFrame>, String),
}

/// An artifact that has arrived.
pub(crate) struct Received {
    /// Its hash, as the host says.
    pub(crate) sha256: String,
    /// How many bytes travelled, and how.
    pub(crate) how: String,
}

/// What came of sending one encoding.
struct Sent {
    /// Of the artifact that the host made of it.
    sha256: String,
    /// What was there before, in bytes.
    begun: u64,
}

/// One artifact that is sent to one host.
pub(crate) struct Transfer<'a> {
    host: &'a Host,
    deploy: &'a Deploy,
    part: Part,
    kind: PartKind<'a>,
    job: &'a DeployJob,
    artifact: &'a Artifact,
    payload: &'a Payload,
}

impl<'a> Transfer<'a> {
    /// Prepares a transfer; the host is not asked yet.
    pub(crate) fn new(
        host: &'a Host,
        deploy: &'a Deploy,
        part: Part,
        job: &'a DeployJob,
    ) -> Result<Transfer<'a>, DeployError> {
        let kind = deploy.app.part_kind(part)?;
        Ok(Transfer {
            host,
            deploy,
            part,
            kind,
            job,
            artifact: job.artifact()?,
            payload: job.payload()?,
        })
    }

    /// Returns the file that is sent when nothing smaller can be.
    pub(crate) fn payload(&self) -> &Payload {
        self.payload
    }

    /// Returns the directory in which it arrives.
    pub(crate) fn incoming(&self) -> Utf8PathBuf {
        let name = format!(".incoming-{}", self.artifact.sha256);
        self.layout().releases().join(name)
    }

    fn layout(&self) -> Layout {
        Layout::new(self.host.target(), &self.deploy.app)
    }

    /// Sends the artifact in as few bytes as can be: a delta, else compressed, else as it is.
    pub(crate) fn send_smallest(
        &self,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Received, DeployError> {
        let inventory = self.prepare()?;
        let received = |sent: Sent, encoding: &Encoding, note: &str| Received {
            how: format!("{}{note}", encoding.describe(self.payload, sent.begun)),
            sha256: sent.sha256,
        };
        let mut note = String::new();
        if let Some((encoding, base)) = self.delta(&inventory)? {
            match self.send(&inventory, &encoding, progress) {
                Ok(sent) if sent.sha256 == self.artifact.sha256 => {
                    return Ok(received(sent, &encoding, ""));
                }
                Ok(_) | Err(DeployError::Run(RunError::Failed { .. })) => {
                    note = format!(", after a patch against {base} did not restore it");
                }
                Err(error) => return Err(error),
            }
        }
        if inventory.zstd {
            let encoding = Encoding::Compressed(self.job.compressed()?);
            match self.send(&inventory, &encoding, progress) {
                Ok(sent) => return Ok(received(sent, &encoding, &note)),
                // What is wrong with more than zstd will fail again, and say so.
                Err(DeployError::Run(RunError::Failed { .. })) => {
                    note = ", after the host's zstd did not restore it".to_owned();
                }
                Err(error) => return Err(error),
            }
        }
        let sent = self.send(&inventory, &Encoding::Plain, progress)?;
        Ok(received(sent, &Encoding::Plain, &note))
    }

    fn prepare(&self) -> Result<HostInventory, DeployError> {
        let layout = self.layout();
        let current = match self.kind {
            PartKind::Service(service) => service.layout(self.host.target()).confirmed(),
            PartKind::Bundle(_) => layout.current(),
        };
        let prepare = Command::script(PREPARE_SH)
            .args([layout.releases(), self.incoming(), current])
            .arg(self.part.name())
            .privileged()
            .silence_timeout(SILENCE_TIMEOUT);
        let printed = self.host.check(&prepare)?.text();
        HostInventory::parse(&printed).map_err(|what| self.host.unreadable(&prepare, what).into())
    }

    /// Returns a delta against the release that users meet, if both sides have that.
    fn delta(&self, inventory: &HostInventory) -> Result<Option<(Encoding, String)>, DeployError> {
        let (true, Some((release, sha256))) = (inventory.zstd, &inventory.base) else {
            return Ok(None);
        };
        let frame = self.job.delta(sha256)?;
        Ok(frame.map(|frame| (Encoding::Delta(frame, release.clone()), release.clone())))
    }

    /// Sends what is not there yet, and lets the host make the artifact of it. The end of
    /// something else is no reason to fail: it is sent once more, from its beginning.
    fn send(
        &self,
        inventory: &HostInventory,
        encoding: &Encoding,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Sent, DeployError> {
        let begun = self.begun(inventory, encoding);
        if begun > 0 {
            match self.send_from(encoding, begun, progress) {
                Ok(sha256) if sha256 == self.artifact.sha256 => return Ok(Sent { sha256, begun }),
                Ok(_) | Err(DeployError::Run(RunError::Failed { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        let sha256 = self.send_from(encoding, 0, progress)?;
        Ok(Sent { sha256, begun: 0 })
    }

    fn send_from(
        &self,
        encoding: &Encoding,
        begun: u64,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<String, DeployError> {
        let (incoming, name) = (self.incoming(), self.name(encoding));
        let receive = Command::script(RECEIVE_SH)
            .args([incoming.as_str(), &name, &begun.to_string()])
            .privileged()
            .silence_timeout(SILENCE_TIMEOUT);
        let length = encoding.length(self.payload);
        let mut watch = UploadProgress::new(self.host, self.deploy, length, progress);
        let file = self.file(encoding)?;
        self.host
            .upload(&file, begun, &receive, &mut |sent| watch.sent(sent))?;
        watch.finish()?;
        Ok(self.host.sha256(&self.restore(&name, encoding))?)
    }

    /// Returns the command that makes the artifact of what was sent, and prints its hash.
    fn restore(&self, name: &str, encoding: &Encoding) -> Command {
        let binary = match self.kind {
            PartKind::Service(service) => service.settings.binary.as_str(),
            PartKind::Bundle(_) => "",
        };
        let restore = Command::script(&apply_delta::script(self.kind));
        let restore = restore.args([self.incoming().as_str(), name, binary]);
        let there = |base: &str| self.layout().part_directory(base, self.part);
        let restore = match encoding {
            Encoding::Plain => restore.arg("plain"),
            Encoding::Compressed(_) => restore.arg("compressed"),
            Encoding::Delta(frame, base) => restore
                .args(["patch", &frame.window_log.to_string()])
                .arg(match self.kind {
                    PartKind::Service(_) => there(base).join(binary),
                    PartKind::Bundle(_) => there(base),
                }),
        };
        restore.privileged().silence_timeout(SILENCE_TIMEOUT)
    }

    /// Returns how much of it is there from an earlier try, in bytes.
    fn begun(&self, inventory: &HostInventory, encoding: &Encoding) -> u64 {
        let sent = inventory.sent.get(&self.name(encoding)).copied();
        sent.filter(|sent| *sent <= encoding.length(self.payload))
            .unwrap_or(0)
    }

    /// Returns what these very bytes are called while they arrive.
    fn name(&self, encoding: &Encoding) -> String {
        let sha256 = match encoding {
            Encoding::Plain => self.payload.sha256(),
            Encoding::Compressed(frame) | Encoding::Delta(frame, _) => &frame.sha256,
        };
        format!("sent-{sha256}")
    }

    fn file(&self, encoding: &Encoding) -> Result<Utf8PathBuf, DeployError> {
        match encoding {
            Encoding::Plain => Ok(self.payload.path().to_owned()),
            Encoding::Compressed(frame) | Encoding::Delta(frame, _) => {
                let path = Utf8Path::from_path(frame.file.path());
                let not_utf8 = || self.local(std::io::Error::other("its name is not UTF-8"));
                path.map(Utf8Path::to_owned).ok_or_else(not_utf8)
            }
        }
    }

    fn local(&self, source: std::io::Error) -> DeployError {
        DeployError::Artifact(ArtifactError::Unreadable {
            path: self.artifact.path.clone(),
            source,
        })
    }
}

impl Encoding {
    fn length(&self, payload: &Payload) -> u64 {
        match self {
            Encoding::Plain => payload.length(),
            Encoding::Compressed(frame) | Encoding::Delta(frame, _) => frame.length,
        }
    }

    /// Says, for the record, how much was sent, and of how much.
    fn describe(&self, payload: &Payload, begun: u64) -> String {
        let travelled = kib(self.length(payload) - begun);
        let whole = kib(payload.length());
        let how = match self {
            Encoding::Plain => travelled,
            Encoding::Compressed(_) => format!("{travelled} compressed ({whole} whole)"),
            Encoding::Delta(_, base) => {
                format!("{travelled} as a patch against {base} ({whole} whole)")
            }
        };
        match begun {
            0 => how,
            begun => format!("{how}, going on after {} that were there", kib(begun)),
        }
    }
}

impl HostInventory {
    fn parse(text: &str) -> Result<HostInventory, String> {
        let mut inventory = HostInventory::default();
        for line in text.lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["zstd"] => inventory.zstd = true,
                ["base", release, sha256] if Release::is_id(release) && is_sha256(sha256) => {
                    inventory.base = Some((release.to_owned(), sha256.to_owned()));
                }
                // A file that holds no hash, or a name that no deploy gives: no patch.
                ["base", ..] => {}
                ["sent", name, length] => {
                    let length = length.parse().map_err(|_| format!("`{line}`"))?;
                    inventory.sent.insert(name.to_owned(), length);
                }
                _ => return Err(format!("`{line}`")),
            }
        }
        Ok(inventory)
    }
}

fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_has_is_read_line_by_line() {
        let hash = "a".repeat(64);
        let text = format!("zstd\nbase 1.4.0-0123456789ab {hash}\nsent sent-{hash} 12\n");
        let there = HostInventory::parse(&text).unwrap();
        assert!(there.zstd);
        assert_eq!(
            there.base,
            Some(("1.4.0-0123456789ab".into(), hash.clone()))
        );
        assert_eq!(there.sent[&format!("sent-{hash}")], 12);
        assert_eq!(HostInventory::parse("").unwrap(), HostInventory::default());
        for base in ["base ../.. HASH", "base 1.4.0-0123456 ../../etc", "base  "] {
            let text = base.replace("HASH", &hash);
            assert_eq!(
                HostInventory::parse(&text).unwrap(),
                HostInventory::default(),
                "{text}"
            );
        }
        assert!(HostInventory::parse("sent sent-x y\n").is_err());
        assert!(HostInventory::parse("zstd: what\n").is_err());
    }
}
