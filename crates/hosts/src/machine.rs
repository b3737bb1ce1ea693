//! One host: an overlay over the shared root file system, booted by systemd-nspawn.
//!
//! `--register=no --keep-unit` because the machine that tests run on may have no systemd
//! of its own. Its `/opt` is a small file system in memory, so that a test can fill it;
//! it outlives a reboot of the host, as a disk does.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::network::Network;
use super::program::run;

/// A host ends by itself after this time, in seconds.
const LIFETIME: u32 = 4 * 60 * 60;
/// It is up within this time, or something is wrong.
const BOOT_LIMIT: Duration = Duration::from_secs(90);
/// It is down within this time.
const DOWN_LIMIT: Duration = Duration::from_secs(30);
/// The size of its `/opt`.
const OPT_SIZE: &str = "256m";

const KEEPER: &str = include_str!("keeper.sh");
const ENTER: &str = include_str!("enter.sh");

/// A host, as programs are told of it.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its address on the bridge.
    pub address: String,
    /// The account that deploys: root, or one that may use `sudo -n`.
    pub user: String,
    /// The private key that is admitted.
    pub identity: Utf8PathBuf,
    /// The file that lists its key.
    pub known_hosts: Utf8PathBuf,
    /// What belongs to it on this machine; `enter` in it runs a command inside.
    pub directory: Utf8PathBuf,
    /// Its files, seen from this machine.
    pub root: Utf8PathBuf,
    /// This machine's end of its network cable.
    pub link: String,
}

impl Machine {
    /// Returns what host `number` of a fleet is to be.
    pub(crate) fn describe(fleet: &Utf8Path, network: &Network, number: u8) -> Machine {
        let name = format!("{}-{number}", network.bridge);
        let directory = fleet.join(&name);
        Machine {
            address: network.address(10 + number),
            // Both ways of being allowed are met.
            user: if number % 2 == 1 { "deploy" } else { "root" }.to_owned(),
            identity: directory.join("client_key"),
            known_hosts: directory.join("known_hosts"),
            root: directory.join("root"),
            link: format!("vb-{name}"),
            name,
            directory,
        }
    }

    /// Makes its files and powers it on; [`Machine::wait`] sees it come up.
    pub(crate) fn start(&self, base: &Utf8Path, network: &Network) -> Result<()> {
        for name in ["upper", "work", "root"] {
            fs::create_dir_all(self.directory.join(name))?;
        }
        let layers = format!(
            "lowerdir={base},upperdir={0}/upper,workdir={0}/work",
            self.directory
        );
        run(
            "mount",
            &[
                "-t",
                "overlay",
                "overlay",
                "-o",
                &layers,
                self.root.as_str(),
            ],
        )?;
        let opt = self.root.join("opt");
        let size = format!("size={OPT_SIZE},mode=755");
        run(
            "mount",
            &["-t", "tmpfs", "-o", &size, "tmpfs", opt.as_str()],
        )?;
        self.write_network()?;
        self.write_keys()?;
        self.write_script("keeper", KEEPER, network)?;
        self.write_script("enter", ENTER, network)?;
        let log = fs::File::create(self.directory.join("keeper.log"))?;
        let keeper = Command::new(self.directory.join("keeper"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C at the terminal is not for the hosts.
            .process_group(0)
            .spawn()
            .context("cannot start the host's keeper")?;
        fs::write(self.directory.join("keeper.pid"), keeper.id().to_string())?;
        Ok(())
    }

    fn write_network(&self) -> Result<()> {
        let file = self.root.join("etc/systemd/network/10-host0.network");
        let text = format!(
            "[Match]\nName=host0\n[Network]\nAddress={}/24\nLinkLocalAddressing=no\n",
            self.address
        );
        fs::write(file, text)?;
        let names = format!("127.0.0.1 localhost\n{} {}\n", self.address, self.name);
        fs::write(self.root.join("etc/hosts"), names)?;
        fs::write(self.root.join("etc/hostname"), format!("{}\n", self.name))?;
        // Without this, systemd would ask for a resolver that is not installed.
        let resolv = self.root.join("etc/resolv.conf");
        if fs::symlink_metadata(&resolv).is_ok() {
            fs::remove_file(&resolv)?;
        }
        symlink("/dev/null", resolv)?;
        Ok(())
    }

    fn write_keys(&self) -> Result<()> {
        run("ssh-keygen", &["-A", "-f", self.root.as_str()])?;
        run(
            "ssh-keygen",
            &[
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                "test",
                "-f",
                self.identity.as_str(),
            ],
        )?;
        let public = fs::read_to_string(format!("{}.pub", self.identity))?;
        for home in ["root", "home/deploy", "home/limited"] {
            let place = self.root.join(home).join(".ssh");
            fs::create_dir_all(&place)?;
            fs::set_permissions(&place, fs::Permissions::from_mode(0o700))?;
            fs::write(place.join("authorized_keys"), &public)?;
            let owner = home.rsplit('/').next().unwrap_or(home);
            let owner = format!("{owner}:{owner}");
            run(
                "chroot",
                &[
                    self.root.as_str(),
                    "chown",
                    "-R",
                    &owner,
                    &format!("/{home}/.ssh"),
                ],
            )?;
        }
        let key = fs::read_to_string(self.root.join("etc/ssh/ssh_host_ed25519_key.pub"))?;
        let words: Vec<&str> = key.split_whitespace().take(2).collect();
        fs::write(
            &self.known_hosts,
            format!("{} {}\n", self.address, words.join(" ")),
        )?;
        Ok(())
    }

    fn write_script(&self, name: &str, body: &str, network: &Network) -> Result<()> {
        let quote = stagegate_deploy::quote;
        let head = format!(
            "#!/bin/sh\ndirectory={}\nname={}\nbridge={}\nlifetime={LIFETIME}\n",
            quote(self.directory.as_str()),
            quote(&self.name),
            quote(&network.bridge)
        );
        let path = self.directory.join(name);
        fs::write(&path, format!("{head}{body}"))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// Waits until systemd has started everything and sshd answers.
    pub fn wait(&self) -> Result<()> {
        let began = Instant::now();
        loop {
            let why = match self.not_up() {
                None => return Ok(()),
                Some(why) => why,
            };
            if began.elapsed() > BOOT_LIMIT {
                let read =
                    |name: &str| fs::read_to_string(self.directory.join(name)).unwrap_or_default();
                bail!(
                    "{} is not up after {BOOT_LIMIT:?}: {why}\n{}{}",
                    self.name,
                    read("keeper.log"),
                    read("console.log")
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// `up`, or why it is not.
    pub fn state(&self) -> String {
        self.not_up().unwrap_or_else(|| "up".to_owned())
    }

    fn not_up(&self) -> Option<String> {
        let enter = self.directory.join("enter");
        let asked = Command::new(enter)
            .args(["systemctl", "is-system-running"])
            .stdin(Stdio::null())
            .output();
        let said = match asked {
            // It ends with a status of its own where units have failed, and says so.
            Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        if !matches!(said.as_str(), "running" | "degraded") {
            return Some(format!(
                "systemd is {}",
                if said.is_empty() { "not there" } else { &said }
            ));
        }
        greeting(&self.address)
            .err()
            .map(|error| format!("sshd does not answer: {error}"))
    }

    /// Powers it off and removes what belongs to it, whatever of it is there.
    pub fn remove(&self) -> Result<()> {
        if !self.directory.is_dir() {
            return Ok(());
        }
        fs::write(self.directory.join("down"), "")?;
        let began = Instant::now();
        while let Some(keeper) = self.keeper() {
            if let Ok(pid) = run(self.directory.join("enter").as_str(), &["--pid"]) {
                kill(&pid);
            }
            if began.elapsed() > DOWN_LIMIT {
                bail!("{} did not end; its keeper is process {keeper}", self.name);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        for place in [self.root.join("opt"), self.root.clone()] {
            if run("mountpoint", &["-q", place.as_str()]).is_ok() {
                run("umount", &[place.as_str()])?;
            }
        }
        self.remove_groups();
        let left = Utf8Path::new("/run/systemd/nspawn/propagate").join(&self.name);
        if left.is_dir() {
            fs::remove_dir(&left).with_context(|| format!("cannot remove {left}"))?;
        }
        fs::remove_dir_all(&self.directory)
            .with_context(|| format!("cannot remove {}", self.directory))
    }

    /// Returns the keeper's process, while it lives; a process that took over its number is not it.
    fn keeper(&self) -> Option<i32> {
        let pid: i32 = fs::read_to_string(self.directory.join("keeper.pid"))
            .ok()?
            .trim()
            .parse()
            .ok()?;
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        words
            .contains(self.directory.join("keeper").as_str())
            .then_some(pid)
    }

    /// Removes its control groups, the innermost first; the kernel keeps those in use.
    fn remove_groups(&self) {
        for place in ["", "unified", "systemd", "memory", "pids"] {
            let group = Utf8Path::new("/sys/fs/cgroup").join(place).join(&self.name);
            if group.is_dir() {
                drop(run(
                    "find",
                    &[
                        group.as_str(),
                        "-depth",
                        "-type",
                        "d",
                        "-exec",
                        "rmdir",
                        "{}",
                        ";",
                    ],
                ));
            }
        }
    }
}

fn kill(pid: &str) {
    if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Reads the first bytes that sshd sends.
fn greeting(address: &str) -> Result<()> {
    let limit = Duration::from_secs(1);
    let address = format!("{address}:22").parse()?;
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    if &bytes != b"SSH-" {
        bail!("{bytes:?} is no greeting");
    }
    // A polite end spares its journal a line.
    stream.write_all(b"SSH-2.0-wait\r\n")?;
    Ok(())
}
