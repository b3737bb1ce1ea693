//! What a host offers, asked before anything is changed: every precondition of a deploy.
//!
//! Only questions. Of the environment file, the mode and the *names* that have a value
//! leave the host; its values never do. [`HostFacts::problems`] turns facts into the
//! list of everything that stands in the way, each with its remedy.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::command::Command;
use crate::error::DeployError;
use crate::firewall::Switch;
use crate::host::Host;
use crate::layout::{Layout, Slot};
use crate::state::State;

/// A release, its program and its predecessor fit into this.
const DISK_NEEDED_BYTES: u64 = 64 * 1024 * 1024;
/// Journal times and leases are compared across this difference at most.
const SKEW_BORNE_SECONDS: i64 = 30;
/// What the steps call.
const TOOLS: &str = "systemctl systemd-run journalctl nft ss flock tar sha256sum mktemp xargs cmp";

/// `$1` app directory, `$2` service user, `$3` env file, `$4` tools, `$5` ports.
const ASK: &str = r#"
PATH=$PATH:/usr/sbin:/sbin
printf 'now=%s\n' "$(date +%s)"
for tool in $4; do command -v "$tool" >/dev/null || printf 'missing_tool=%s\n' "$tool"; done
printf 'systemd=%s\n' "$(systemctl --version 2>/dev/null | head -n 1)"
printf 'nft=%s\n' "$(nft --version 2>/dev/null | head -n 1)"
if [ -n "$2" ] && id -u "$2" >/dev/null 2>&1; then printf 'service_user=%s\n' "$2"; fi
for directory in "$1" "$1/releases" "$1/slots" "$1/switch" "$1/frontend"; do
  if [ -d "$directory" ]; then printf 'directory=%s %s\n' "$(stat -c '%U %a' "$directory")" "$directory"; fi
done
place=$1
while [ ! -d "$place" ]; do place=$(dirname "$place"); done
printf 'disk_free_kib=%s\n' "$(df --output=avail -k "$place" | tail -n 1 | tr -d ' ')"
if [ -n "$3" ] && [ -f "$3" ]; then
  printf 'env_file=%s\n' "$(stat -c '%U %a' "$3")"
  sed -n "s/^[[:space:]]*\([A-Za-z_][A-Za-z0-9_]*\)=[\"']\{0,1\}[^\"'[:space:]].*/env_name=\1/p" "$3"
fi
for port in $5; do
  if [ -n "$(ss -H -t -l -n "( sport = :$port )")" ]; then printf 'listening=%s\n' "$port"; fi
done
"#;

/// Whether privileged commands can run.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Sudo {
    /// The account is root.
    NotNeeded,
    /// `sudo -n` works.
    Works,
    /// `sudo -n` does not work: absent, not allowed, or it wants a password.
    Refused,
}

/// A directory of the layout that is already there.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct DirectoryFacts {
    /// Its path.
    pub path: Utf8PathBuf,
    /// Its owner's name.
    pub owner: String,
    /// Its mode in octal digits.
    pub mode: String,
}

/// What may be known about an environment file.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct EnvFileFacts {
    /// Its path on the host.
    pub path: Utf8PathBuf,
    /// Whether it is there (and may be seen).
    pub exists: bool,
    /// Its owner's name.
    pub owner: String,
    /// Its mode in octal digits.
    pub mode: String,
    /// Required names without a value.
    pub missing: Vec<String>,
}

/// Who holds the lease.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct LeaseFacts {
    /// The run.
    pub holder: String,
    /// When it took it.
    pub since: Timestamp,
    /// When it ends unless renewed.
    pub until: Timestamp,
}

/// What a host offers to one app.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct HostFacts {
    /// `user@host:port`.
    pub target: String,
    /// The first line of `systemctl --version`.
    pub systemd: Option<String>,
    /// The first line of `nft --version`.
    pub nft: Option<String>,
    /// Tools that the steps call and the host lacks.
    pub missing_tools: Vec<String>,
    /// Whether privileged commands can run.
    pub sudo: Sudo,
    /// The backend's account, and whether it is there.
    pub service_user: Option<(String, bool)>,
    /// Those directories of the layout that are there.
    pub directories: Vec<DirectoryFacts>,
    /// The backend's environment file.
    pub env_file: Option<EnvFileFacts>,
    /// Free space where releases go, in bytes.
    pub disk_free_bytes: u64,
    /// The host's clock minus ours, in seconds.
    pub clock_skew_seconds: i64,
    /// A lease that has not ended.
    pub lease: Option<LeaseFacts>,
    /// What users are meant to meet, and where.
    pub running: Option<Switch>,
    /// A switch that nobody has confirmed yet.
    pub armed: Option<Switch>,
    /// Slot ports that something listens on although no slot of the app runs there.
    pub foreign_ports: Vec<u16>,
}

impl HostFacts {
    /// Everything that stands in the way of a deploy by the run `owner`, with its remedy.
    pub fn problems(&self, owner: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let mut say = |problem: String| problems.push(format!("{}: {problem}", self.target));
        if self.sudo == Sudo::Refused {
            say(
                "`sudo -n` does not work; allow the account passwordless sudo, or deploy as root"
                    .into(),
            );
        }
        if !self.missing_tools.is_empty() {
            let tools = self.missing_tools.join(", ");
            say(format!(
                "{tools} not found; install systemd, nftables, iproute2 and util-linux"
            ));
        }
        if let Some((user, false)) = &self.service_user {
            say(format!(
                "there is no account {user}; create it: useradd --system {user}"
            ));
        }
        for directory in &self.directories {
            if writable_by_others(&directory.mode) {
                let DirectoryFacts { path, mode, .. } = directory;
                say(format!(
                    "{path} has mode {mode}, so others can write to it; chmod go-w {path}"
                ));
            }
        }
        self.env_file_problems(&mut say);
        if self.disk_free_bytes < DISK_NEEDED_BYTES {
            let free = self.disk_free_bytes / 1024 / 1024;
            let need = DISK_NEEDED_BYTES / 1024 / 1024;
            say(format!(
                "{free} MiB free where releases go; make room for {need} MiB at least"
            ));
        }
        if self.clock_skew_seconds.abs() > SKEW_BORNE_SECONDS {
            let skew = self.clock_skew_seconds;
            say(format!(
                "its clock differs from ours by {skew} s; let both follow a time server"
            ));
        }
        if let Some(lease) = self.lease.as_ref().filter(|lease| lease.holder != owner) {
            let LeaseFacts {
                holder,
                since,
                until,
            } = lease;
            say(format!(
                "{holder} deploys to it since {since}; wait, until {until} at most"
            ));
        }
        if let Some(armed) = self.armed.as_ref().filter(|armed| armed.owner != owner) {
            let Switch { release, owner, .. } = armed;
            say(format!(
                "{owner} has not confirmed {release} yet; resume that run, or let the host revert it"
            ));
        }
        for port in &self.foreign_ports {
            say(format!(
                "another program listens on port {port}; stop it, or choose another port"
            ));
        }
        problems
    }

    fn env_file_problems(&self, say: &mut dyn FnMut(String)) {
        let Some(file) = &self.env_file else { return };
        let path = &file.path;
        if !file.exists {
            say(format!(
                "{path} is not there; create it with mode 0600 and the required names"
            ));
            return;
        }
        if !matches!(file.mode.as_str(), "600" | "640" | "400" | "440") {
            say(format!("{path} has mode {}; chmod 0600 {path}", file.mode));
        }
        for name in &file.missing {
            say(format!("{path} gives {name} no value; add it there"));
        }
    }
}

/// Whether the octal digits let group or others write.
fn writable_by_others(mode: &str) -> bool {
    u32::from_str_radix(mode, 8).is_ok_and(|mode| mode & 0o022 != 0)
}

/// Asks a host for everything that a deploy of the app needs.
///
/// # Errors
/// When the host cannot be asked, or the app's names are refused. What is missing on the
/// host is a fact, not an error.
pub fn survey(host: &Host, app: &App) -> Result<HostFacts, DeployError> {
    app.check()?;
    let layout = Layout::new(host.target(), app);
    let sudo = sudo(host)?;
    let backend = app.backend.as_ref();
    let env_path = backend
        .and_then(|b| b.env_file.as_ref())
        .map(|file| layout.host_path(file));
    let ports = backend.map_or_else(String::new, |backend| {
        Slot::ALL
            .map(|slot| slot.port(backend.port).to_string())
            .join(" ")
    });
    let mut command = Command::script(ASK)
        .arg(layout.base())
        .arg(backend.map_or("", |backend| &backend.service_user))
        .arg(env_path.as_ref().map_or("", |path| path.as_str()))
        .args([TOOLS, &ports]);
    if sudo == Sudo::Works {
        command = command.privileged();
    }
    let before = Timestamp::now().as_second();
    let answer = Answer::read(&host.check(&command)?.text());
    let now = (before + Timestamp::now().as_second()) / 2;
    let number = |name: &str| {
        let value = answer.one(name).and_then(|value| value.parse::<i64>().ok());
        value.ok_or_else(|| host.unreadable(&command, format!("there is no number `{name}`")))
    };
    let usable = sudo != Sudo::Refused && answer.one("systemd").is_some();
    let state = if usable {
        State::ask(host, app)?
    } else {
        State::default()
    };
    Ok(HostFacts {
        target: host.target().to_string(),
        systemd: answer.one("systemd"),
        nft: answer.one("nft"),
        missing_tools: answer.all("missing_tool"),
        sudo,
        service_user: backend
            .map(|b| (b.service_user.clone(), answer.one("service_user").is_some())),
        directories: answer.directories(),
        env_file: env_path
            .map(|path| answer.env_file(path, backend.map_or(&[], |b| &b.require_env))),
        disk_free_bytes: u64::try_from(number("disk_free_kib")?).unwrap_or(0) * 1024,
        clock_skew_seconds: number("now")? - now,
        lease: lease(&state),
        foreign_ports: foreign_ports(&answer, &state, app),
        running: state.confirmed,
        armed: state.armed,
    })
}

fn sudo(host: &Host) -> Result<Sudo, DeployError> {
    if !host.needs_sudo() {
        return Ok(Sudo::NotNeeded);
    }
    let status = host.run(&Command::new("true").privileged())?.status;
    Ok(if status == 0 {
        Sudo::Works
    } else {
        Sudo::Refused
    })
}

fn lease(state: &State) -> Option<LeaseFacts> {
    let (holder, since, until) = state
        .lease
        .as_ref()
        .filter(|(.., until)| *until > state.now)?;
    Some(LeaseFacts {
        holder: holder.clone(),
        since: Timestamp::from_second(*since).ok()?,
        until: Timestamp::from_second(*until).ok()?,
    })
}

fn foreign_ports(answer: &Answer, state: &State, app: &App) -> Vec<u16> {
    let Some(backend) = &app.backend else {
        return Vec::new();
    };
    let listening = answer.all("listening");
    Slot::ALL
        .into_iter()
        .filter(|slot| !state.slot(*slot).runs())
        .map(|slot| slot.port(backend.port))
        .filter(|port| listening.contains(&port.to_string()))
        .collect()
}

/// The lines `name=value` that the host printed.
struct Answer(BTreeMap<String, Vec<String>>);

impl Answer {
    fn read(text: &str) -> Answer {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            fields
                .entry(name.to_owned())
                .or_default()
                .push(value.to_owned());
        }
        Answer(fields)
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.get(name).cloned().unwrap_or_default()
    }

    fn one(&self, name: &str) -> Option<String> {
        self.0
            .get(name)?
            .first()
            .filter(|value| !value.is_empty())
            .cloned()
    }

    fn directories(&self) -> Vec<DirectoryFacts> {
        self.all("directory")
            .iter()
            .filter_map(|line| {
                let mut words = line.splitn(3, ' ');
                Some(DirectoryFacts {
                    owner: words.next()?.to_owned(),
                    mode: words.next()?.to_owned(),
                    path: words.next()?.into(),
                })
            })
            .collect()
    }

    fn env_file(&self, path: Utf8PathBuf, required: &[String]) -> EnvFileFacts {
        let facts = self.one("env_file");
        let (owner, mode) = facts
            .as_deref()
            .and_then(|facts| facts.split_once(' '))
            .unwrap_or_default();
        let names = self.all("env_name");
        EnvFileFacts {
            path,
            exists: facts.is_some(),
            owner: owner.to_owned(),
            mode: mode.to_owned(),
            missing: required
                .iter()
                .filter(|name| !names.contains(name))
                .cloned()
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> HostFacts {
        HostFacts {
            target: "deploy@app1:22".into(),
            systemd: Some("systemd 252".into()),
            nft: Some("nftables v1.0.6".into()),
            missing_tools: Vec::new(),
            sudo: Sudo::Works,
            service_user: Some(("guestbook".into(), true)),
            directories: vec![DirectoryFacts {
                path: "/opt/guestbook".into(),
                owner: "root".into(),
                mode: "755".into(),
            }],
            env_file: Some(EnvFileFacts {
                path: "/etc/guestbook/.env".into(),
                exists: true,
                owner: "guestbook".into(),
                mode: "600".into(),
                missing: Vec::new(),
            }),
            disk_free_bytes: 1 << 30,
            clock_skew_seconds: -1,
            lease: None,
            running: None,
            armed: None,
            foreign_ports: Vec::new(),
        }
    }

    #[test]
    fn a_host_that_is_well_has_no_problems() {
        assert_eq!(well().problems("me"), Vec::<String>::new());
    }

    #[test]
    fn each_problem_comes_with_its_remedy() {
        let check = |spoil: &dyn Fn(&mut HostFacts), parts: &[&str]| {
            let mut facts = well();
            spoil(&mut facts);
            let problems = facts.problems("me");
            assert_eq!(problems.len(), parts.len(), "{problems:?}");
            for (problem, part) in problems.iter().zip(parts) {
                assert!(
                    problem.starts_with("deploy@app1:22: ") && problem.contains(part),
                    "{problem}"
                );
            }
        };
        check(&|f| f.sudo = Sudo::Refused, &["passwordless sudo"]);
        check(&|f| f.missing_tools = vec!["nft".into()], &["install"]);
        check(
            &|f| f.service_user = Some(("guestbook".into(), false)),
            &["useradd"],
        );
        check(&|f| f.directories[0].mode = "775".into(), &["chmod go-w"]);
        check(
            &|f| f.env_file.as_mut().unwrap().exists = false,
            &["create it"],
        );
        check(
            &|f| f.env_file.as_mut().unwrap().mode = "644".into(),
            &["chmod 0600"],
        );
        check(
            &|f| f.env_file.as_mut().unwrap().missing = vec!["A".into(), "B".into()],
            &["gives A no value", "gives B no value"],
        );
        check(&|f| f.disk_free_bytes = 0, &["make room"]);
        check(&|f| f.clock_skew_seconds = -31, &["time server"]);
        check(&|f| f.foreign_ports = vec![8081], &["port 8081"]);
        let lease = |holder: &str| LeaseFacts {
            holder: holder.into(),
            since: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
        };
        check(&|f| f.lease = Some(lease("other")), &["other deploys"]);
        check(&|f| f.lease = Some(lease("me")), &[]);
    }

    #[test]
    fn only_names_leave_the_env_file() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join(".env");
        let text = "A=secret1\nB=\nC=\"\"\n# D=secret2\n E='secret3'\nF=\"secret4 x\"\nbroken\n";
        std::fs::write(&file, text).unwrap();
        let output = std::process::Command::new("sh")
            .args(["-c", ASK, "stagegate", scratch.path().to_str().unwrap(), ""])
            .args([file.to_str().unwrap(), "", ""])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(Answer::read(&text).all("env_name"), ["A", "E", "F"]);
    }
}
