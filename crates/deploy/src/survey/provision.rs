//! Preparing a host for an app: what its owner would do by hand, once.
//!
//! What is missing is found by questions, told before anything is done, and done in
//! steps of which each may be done again. It creates, and takes rights away from others;
//! it never removes anything, and of the environment file it writes names, never values:
//! those are for the host's owner to fill in.

use std::collections::BTreeSet;
use std::time::Duration;

use camino::Utf8PathBuf;

use super::facts::{HostFacts, private, writable_by_others};
use super::preconditions::survey;
use crate::model::app::App;
use crate::model::error::DeployError;
use crate::model::layout::Layout;
use crate::model::part_kind::AppService;
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// One thing that a host lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provision {
    /// Debian packages with programs that a deploy calls.
    Packages(BTreeSet<&'static str>),
    /// The account that the service runs as: no shell, no home, no password.
    Account(String),
    /// A directory of root's that others can only read.
    Directory(Utf8PathBuf),
    /// A directory that only one account's group may enter.
    Private {
        /// The directory.
        path: Utf8PathBuf,
        /// The group.
        group: String,
    },
    /// The environment file, with the names that need a value.
    EnvFile {
        /// The file.
        path: Utf8PathBuf,
        /// Its owner.
        owner: String,
        /// What must be filled in.
        names: Vec<String>,
    },
    /// Rights that others have and should not.
    Mode {
        /// What they have it on.
        path: Utf8PathBuf,
        /// What is done, as `chmod` knows it.
        mode: &'static str,
    },
}

impl std::fmt::Display for Provision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Provision::Packages(packages) => {
                let packages: Vec<_> = packages.iter().copied().collect();
                write!(f, "install {} with apt-get", packages.join(", "))
            }
            Provision::Account(name) => {
                write!(f, "create the system account {name}, without a shell")
            }
            Provision::Directory(path) => write!(f, "create {path}, root's own, mode 0755"),
            Provision::Private { path, group } => {
                write!(f, "create {path}, root's own, mode 0750 for group {group}")
            }
            Provision::EnvFile { path, owner, names } => {
                write!(f, "create {path}, owned by {owner}, mode 0600")?;
                if !names.is_empty() {
                    write!(f, ", with {} still to be given a value", names.join(", "))?;
                }
                Ok(())
            }
            Provision::Mode { path, mode } => write!(f, "chmod {mode} {path}"),
        }
    }
}

/// Returns the package that brings a program, on Debian.
fn package_of(tool: &str) -> &'static str {
    match tool {
        "nft" => "nftables",
        "nginx" => "nginx",
        "caddy" => "caddy",
        "haproxy" => "haproxy",
        "ss" => "iproute2",
        "git" => "git",
        "flock" | "runuser" => "util-linux",
        "tar" => "tar",
        "xargs" => "findutils",
        "cmp" => "diffutils",
        "systemctl" | "systemd-run" | "journalctl" => "systemd",
        _ => "coreutils",
    }
}

/// Asks what the host lacks, in the order it is to be made. Reads only.
///
/// # Errors
/// When the host cannot be asked, or the app's names are refused.
pub fn required_provisions(host: &Host, app: &App) -> Result<Vec<Provision>, DeployError> {
    let facts = survey(host, app)?;
    Ok(provisions(&Layout::new(host.target(), app), app, &facts))
}

fn provisions(layout: &Layout, app: &App, facts: &HostFacts) -> Vec<Provision> {
    let mut wanted = Vec::new();
    let packages: BTreeSet<_> = facts.missing_tools.iter().map(|t| package_of(t)).collect();
    if !packages.is_empty() {
        wanted.push(Provision::Packages(packages));
    }
    for (name, _) in facts.service_users.iter().filter(|(_, there)| !there) {
        wanted.push(Provision::Account(name.clone()));
    }
    let base = layout.base();
    if !facts.directories.iter().any(|d| d.path == base) {
        wanted.push(Provision::Directory(base));
    }
    for directory in &facts.directories {
        if writable_by_others(&directory.mode) {
            wanted.push(Provision::Mode {
                path: directory.path.clone(),
                mode: "go-w",
            });
        }
    }
    for file in &facts.env_files {
        let of_it = |service: &AppService<'_>| {
            let settings = &service.settings.env_file;
            settings
                .as_ref()
                .is_some_and(|path| layout.host_path(path) == file.path)
        };
        // Services that share a file share it as the first one's.
        let Some(service) = app.services().find(of_it) else {
            continue;
        };
        let user = service.settings.service_user.clone();
        if !file.exists {
            if let Some(directory) = file.path.parent() {
                wanted.push(Provision::Private {
                    path: directory.to_owned(),
                    group: user.clone(),
                });
            }
            wanted.push(Provision::EnvFile {
                path: file.path.clone(),
                owner: user,
                names: file.missing.clone(),
            });
        } else if !private(&file.mode) {
            wanted.push(Provision::Mode {
                path: file.path.clone(),
                mode: "0600",
            });
        }
    }
    wanted
}

/// Makes one thing that a host lacks. May be repeated.
///
/// # Errors
/// When the host cannot be asked, or refuses.
pub fn apply_provision(host: &Host, provision: &Provision) -> Result<(), DeployError> {
    let command = match provision {
        Provision::Packages(packages) => Command::script(
            "set -eu\nexport DEBIAN_FRONTEND=noninteractive\napt-get -qq update\n\
             apt-get -qq install -y --no-install-recommends \"$@\" >/dev/null\n",
        )
        .args(packages)
        .silence_timeout(Duration::from_secs(600)),
        Provision::Account(name) => Command::script(
            "set -eu\nPATH=$PATH:/usr/sbin:/sbin\nid -u \"$1\" >/dev/null 2>&1 || \
             useradd --system --user-group --no-create-home --home-dir /nonexistent \
             --shell /usr/sbin/nologin \"$1\"\n",
        )
        .arg(name),
        Provision::Directory(path) => {
            Command::script("set -eu\numask 022\nmkdir -p \"$1\"\nchmod 0755 \"$1\"\n").arg(path)
        }
        // One that is there belongs to somebody else as well: it stays as it is.
        Provision::Private { path, group } => Command::script(
            "set -eu\n[ ! -d \"$1\" ] || exit 0\numask 027\nmkdir -p \"$1\"\n\
             chgrp \"$2\" \"$1\"\nchmod 0750 \"$1\"\n",
        )
        .arg(path)
        .arg(group),
        Provision::EnvFile { path, owner, names } => {
            let text: String = names.iter().map(|name| format!("{name}=\n")).collect();
            Command::script(
                "set -eu\n[ ! -e \"$1\" ] || exit 0\numask 077\ncat >\"$1.new\"\n\
                 chown \"$2\" \"$1.new\"\nmv -T \"$1.new\" \"$1\"\n",
            )
            .arg(path)
            .arg(owner)
            .input(text)
        }
        Provision::Mode { path, mode } => Command::new("chmod").arg(mode).arg("--").arg(path),
    };
    host.check(&command.privileged())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::samples::app;
    use crate::model::target::Target;
    use crate::survey::facts::{DirectoryFacts, EnvFileFacts, Sudo};

    fn bare() -> HostFacts {
        HostFacts {
            target: "root@host:22".into(),
            systemd: Some("systemd 252".into()),
            nft: None,
            missing_tools: vec!["nft".into(), "ss".into()],
            sudo: Sudo::NotNeeded,
            service_users: vec![("guestbook".into(), false)],
            directories: Vec::new(),
            env_files: vec![EnvFileFacts {
                path: "/etc/guestbook/.env".into(),
                exists: false,
                owner: String::new(),
                mode: String::new(),
                missing: vec!["DATABASE_URL".into()],
            }],
            disk_free_bytes: 1 << 30,
            clock_skew_seconds: 0,
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

    fn described(facts: &HostFacts) -> Vec<String> {
        let layout = Layout::new(&Target::parse("root@host").unwrap(), &app());
        let wanted = provisions(&layout, &app(), facts);
        wanted.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_bare_host_lacks_everything_in_order() {
        assert_eq!(
            described(&bare()),
            [
                "install iproute2, nftables with apt-get",
                "create the system account guestbook, without a shell",
                "create /opt/guestbook, root's own, mode 0755",
                "create /etc/guestbook, root's own, mode 0750 for group guestbook",
                "create /etc/guestbook/.env, owned by guestbook, mode 0600, with DATABASE_URL \
                 still to be given a value",
            ]
        );
    }

    #[test]
    fn a_prepared_host_lacks_nothing_but_modes_that_are_too_open() {
        let mut facts = bare();
        facts.missing_tools.clear();
        facts.service_users = vec![("guestbook".into(), true)];
        let directory = |mode: &str| DirectoryFacts {
            path: "/opt/guestbook".into(),
            owner: "root".into(),
            mode: mode.into(),
        };
        facts.directories = vec![directory("755")];
        let file = &mut facts.env_files[0];
        file.exists = true;
        file.mode = "600".into();
        assert_eq!(described(&facts), [""; 0]);
        facts.env_files[0].mode = "644".into();
        facts.directories = vec![directory("777")];
        let expected = [
            "chmod go-w /opt/guestbook",
            "chmod 0600 /etc/guestbook/.env",
        ];
        assert_eq!(described(&facts), expected);
    }
}
