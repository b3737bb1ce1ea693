//! Confirm: the switch becomes permanent, the old slot is drained, old releases go.
//!
//! The decision is one rename on the host, under the app's lock: either the dead man's
//! switch comes first and this fails, or this comes first and the timer finds nothing.
//! Draining is the host's own work; the client only watches, so it may be lost.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::model::error::DeployError;
use crate::model::slot::Slot;
use crate::model::step::Progress;
use crate::remote::retention;
use crate::remote::state::{ReleaseState, State};
use crate::ssh::command::Command;

use crate::remote::service_deploy::ServiceDeploy;
use crate::systemd::unit_status;

/// Pause between two queries of the slot that is drained.
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// What systemd may take to kill a program whose time to end is over.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// Confirms the release, and tidies up after it.
pub(super) fn perform(
    deployment: &ServiceDeploy<'_>,
    state: &State,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let (host, release) = (deployment.host, deployment.release());
    let slot = match state.release_state(&release) {
        ReleaseState::Unconfirmed(slot) | ReleaseState::Confirmed(slot) => slot,
        ReleaseState::Started(_) | ReleaseState::NotRunning(_) => {
            return Err(deployment.reverted_meanwhile()?);
        }
        ReleaseState::SlotBusy => {
            return Err(deployment.out_of_order("confirm", "another release is switched to"));
        }
    };
    let command = deployment
        .switchctl("confirm")
        .arg(&deployment.deploy.owner);
    let output = host.run(&command)?;
    // 3: this run has no switch. That is well only if the release is confirmed anyway.
    let confirmed = match output.status {
        0 => true,
        3 => is_confirmed(&deployment.state()?, &release),
        _ => return Err(host.failed(&command, &output).into()),
    };
    if !confirmed {
        return Err(deployment.reverted_meanwhile()?);
    }
    let drained = drain(deployment, slot.other(), progress)?;
    let keep = deployment.settings().keep_releases;
    let removed =
        retention::remove_old_releases(host, deployment.deploy, deployment.service.part, keep)?;
    deployment.release_lease()?;
    Ok(format!(
        "{release} is confirmed in slot {slot}; {drained}; {removed} old releases removed"
    ))
}

/// Tells whether users are meant to meet the release.
fn is_confirmed(state: &State, release: &str) -> bool {
    matches!(state.release_state(release), ReleaseState::Confirmed(_))
}

/// Waits until the host has emptied and stopped the old slot.
fn drain(
    deployment: &ServiceDeploy<'_>,
    old: Slot,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let settings = deployment.settings();
    let limit = Duration::from_secs(settings.drain_seconds);
    let longest = limit + Duration::from_secs(settings.stop.seconds) + KILL_LIMIT;
    deployment.poll_until(|elapsed| {
        if deployment.state()?.slot(old).has_ended() {
            return Ok(ControlFlow::Break(format!("slot {old} is empty")));
        }
        if elapsed > longest {
            // Users are on the new release for good: an old one that does not end is no reason
            // to take it from them.
            return Ok(ControlFlow::Break(format!(
                "slot {old} still runs after {longest:?}: look at it with `systemctl status {}`",
                deployment.layout.unit(old)
            )));
        }
        if let Some(restart) = restart_of_drain(deployment, old)? {
            deployment.host.check(&restart)?;
        }
        let (done, total) = (elapsed.min(limit).as_secs(), limit.as_secs());
        let text = format!("draining slot {old}");
        progress(Progress::counted(text, done, total));
        Ok(ControlFlow::Continue(POLL_INTERVAL))
    })
}

/// Returns the command that drains the slot, where the host has lost its own drain (a reboot,
/// or a confirmation that was cut off).
fn restart_of_drain(
    deployment: &ServiceDeploy<'_>,
    old: Slot,
) -> Result<Option<Command>, DeployError> {
    let layout = &deployment.layout;
    let unit = layout.drain_unit(old);
    let ask = Command::new("systemctl")
        .args(["is-active", "--quiet", &unit])
        .privileged();
    if deployment.host.run(&ask)?.status == 0 || !runs(deployment, old)? {
        return Ok(None);
    }
    let switchctl = layout.switch_script();
    let command = Command::new("systemd-run")
        .args([
            "--quiet",
            "--collect",
            &format!("--unit={}", unit.trim_end_matches(".service")),
        ])
        .args(["--", switchctl.as_str(), "drain", old.name()]);
    Ok(Some(command.privileged()))
}

fn runs(deployment: &ServiceDeploy<'_>, slot: Slot) -> Result<bool, DeployError> {
    let active = unit_status::of_slot(deployment.host, &deployment.layout, slot)?.active;
    Ok(!matches!(active.as_str(), "inactive" | "failed"))
}
