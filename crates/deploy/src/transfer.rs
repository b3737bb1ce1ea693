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

use crate::app::Deploy;
use crate::artifact::{Artifact, ArtifactError, is_sha256};
use crate::command::Command;
use crate::error::{DeployError, RunError};
use crate::form::Form;
use crate::freight::Freight;
use crate::host::Host;
use crate::layout::{Layout, Part};
use crate::pack::{self, Packed};
use crate::restore;
use crate::retention::is_release_id;
use crate::step::Progress;
use crate::upload::{PATIENCE, Watch};

/// `$1` releases, `$2` incoming directory, `$3` the confirmed switch, or the link to the
/// bundle that is served, `$4` the part: makes room, and says what is there: `zstd`; `base RELEASE SHA256`; `sent NAME LENGTH`.
const PREPARE: &str = r#"set -eu
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
const RECEIVE: &str = r#"set -eu
umask 022
keep=$2
if [ "$3" = 0 ]; then keep=; fi
find "$1" -mindepth 1 -maxdepth 1 ! -name "$keep" -exec rm -rf {} +
truncate -s "$3" "$1/$2"
cat >>"$1/$2"
"#;

/// What the host has before anything travels.
#[derive(Debug, Default, PartialEq)]
struct There {
    zstd: bool,
    /// The release that users meet, and the SHA-256 that was kept at its upload.
    base: Option<(String, String)>,
    /// What of earlier tries is there, in bytes.
    sent: BTreeMap<String, u64>,
}

/// How it travels.
enum Load {
    Plain,
    Compressed(Arc<Packed>),
    Patch(Arc<Packed>, String),
}

/// An artifact that has arrived.
pub(crate) struct Arrived {
    /// Its hash, as the host says.
    pub(crate) sha256: String,
    /// How many bytes travelled, and how.
    pub(crate) how: String,
}

/// What came of one way.
struct Sent {
    /// Of the artifact that the host made of it.
    sha256: String,
    /// What was there before, in bytes.
    begun: u64,
}

/// An artifact on its way.
pub(crate) struct Transfer<'a> {
    host: &'a Host,
    deploy: &'a Deploy,
    part: Part,
    form: Form<'a>,
    artifact: &'a Artifact,
    freight: Freight,
}

impl<'a> Transfer<'a> {
    /// Gets it ready; the host is not asked yet.
    pub(crate) fn new(
        host: &'a Host,
        deploy: &'a Deploy,
        part: Part,
        artifact: &'a Artifact,
    ) -> Result<Transfer<'a>, DeployError> {
        let form = deploy.app.form(part)?;
        let freight = match form {
            Form::Service(_) => Freight::program(artifact)?,
            Form::Bundle(_) => Freight::bundle(artifact)?,
        };
        Ok(Transfer {
            host,
            deploy,
            part,
            form,
            artifact,
            freight,
        })
    }

    /// What travels when nothing better does.
    pub(crate) fn freight(&self) -> &Freight {
        &self.freight
    }

    /// Where it arrives.
    pub(crate) fn incoming(&self) -> Utf8PathBuf {
        let name = format!(".incoming-{}", self.artifact.sha256);
        self.layout().releases().join(name)
    }

    fn layout(&self) -> Layout {
        Layout::new(self.host.target(), &self.deploy.app)
    }

    /// Brings it, in as few bytes as can be.
    pub(crate) fn bring(&self, progress: &mut dyn FnMut(Progress)) -> Result<Arrived, DeployError> {
        let there = self.prepare()?;
        let arrived = |sent: Sent, load: &Load, note: &str| Arrived {
            how: format!("{}{note}", load.told(&self.freight, sent.begun)),
            sha256: sent.sha256,
        };
        let mut note = String::new();
        if let Some((load, base)) = self.patch(&there)? {
            match self.send(&there, &load, progress) {
                Ok(sent) if sent.sha256 == self.artifact.sha256 => {
                    return Ok(arrived(sent, &load, ""));
                }
                Ok(_) | Err(DeployError::Run(RunError::Failed { .. })) => {
                    note = format!(", after a patch against {base} did not restore it");
                }
                Err(error) => return Err(error),
            }
        }
        if there.zstd {
            let packed = pack::compressed(&self.freight).map_err(|e| self.local(e))?;
            let load = Load::Compressed(packed);
            match self.send(&there, &load, progress) {
                Ok(sent) => return Ok(arrived(sent, &load, &note)),
                // What is wrong with more than zstd will fail again, and say so.
                Err(DeployError::Run(RunError::Failed { .. })) => {
                    note = ", after the host's zstd did not restore it".to_owned();
                }
                Err(error) => return Err(error),
            }
        }
        let sent = self.send(&there, &Load::Plain, progress)?;
        Ok(arrived(sent, &Load::Plain, &note))
    }

    fn prepare(&self) -> Result<There, DeployError> {
        let layout = self.layout();
        let met = match self.form {
            Form::Service(service) => service.layout(self.host.target()).confirmed(),
            Form::Bundle(_) => layout.current(),
        };
        let prepare = Command::script(PREPARE)
            .args([layout.releases(), self.incoming(), met])
            .arg(self.part.name())
            .privileged()
            .patience(PATIENCE);
        let said = self.host.check(&prepare)?.text();
        There::read(&said).map_err(|what| self.host.unreadable(&prepare, what).into())
    }

    /// A patch against the release that users meet, if both sides have that.
    fn patch(&self, there: &There) -> Result<Option<(Load, String)>, DeployError> {
        let (true, Some((release, sha256)), Some(directory)) =
            (there.zstd, &there.base, &self.artifact.earlier)
        else {
            return Ok(None);
        };
        let packed = pack::patch(directory, sha256, &self.freight).map_err(|e| self.local(e))?;
        Ok(packed.map(|packed| (Load::Patch(packed, release.clone()), release.clone())))
    }

    /// Sends what is not there yet, and lets the host make the artifact of it. The end of
    /// something else is no reason to fail: it is sent once more, from its beginning.
    fn send(
        &self,
        there: &There,
        load: &Load,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Sent, DeployError> {
        let begun = self.begun(there, load);
        if begun > 0 {
            match self.send_from(load, begun, progress) {
                Ok(sha256) if sha256 == self.artifact.sha256 => return Ok(Sent { sha256, begun }),
                Ok(_) | Err(DeployError::Run(RunError::Failed { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        let sha256 = self.send_from(load, 0, progress)?;
        Ok(Sent { sha256, begun: 0 })
    }

    fn send_from(
        &self,
        load: &Load,
        begun: u64,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<String, DeployError> {
        let (incoming, name) = (self.incoming(), self.name(load));
        let receive = Command::script(RECEIVE)
            .args([incoming.as_str(), &name, &begun.to_string()])
            .privileged()
            .patience(PATIENCE);
        let length = load.length(&self.freight);
        let mut watch = Watch::new(self.host, self.deploy, length, progress);
        let file = self.file(load)?;
        self.host
            .upload(&file, begun, &receive, &mut |sent| watch.hear(sent))?;
        watch.end()?;
        Ok(self.host.sha256(&self.restore(&name, load))?)
    }

    /// What makes the artifact of what was sent, and prints its hash.
    fn restore(&self, name: &str, load: &Load) -> Command {
        let binary = match self.form {
            Form::Service(service) => service.settings.binary.as_str(),
            Form::Bundle(_) => "",
        };
        let restore = Command::script(&restore::script(self.form));
        let restore = restore.args([self.incoming().as_str(), name, binary]);
        let there = |base: &str| self.layout().part(base, self.part);
        let restore = match load {
            Load::Plain => restore.arg("plain"),
            Load::Compressed(_) => restore.arg("compressed"),
            Load::Patch(packed, base) => restore
                .args(["patch", &packed.window_log.to_string()])
                .arg(match self.form {
                    Form::Service(_) => there(base).join(binary),
                    Form::Bundle(_) => there(base),
                }),
        };
        restore.privileged().patience(PATIENCE)
    }

    /// How much of it is there from an earlier try.
    fn begun(&self, there: &There, load: &Load) -> u64 {
        let sent = there.sent.get(&self.name(load)).copied();
        sent.filter(|sent| *sent <= load.length(&self.freight))
            .unwrap_or(0)
    }

    /// What these very bytes are called while they arrive.
    fn name(&self, load: &Load) -> String {
        let sha256 = match load {
            Load::Plain => self.freight.sha256(),
            Load::Compressed(packed) | Load::Patch(packed, _) => &packed.sha256,
        };
        format!("sent-{sha256}")
    }

    fn file(&self, load: &Load) -> Result<Utf8PathBuf, DeployError> {
        match load {
            Load::Plain => Ok(self.freight.path().to_owned()),
            Load::Compressed(packed) | Load::Patch(packed, _) => {
                let path = Utf8Path::from_path(packed.file.path());
                let odd = || self.local(std::io::Error::other("its name is not UTF-8"));
                path.map(Utf8Path::to_owned).ok_or_else(odd)
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

impl Load {
    fn length(&self, freight: &Freight) -> u64 {
        match self {
            Load::Plain => freight.length(),
            Load::Compressed(packed) | Load::Patch(packed, _) => packed.length,
        }
    }

    /// For the record: what travelled, of how much.
    fn told(&self, freight: &Freight, begun: u64) -> String {
        let travelled = kib(self.length(freight) - begun);
        let whole = kib(freight.length());
        let how = match self {
            Load::Plain => travelled,
            Load::Compressed(_) => format!("{travelled} compressed ({whole} whole)"),
            Load::Patch(_, base) => {
                format!("{travelled} as a patch against {base} ({whole} whole)")
            }
        };
        match begun {
            0 => how,
            begun => format!("{how}, going on after {} that were there", kib(begun)),
        }
    }
}

impl There {
    fn read(text: &str) -> Result<There, String> {
        let mut there = There::default();
        for line in text.lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["zstd"] => there.zstd = true,
                ["base", release, sha256] if is_release_id(release) && is_sha256(sha256) => {
                    there.base = Some((release.to_owned(), sha256.to_owned()));
                }
                // A file that holds no hash, or a name that no deploy gives: no patch.
                ["base", ..] => {}
                ["sent", name, length] => {
                    let length = length.parse().map_err(|_| format!("`{line}`"))?;
                    there.sent.insert(name.to_owned(), length);
                }
                _ => return Err(format!("`{line}`")),
            }
        }
        Ok(there)
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
        let there = There::read(&text).unwrap();
        assert!(there.zstd);
        assert_eq!(
            there.base,
            Some(("1.4.0-0123456789ab".into(), hash.clone()))
        );
        assert_eq!(there.sent[&format!("sent-{hash}")], 12);
        assert_eq!(There::read("").unwrap(), There::default());
        for base in ["base ../.. HASH", "base 1.4.0-0123456 ../../etc", "base  "] {
            let text = base.replace("HASH", &hash);
            assert_eq!(There::read(&text).unwrap(), There::default(), "{text}");
        }
        assert!(There::read("sent sent-x y\n").is_err());
        assert!(There::read("zstd: what\n").is_err());
    }
}
