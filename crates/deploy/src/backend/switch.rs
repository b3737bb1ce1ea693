//! Switch: new connections reach the new slot, and the host itself takes that back unless
//! somebody confirms it. Revert: the same way back, at once.
//!
//! One call of the settling script arms the timer and replaces the rules, under the
//! app's lock: there is no moment in which the switch is made and nobody would revert it.

use crate::app::Deploy;
use crate::command::Command;
use crate::error::DeployError;
use crate::firewall::Switch;
use crate::host::Host;
use crate::layout::{Layout, Part, Slot};
use crate::lease;
use crate::record;
use crate::state::{Place, State};

use super::out_of_order;

/// Switches the public port to the release's slot.
pub(super) fn perform(host: &Host, deploy: &Deploy) -> Result<String, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let backend = deploy.app.backend()?;
    let release = deploy.release.id();
    let state = State::ask(host, &deploy.app)?;
    let slot = match state.place(&release) {
        Place::Started(slot) => slot,
        Place::Confirmed(slot) => return Ok(format!("{release} is confirmed in slot {slot}")),
        // Armed: the rules are sent again, because a kill may have come between the two.
        Place::Armed(slot) => slot,
        Place::Nowhere(_) => {
            return Err(out_of_order(host, deploy, "switch to", "it does not run"));
        }
        Place::Blocked => {
            return Err(out_of_order(
                host,
                deploy,
                "switch to",
                "another release is switched to",
            ));
        }
    };
    let at = match &state.armed {
        Some(armed) => armed.at,
        None => state.now,
    };
    let switch = describe(deploy, slot, at);
    let record = record::members(deploy, Part::Backend, Some(slot));
    let command = Command::new(layout.settle().as_str())
        .args([
            "switch",
            &deploy.owner,
            &backend.revert_after_seconds.to_string(),
        ])
        .input(switch.ruleset(&layout, backend.port, &record))
        .privileged();
    host.check(&command)?;
    Ok(format!(
        "port {} leads to slot {slot} with {release}; the host reverts it in {} s unless confirmed",
        backend.port, backend.revert_after_seconds
    ))
}

fn describe(deploy: &Deploy, slot: Slot, at: i64) -> Switch {
    Switch {
        slot,
        release: deploy.release.id(),
        version: deploy.release.version.to_string(),
        commit: deploy.release.commit.clone(),
        owner: deploy.owner.clone(),
        by: deploy.by.clone(),
        at,
    }
}

/// Takes this run's unconfirmed switch back, now; the host writes it to `deploys.jsonl`.
///
/// Does nothing where no switch of this run is armed; a confirmed release is not touched.
///
/// # Errors
/// When the host cannot be asked, or the release is confirmed: then deploy the previous one.
pub fn revert(host: &Host, deploy: &Deploy, reason: &str) -> Result<(), DeployError> {
    deploy.check()?;
    deploy.app.backend()?;
    let state = State::ask(host, &deploy.app)?;
    if let Place::Confirmed(slot) = state.place(&deploy.release.id()) {
        return Err(DeployError::Conflict {
            target: host.target().to_string(),
            what: format!("{} is confirmed in slot {slot}", deploy.release.id()),
            next: "roll back by deploying the previous known-good release",
        });
    }
    if state.armed.is_some() {
        let layout = Layout::new(host.target(), &deploy.app);
        let reason = serde_json::Value::from(reason).to_string();
        let command = Command::new(layout.settle().as_str())
            .args(["revert", &deploy.owner, &reason])
            .privileged();
        host.check(&command)?;
    }
    lease::release(host, deploy)
}
