//! Switch: new connections reach the new slot, and the host itself reverts that unless
//! somebody confirms it. Revert: the same, at once.
//!
//! One call of the switch script arms the timer and leads users over, under the
//! app's lock: there is no moment in which the switch is made and nobody would revert it.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::model::error::DeployError;
use crate::model::slot::Slot;
use crate::model::switch::Switch;
use crate::model::switch_method::Method;
use crate::remote::state::{ReleaseState, State};

use crate::remote::health_probe;
use crate::remote::service_deploy::ServiceDeploy;

use super::{handover, switch_file};

/// A proxy checks and reloads, and a service may take systemd's 90 s until it is killed.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(180);
/// Pause between two probes of a program that was started again.
const RESTART_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Leads users to the release's slot.
pub(crate) fn perform(
    deployment: &ServiceDeploy<'_>,
    state: &State,
) -> Result<String, DeployError> {
    let settings = deployment.settings();
    let release = deployment.release();
    let slot = match state.release_state(&release) {
        ReleaseState::Started(slot) => slot,
        ReleaseState::Confirmed(slot) => {
            return Ok(format!("{release} is confirmed in slot {slot}"));
        }
        // Armed: it is sent again, because a kill may have come between arming and leading.
        ReleaseState::Unconfirmed(slot) => slot,
        ReleaseState::NotRunning(_) => {
            return Err(deployment.out_of_order("switch to", "it does not run"));
        }
        ReleaseState::SlotBusy => {
            return Err(deployment.out_of_order("switch to", "another release is switched to"));
        }
    };
    let at = match &state.armed {
        Some(armed) => armed.at,
        None => state.now,
    };
    let switch = describe(deployment, slot, at);
    let (port, seconds) = (settings.port, settings.revert_after_seconds);
    let command = deployment
        .switchctl("switch")
        .args([&deployment.deploy.owner, &seconds.to_string()])
        .input(switch_file::file(
            &switch,
            &deployment.layout,
            settings,
            &deployment.members(slot),
        ))
        .silence_timeout(SILENCE_TIMEOUT);
    deployment.host.check(&command)?;
    let how = match &settings.switch {
        Method::Nft => format!("port {port} leads to slot {slot} with {release}"),
        Method::Template(proxy) => {
            let file = &proxy.file;
            format!("{file} leads to slot {slot} with {release}, and the proxy has reloaded it")
        }
        Method::Socket => match handover::perform(deployment)? {
            Ok(()) => format!(
                "slot {slot} with {release} takes all that comes to port {port} from its listener"
            ),
            // For the stabilization to find, as with any method; nobody was output to end.
            Err(why) => format!("slot {slot} with {release} has the listener, but {why}"),
        },
        Method::Restart => {
            await_restart(deployment)?;
            format!("slot {slot} with {release} was started on port {port}, after the old one")
        }
    };
    Ok(format!(
        "{how}; the host reverts it in {seconds} s unless confirmed"
    ))
}

/// Waits until what was started again on the public port answers there. That it does not is for
/// the stabilization to find.
fn await_restart(deployment: &ServiceDeploy<'_>) -> Result<(), DeployError> {
    let limit = Duration::from_secs(deployment.settings().health_deadline_seconds);
    deployment.poll_until(|elapsed| {
        let answer = health_probe::probe(deployment, deployment.settings().port)?;
        Ok(match answer {
            Err(_) if elapsed < limit => ControlFlow::Continue(RESTART_POLL_INTERVAL),
            _ => ControlFlow::Break(()),
        })
    })
}

fn describe(deployment: &ServiceDeploy<'_>, slot: Slot, at: i64) -> Switch {
    let deploy = deployment.deploy;
    Switch {
        slot,
        switch_kind: deployment.settings().switch.kind(),
        release: deploy.release.id(),
        version: deploy.release.version.to_string(),
        commit: deploy.release.commit.clone(),
        owner: deploy.owner.clone(),
        by: deploy.by.clone(),
        at,
    }
}

/// Reverts this run's unconfirmed switch.
pub(crate) fn revert(deployment: &ServiceDeploy<'_>, reason: &str) -> Result<(), DeployError> {
    // Where no switch of this run is armed, the script changes nothing; where there is no
    // script, nothing was ever armed.
    let question = State::query_command(&deployment.layout);
    let reason = serde_json::Value::from(reason).to_string();
    let revert = deployment
        .switchctl("revert")
        .args([&deployment.deploy.owner, &reason])
        .silence_timeout(SILENCE_TIMEOUT);
    let commands = [question, revert];
    let mut outputs = deployment.host.run_all(&commands)?.into_iter();
    let [question, revert] = &commands;
    let output = deployment.host.expect_output(question, outputs.next())?;
    let state = State::from_output(deployment.host, question, &output)?;
    if let ReleaseState::Confirmed(slot) = state.release_state(&deployment.release()) {
        return Err(DeployError::Conflict {
            target: deployment.target(),
            what: format!("{} is confirmed in slot {slot}", deployment.release()),
            next: "roll back by deploying the previous known-good release",
        });
    }
    if state.armed.is_some() {
        deployment.host.expect_output(revert, outputs.next())?;
    }
    deployment.release_lease()
}
