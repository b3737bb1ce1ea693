//! What a host offers to an app, and what of it stands in the way of a deploy.
//!
//! Facts are data, and [`HostFacts::problems`] is a pure function of them: every problem
//! at once, each with its remedy.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pending::PendingFile;
use crate::switch::Switch;

/// A release, its program and its predecessor fit into this.
const DISK_NEEDED_BYTES: u64 = 64 * 1024 * 1024;
/// Journal times and leases are compared across this difference at most.
const SKEW_BORNE_SECONDS: i64 = 30;
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
    /// The services' accounts, and whether they are there.
    pub service_users: Vec<(String, bool)>,
    /// Those directories of the layout that are there.
    pub directories: Vec<DirectoryFacts>,
    /// The services' environment files.
    pub env_files: Vec<EnvFileFacts>,
    /// Free space where releases go, in bytes.
    pub disk_free_bytes: u64,
    /// The host's clock minus ours, in seconds.
    pub clock_skew_seconds: i64,
    /// A lease that has not ended.
    pub lease: Option<LeaseFacts>,
    /// What users are meant to meet of the backend, and where.
    pub running: Option<Switch>,
    /// A switch that nobody has confirmed yet.
    pub armed: Option<Switch>,
    /// What users are meant to meet of a frontend that is a service; or was, where the app's
    /// is a bundle now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_frontend: Option<Switch>,
    /// A switch of the frontend that nobody has confirmed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub armed_frontend: Option<Switch>,
    /// Where the files of a bundle are that the frontend, now a service, was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_bundle: Option<Utf8PathBuf>,
    /// Slot ports that something listens on although no slot of the app runs there.
    pub foreign_ports: Vec<u16>,
    /// What is not well with the proxy that users come through, each with its remedy.
    #[serde(default)]
    pub proxy_problems: Vec<String>,
    /// What keeps the host from building the program, each with its remedy; absent where
    /// it is not built there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_problems: Option<Vec<String>>,
    /// Files of ours that a deploy would write; none of a host that cannot be asked.
    #[serde(default)]
    pub pending: Vec<PendingFile>,
}

impl HostFacts {
    /// Adds what the same host offers to another service of the app.
    pub(crate) fn join(&mut self, other: HostFacts) {
        for tool in other.missing_tools {
            if !self.missing_tools.contains(&tool) {
                self.missing_tools.push(tool);
            }
        }
        for user in other.service_users {
            if !self.service_users.contains(&user) {
                self.service_users.push(user);
            }
        }
        for file in other.env_files {
            match self.env_files.iter_mut().find(|own| own.path == file.path) {
                Some(own) => {
                    let more = file.missing.into_iter();
                    let more: Vec<String> = more.filter(|it| !own.missing.contains(it)).collect();
                    own.missing.extend(more);
                }
                None => self.env_files.push(file),
            }
        }
        self.foreign_ports.extend(other.foreign_ports);
        self.proxy_problems.extend(other.proxy_problems);
        if let Some(problems) = other.build_problems {
            self.build_problems.get_or_insert_default().extend(problems);
        }
        self.pending.extend(other.pending);
        self.running_frontend = other.running_frontend;
        self.armed_frontend = other.armed_frontend;
        self.former_bundle = other.former_bundle;
    }

    /// Whether systemd is there, and may be asked.
    pub(crate) fn can_be_asked(&self) -> bool {
        self.sudo != Sudo::Refused && self.systemd.is_some()
    }

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
                "{tools} not found; install what brings it (systemd, iproute2, util-linux; nftables or the proxy for the switch; git for a build)"
            ));
        }
        for (user, _) in self.service_users.iter().filter(|(_, there)| !there) {
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
        for file in &self.env_files {
            file.problems(&mut say);
        }
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
        let armed = [&self.armed, &self.armed_frontend];
        for armed in armed
            .into_iter()
            .flatten()
            .filter(|armed| armed.owner != owner)
        {
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
        for problem in self
            .proxy_problems
            .iter()
            .chain(self.build_problems.iter().flatten())
        {
            say(problem.clone());
        }
        problems
    }
}

impl EnvFileFacts {
    fn problems(&self, say: &mut dyn FnMut(String)) {
        let path = &self.path;
        if !self.exists {
            say(format!(
                "{path} is not there; create it with mode 0600 and the required names"
            ));
            return;
        }
        if !private(&self.mode) {
            say(format!("{path} has mode {}; chmod 0600 {path}", self.mode));
        }
        for name in &self.missing {
            say(format!("{path} gives {name} no value; add it there"));
        }
    }
}

/// Whether a file of that mode is its owner's, and perhaps its group's, to read.
pub(crate) fn private(mode: &str) -> bool {
    matches!(mode, "600" | "640" | "400" | "440")
}

/// Whether the octal digits let group or others write.
pub(crate) fn writable_by_others(mode: &str) -> bool {
    u32::from_str_radix(mode, 8).is_ok_and(|mode| mode & 0o022 != 0)
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
            service_users: vec![("guestbook".into(), true)],
            directories: vec![DirectoryFacts {
                path: "/opt/guestbook".into(),
                owner: "root".into(),
                mode: "755".into(),
            }],
            env_files: vec![EnvFileFacts {
                path: "/etc/guestbook/.env".into(),
                exists: true,
                owner: "guestbook".into(),
                mode: "600".into(),
                missing: Vec::new(),
            }],
            disk_free_bytes: 1 << 30,
            clock_skew_seconds: -1,
            lease: None,
            running: None,
            armed: None,
            running_frontend: None,
            armed_frontend: None,
            former_bundle: None,
            foreign_ports: Vec::new(),
            proxy_problems: Vec::new(),
            build_problems: None,
            pending: Vec::new(),
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
            &|f| f.service_users = vec![("guestbook".into(), false)],
            &["useradd"],
        );
        check(&|f| f.directories[0].mode = "775".into(), &["chmod go-w"]);
        check(&|f| f.env_files[0].exists = false, &["create it"]);
        check(&|f| f.env_files[0].mode = "644".into(), &["chmod 0600"]);
        check(
            &|f| f.env_files[0].missing = vec!["A".into(), "B".into()],
            &["gives A no value", "gives B no value"],
        );
        check(&|f| f.disk_free_bytes = 0, &["make room"]);
        check(&|f| f.clock_skew_seconds = -31, &["time server"]);
        check(
            &|f| f.build_problems = Some(vec!["cargo is not found".into()]),
            &["cargo is not found"],
        );
        check(&|f| f.foreign_ports = vec![8081], &["port 8081"]);
        let lease = |holder: &str| LeaseFacts {
            holder: holder.into(),
            since: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
        };
        check(&|f| f.lease = Some(lease("other")), &["other deploys"]);
        check(&|f| f.lease = Some(lease("me")), &[]);
    }
}
