//! Stabilise: the new release serves users, and is watched while it does.
//!
//! Probes through the public port, restarts of the unit, and journal lines of priority
//! `err`: any breach takes the switch back at once. A lost connection is no breach; then
//! the host's own timer decides, unless a resumed run comes in time.

use std::time::{Duration, Instant};

use crate::app::{Backend, Deploy};
use crate::command::Command;
use crate::error::DeployError;
use crate::host::Host;
use crate::layout::{Layout, Slot};
use crate::lease;
use crate::method::Watch;
use crate::state::{Place, State};
use crate::step::{Probed, Progress};

use super::health::{RENEWAL, probe};
use super::{handover, out_of_order, reverted_meanwhile, switch, unit};

/// Between two observations.
const INTERVAL: Duration = Duration::from_millis(500);

/// Watches the release for the time it must hold.
pub(super) fn perform(
    host: &Host,
    deploy: &Deploy,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let backend = deploy.app.backend()?;
    let release = deploy.release.id();
    let state = State::ask(host, &deploy.app)?;
    let slot = match state.place(&release) {
        Place::Armed(slot) => slot,
        Place::Confirmed(slot) => return Ok(format!("{release} is confirmed in slot {slot}")),
        Place::Started(_) | Place::Nowhere(_) => return Err(reverted_meanwhile(host, deploy)?),
        Place::Blocked => {
            return Err(out_of_order(
                host,
                deploy,
                "watch",
                "another release is switched to",
            ));
        }
    };
    let since = state.armed.as_ref().map_or(state.now, |armed| armed.at);
    rearm(host, deploy, backend)?;
    // Where it was cut off before the slot of before was told to end, users meet both.
    if let Err(reason) = handover::perform(host, deploy, backend)? {
        return roll_back(host, deploy, slot, reason);
    }
    match watch(host, deploy, slot, since, progress)? {
        Ok(probes) => Ok(format!(
            "{release} held for {} s: {probes} probes passed, no restart, no error in the journal",
            backend.stabilise_seconds
        )),
        Err(reason) => roll_back(host, deploy, slot, reason),
    }
}

/// Gives the whole time again: a resumed run observes from the beginning.
fn rearm(host: &Host, deploy: &Deploy, backend: &Backend) -> Result<(), DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let seconds = backend.revert_after_seconds.to_string();
    let command = Command::new(layout.settle().as_str())
        .args(["rearm", &deploy.owner, &seconds])
        .privileged();
    let output = host.run(&command)?;
    match output.status {
        0 => Ok(()),
        // The settling script's word for "reverted meanwhile".
        3 => Err(reverted_meanwhile(host, deploy)?),
        _ => Err(host.failed(&command, &output).into()),
    }
}

/// The outer error is the connection's; the inner one is the breach.
fn watch(
    host: &Host,
    deploy: &Deploy,
    slot: Slot,
    since: i64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Result<u64, String>, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let backend = deploy.app.backend()?;
    let whole = Duration::from_secs(backend.stabilise_seconds);
    let began = Instant::now();
    let mut renewed = began;
    let mut probes = 0;
    loop {
        let asked = Instant::now();
        let answer = probe(host, deploy, backend, watched_port(backend, slot))?;
        progress(Progress::probed(
            match &answer {
                Ok(()) => format!("{} answers", deploy.release.id()),
                Err(why) => why.clone(),
            },
            Probed {
                at: asked.duration_since(began),
                latency: answer.is_ok().then(|| asked.elapsed()),
            },
        ));
        if let Err(why) = answer {
            return Ok(Err(format!("users would meet this: {why}")));
        }
        probes += 1;
        if let Some(why) = breach(host, &layout, slot, since)? {
            return Ok(Err(why));
        }
        let elapsed = began.elapsed();
        let (done, total) = (elapsed.min(whole).as_secs(), whole.as_secs());
        progress(Progress::counted(
            format!("{} holds", deploy.release.id()),
            done,
            total,
        ));
        if elapsed >= whole {
            return Ok(Ok(probes));
        }
        if renewed.elapsed() > RENEWAL {
            renewed = Instant::now();
            lease::hold(host, deploy)?;
        }
        std::thread::sleep(INTERVAL.min(whole - elapsed));
    }
}

/// Where the release is asked as users ask it; on its own port where a proxy speaks
/// another language to them.
fn watched_port(backend: &Backend, slot: Slot) -> u16 {
    match backend.switch.proxy() {
        Some(proxy) if proxy.watch == Watch::Slot => slot.port(backend.port),
        _ => backend.port,
    }
}

/// What systemd and the journal hold against the slot.
fn breach(
    host: &Host,
    layout: &Layout,
    slot: Slot,
    since: i64,
) -> Result<Option<String>, DeployError> {
    let state = unit::state(host, layout, slot)?;
    if state.active != "active" {
        return Ok(Some(format!("the unit is {}", state.active)));
    }
    if state.restarts > 0 {
        return Ok(Some(format!(
            "systemd had to restart it {} times",
            state.restarts
        )));
    }
    let errors = unit::errors_since(host, layout, slot, since)?;
    Ok(errors
        .first()
        .map(|line| format!("{} errors in the journal, first: {line}", errors.len())))
}

fn roll_back(
    host: &Host,
    deploy: &Deploy,
    slot: Slot,
    reason: String,
) -> Result<String, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    switch::revert(host, deploy, &reason)?;
    let now_running = State::ask(host, &deploy.app)?
        .confirmed
        .map(|switch| switch.release);
    Err(DeployError::RolledBack {
        target: host.target().to_string(),
        release: deploy.release.id(),
        reason,
        now_running,
        journal: unit::journal(host, &layout, slot)?,
    })
}
