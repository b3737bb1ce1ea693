//! Switch: new connections reach the new slot, and the host itself takes that back unless
//! somebody confirms it. Revert: the same way back, at once.
//!
//! One call of the settling script arms the timer and leads users over, under the
//! app's lock: there is no moment in which the switch is made and nobody would revert it.

use std::time::{Duration, Instant};

use crate::error::DeployError;
use crate::layout::Slot;
use crate::method::Method;
use crate::state::{Place, State};
use crate::switch::Switch;

use super::{Work, handover, health};

/// A proxy checks and reloads, and a service may take systemd's 90 s until it is killed.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks at a program that was started again.
const RESTART_LOOK: Duration = Duration::from_millis(50);

/// Leads users to the release's slot.
pub(super) fn perform(work: &Work<'_>, state: &State) -> Result<String, DeployError> {
    let settings = work.settings();
    let release = work.release();
    let slot = match state.place(&release) {
        Place::Started(slot) => slot,
        Place::Confirmed(slot) => return Ok(format!("{release} is confirmed in slot {slot}")),
        // Armed: it is sent again, because a kill may have come between arming and leading.
        Place::Armed(slot) => slot,
        Place::Nowhere(_) => {
            return Err(work.out_of_order("switch to", "it does not run"));
        }
        Place::Blocked => {
            return Err(work.out_of_order("switch to", "another release is switched to"));
        }
    };
    let at = match &state.armed {
        Some(armed) => armed.at,
        None => state.now,
    };
    let switch = describe(work, slot, at);
    let (port, seconds) = (settings.port, settings.revert_after_seconds);
    let command = work
        .settle("switch")
        .args([&work.deploy.owner, &seconds.to_string()])
        .input(switch.file(&work.layout, settings, &work.members(slot)))
        .patience(PATIENCE);
    work.host.check(&command)?;
    let how = match &settings.switch {
        Method::Nft => format!("port {port} leads to slot {slot} with {release}"),
        Method::Template(proxy) => {
            let file = &proxy.file;
            format!("{file} leads to slot {slot} with {release}, and the proxy has reloaded it")
        }
        Method::Socket => match handover::perform(work)? {
            Ok(()) => format!(
                "slot {slot} with {release} takes all that comes to port {port} from its listener"
            ),
            // For the stabilization to find, as with any method; nobody was told to end.
            Err(why) => format!("slot {slot} with {release} has the listener, but {why}"),
        },
        Method::Restart => {
            await_restart(work)?;
            format!("slot {slot} with {release} was started on port {port}, after the old one")
        }
    };
    Ok(format!(
        "{how}; the host reverts it in {seconds} s unless confirmed"
    ))
}

/// Waits until what was started again on the public port answers there. That it does not
/// is for the stabilization to find.
fn await_restart(work: &Work<'_>) -> Result<(), DeployError> {
    let limit = Duration::from_secs(work.settings().health_deadline_seconds);
    let began = Instant::now();
    while health::probe(work, work.settings().port)?.is_err() && began.elapsed() < limit {
        std::thread::sleep(RESTART_LOOK);
    }
    Ok(())
}

fn describe(work: &Work<'_>, slot: Slot, at: i64) -> Switch {
    let deploy = work.deploy;
    Switch {
        slot,
        by_what: work.settings().switch.by(),
        release: deploy.release.id(),
        version: deploy.release.version.to_string(),
        commit: deploy.release.commit.clone(),
        owner: deploy.owner.clone(),
        by: deploy.by.clone(),
        at,
    }
}

/// Takes this run's unconfirmed switch back.
pub(super) fn revert(work: &Work<'_>, reason: &str) -> Result<(), DeployError> {
    // Where no switch of this run is armed, the script changes nothing; where there is no
    // script, nothing was ever armed.
    let question = State::question(&work.layout);
    let reason = serde_json::Value::from(reason).to_string();
    let revert = work
        .settle("revert")
        .args([&work.deploy.owner, &reason])
        .patience(PATIENCE);
    let commands = [question, revert];
    let mut outputs = work.host.run_in_turn(&commands)?.into_iter();
    let [question, revert] = &commands;
    let told = work.host.expect(question, outputs.next())?;
    let state = State::told(work.host, question, &told)?;
    if let Place::Confirmed(slot) = state.place(&work.release()) {
        return Err(DeployError::Conflict {
            target: work.target(),
            what: format!("{} is confirmed in slot {slot}", work.release()),
            next: "roll back by deploying the previous known-good release",
        });
    }
    if state.armed.is_some() {
        work.host.expect(revert, outputs.next())?;
    }
    work.give_back()
}
