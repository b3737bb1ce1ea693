//! Stabilize: the new release serves users, and is watched while it does.
//!
//! Probes through the public port, restarts of the unit, and journal lines of priority
//! `err`: any breach reverts the switch at once. A lost connection is no breach; then
//! the host's own timer decides, unless a resumed run comes in time.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::model::app::Service;
use crate::model::error::DeployError;
use crate::model::slot::Slot;
use crate::model::step::{Probed, Progress};
use crate::model::switch_method::DrainProbe;
use crate::remote::state::{ReleaseState, State};

use crate::remote::health_probe;
use crate::remote::service_deploy::ServiceDeploy;
use crate::systemd::unit_status;
use crate::traffic::{handover, switch_step};

/// Pause between two observations.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Watches the release for the time it must hold.
pub(super) fn perform(
    deployment: &ServiceDeploy<'_>,
    state: &State,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let release = deployment.release();
    let slot = match state.release_state(&release) {
        ReleaseState::Unconfirmed(slot) => slot,
        ReleaseState::Confirmed(slot) => {
            return Ok(format!("{release} is confirmed in slot {slot}"));
        }
        ReleaseState::Started(_) | ReleaseState::NotRunning(_) => {
            return Err(deployment.reverted_meanwhile()?);
        }
        ReleaseState::SlotBusy => {
            return Err(deployment.out_of_order("watch", "another release is switched to"));
        }
    };
    let since = state.armed.as_ref().map_or(state.now, |armed| armed.at);
    rearm(deployment)?;
    // Where it was cut off before the slot of before was told to end, users meet both.
    if let Err(reason) = handover::perform(deployment)? {
        return roll_back(deployment, slot, reason);
    }
    match watch(deployment, slot, since, progress)? {
        Ok(probes) => Ok(format!(
            "{release} held for {} s: {probes} probes passed, no restart, no error in the journal",
            deployment.settings().stabilize_seconds
        )),
        Err(reason) => roll_back(deployment, slot, reason),
    }
}

/// Sets the host's timer anew: a resumed run observes from the beginning.
fn rearm(deployment: &ServiceDeploy<'_>) -> Result<(), DeployError> {
    let seconds = deployment.settings().revert_after_seconds.to_string();
    let command = deployment
        .switchctl("rearm")
        .args([&deployment.deploy.owner, &seconds]);
    let output = deployment.host.run(&command)?;
    match output.status {
        0 => Ok(()),
        // The switch script's word for "reverted meanwhile".
        3 => Err(deployment.reverted_meanwhile()?),
        _ => Err(deployment.host.failed(&command, &output).into()),
    }
}

/// Probes until the time is over. The outer error is the connection's; the inner one is the
/// breach.
fn watch(
    deployment: &ServiceDeploy<'_>,
    slot: Slot,
    since: i64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Result<u64, String>, DeployError> {
    let port = watched_port(deployment.settings(), slot);
    let whole = Duration::from_secs(deployment.settings().stabilize_seconds);
    let mut probes = 0;
    deployment.poll_until(|at| {
        let asked = Instant::now();
        let answer = health_probe::probe(deployment, port)?;
        progress(Progress::probed(
            match &answer {
                Ok(()) => format!("{} answers", deployment.release()),
                Err(why) => why.clone(),
            },
            Probed {
                at,
                latency: answer.is_ok().then(|| asked.elapsed()),
            },
        ));
        if let Err(why) = answer {
            let why = format!("users would meet this: {why}");
            return Ok(ControlFlow::Break(Err(why)));
        }
        probes += 1;
        if let Some(why) = breach(deployment, slot, since)? {
            return Ok(ControlFlow::Break(Err(why)));
        }
        let elapsed = at + asked.elapsed();
        let (done, total) = (elapsed.min(whole).as_secs(), whole.as_secs());
        let text = format!("{} holds", deployment.release());
        progress(Progress::counted(text, done, total));
        Ok(match whole.checked_sub(elapsed) {
            None | Some(Duration::ZERO) => ControlFlow::Break(Ok(probes)),
            Some(rest) => ControlFlow::Continue(POLL_INTERVAL.min(rest)),
        })
    })
}

/// Returns where the release is probed: as users reach it, or on its own port where a proxy
/// speaks another protocol to them.
fn watched_port(settings: &Service, slot: Slot) -> u16 {
    match settings.switch.proxy() {
        Some(proxy) if proxy.watch == DrainProbe::Slot => slot.port(settings.port),
        _ => settings.port,
    }
}

/// Asks systemd and the journal for what speaks against the slot.
fn breach(
    deployment: &ServiceDeploy<'_>,
    slot: Slot,
    since: i64,
) -> Result<Option<String>, DeployError> {
    let (host, layout) = (deployment.host, &deployment.layout);
    let state = unit_status::of_slot(host, layout, slot)?;
    if state.active != "active" {
        return Ok(Some(format!("the unit is {}", state.active)));
    }
    if state.restarts > 0 {
        return Ok(Some(format!(
            "systemd had to restart it {} times",
            state.restarts
        )));
    }
    let errors = unit_status::errors_since(host, layout, slot, since)?;
    Ok(errors
        .first()
        .map(|line| format!("{} errors in the journal, first: {line}", errors.len())))
}

fn roll_back(
    deployment: &ServiceDeploy<'_>,
    slot: Slot,
    reason: String,
) -> Result<String, DeployError> {
    switch_step::revert(deployment, &reason)?;
    let now_running = deployment.state()?.confirmed.map(|switch| switch.release);
    Err(DeployError::RolledBack {
        target: deployment.target(),
        release: deployment.release(),
        reason,
        now_running,
        journal: unit_status::journal(deployment.host, &deployment.layout, slot)?,
    })
}
