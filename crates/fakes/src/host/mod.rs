//! A fake SSH host: a real SSH server over a scratch directory, that answers the very
//! commands a production host gets.
//!
//! Unit files are read, processes are started and ended, nft rules move a real port; what
//! is not understood is refused with an error, never passed over. It is prepared the way
//! a host is by its owner ([`FakeHost::provision`]), and can be told to misbehave
//! ([`HostFault`]). It enforces no sandboxing and runs everything as its own user; it
//! listens on loopback only, and ends every process that it has started.

mod fault;
mod firewall;
mod front_end;
mod journal;
mod keys;
mod ports;
mod power;
mod protocol;
mod relay;
mod server;
mod sockets;
mod supervisor;
mod systemctl;
mod tools;
mod unit;
mod unit_file;

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener as StdTcpListener};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use russh::keys::PrivateKey;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

pub use fault::HostFault;
pub use front_end::{FrontEnd, front_end};

use protocol::Ask;
use supervisor::Supervisor;

/// How long a reboot of a scratch directory may take.
const REBOOT_LIMIT: Duration = Duration::from_secs(120);

/// A process that the host runs for one of its units.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct ProcessInfo {
    /// The unit.
    pub unit: String,
    /// The main process.
    pub pid: i32,
    /// `PORT` in its environment.
    pub port: Option<u16>,
    /// Automatic restarts since it was started.
    pub restarts: u32,
}

/// A running fake host. Dropping it ends every process that it has started.
pub struct FakeHost {
    supervisor: Arc<Supervisor>,
    config: Arc<russh::server::Config>,
    host_key: PrivateKey,
    client_key: PrivateKey,
    port: u16,
    public_port: u16,
    frontend_port: u16,
    identity: Utf8PathBuf,
    known_hosts: Utf8PathBuf,
    listening: Option<JoinHandle<()>>,
    tasks: Vec<JoinHandle<()>>,
    /// The socket's path must be short, so it is not below the host's directory.
    _socket: tempfile::TempDir,
}

impl std::fmt::Debug for FakeHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "FakeHost({}@127.0.0.1:{}, {})",
            self.user(),
            self.port,
            self.prefix()
        )
    }
}

impl FakeHost {
    /// Starts a host over a directory, which is made if it is not there.
    ///
    /// `public_port` is the port that the app will be reached at; its two successors are
    /// its slots'. Without one, three free neighbours are looked for.
    ///
    /// # Errors
    /// When a port is taken, or the directory cannot be written.
    pub fn start(
        handle: &Handle,
        directory: &Utf8Path,
        front_end: FrontEnd,
        public_port: Option<u16>,
        faults: Vec<HostFault>,
    ) -> Result<FakeHost> {
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {directory}"))?;
        let root = directory.canonicalize_utf8()?;
        for name in ["bin", "etc/systemd/system", "opt", "root", "run", "var/lib"] {
            std::fs::create_dir_all(root.join(name))?;
        }
        let public_port = match public_port {
            Some(port) => port,
            None => ports::free_neighbours()?,
        };
        let user = current_user()?;
        let path = format!(
            "{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            root.join("bin")
        );
        let supervisor = Arc::new(Supervisor::new(handle.clone(), root.clone(), path, user));
        let _entered = handle.enter();
        let socket = tempfile::Builder::new()
            .prefix("stagegate-host-")
            .tempdir()?;
        let socket_path = Utf8PathBuf::from_path_buf(socket.path().join("supervisor"))
            .map_err(|path| anyhow::anyhow!("{} is not UTF-8", path.display()))?;
        let asked = UnixListener::bind(&socket_path)?;
        front_end.install(&root.join("bin"), &socket_path)?;
        let listener = StdTcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (host_key, client_key) = (keys::fresh()?, keys::fresh()?);
        let config = Arc::new(russh::server::Config {
            auth_rejection_time: Duration::from_millis(50),
            auth_rejection_time_initial: Some(Duration::ZERO),
            keys: vec![host_key.clone()],
            ..Default::default()
        });
        let mut host = FakeHost {
            port: listener.local_addr()?.port(),
            identity: root.join("root/client_key"),
            known_hosts: root.join("root/known_hosts"),
            tasks: vec![handle.spawn(answer_questions(asked, Arc::clone(&supervisor)))],
            supervisor,
            config,
            host_key,
            client_key,
            public_port,
            frontend_port: ports::free_neighbours()?,
            listening: None,
            _socket: socket,
        };
        keys::write_private(&host.client_key, &host.identity)?;
        host.trust("", Some(&host.host_key))?;
        host.listen(listener)?;
        for fault in faults {
            host.inject(fault)?;
        }
        Ok(host)
    }

    fn listen(&mut self, listener: StdTcpListener) -> Result<()> {
        listener.set_nonblocking(true)?;
        let handle = self.supervisor.handle.clone();
        let _entered = handle.enter();
        let listener = TcpListener::from_std(listener)?;
        let admitted = self.client_key.public_key().clone();
        let serving = server::serve(
            listener,
            Arc::clone(&self.config),
            Arc::clone(&self.supervisor),
            admitted,
        );
        self.listening = Some(handle.spawn(serving));
        Ok(())
    }

    fn trust(&self, marker: &str, key: Option<&PrivateKey>) -> Result<()> {
        keys::write_known_hosts(&self.known_hosts, marker, self.port, key)
    }

    /// Lets the host misbehave from now on.
    ///
    /// # Errors
    /// When a file of the fault cannot be written.
    pub fn inject(&mut self, fault: HostFault) -> Result<()> {
        match &fault {
            // A real ENOSPC: the kernel's own device that is always full.
            HostFault::DiskFull => front_end::write_program(
                &self.prefix().join("bin/cat"),
                "#!/bin/sh\nif [ $# -eq 0 ]; then exec /bin/cat >/dev/full; fi\nexec /bin/cat \"$@\"\n",
            )?,
            HostFault::Unreachable => {
                if let Some(listening) = self.listening.take() {
                    listening.abort();
                }
                self.supervisor.cut.send_modify(|count| *count += 1);
            }
            HostFault::ChangedHostKey => self.trust("", Some(&keys::fresh()?))?,
            HostFault::UnknownHostKey => self.trust("", None)?,
            HostFault::RevokedHostKey => self.trust("@revoked ", Some(&self.host_key))?,
            HostFault::RebootAfterSwitch
            | HostFault::ConnectionLostAfterSwitch
            | HostFault::BackendCrashes { .. }
            | HostFault::BackendUnhealthy => {}
        }
        self.supervisor.state().faults.push(fault);
        Ok(())
    }

    /// Takes every fault back.
    ///
    /// # Errors
    /// When the SSH port cannot be taken again, or a file cannot be written.
    pub fn heal(&mut self) -> Result<()> {
        self.supervisor.state().faults.clear();
        let cat = self.prefix().join("bin/cat");
        if cat.exists() {
            std::fs::remove_file(cat)?;
        }
        self.trust("", Some(&self.host_key))?;
        if self.listening.is_none() {
            self.listen(StdTcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?)?;
        }
        Ok(())
    }

    /// Does what the owner of a host does for an app: its environment file.
    ///
    /// Returns the file's path as the app's configuration names it, below `/`. Lines are
    /// `NAME=value`; the file is readable by its owner alone.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn provision(&self, app: &str, env_lines: &[String]) -> Result<Utf8PathBuf> {
        let named = Utf8PathBuf::from(format!("/etc/{app}/.env"));
        let directory = self.prefix().join("etc").join(app);
        std::fs::create_dir_all(&directory)?;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(directory.join(".env"))?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        for line in env_lines {
            writeln!(file, "{line}")?;
        }
        Ok(named)
    }

    /// Returns the SSH port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the one account.
    pub fn user(&self) -> &str {
        &self.supervisor.user
    }

    /// Returns the private key that is admitted.
    pub fn identity(&self) -> &Utf8Path {
        &self.identity
    }

    /// Returns the file that lists the host's key.
    pub fn known_hosts(&self) -> &Utf8Path {
        &self.known_hosts
    }

    /// Returns the directory that stands for the host's root.
    pub fn prefix(&self) -> &Utf8Path {
        &self.supervisor.root
    }

    /// Returns the port at which users reach the app, once rules say where it leads.
    pub fn public_port(&self) -> u16 {
        self.public_port
    }

    /// Returns the same for a frontend that is a service.
    pub fn frontend_port(&self) -> u16 {
        self.frontend_port
    }

    /// Goes down and comes up: processes, timers and rules are gone, connections are cut,
    /// enabled units start again. Must not be called from within the runtime.
    ///
    /// # Errors
    /// When it is not up again in time.
    pub fn reboot(&self) -> Result<()> {
        let (done, waiting) = std::sync::mpsc::channel();
        let supervisor = Arc::clone(&self.supervisor);
        self.supervisor.handle.spawn(async move {
            supervisor.reboot().await;
            // Whoever waited may have given up.
            let _ = done.send(());
        });
        waiting
            .recv_timeout(REBOOT_LIMIT)
            .context("the fake host did not come up again")
    }

    /// Returns the main processes of its units, but for those that only keep the rules.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        let state = self.supervisor.state();
        let info = |(name, unit): (&String, &unit::Unit)| {
            if name.ends_with("-keeper.service") {
                return None;
            }
            Some(ProcessInfo {
                unit: name.clone(),
                pid: unit.main?.as_raw_nonzero().get(),
                port: unit.port,
                restarts: unit.restarts,
            })
        };
        state.units.iter().filter_map(info).collect()
    }

    /// Transient timers that have not elapsed yet.
    pub fn timers(&self) -> Vec<String> {
        self.supervisor.state().timers.keys().cloned().collect()
    }

    /// Directives of the units read so far that a fake knows, but does not enforce.
    pub fn not_enforced(&self) -> Vec<String> {
        self.supervisor
            .state()
            .not_enforced
            .iter()
            .cloned()
            .collect()
    }

    /// Ends every process that it has started, and stops listening.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for FakeHost {
    fn drop(&mut self) {
        self.supervisor.power_off();
        self.supervisor.cut.send_modify(|count| *count += 1);
        for task in self.tasks.drain(..).chain(self.listening.take()) {
            task.abort();
        }
    }
}

/// Answers the front ends.
async fn answer_questions(listener: UnixListener, supervisor: Arc<Supervisor>) {
    loop {
        // A front end that is gone before it is accepted is no failure of the listener.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        tokio::spawn(answer_one(stream, Arc::clone(&supervisor)));
    }
}

async fn answer_one(stream: UnixStream, supervisor: Arc<Supervisor>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    if stream.read_line(&mut line).await.is_err() {
        return;
    }
    let answer = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) => tools::answer(&supervisor, &ask).await,
        Err(error) => protocol::Answer::refuse("supervisor", error),
    };
    if let Ok(mut text) = serde_json::to_string(&answer) {
        text.push('\n');
        // A front end that was killed does not hear its answer.
        drop(stream.write_all(text.as_bytes()).await);
    }
}

/// Returns the user that this process runs as.
fn current_user() -> Result<String> {
    let output = std::process::Command::new("id")
        .arg("-un")
        .output()
        .context("cannot run `id -un`")?;
    let name = String::from_utf8(output.stdout)?.trim().to_owned();
    if name.is_empty() {
        bail!(
            "`id -un` names no user: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(name)
}
