//! Health: the new slot proves itself on its own port before any user meets it.
//!
//! N consecutive answers of 200 that name the deployed version, within a deadline. A
//! failure stops the slot and carries the last journal lines; the old one never noticed.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::model::error::DeployError;
use crate::model::slot::Slot;
use crate::model::step::Progress;
use crate::remote::state::{ReleaseState, State};

use crate::remote::health_probe;
use crate::remote::service_deploy::ServiceDeploy;
use crate::systemd::unit_status;

/// Pause between two probes.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Waits for the slot to be healthy.
pub(super) fn perform(
    deployment: &ServiceDeploy<'_>,
    state: &State,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let release = deployment.release();
    let slot = match state.release_state(&release) {
        ReleaseState::Started(slot) => slot,
        ReleaseState::Confirmed(slot) | ReleaseState::Unconfirmed(slot) => {
            return Ok(format!("{release} already serves users from slot {slot}"));
        }
        ReleaseState::NotRunning(slot) => {
            return unhealthy(deployment, slot, "it does not run (any more)".into());
        }
        ReleaseState::SlotBusy => {
            return Err(deployment.out_of_order("probe", "another release is switched to"));
        }
    };
    match wait(deployment, slot, progress)? {
        Ok(evidence) => Ok(evidence),
        Err(why) => unhealthy(deployment, slot, why),
    }
}

/// Waits for enough passes in a row. The outer error is the connection's, the inner one the
/// slot's.
fn wait(
    deployment: &ServiceDeploy<'_>,
    slot: Slot,
    progress: &mut dyn FnMut(Progress),
) -> Result<Result<String, String>, DeployError> {
    let settings = deployment.settings();
    let deadline = Duration::from_secs(settings.health_deadline_seconds);
    let mut passes = 0;
    deployment.poll_until(|elapsed| {
        match health_probe::probe(deployment, slot.port(settings.port))? {
            Ok(()) => {
                passes += 1;
                let (done, total) = (passes.into(), settings.health_passes.into());
                let text = format!("slot {slot} is healthy");
                progress(Progress::counted(text, done, total));
                if passes == settings.health_passes {
                    return Ok(ControlFlow::Break(match restarted(deployment, slot)? {
                        Some(why) => Err(why),
                        None => Ok(format!("slot {slot}: {passes} consecutive passes")),
                    }));
                }
            }
            Err(why) => {
                passes = 0;
                progress(Progress::text(format!("slot {slot}: {why}")));
                let state = unit_status::of_slot(deployment.host, &deployment.layout, slot)?;
                let failed = |why: String| Ok(ControlFlow::Break(Err(why)));
                if matches!(state.active.as_str(), "failed" | "inactive") {
                    let active = state.active;
                    return failed(format!("the unit is {active}; the last probe: {why}"));
                }
                if let Some(restarted) = restarted_times(state.restarts) {
                    return failed(format!("{restarted}; the last probe: {why}"));
                }
                if elapsed >= deadline {
                    return failed(format!("{why}, for {deadline:?}"));
                }
            }
        }
        Ok(ControlFlow::Continue(POLL_INTERVAL))
    })
}

/// Asks whether systemd had to restart the unit: then it is not healthy, however it answers
/// just now.
fn restarted(deployment: &ServiceDeploy<'_>, slot: Slot) -> Result<Option<String>, DeployError> {
    let state = unit_status::of_slot(deployment.host, &deployment.layout, slot)?;
    Ok(restarted_times(state.restarts))
}

fn restarted_times(restarts: u32) -> Option<String> {
    match restarts {
        0 => None,
        1 => Some("systemd had to restart it once".to_owned()),
        times => Some(format!("systemd had to restart it {times} times")),
    }
}

/// Stops the slot, records why, and releases the lease.
pub(super) fn unhealthy(
    deployment: &ServiceDeploy<'_>,
    slot: Slot,
    why: String,
) -> Result<String, DeployError> {
    let journal = unit_status::journal(deployment.host, &deployment.layout, slot)?;
    unit_status::stop(deployment.host, &deployment.layout, slot)?;
    deployment.append_unhealthy(Some(slot), &why)?;
    deployment.release_lease()?;
    Err(DeployError::Unhealthy {
        target: deployment.target(),
        release: deployment.release(),
        why,
        journal,
    })
}
