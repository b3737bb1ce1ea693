//! Confirm: the switch becomes permanent, the old slot is drained, old releases go.
//!
//! The decision is one rename on the host, under the app's lock: either the dead man's
//! switch comes first and this fails, or this comes first and the timer finds nothing.
//! Draining is the host's own work; the client only watches, so it may be lost.

use std::time::{Duration, Instant};

use crate::command::Command;
use crate::error::DeployError;
use crate::layout::Slot;
use crate::retention;
use crate::state::{Place, State};
use crate::step::Progress;

use super::{Work, unit};

/// Between two looks at the slot that is drained.
const INTERVAL: Duration = Duration::from_millis(300);
/// A service may take systemd's 90 s until it is killed; then this is a fault.
const STOP_LIMIT: Duration = Duration::from_secs(100);

/// Confirms the release, and tidies up after it.
pub(super) fn perform(
    work: &Work<'_>,
    state: &State,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let (host, release) = (work.host, work.release());
    let slot = match state.place(&release) {
        Place::Armed(slot) | Place::Confirmed(slot) => slot,
        Place::Started(_) | Place::Nowhere(_) => return Err(work.reverted_meanwhile()?),
        Place::Blocked => {
            return Err(work.out_of_order("confirm", "another release is switched to"));
        }
    };
    let command = work.settle("confirm").arg(&work.deploy.owner);
    let output = host.run(&command)?;
    // 3: this run has no switch. That is well only if the release is confirmed anyway.
    let confirmed = match output.status {
        0 => true,
        3 => is_confirmed(&work.state()?, &release),
        _ => return Err(host.failed(&command, &output).into()),
    };
    if !confirmed {
        return Err(work.reverted_meanwhile()?);
    }
    let drained = drain(work, slot.other(), progress)?;
    let keep = work.settings().keep_releases;
    let removed = retention::apply(host, work.deploy, work.service.part, keep)?;
    work.give_back()?;
    Ok(format!(
        "{release} is confirmed in slot {slot}; {drained}; {removed} old releases removed"
    ))
}

/// Whether users are meant to meet the release.
fn is_confirmed(state: &State, release: &str) -> bool {
    matches!(state.place(release), Place::Confirmed(_))
}

/// Waits until the host has emptied and stopped the old slot.
fn drain(
    work: &Work<'_>,
    old: Slot,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let limit = Duration::from_secs(work.settings().drain_seconds);
    let began = Instant::now();
    let mut renewed = began;
    loop {
        if work.state()?.slot(old).has_ended() {
            return Ok(format!("slot {old} is empty"));
        }
        if began.elapsed() > limit + STOP_LIMIT {
            return Err(DeployError::Conflict {
                target: work.target(),
                what: format!(
                    "slot {old} still runs {:?} after its drain limit",
                    STOP_LIMIT
                ),
                next: "the new release is confirmed; stop the old unit by hand, then resume",
            });
        }
        if let Some(restart) = drain_is_gone(work, old)? {
            work.host.check(&restart)?;
        }
        let (done, total) = (began.elapsed().min(limit).as_secs(), limit.as_secs());
        progress(Progress::counted(
            format!("draining slot {old}"),
            done,
            total,
        ));
        if renewed.elapsed() > super::health::RENEWAL {
            renewed = Instant::now();
            work.hold()?;
        }
        std::thread::sleep(INTERVAL);
    }
}

/// The command that drains the slot, where the host has lost its own drain (a reboot, or
/// a confirmation that was cut off).
fn drain_is_gone(work: &Work<'_>, old: Slot) -> Result<Option<Command>, DeployError> {
    let layout = &work.layout;
    let unit = layout.drain_unit(old);
    let ask = Command::new("systemctl")
        .args(["is-active", "--quiet", &unit])
        .privileged();
    if work.host.run(&ask)?.status == 0 || !runs(work, old)? {
        return Ok(None);
    }
    let settle = layout.settle();
    let command = Command::new("systemd-run")
        .args([
            "--quiet",
            "--collect",
            &format!("--unit={}", unit.trim_end_matches(".service")),
        ])
        .args(["--", settle.as_str(), "drain", old.name()]);
    Ok(Some(command.privileged()))
}

fn runs(work: &Work<'_>, slot: Slot) -> Result<bool, DeployError> {
    let active = unit::state(work.host, &work.layout, slot)?.active;
    Ok(!matches!(active.as_str(), "inactive" | "failed"))
}
