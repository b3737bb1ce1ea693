//! Switch: new connections reach the new slot, and the host itself takes that back unless
//! somebody confirms it. Revert: the same way back, at once.
//!
//! One call of the settling script arms the timer and leads users over, under the
//! app's lock: there is no moment in which the switch is made and nobody would revert it.

use std::time::{Duration, Instant};

use crate::app::{Backend, Deploy};
use crate::command::Command;
use crate::error::DeployError;
use crate::host::Host;
use crate::layout::{Layout, Part, Slot};
use crate::lease;
use crate::method::Method;
use crate::record;
use crate::state::{Place, State};
use crate::switch::Switch;

use super::{handover, health, out_of_order};

/// A proxy checks and reloads, and a service may take systemd's 90 s until it is killed.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks at a program that was started again.
const RESTART_LOOK: Duration = Duration::from_millis(50);

/// Leads users to the release's slot.
pub(super) fn perform(host: &Host, deploy: &Deploy) -> Result<String, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let backend = deploy.app.backend()?;
    let release = deploy.release.id();
    let state = State::ask(host, &deploy.app)?;
    let slot = match state.place(&release) {
        Place::Started(slot) => slot,
        Place::Confirmed(slot) => return Ok(format!("{release} is confirmed in slot {slot}")),
        // Armed: it is sent again, because a kill may have come between arming and leading.
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
    let switch = describe(deploy, backend, slot, at);
    let record = record::members(deploy, Part::Backend, Some(slot));
    let command = Command::new(layout.settle().as_str())
        .args([
            "switch",
            &deploy.owner,
            &backend.revert_after_seconds.to_string(),
        ])
        .input(switch.file(&layout, backend, &record))
        .patience(PATIENCE)
        .privileged();
    host.check(&command)?;
    let (port, seconds) = (backend.port, backend.revert_after_seconds);
    let how = match &backend.switch {
        Method::Nft => format!("port {port} leads to slot {slot} with {release}"),
        Method::Template(proxy) => {
            let file = &proxy.file;
            format!("{file} leads to slot {slot} with {release}, and the proxy has reloaded it")
        }
        Method::Socket => match handover::perform(host, deploy, backend)? {
            Ok(()) => format!(
                "slot {slot} with {release} takes all that comes to port {port} from its listener"
            ),
            // For the stabilisation to find, as with any method; nobody was told to end.
            Err(why) => format!("slot {slot} with {release} has the listener, but {why}"),
        },
        Method::Restart => {
            await_restart(host, deploy, backend)?;
            format!("slot {slot} with {release} was started on port {port}, after the old one")
        }
    };
    Ok(format!(
        "{how}; the host reverts it in {seconds} s unless confirmed"
    ))
}

/// Waits until what was started again on the public port answers there. That it does not
/// is for the stabilisation to find.
fn await_restart(host: &Host, deploy: &Deploy, backend: &Backend) -> Result<(), DeployError> {
    let limit = Duration::from_secs(backend.health_deadline_seconds);
    let began = Instant::now();
    while health::probe(host, deploy, backend, backend.port)?.is_err() && began.elapsed() < limit {
        std::thread::sleep(RESTART_LOOK);
    }
    Ok(())
}

fn describe(deploy: &Deploy, backend: &Backend, slot: Slot, at: i64) -> Switch {
    Switch {
        slot,
        by_what: backend.switch.by(),
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
            .patience(PATIENCE)
            .privileged();
        host.check(&command)?;
    }
    lease::release(host, deploy)
}
