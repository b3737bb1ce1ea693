//! The fake's service manager: starts real processes from real unit files, keeps what
//! they print, restarts them as their units say, and ends them.
//!
//! It keeps definitions until `daemon-reload`, as systemd does. Every process leads a
//! group of its own, so that ending a unit ends what its program has started. It enforces
//! no sandboxing, and says which directives it left out.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::fault::HostFault;
use super::firewall::Ruleset;
use super::journal::Journal;
use super::relay::Relay;
use super::unit::{ActiveState, Unit, is_unit_name, template_of};
use super::unit_file::{Kind, Restart, Service, environment_file};

/// What ends a program without making its unit fail (systemd.service(5), `SuccessExitStatus=`).
const CLEAN_SIGNALS: [i32; 4] = [
    Signal::HUP.as_raw(),
    Signal::INT.as_raw(),
    Signal::TERM.as_raw(),
    Signal::PIPE.as_raw(),
];
/// systemd's default: more starts than this within the unit's interval are a failure.
const START_BURST: usize = 5;

/// Everything that a reboot forgets, and the journal.
#[derive(Default)]
pub(super) struct HostState {
    pub(super) units: BTreeMap<String, Unit>,
    pub(super) timers: BTreeMap<String, JoinHandle<()>>,
    pub(super) journal: Journal,
    pub(super) rules: Ruleset,
    pub(super) relay: Relay,
    pub(super) faults: Vec<HostFault>,
    pub(super) not_enforced: BTreeSet<String>,
    /// Processes of commands that came over SSH.
    pub(super) commands: Vec<Pid>,
    /// Set while the host is going down: nothing starts any more.
    pub(super) down: bool,
}

/// The service manager of one fake host.
pub(super) struct Supervisor {
    pub(super) handle: Handle,
    pub(super) root: Utf8PathBuf,
    pub(super) path: String,
    pub(super) user: String,
    state: Mutex<HostState>,
    changed: watch::Sender<u64>,
    /// Tells the SSH server to cut its connections.
    pub(super) cut: watch::Sender<u64>,
}

impl Supervisor {
    pub(super) fn new(handle: Handle, root: Utf8PathBuf, path: String, user: String) -> Supervisor {
        Supervisor {
            handle,
            root,
            path,
            user,
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            cut: watch::Sender::new(0),
        }
    }

    /// Locks the state; a panic elsewhere must not keep processes from being ended.
    pub(super) fn state(&self) -> MutexGuard<'_, HostState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn touch(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Waits until `holds` of the state.
    pub(super) async fn until<T>(&self, mut holds: impl FnMut(&mut HostState) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(value) = holds(&mut self.state()) {
                return value;
            }
            // The sender lives in self, so it cannot be gone.
            drop(changed.changed().await);
        }
    }

    pub(super) fn unit_directory(&self) -> Utf8PathBuf {
        self.root.join("etc/systemd/system")
    }

    /// Loads a unit from its file, unless it is loaded.
    pub(super) fn load(&self, name: &str) -> Result<(), (u8, String)> {
        if !is_unit_name(name) {
            return Err((1, format!("Invalid unit name \"{name}\".")));
        }
        let mut state = self.state();
        if state.units.contains_key(name) {
            return Ok(());
        }
        let service = self.read_unit(name)?;
        state
            .not_enforced
            .extend(service.not_enforced.iter().cloned());
        state
            .units
            .insert(name.to_owned(), Unit::new(service, false));
        Ok(())
    }

    /// Reads a unit's file; the status is systemctl's.
    pub(super) fn read_unit(&self, name: &str) -> Result<Service, (u8, String)> {
        // A file of the instance's own goes before its template (systemd.unit(5)).
        let own = self.unit_directory().join(name).is_file();
        let (file, instance) = match template_of(name) {
            Some((_, instance)) if own => (name.to_owned(), Some(instance)),
            Some((file, instance)) => (file, Some(instance)),
            None => (name.to_owned(), None),
        };
        for with_drop_ins in [name, file.as_str()] {
            let directory = self.unit_directory().join(format!("{with_drop_ins}.d"));
            if directory.exists() {
                return Err((1, format!("{directory}: drop-ins are not understood here")));
            }
        }
        let path = self.unit_directory().join(file);
        let text =
            std::fs::read_to_string(&path).map_err(|_| (5, format!("Unit {name} not found.")))?;
        Service::read(&text, instance).map_err(|why| (1, format!("{path}: {why}")))
    }

    /// Forgets definitions, so that they are read afresh; running units keep running.
    pub(super) fn reload(&self) -> Result<(), (u8, String)> {
        let names: Vec<String> = self.state().units.keys().cloned().collect();
        for name in names {
            let mut state = self.state();
            let Some(unit) = state.units.get_mut(&name).filter(|unit| !unit.transient) else {
                continue;
            };
            if !unit.is_up() && unit.active != ActiveState::Failed {
                state.units.remove(&name);
                continue;
            }
            // A unit whose file is gone or broken keeps its old definition while it runs.
            if let Ok(service) = self.read_unit(&name) {
                unit.service = Arc::new(service);
            }
        }
        Ok(())
    }

    /// Starts a loaded unit, and waits until systemd would call it started.
    pub(super) async fn start(self: &Arc<Self>, name: &str) -> Result<(), (u8, String)> {
        let run = {
            let mut state = self.state();
            if state.down {
                return Err((1, "the host is going down".into()));
            }
            let Some(unit) = state.units.get_mut(name) else {
                return Err((5, format!("Unit {name} not loaded.")));
            };
            if matches!(unit.active, ActiveState::Running | ActiveState::Activating) {
                return Ok(());
            }
            unit.restarts = 0;
            unit.run += 1;
            unit.run
        };
        self.launch(name, run)?;
        let oneshot = |unit: &Unit| unit.service.kind == Kind::Oneshot;
        let outcome = self
            .until(|state| match state.units.get(name) {
                Some(unit) if unit.run == run && unit.active == ActiveState::Activating => None,
                Some(unit)
                    if oneshot(unit) && unit.run == run && unit.active == ActiveState::Failed =>
                {
                    Some(false)
                }
                _ => Some(true),
            })
            .await;
        if outcome {
            return Ok(());
        }
        Err((
            1,
            format!("Job for {name} failed because the control process exited with error code."),
        ))
    }

    /// Starts the unit's program and its watcher.
    fn launch(self: &Arc<Self>, name: &str, run: u64) -> Result<(), (u8, String)> {
        let fail = |state: &mut HostState, why: &str| {
            state.journal.add(name, 3, &format!("{name}: {why}"));
            if let Some(unit) = state.units.get_mut(name) {
                unit.active = ActiveState::Failed;
                unit.main = None;
            }
            (1, format!("Job for {name} failed: {why}"))
        };
        let mut state = self.state();
        let Some(unit) = state.units.get_mut(name).filter(|unit| unit.run == run) else {
            return Err((1, format!("{name} was stopped meanwhile")));
        };
        let interval = unit.service.start_interval;
        unit.starts.retain(|start| start.elapsed() < interval);
        if unit.starts.len() >= START_BURST {
            return Err(fail(&mut state, "Start request repeated too quickly."));
        }
        unit.starts.push(Instant::now());
        let service = Arc::clone(&unit.service);
        let (command, port) = match self.command(&service) {
            Ok(command) => command,
            Err(why) => return Err(fail(&mut state, &why)),
        };
        let child = {
            let _entered = self.handle.enter();
            let mut command = command;
            command
                .spawn()
                .map_err(|error| format!("Failed to execute {}: {error}", service.command[0]))
        };
        let child = match child {
            Ok(child) => child,
            Err(why) => return Err(fail(&mut state, &why)),
        };
        if let Some(unit) = state.units.get_mut(name) {
            unit.main = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            unit.port = port;
            unit.active = ActiveState::Activating;
            if service.kind == Kind::Exec {
                unit.active = ActiveState::Running;
                unit.since = Some(Timestamp::now());
            }
        }
        state.journal.add(name, 6, &format!("Started {name}."));
        drop(state);
        self.touch();
        self.handle
            .spawn(Arc::clone(self).watch(name.to_owned(), run, child));
        Ok(())
    }

    /// Returns the process of a service, and the port it is told.
    fn command(&self, service: &Service) -> Result<(Command, Option<u16>), String> {
        if let Some(user) = service.user.as_ref().filter(|user| **user != self.user) {
            return Err(format!(
                "User={user}: a fake host runs services as {} only; rehearse with that user",
                self.user
            ));
        }
        let mut environment = service.environment.clone();
        for (file, optional) in &service.environment_files {
            match environment_file(file) {
                Ok(variables) => environment.extend(variables),
                Err(_) if *optional && !file.exists() => {}
                Err(why) => return Err(format!("Failed to load environment files: {why}")),
            }
        }
        if let Some(name) = &service.state_directory {
            let directory = self.root.join("var/lib").join(name);
            std::fs::create_dir_all(&directory).map_err(|error| format!("{directory}: {error}"))?;
            environment.push(("STATE_DIRECTORY".into(), directory.into_string()));
        }
        let port = environment.iter().rev().find(|(name, _)| name == "PORT");
        let port = port.and_then(|(_, port)| port.parse().ok());
        let mut command = Command::new(&service.command[0]);
        command
            .args(&service.command[1..])
            .env_clear()
            .env("PATH", &self.path)
            .env("LANG", "C.UTF-8")
            .env("USER", &self.user)
            .envs(environment)
            .current_dir(service.working_directory.as_ref().unwrap_or(&self.root))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        Ok((command, port))
    }

    /// Keeps what a service prints, and decides what follows its end.
    async fn watch(self: Arc<Self>, name: String, run: u64, mut child: Child) {
        let streams = [
            child.stdout.take().map(boxed),
            child.stderr.take().map(boxed),
        ];
        for stream in streams.into_iter().flatten() {
            self.handle
                .spawn(Arc::clone(&self).keep(name.clone(), stream));
        }
        let status = child.wait().await;
        let again = self.ended(&name, run, status.ok());
        self.touch();
        let Some(after) = again else { return };
        tokio::time::sleep(after).await;
        let still = {
            let mut state = self.state();
            let down = state.down;
            let unit = state
                .units
                .get_mut(&name)
                .filter(|unit| unit.run == run && !down);
            unit.map(|unit| {
                unit.restarts += 1;
                unit.run += 1;
                unit.run
            })
        };
        if let Some(run) = still {
            // A failure is in the unit's state and in the journal.
            drop(self.launch(&name, run));
            self.touch();
        }
    }

    async fn keep(self: Arc<Self>, name: String, stream: Box<dyn AsyncRead + Send + Unpin>) {
        let mut lines = BufReader::new(stream).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            self.state()
                .journal
                .printed(&name, &String::from_utf8_lossy(&line));
        }
    }

    /// Notes the end of a process; says after what time it is to be started again.
    fn ended(&self, name: &str, run: u64, status: Option<ExitStatus>) -> Option<Duration> {
        let mut state = self.state();
        let down = state.down;
        let unit = state.units.get_mut(name).filter(|unit| unit.run == run)?;
        if let Some(group) = unit.main.take() {
            // What the program has started ends with it, as with systemd's control group.
            signal(group, Signal::KILL);
        }
        let well = status.is_some_and(|status| {
            status.success()
                || status
                    .signal()
                    .is_some_and(|by| CLEAN_SIGNALS.contains(&by))
        });
        let service = Arc::clone(&unit.service);
        let restart = match service.restart {
            _ if down || unit.active == ActiveState::Deactivating => false,
            Restart::No => false,
            Restart::OnFailure => !well,
            Restart::Always => true,
        };
        let stopped = unit.active == ActiveState::Deactivating;
        unit.active = match (stopped, well, restart) {
            (true, ..) => ActiveState::Inactive,
            (_, _, true) => ActiveState::Activating,
            (_, true, _) if service.remain_after_exit => ActiveState::Running,
            (_, true, _) => ActiveState::Inactive,
            (_, false, _) => ActiveState::Failed,
        };
        if unit.transient && !unit.is_up() {
            state.units.remove(name);
        }
        if !stopped && !well {
            let how = status.map_or_else(|| "lost".to_owned(), |status| status.to_string());
            state
                .journal
                .add(name, 5, &format!("{name}: Main process exited, {how}"));
            state
                .journal
                .add(name, 4, &format!("{name}: Failed with result 'exit-code'."));
        }
        restart.then_some(service.restart_after)
    }

    /// Stops a unit, and waits until it has ended.
    pub(super) async fn stop(self: &Arc<Self>, name: &str) {
        if let Some(begun) = self.begin_stop(name) {
            self.finish_stop(name, begun).await;
        }
    }

    /// Tells a unit to stop; it ends, or is killed, by itself.
    pub(super) fn stop_later(self: &Arc<Self>, name: &str) {
        if let Some(begun) = self.begin_stop(name) {
            let (host, name) = (Arc::clone(self), name.to_owned());
            let finish = async move { host.finish_stop(&name, begun).await };
            self.handle.clone().spawn(finish);
        }
    }

    /// Waits until a unit has ended, and kills it when its time is over.
    async fn finish_stop(self: &Arc<Self>, name: &str, (timeout, run): (Duration, u64)) {
        let ended = self.until(|state| {
            let unit = state.units.get(name);
            unit.is_none_or(|unit| unit.active != ActiveState::Deactivating || unit.run != run)
                .then_some(())
        });
        if tokio::time::timeout(timeout, ended).await.is_err() {
            let main = self.state().units.get(name).and_then(|unit| unit.main);
            if let Some(group) = main {
                signal(group, Signal::KILL);
            }
            self.until(|state| {
                let unit = state.units.get(name);
                unit.is_none_or(|unit| unit.active != ActiveState::Deactivating || unit.run != run)
                    .then_some(())
            })
            .await;
        }
    }

    /// Sends the signal to end; returns what to wait for, if there is a process.
    fn begin_stop(&self, name: &str) -> Option<(Duration, u64)> {
        let mut state = self.state();
        let unit = state.units.get_mut(name)?;
        let timeout = unit.service.stop_timeout;
        let kill_signal = unit.service.kill_signal;
        let outcome = match unit.main {
            Some(group) => {
                unit.active = ActiveState::Deactivating;
                signal(group, kill_signal);
                Some((timeout, unit.run))
            }
            None => {
                // Between two automatic starts, or active without a process.
                unit.run += 1;
                if unit.active != ActiveState::Failed {
                    unit.active = ActiveState::Inactive;
                }
                None
            }
        };
        drop(state);
        self.touch();
        outcome
    }
}

/// Signals a group of processes; one that has ended meanwhile needs no signal.
pub(super) fn signal(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
}

fn boxed(stream: impl AsyncRead + Send + Unpin + 'static) -> Box<dyn AsyncRead + Send + Unpin> {
    Box::new(stream)
}
