//! A real host of those that `cargo xtask hosts up` has booted.
//!
//! Scenarios take a host each, find it as if it were fresh, and give it back. What a test
//! does to a host it does from outside, as root of this machine: through the `enter`
//! script beside the host's files, at its network cable, or to the process that it is.

use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use stagegate_fakes::host::{HostFault, ProcessInfo};

use super::bench::{demo, eventually};

/// The account of the hosts' image that runs the app.
pub(crate) const SERVICE_USER: &str = "guestbook";
/// Where users reach the app.
pub(crate) const PUBLIC_PORT: u16 = 8080;
/// Where they reach a frontend that is a service.
pub(crate) const FRONTEND_PORT: u16 = 9090;

/// Makes a host as if fresh.
const RESET: &str = r#"set -eu
for unit in timer socket service; do systemctl stop "guestbook-*.$unit" "guestbook.*.$unit"; done
systemctl stop 'fault-*.service'
rm -rf /opt/* /opt/.filler /etc/guestbook /var/lib/guestbook* /run/stagegate-guestbook*
rm -rf /etc/systemd/system/guestbook[-.]* /etc/systemd/system/*.wants/guestbook[-.]*
nft flush ruleset
systemctl daemon-reload
systemctl reset-failed
rm -f /usr/local/bin/date /usr/local/bin/zstd
systemctl start ssh.service
"#;

/// Answers 500 to everything, on port 9500, and sends there whoever asks a slot's own port.
const UNWELL: &str = r#"set -eu
systemd-run --quiet --collect --unit=fault-unwell perl -MIO::Socket::INET -e '
  my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:9500", Listen => 20, ReuseAddr => 1) or die;
  while (my $client = $listener->accept) {
    while (my $line = <$client>) { last if $line =~ /^\r?\n/ }
    print $client "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    close $client;
  }'
nft -f - <<RULES
table inet fault {
  chain output {
    type nat hook output priority -150; policy accept;
    ip daddr 127.0.0.1 tcp dport { 8081, 8082 } redirect to :9500
  }
}
RULES
"#;

/// What `cargo xtask hosts up` writes of a host.
#[derive(Deserialize, Clone, Debug)]
struct Listed {
    name: String,
    address: IpAddr,
    user: String,
    identity: Utf8PathBuf,
    known_hosts: Utf8PathBuf,
    directory: Utf8PathBuf,
    root: Utf8PathBuf,
    link: String,
}

#[derive(Deserialize, Clone, Debug)]
struct Listing {
    hosts: Vec<Listed>,
}

fn listing() -> Option<&'static Listing> {
    static READ: OnceLock<Option<Listing>> = OnceLock::new();
    let read = || {
        let file = std::env::var("STAGEGATE_HOSTS").ok()?;
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
        Some(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}")))
    };
    READ.get_or_init(read).as_ref()
}

/// How many real hosts there are for the tests; none where they run on fakes.
pub(crate) fn count() -> usize {
    listing().map_or(0, |listing| listing.hosts.len())
}

/// The hosts that nobody has.
fn free() -> &'static (Mutex<Vec<Listed>>, Condvar) {
    static FREE: OnceLock<(Mutex<Vec<Listed>>, Condvar)> = OnceLock::new();
    FREE.get_or_init(|| (Mutex::new(listing().unwrap().hosts.clone()), Condvar::new()))
}

/// A host that a scenario has for itself.
pub(crate) struct RealHost {
    listed: Listed,
    /// A list of its own, which a fault may spoil.
    known_hosts: Utf8PathBuf,
    /// Ends whatever waits for a switch.
    healed: Arc<AtomicBool>,
}

impl RealHost {
    /// Waits for a free host, and makes it as if fresh.
    pub(crate) fn take(place: &Utf8Path) -> RealHost {
        let (hosts, given_back) = free();
        let mut hosts = given_back
            .wait_while(hosts.lock().unwrap(), |hosts| hosts.is_empty())
            .unwrap();
        let listed = hosts.remove(0);
        drop(hosts);
        std::fs::create_dir_all(place).unwrap();
        let host = RealHost {
            known_hosts: place.join("known_hosts"),
            listed,
            healed: Arc::default(),
        };
        host.trust("", None);
        host.mend_network();
        host.wait_until_up();
        host.inside(&format!("{}{RESET}", super::proxies::RESET));
        host
    }

    /// Writes the list of known hosts: this key, or the host's own.
    fn trust(&self, marker: &str, key: Option<&str>) {
        let own = std::fs::read_to_string(&self.listed.known_hosts).unwrap();
        let line = match key {
            None => format!("{marker}{own}"),
            Some(key) => format!("{marker}{} {key}\n", self.listed.address),
        };
        std::fs::write(&self.known_hosts, line).unwrap();
    }

    /// Runs a script inside the host, as root; it must succeed.
    pub(crate) fn inside(&self, script: &str) -> String {
        match self.try_inside(script) {
            Ok(said) => said,
            Err(why) => panic!("{}: {script}: {why}", self.listed.name),
        }
    }

    /// The same, of a host that may be down.
    pub(crate) fn try_inside(&self, script: &str) -> Result<String, String> {
        enter(&self.listed.directory, &["sh", "-c", script])
    }

    /// Takes its network cable out.
    pub(crate) fn cut_network(&self) {
        self.set_link("down").unwrap();
    }

    /// Puts it in again, where it is out.
    pub(crate) fn mend_network(&self) {
        // A host that boots has none for a moment, and then a new one, which is in.
        drop(self.set_link("up"));
    }

    fn set_link(&self, state: &str) -> Result<(), String> {
        let link = &self.listed.link;
        let ip = Command::new("ip")
            .args(["link", "set", link, state])
            .output();
        let ip = ip.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&ip.stderr).into_owned();
        if ip.status.success() {
            Ok(())
        } else {
            Err(said)
        }
    }

    /// Ends the host at once, as a power cut would; it boots again by itself.
    pub(crate) fn cut_power(&self) {
        cut_power(&self.listed.directory);
    }

    pub(crate) fn wait_until_up(&self) {
        eventually("the host is up", || {
            let state = self.try_inside("systemctl is-system-running || true");
            matches!(state.as_deref(), Ok("running" | "degraded"))
        });
    }

    pub(crate) fn provision(&self, app: &str, env_lines: &[String]) -> Utf8PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = self.files().join("etc").join(app);
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join(".env");
        std::fs::write(&file, env_lines.join("\n") + "\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        format!("/etc/{app}/.env").into()
    }

    pub(crate) fn user(&self) -> &str {
        &self.listed.user
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.listed.address
    }

    pub(crate) fn identity(&self) -> &Utf8Path {
        &self.listed.identity
    }

    pub(crate) fn known_hosts(&self) -> &Utf8Path {
        &self.known_hosts
    }

    pub(crate) fn files(&self) -> &Utf8Path {
        &self.listed.root
    }

    /// The script that runs a command inside the host, or in its network.
    pub(crate) fn enter_script(&self) -> Utf8PathBuf {
        self.listed.directory.join("enter")
    }

    /// Puts a guestbook on the host, beside what is deployed.
    pub(crate) fn install_guestbook(&self) -> Utf8PathBuf {
        let place = Utf8Path::new("/usr/local/bin/guestbook-backend");
        let there = self.files().join(place.strip_prefix("/").unwrap());
        std::fs::copy(demo().join("guestbook-backend"), there).unwrap();
        place.to_owned()
    }

    /// Goes down in good order, and comes up.
    pub(crate) fn reboot(&self) {
        let before = self.boot();
        self.inside("systemctl --no-block reboot");
        eventually("the host has gone down", || self.boot() != before);
        self.wait_until_up();
    }

    /// The process that is the host, as long as it is up: another one after each boot.
    fn boot(&self) -> Option<String> {
        enter(&self.listed.directory, &["--pid"]).ok()
    }

    pub(crate) fn inject(&mut self, fault: HostFault) {
        self.healed = Arc::default();
        match fault {
            HostFault::DiskFull => self.fill_disk(),
            HostFault::Unreachable => {
                self.inside("systemctl stop ssh.service");
                drop(self.try_inside(CUT_SESSIONS));
            }
            HostFault::ChangedHostKey => {
                let other = self.known_hosts.with_file_name("another_key");
                let made = Command::new("ssh-keygen")
                    .args(["-q", "-t", "ed25519", "-N", "", "-f", other.as_str()])
                    .status();
                assert!(made.unwrap().success());
                let key = std::fs::read_to_string(format!("{other}.pub")).unwrap();
                self.trust("", Some(key.trim()));
            }
            HostFault::UnknownHostKey => std::fs::write(&self.known_hosts, "").unwrap(),
            HostFault::RevokedHostKey => self.trust("@revoked ", None),
            HostFault::BackendUnhealthy => drop(self.inside(UNWELL)),
            HostFault::RebootAfterSwitch => self.after_switch(|directory, _| cut_power(directory)),
            HostFault::ConnectionLostAfterSwitch => self.after_switch(|directory, _| {
                drop(enter(directory, &["sh", "-c", CUT_SESSIONS]));
            }),
            HostFault::BackendCrashes { after } => self.after_switch(move |directory, slot| {
                std::thread::sleep(after);
                let unit = format!("guestbook-backend@{slot}.service");
                drop(enter(
                    directory,
                    &["systemctl", "kill", "--signal=KILL", &unit],
                ));
            }),
        }
    }

    /// Leaves room for small files, as a disk that runs full mostly does.
    fn fill_disk(&self) {
        self.inside(
            "free=$(df --output=avail -k /opt | tail -n 1); \
             head -c $(((free - 512) * 1024)) /dev/zero >/opt/.filler",
        );
    }

    /// Does something once, as soon as the public port leads to another slot than now.
    fn after_switch(&self, act: impl FnOnce(&Utf8Path, &str) + Send + 'static) {
        let (directory, healed) = (self.listed.directory.clone(), Arc::clone(&self.healed));
        let before = serving_slot(&directory);
        std::thread::spawn(move || {
            while !healed.load(Ordering::Relaxed) {
                let now = serving_slot(&directory);
                if let Some(slot) = now.filter(|_| now != before) {
                    act(&directory, slot);
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
    }

    pub(crate) fn heal(&mut self) {
        self.healed.store(true, Ordering::Relaxed);
        self.trust("", None);
        self.inside(
            "rm -f /opt/.filler; systemctl start ssh.service; systemctl stop 'fault-*.service'; \
             nft 'add table inet fault; delete table inet fault'",
        );
    }

    pub(crate) fn processes(&self) -> Vec<ProcessInfo> {
        let slot = |part: &str, name: &str, port: u16| {
            let unit = format!("guestbook-{part}@{name}.service");
            let shown = self.inside(&format!(
                "systemctl show --value -p MainPID,NRestarts {unit}"
            ));
            // systemd prints them in its own order; the number of restarts comes later.
            let numbers: Vec<i32> = shown.lines().filter_map(|line| line.parse().ok()).collect();
            let [pid, restarts] = numbers[..] else {
                panic!("{shown}");
            };
            (pid != 0).then_some(ProcessInfo {
                unit,
                pid,
                port: Some(port),
                restarts: u32::try_from(restarts).unwrap(),
            })
        };
        [
            slot("backend", "blue", PUBLIC_PORT + 1),
            slot("backend", "green", PUBLIC_PORT + 2),
            slot("frontend", "blue", FRONTEND_PORT + 1),
            slot("frontend", "green", FRONTEND_PORT + 2),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    pub(crate) fn timers(&self) -> Vec<String> {
        let listed = self.inside("systemctl list-units --plain --no-legend 'guestbook-*.timer'");
        listed.lines().map(str::to_owned).collect()
    }
}

impl Drop for RealHost {
    fn drop(&mut self) {
        self.healed.store(true, Ordering::Relaxed);
        let (hosts, given_back) = free();
        hosts.lock().unwrap().push(self.listed.clone());
        given_back.notify_one();
    }
}

/// Ends every SSH session, and leaves the listener.
const CUT_SESSIONS: &str = r"pkill -KILL -f '^sshd: [a-z]+( \[priv\]|@)'";

/// Ends the host at once, as a power cut would; it boots again by itself. What waits for systemd
/// must not outlive it: a command that it leaves unanswered fails, and a script would act on
/// that, as it cannot without power.
fn cut_power(directory: &Utf8Path) {
    drop(enter(directory, &["kill", "-KILL", "--", "-1"]));
    if let Ok(pid) = enter(directory, &["--pid"]) {
        drop(Command::new("kill").args(["-KILL", &pid]).status());
    }
}

/// The slot that the host's rules name, or its proxy's file, or that is on the public port,
/// or has the listener.
fn serving_slot(directory: &Utf8Path) -> Option<&'static str> {
    let root = directory.join("root");
    let written = |preset| {
        let file = super::proxies::file(preset);
        std::fs::read_to_string(root.join(file.strip_prefix("/").unwrap())).ok()
    };
    if let Some(text) = super::proxies::ALL.into_iter().find_map(written) {
        return Some(if text.contains("127.0.0.1:8081") {
            "blue"
        } else {
            "green"
        });
    }
    let public = |slot: &str| {
        root.join(format!("opt/guestbook/slots/{slot}.public"))
            .exists()
    };
    if let Some(slot) = ["blue", "green"].into_iter().find(|slot| public(slot)) {
        return Some(slot);
    }
    if let Some(slot) = slot_with_listener(directory) {
        return Some(slot);
    }
    let table = [
        "--net",
        "nft",
        "list",
        "table",
        "inet",
        "stagegate_guestbook",
    ];
    let rules = enter(directory, &table).unwrap_or_default();
    if rules.contains("redirect to :8081") {
        Some("blue")
    } else if rules.contains("redirect to :8082") {
        Some("green")
    } else {
        None
    }
}

/// Prints the slot that users were led to last, if it runs with the listener; else the one
/// before it.
const WITH_LISTENER: &str = r#"
for switch in /opt/guestbook/switch/armed /opt/guestbook/switch/confirmed; do
  slot=$(sed -n 's/^# slot //p' "$switch" 2>/dev/null)
  pid=$(systemctl show --value -p MainPID "guestbook-backend@$slot.service")
  if tr '\0' '\n' <"/proc/$pid/environ" | grep -q '^LISTEN_FDS='; then echo "$slot"; exit; fi
done
"#;

/// The slot that users are led to by a listener.
fn slot_with_listener(directory: &Utf8Path) -> Option<&'static str> {
    let units = directory.join("root/etc/systemd/system");
    let given = |slot: &&str| {
        units
            .join(format!("guestbook-backend@{slot}.service.d"))
            .exists()
    };
    ["blue", "green"].iter().find(|slot| given(slot))?;
    let said = enter(directory, &["sh", "-c", WITH_LISTENER]).ok()?;
    ["blue", "green"].into_iter().find(|slot| *slot == said)
}

/// Runs a command inside a host; its output, or what went wrong.
fn enter(directory: &Utf8Path, words: &[&str]) -> Result<String, String> {
    let output = Command::new(directory.join("enter"))
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{}: {}", output.status, text(&output.stderr)))
}
