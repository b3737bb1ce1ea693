//! What is deployed: the demo's program in a workspace of its own, with a remote; and the
//! hosts, prepared as their owner would for either tool.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};

use super::link::Link;
use stagegate_hosts::machine::Machine;

/// What ours switches.
pub(super) const PORT: u16 = 8080;
/// Where the script's service listens.
pub(super) const SCRIPT_PORT: u16 = 9090;
/// Where slipway's does.
pub(super) const SLIPWAY_PORT: u16 = 9191;

/// The workspace.
pub(super) struct Site {
    pub(super) root: Utf8PathBuf,
    /// What lies over its configuration.
    pub(super) overlay: Utf8PathBuf,
    known_hosts: Utf8PathBuf,
    /// An `ssh` that knows the hosts' names.
    programs: Utf8PathBuf,
    /// What a round trip to a host takes.
    round_trip: Duration,
    /// The ways to the hosts where that is something.
    links: Vec<Link>,
    edits: u32,
    brought: BTreeMap<&'static str, String>,
}

impl Site {
    /// Copies the demo and commits it.
    pub(super) fn make(place: &Utf8Path, round_trip: Duration) -> anyhow::Result<Site> {
        let root = place.join("work");
        let demo = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("demo");
        let site = Site {
            overlay: place.join("hosts.toml"),
            known_hosts: place.join("known_hosts"),
            programs: place.join("bin"),
            round_trip,
            links: Vec::new(),
            edits: 0,
            brought: BTreeMap::new(),
            root,
        };
        std::fs::create_dir_all(&site.root)?;
        run(Command::new("cp").args(["-r", demo.join("src").as_str(), site.root.as_str()]))?;
        for (name, text) in [
            ("Cargo.toml", MANIFEST),
            ("stagegate.toml", CONFIGURATION),
            (".gitignore", "/target\n/slipway.toml\n"),
        ] {
            let file = site.root.join(name);
            std::fs::write(&file, text).with_context(|| format!("writing {file}"))?;
        }
        site.tool("cargo", &["generate-lockfile", "--quiet"])?;
        site.tool("git", &["init", "--quiet", "--initial-branch", "main"])?;
        for (key, value) in [("user.name", "Bench"), ("user.email", "bench@example.org")] {
            site.tool("git", &["config", key, value])?;
        }
        let remote = place.join("remote.git");
        site.tool("git", &["init", "--quiet", "--bare", remote.as_str()])?;
        site.tool("git", &["remote", "add", "origin", remote.as_str()])?;
        Ok(site)
    }

    /// Runs a command in the workspace.
    pub(super) fn tool(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        run(self.surround(&mut command))
    }

    /// Lets a command run in the workspace; nothing of an outer cargo is handed on.
    pub(super) fn surround<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO") && text != "CARGO_HOME" {
                command.env_remove(&name);
            }
        }
        command.current_dir(&self.root)
    }

    /// Edits one line, commits it, and builds it, so that nobody's clock runs for that.
    /// The program, and the version that it answers with.
    pub(super) fn edit(&mut self) -> anyhow::Result<(Utf8PathBuf, String)> {
        let old = self.version();
        self.edits += 1;
        let file = self.root.join("Cargo.toml");
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        let line = |version: &str| format!("version = \"{version}\"\nedition");
        std::fs::write(&file, text.replace(&line(&old), &line(&self.version())))?;
        self.tool("cargo", &["build", "--quiet", "--release", "--bins"])?;
        self.tool("git", &["add", "--all"])?;
        self.tool("git", &["commit", "--quiet", "--message", "An edit"])?;
        self.tool(
            "git",
            &["push", "--quiet", "--set-upstream", "origin", "main"],
        )?;
        Ok((
            self.root.join("target/release/guestbook-backend"),
            self.version(),
        ))
    }

    /// Returns the version of the last edit.
    pub(super) fn version(&self) -> String {
        format!("1.0.{}", self.edits)
    }

    /// Returns its commit.
    pub(super) fn commit(&self) -> anyhow::Result<String> {
        let mut command = Command::new("git");
        let said = self
            .surround(command.args(["rev-parse", "HEAD"]))
            .output()?;
        Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
    }

    /// Returns the version that a tool has brought to the hosts last, if it has.
    pub(super) fn last(&self, tool: &str) -> Option<String> {
        self.brought.get(tool).cloned()
    }

    /// It has brought this one.
    pub(super) fn was(&mut self, tool: &'static str, version: &str) {
        self.brought.insert(tool, version.to_owned());
    }

    /// Lets a command that calls `ssh` reach the hosts by their names, over connections
    /// that are kept.
    pub(super) fn over_ssh(&self, command: &mut Command) {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.programs));
    }

    /// Ends the connections of the deploy before, so that nobody begins with one: a deploy is
    /// an event of its own, and a runner has none.
    pub(super) fn hang_up(&self, hosts: &[Machine]) -> anyhow::Result<()> {
        let ssh = self.programs.join("ssh");
        for host in hosts {
            let asked = Command::new(&ssh)
                .args(["-O", "exit", &host.name])
                .output()
                .with_context(|| format!("starting {ssh}"))?;
            let said = String::from_utf8_lossy(&asked.stderr);
            // The first of all has none to end.
            if !asked.status.success() && !said.contains("No such file") {
                bail!("{ssh} -O exit {}: {}", host.name, said.trim());
            }
        }
        Ok(())
    }

    /// Returns the address at which a host is connected to.
    fn door(&mut self, host: &Machine) -> anyhow::Result<SocketAddr> {
        let own = SocketAddr::new(host.address.parse().context("a host's address")?, 22);
        if self.round_trip.is_zero() {
            return Ok(own);
        }
        let link = Link::open(own, self.round_trip).context("opening a link to a host")?;
        let address = link.address;
        self.links.push(link);
        Ok(address)
    }

    /// Prepares the hosts, and says where they are.
    pub(super) fn prepare(&mut self, hosts: &[Machine]) -> anyhow::Result<()> {
        // Not all of them have what was brought to some.
        self.brought.clear();
        let (mut listed, mut known, mut names) = (String::new(), String::new(), Vec::new());
        let mut ssh = format!(
            "UserKnownHostsFile {}\nBatchMode yes\nControlMaster auto\nControlPersist 60\nControlPath {}/%n\n",
            self.known_hosts, self.programs
        );
        self.links.clear();
        for host in hosts {
            let door = self.door(host)?;
            writeln!(
                listed,
                "    {{ address = \"{}@{door}\", identity = \"{}\" }},",
                host.user, host.identity
            )?;
            writeln!(
                ssh,
                "Host {}\nHostName {}\nPort {}\nUser {}\nIdentityFile {}",
                host.name,
                door.ip(),
                door.port(),
                host.user,
                host.identity
            )?;
            names.push(format!("\"{}\"", host.name));
            for line in std::fs::read_to_string(&host.known_hosts)?.lines() {
                let (_, key) = line.split_once(' ').context("a line of known_hosts")?;
                let name = match door.port() {
                    22 => door.ip().to_string(),
                    port => format!("[{}]:{port}", door.ip()),
                };
                writeln!(known, "{name} {key}")?;
            }
            run(Command::new(host.directory.join("enter")).args(["sh", "-c", PREPARE]))?;
        }
        std::fs::write(&self.known_hosts, known)?;
        std::fs::create_dir_all(&self.programs)?;
        let config = self.programs.join("config");
        std::fs::write(&config, ssh)?;
        let program = self.programs.join("ssh");
        std::fs::write(
            &program,
            format!("#!/bin/sh\nexec /usr/bin/ssh -F {config} \"$@\"\n"),
        )?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        let slipway = SLIPWAY.replace("HOSTS", &names.join(", "));
        std::fs::write(self.root.join("slipway.toml"), slipway)?;
        let text = format!(
            "[deploy.production]\nhosts = [\n{listed}]\nknown_hosts = \"{}\"\nstabilize = \"1s\"\n\
             waves = {{ canary = 16 }}\n",
            self.known_hosts
        );
        std::fs::write(&self.overlay, text)?;
        Ok(())
    }
}

/// Runs a command that must succeed.
pub(super) fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} ended with {}: {}", output.status, said.trim());
    }
    Ok(())
}

const MANIFEST: &str = r#"[package]
name = "guestbook"
version = "1.0.0"
edition = "2024"
publish = false

[lib]
name = "stagegate_demo"

[features]
echo = []

[dependencies]
httparse = "1"
listenfd = "1"
rustix = { version = "1", features = ["event"] }
signal-hook = "0.4"

[workspace]
"#;

const CONFIGURATION: &str = r#"[github]
release = false

[app]
name = "guestbook"

[app.backend]
package = "guestbook"
binary = "guestbook-backend"
port = 8080
health_passes = 2
drain = "5s"
"#;

const SLIPWAY: &str = r#"app = "slipway"
hosts = [HOSTS]

[build]
artifact = "target/release/guestbook-backend"

[rollout]
parallel = 16

[service]
exec_start = "{current}/guestbook-backend"
user = "guestbook"
env = { PORT = "9191", DATABASE_URL = "file:/var/lib/slipway/entries.jsonl" }
unit_extra = ["StateDirectory=slipway"]
"#;

/// What the owner of a host does, for ours and for the script.
const PREPARE: &str = r#"set -eu
mkdir -p /etc/guestbook /srv/script/releases
echo DATABASE_URL=file:/var/lib/guestbook/entries.jsonl >/etc/guestbook/.env
chmod 600 /etc/guestbook/.env
cat >/etc/systemd/system/script.service <<'UNIT'
[Service]
Type=exec
User=guestbook
Environment=PORT=9090 DATABASE_URL=file:/var/lib/script/entries.jsonl
StateDirectory=script
ExecStart=/srv/script/current/guestbook-backend
Restart=on-failure
UNIT
systemctl daemon-reload
chown -R deploy /srv/script
"#;
