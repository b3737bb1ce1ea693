//! Drift: where a host differs, by content, from what was deployed to it.
//!
//! The running program is compared with the bytes that were uploaded, the files that
//! make the host run the app with those that would be written now, the kernel's rules
//! with the slot that users are meant to meet. Only questions; each difference comes
//! with what is there and what should be.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::facts::private;
use crate::model::app::Service;
use crate::model::digest::sha256_hex;
use crate::model::error::DeployError;
use crate::model::part_kind::AppService;
use crate::model::slot::Slot;
use crate::model::switch::Switch;
use crate::model::switch_method::SwitchKind;
use crate::service::host_files;
use crate::ssh::command::Command;
use crate::ssh::host::Host;
use crate::traffic::socket_activation;
use crate::traffic::switch_file;

/// `$1` the release's directory, `$2` its program, `$3` unit, `$4` nft table, `$5` env
/// file; then files. Lines of `name=value`.
const QUERY_SH: &str = r#"
PATH=$PATH:/usr/sbin:/sbin
hash() { sha256sum | cut -d ' ' -f 1; }
if [ -e "$1.sha256" ]; then printf 'uploaded=%s\n' "$(cat "$1.sha256")"; fi
if [ -e "$2" ]; then printf 'release=%s\n' "$(hash <"$2")"; fi
pid=$(systemctl show -p MainPID "$3")
pid=${pid#MainPID=}
if [ "${pid:-0}" != 0 ]; then printf 'program=%s %s\n' "$(hash <"/proc/$pid/exe")" "$pid"; fi
nft list table inet "$4" 2>/dev/null | sed -n 's/^[[:space:]]*\(.*redirect.*\)/rule=\1/p'
if [ -n "$5" ] && [ -e "$5" ]; then printf 'env=%s\n' "$(stat -c %a "$5")"; fi
shift 5
for file; do
  if [ -e "$file" ]; then printf 'file=%s %s\n' "$(hash <"$file")" "$file"; fi
done
"#;

/// One way in which a host differs, by content, from what was deployed to it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Drift {
    /// The release that users meet is not on the host any more.
    ReleaseMissing {
        /// `VERSION-SHA12`.
        release: String,
    },
    /// The program is not the one that was uploaded: somebody has changed it on the host.
    ProgramChanged {
        /// `VERSION-SHA12`.
        release: String,
        /// SHA-256 of the program as it is now, in hexadecimal.
        found: String,
        /// SHA-256 that was kept when it was uploaded.
        uploaded: String,
    },
    /// The process runs another program than the release has.
    OtherProgramRuns {
        /// `VERSION-SHA12`.
        release: String,
        /// The process, as the host counts.
        pid: String,
        /// SHA-256 of what it runs.
        found: String,
        /// SHA-256 of the release's program.
        expected: String,
    },
    /// A file that a deploy writes is not there.
    FileMissing {
        /// Its path on the host.
        path: String,
    },
    /// A file that a deploy writes has another content.
    FileDiffers {
        /// Its path on the host.
        path: String,
    },
    /// The kernel's rules do not lead the public port to the slot that users are meant to meet.
    RulesDiffer {
        /// The public port.
        port: u16,
        /// The slot.
        slot: Slot,
    },
    /// Others than its owner and group can read the environment file.
    EnvFileOpen {
        /// Its mode in octal digits.
        mode: String,
    },
    /// The frontend is a bundle now, and the service that it was before still runs.
    OldFrontendRuns {
        /// `VERSION-SHA12`.
        release: String,
        /// Where it runs.
        slot: Slot,
    },
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A deploy of the release that runs starts nothing, and so leaves files alone: a unit
        // under a service that was never started with it would pass for one that was.
        match self {
            Drift::ReleaseMissing { release } => {
                write!(f, "{release} is not on the host any more")
            }
            Drift::ProgramChanged {
                release,
                found,
                uploaded,
            } => write!(
                f,
                "the program of {release} was changed since its upload: {} instead of {}",
                short(found),
                short(uploaded)
            ),
            Drift::OtherProgramRuns {
                release,
                pid,
                found,
                expected,
            } => write!(
                f,
                "process {pid} runs another program than {release} has: {} instead of {}",
                short(found),
                short(expected)
            ),
            Drift::FileMissing { path } => {
                write!(
                    f,
                    "{path} is not there; a deploy of another release writes it"
                )
            }
            Drift::FileDiffers { path } => write!(
                f,
                "{path} differs from what stagegate.toml makes; a deploy of another release writes it"
            ),
            Drift::RulesDiffer { port, slot } => write!(
                f,
                "the nft rules do not lead port {port} to slot {slot}; `systemctl restart` of the \
                 app's switch unit restores them"
            ),
            Drift::EnvFileOpen { mode } => {
                write!(f, "the env file has mode {mode}; chmod 0600 it")
            }
            Drift::OldFrontendRuns { release, slot } => write!(
                f,
                "the frontend is no service any more, and {release} still runs as one in slot \
                 {slot}; deploying the frontend stops it"
            ),
        }
    }
}

/// Asks a host for every difference from the release that users are meant to meet.
pub(crate) fn drift(
    host: &Host,
    service: &AppService<'_>,
    current: &Switch,
) -> Result<Vec<Drift>, DeployError> {
    let layout = service.layout(host.target());
    let settings = service.settings;
    let place = layout.release(&current.release);
    let env_file = settings.env_file.as_ref().map(|f| layout.host_path(f));
    let mut files = host_files::files(&layout, settings, current.slot);
    files.extend(switch_file::proxy_file(current, &layout, settings));
    files.extend(socket_activation::drop_in_file(&layout, settings, current));
    let command = Command::script(QUERY_SH)
        .arg(&place)
        .arg(place.join(&settings.binary))
        .arg(layout.unit(current.slot))
        .arg(layout.table())
        .arg(env_file.as_ref().map_or("", |file| file.as_str()))
        .args(files.iter().map(|file| &file.path))
        .privileged();
    let text = host.check(&command)?.text();
    let wanted: Vec<(String, String)> = files
        .into_iter()
        .map(|file| (file.path, sha256_hex(file.text.as_bytes())))
        .collect();
    Ok(differences(&text, settings, current, &wanted))
}

fn differences(
    text: &str,
    service: &Service,
    current: &Switch,
    wanted: &[(String, String)],
) -> Vec<Drift> {
    let mut answer: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        answer.entry(name).or_default().push(value);
    }
    let one = |name: &str| answer.get(name).and_then(|values| values.first()).copied();
    let mut found = Vec::new();
    let release = current.release.clone();
    match (one("release"), one("uploaded")) {
        (None, _) => found.push(Drift::ReleaseMissing {
            release: release.clone(),
        }),
        (Some(there), Some(uploaded)) if there != uploaded => found.push(Drift::ProgramChanged {
            release: release.clone(),
            found: there.to_owned(),
            uploaded: uploaded.to_owned(),
        }),
        _ => {}
    }
    if let (Some(program), Some(there)) = (one("program"), one("release")) {
        let (hash, pid) = program.split_once(' ').unwrap_or((program, "?"));
        if hash != there {
            found.push(Drift::OtherProgramRuns {
                release,
                pid: pid.to_owned(),
                found: hash.to_owned(),
                expected: there.to_owned(),
            });
        }
    }
    let files: BTreeMap<&str, &str> = answer
        .get("file")
        .into_iter()
        .flatten()
        .filter_map(|value| value.split_once(' '))
        .map(|(hash, path)| (path, hash))
        .collect();
    for (path, hash) in wanted {
        match files.get(path.as_str()) {
            None => found.push(Drift::FileMissing { path: path.clone() }),
            Some(there) if there != hash => {
                found.push(Drift::FileDiffers { path: path.clone() });
            }
            Some(_) => {}
        }
    }
    let (public, slot) = (service.port, current.slot);
    let lead = format!("dport {public} redirect to :{}", slot.port(public));
    let rules = answer.get("rule").map_or(&[][..], Vec::as_slice);
    let ruled = current.switch_kind == SwitchKind::Nft;
    if ruled && (rules.len() != 2 || rules.iter().any(|rule| !rule.contains(&lead))) {
        found.push(Drift::RulesDiffer { port: public, slot });
    }
    if let Some(mode) = one("env").filter(|mode| !private(mode)) {
        let mode = mode.to_owned();
        found.push(Drift::EnvFileOpen { mode });
    }
    found
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::samples::backend;
    use crate::model::switch::samples::switch;

    const WELL: &str = "uploaded=aa\nrelease=aa\nprogram=aa 12\nenv=600\nfile=bb /etc/unit a\n\
                        rule=fib daddr type local tcp dport 8080 redirect to :8081\n\
                        rule=fib daddr type local tcp dport 8080 redirect to :8081\n";

    #[test]
    fn each_difference_is_reported() {
        let check = |from: &str, to: &str, parts: &[&str]| {
            let text = WELL.replace(from, to);
            let current = switch(Slot::Blue, "1.0.0-x", "me");
            let wanted = [("/etc/unit a".to_owned(), "bb".to_owned())];
            let found = differences(&text, &backend(), &current, &wanted);
            assert_eq!(found.len(), parts.len(), "{found:?}");
            for (found, part) in found.iter().zip(parts) {
                let found = found.to_string();
                assert!(found.contains(part), "{found}");
            }
        };
        check("", "", &[]);
        check("program=aa 12\n", "", &[]);
        check("release=aa\n", "", &["not on the host any more"]);
        check("uploaded=aa", "uploaded=cc", &["was changed since"]);
        check("program=aa", "program=cc", &["process 12 runs another"]);
        check("file=bb", "file=cc", &["/etc/unit a differs"]);
        check("file=bb /etc/unit a\n", "", &["/etc/unit a is not there"]);
        check("env=600", "env=644", &["mode 644"]);
        check(":8081\nrule", ":8082\nrule", &["port 8080 to slot blue"]);
        check("rule=", "other=", &["port 8080 to slot blue"]);
    }
}
