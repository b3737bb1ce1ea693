//! What a host offers to an app, and what of it stands in the way of a deploy.
//!
//! Facts are data, and [`HostFacts::problems`] is a pure function of them: every problem
//! at once, each with its remedy.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::file_change::FileChange;
use crate::model::problem::Problem;
use crate::model::switch::Switch;

/// Free space for a release and its predecessor, in bytes.
const DISK_NEEDED_BYTES: u64 = 64 * 1024 * 1024;
/// Largest difference of clocks across which journal times and leases are compared.
const MAX_CLOCK_SKEW_SECONDS: i64 = 30;
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
    pub previous_bundle: Option<Utf8PathBuf>,
    /// Slot ports that something listens on although no slot of the app runs there.
    pub foreign_ports: Vec<u16>,
    /// What is not well with the proxy that users come through.
    #[serde(default)]
    pub proxy_problems: Vec<Problem>,
    /// What keeps the host from building the program; absent where
    /// it is not built there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_problems: Option<Vec<Problem>>,
    /// Files of ours that a deploy would write; none of a host that cannot be asked.
    #[serde(default)]
    pub pending: Vec<FileChange>,
}

impl HostFacts {
    /// Adds what the same host offers to another service of the app.
    pub(crate) fn merge_service(&mut self, other: HostFacts) {
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
        self.previous_bundle = other.previous_bundle;
    }

    /// Tells whether systemd is there, and may be asked.
    pub(crate) fn can_be_queried(&self) -> bool {
        self.sudo != Sudo::Refused && self.systemd.is_some()
    }

    /// Returns everything that keeps the run `owner` from deploying.
    pub fn problems(&self, owner: &str) -> Vec<Problem> {
        let mut problems = self.of_any_run(owner);
        for DirectoryFacts { path, mode, .. } in &self.directories {
            if writable_by_others(mode) {
                problems.push(Problem::new(
                    format!("{path} has mode {mode}, so others can write to it"),
                    format!("chmod go-w {path}"),
                ));
            }
        }
        problems.extend(self.env_files.iter().flat_map(EnvFileFacts::problems));
        if self.disk_free_bytes < DISK_NEEDED_BYTES {
            let free = self.disk_free_bytes / 1024 / 1024;
            let need = DISK_NEEDED_BYTES / 1024 / 1024;
            problems.push(Problem::new(
                format!("{free} MiB free where releases go"),
                format!("make room for {need} MiB at least"),
            ));
        }
        if self.clock_skew_seconds.abs() > MAX_CLOCK_SKEW_SECONDS {
            let skew = self.clock_skew_seconds;
            problems.push(Problem::new(
                format!("its clock differs from ours by {skew} s"),
                "let both follow a time server",
            ));
        }
        problems.extend(self.build_problems.iter().flatten().cloned());
        self.named(problems)
    }

    /// Returns what keeps the run `owner` from going back to a release that is there: nothing is
    /// brought to the host and nothing built, and the release ran there before.
    pub fn rollback_problems(&self, owner: &str) -> Vec<Problem> {
        self.named(self.of_any_run(owner))
    }

    fn named(&self, mut problems: Vec<Problem>) -> Vec<Problem> {
        for problem in &mut problems {
            problem.what.insert_str(0, &format!("{}: ", self.target));
        }
        problems
    }

    /// Returns what keeps the run `owner` from doing anything.
    fn of_any_run(&self, owner: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.sudo == Sudo::Refused {
            problems.push(Problem::new(
                "`sudo -n` does not work",
                "allow the account passwordless sudo, or deploy as root",
            ));
        }
        if !self.missing_tools.is_empty() {
            problems.push(Problem::new(
                format!("{} not found", self.missing_tools.join(", ")),
                "install what brings it (systemd, iproute2, util-linux; nftables or the proxy for \
                 the switch; git for a build)",
            ));
        }
        for (user, _) in self.service_users.iter().filter(|(_, there)| !there) {
            problems.push(Problem::new(
                format!("there is no account {user}"),
                format!("create it: useradd --system {user}"),
            ));
        }
        problems.extend(self.held_by_others(owner));
        for port in &self.foreign_ports {
            problems.push(Problem::new(
                format!("another program listens on port {port}"),
                "stop it, or choose another port",
            ));
        }
        problems.extend(self.proxy_problems.iter().cloned());
        problems
    }

    /// Returns what other runs than `owner` have begun there.
    fn held_by_others(&self, owner: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(lease) = self.lease.as_ref().filter(|lease| lease.holder != owner) {
            let LeaseFacts {
                holder,
                since,
                until,
            } = lease;
            problems.push(Problem::new(
                format!("{holder} deploys to it since {since}"),
                format!("wait, until {until} at most"),
            ));
        }
        let armed = [&self.armed, &self.armed_frontend];
        let armed = armed.into_iter().flatten();
        for armed in armed.filter(|armed| armed.owner != owner) {
            let Switch { release, owner, .. } = armed;
            problems.push(Problem::new(
                format!("{owner} has not confirmed {release} yet"),
                "resume that run, or let the host revert it",
            ));
        }
        problems
    }
}

impl EnvFileFacts {
    fn problems(&self) -> Vec<Problem> {
        let path = &self.path;
        if !self.exists {
            return vec![Problem::new(
                format!("{path} is not there"),
                "create it with mode 0600 and the required names",
            )];
        }
        let mut problems = Vec::new();
        if !private(&self.mode) {
            problems.push(Problem::new(
                format!("{path} has mode {}", self.mode),
                format!("chmod 0600 {path}"),
            ));
        }
        problems.extend(
            self.missing
                .iter()
                .map(|name| Problem::new(format!("{path} gives {name} no value"), "add it there")),
        );
        problems
    }
}

/// Tells whether a file of that mode is its owner's, and perhaps its group's, to read.
pub(crate) fn private(mode: &str) -> bool {
    matches!(mode, "600" | "640" | "400" | "440")
}

/// Tells whether the octal digits let group or others write.
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
            previous_bundle: None,
            foreign_ports: Vec::new(),
            proxy_problems: Vec::new(),
            build_problems: None,
            pending: Vec::new(),
        }
    }

    #[test]
    fn a_host_that_is_well_has_no_problems() {
        assert_eq!(well().problems("me"), []);
    }

    #[test]
    fn each_problem_comes_with_its_remedy() {
        let check = |spoil: &dyn Fn(&mut HostFacts), parts: &[&str]| {
            let mut facts = well();
            spoil(&mut facts);
            let problems = facts.problems("me");
            assert_eq!(problems.len(), parts.len(), "{problems:?}");
            for (problem, part) in problems.iter().zip(parts) {
                assert!(!problem.what.contains("; ") && !problem.remedy.is_empty());
                let problem = problem.to_string();
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
            &|f| f.build_problems = Some(vec![Problem::new("cargo is not found", "install it")]),
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
