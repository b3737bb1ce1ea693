//! Stabilize: the new release serves users, and is watched while it does.
//!
//! Probes through the public port, restarts of the unit, and journal lines of priority
//! `err`: any breach takes the switch back at once. A lost connection is no breach; then
//! the host's own timer decides, unless a resumed run comes in time.

use std::time::{Duration, Instant};

use crate::app::Service;
use crate::error::DeployError;
use crate::layout::Slot;
use crate::method::Watch;
use crate::state::{Place, State};
use crate::step::{Probed, Progress};

use super::health::{RENEWAL, probe};
use super::{Work, handover, switch, unit};

/// Between two observations.
const INTERVAL: Duration = Duration::from_millis(500);

/// Watches the release for the time it must hold.
pub(super) fn perform(
    work: &Work<'_>,
    state: &State,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let release = work.release();
    let slot = match state.place(&release) {
        Place::Armed(slot) => slot,
        Place::Confirmed(slot) => return Ok(format!("{release} is confirmed in slot {slot}")),
        Place::Started(_) | Place::Nowhere(_) => return Err(work.reverted_meanwhile()?),
        Place::Blocked => {
            return Err(work.out_of_order("watch", "another release is switched to"));
        }
    };
    let since = state.armed.as_ref().map_or(state.now, |armed| armed.at);
    rearm(work)?;
    // Where it was cut off before the slot of before was told to end, users meet both.
    if let Err(reason) = handover::perform(work)? {
        return roll_back(work, slot, reason);
    }
    match watch(work, slot, since, progress)? {
        Ok(probes) => Ok(format!(
            "{release} held for {} s: {probes} probes passed, no restart, no error in the journal",
            work.settings().stabilize_seconds
        )),
        Err(reason) => roll_back(work, slot, reason),
    }
}

/// Gives the whole time again: a resumed run observes from the beginning.
fn rearm(work: &Work<'_>) -> Result<(), DeployError> {
    let seconds = work.settings().revert_after_seconds.to_string();
    let command = work.settle("rearm").args([&work.deploy.owner, &seconds]);
    let output = work.host.run(&command)?;
    match output.status {
        0 => Ok(()),
        // The settling script's word for "reverted meanwhile".
        3 => Err(work.reverted_meanwhile()?),
        _ => Err(work.host.failed(&command, &output).into()),
    }
}

/// The outer error is the connection's; the inner one is the breach.
fn watch(
    work: &Work<'_>,
    slot: Slot,
    since: i64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Result<u64, String>, DeployError> {
    let port = watched_port(work.settings(), slot);
    let whole = Duration::from_secs(work.settings().stabilize_seconds);
    let began = Instant::now();
    let mut renewed = began;
    let mut probes = 0;
    loop {
        let asked = Instant::now();
        let answer = probe(work, port)?;
        progress(Progress::probed(
            match &answer {
                Ok(()) => format!("{} answers", work.release()),
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
        if let Some(why) = breach(work, slot, since)? {
            return Ok(Err(why));
        }
        let elapsed = began.elapsed();
        let (done, total) = (elapsed.min(whole).as_secs(), whole.as_secs());
        progress(Progress::counted(
            format!("{} holds", work.release()),
            done,
            total,
        ));
        if elapsed >= whole {
            return Ok(Ok(probes));
        }
        if renewed.elapsed() > RENEWAL {
            renewed = Instant::now();
            work.hold()?;
        }
        std::thread::sleep(INTERVAL.min(whole - elapsed));
    }
}

/// Where the release is asked as users ask it; on its own port where a proxy speaks
/// another language to them.
fn watched_port(settings: &Service, slot: Slot) -> u16 {
    match settings.switch.proxy() {
        Some(proxy) if proxy.watch == Watch::Slot => slot.port(settings.port),
        _ => settings.port,
    }
}

/// What systemd and the journal hold against the slot.
fn breach(work: &Work<'_>, slot: Slot, since: i64) -> Result<Option<String>, DeployError> {
    let (host, layout) = (work.host, &work.layout);
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

fn roll_back(work: &Work<'_>, slot: Slot, reason: String) -> Result<String, DeployError> {
    switch::revert(work, &reason)?;
    let now_running = work.state()?.confirmed.map(|switch| switch.release);
    Err(DeployError::RolledBack {
        target: work.target(),
        release: work.release(),
        reason,
        now_running,
        journal: unit::journal(work.host, &work.layout, slot)?,
    })
}
