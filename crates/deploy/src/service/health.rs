//! Health: the new slot proves itself on its own port before any user meets it.
//!
//! N consecutive answers of 200 that name the deployed version, within a deadline. A
//! failure stops the slot and carries the last journal lines; the old one never noticed.

use std::time::{Duration, Instant};

use crate::error::{DeployError, RunError};
use crate::host::Reply;
use crate::layout::Slot;
use crate::state::{Place, State};
use crate::step::Progress;

use super::{Work, unit};

/// Between two probes.
const INTERVAL: Duration = Duration::from_millis(200);
/// One probe may take as long.
pub(super) const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// The lease is renewed this often in a long wait.
pub(super) const RENEWAL: Duration = Duration::from_secs(30);

/// Waits for the slot to be healthy.
pub(super) fn perform(
    work: &Work<'_>,
    state: &State,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let release = work.release();
    let slot = match state.place(&release) {
        Place::Started(slot) => slot,
        Place::Confirmed(slot) | Place::Armed(slot) => {
            return Ok(format!("{release} already serves users from slot {slot}"));
        }
        Place::Nowhere(slot) => {
            return unhealthy(work, slot, "it does not run (any more)".into());
        }
        Place::Blocked => {
            return Err(work.out_of_order("probe", "another release is switched to"));
        }
    };
    match wait(work, slot, progress)? {
        Ok(evidence) => Ok(evidence),
        Err(why) => unhealthy(work, slot, why),
    }
}

/// The outer error is the connection's, the inner one the slot's.
fn wait(
    work: &Work<'_>,
    slot: Slot,
    progress: &mut dyn FnMut(Progress),
) -> Result<Result<String, String>, DeployError> {
    let settings = work.settings();
    let deadline = Duration::from_secs(settings.health_deadline_seconds);
    let began = Instant::now();
    let mut renewed = began;
    let mut passes = 0;
    loop {
        match probe(work, slot.port(settings.port))? {
            Ok(()) => {
                passes += 1;
                let (done, total) = (passes.into(), settings.health_passes.into());
                progress(Progress::counted(
                    format!("slot {slot} is healthy"),
                    done,
                    total,
                ));
                if passes == settings.health_passes {
                    return restarted(work, slot).map(|why| match why {
                        Some(why) => Err(why),
                        None => Ok(format!("slot {slot}: {passes} consecutive passes")),
                    });
                }
            }
            Err(why) => {
                passes = 0;
                progress(Progress {
                    text: format!("slot {slot}: {why}"),
                    done: None,
                    total: None,
                    probed: None,
                });
                let state = unit::state(work.host, &work.layout, slot)?;
                if matches!(state.active.as_str(), "failed" | "inactive") {
                    return Ok(Err(format!(
                        "the unit is {}; the last probe: {why}",
                        state.active
                    )));
                }
                if began.elapsed() >= deadline {
                    return Ok(Err(format!("{why}, for {deadline:?}")));
                }
            }
        }
        if renewed.elapsed() > RENEWAL {
            renewed = Instant::now();
            work.hold()?;
        }
        std::thread::sleep(INTERVAL);
    }
}

/// A unit that systemd had to restart is not healthy, however it answers just now.
fn restarted(work: &Work<'_>, slot: Slot) -> Result<Option<String>, DeployError> {
    let restarts = unit::state(work.host, &work.layout, slot)?.restarts;
    Ok((restarts > 0).then(|| format!("systemd had to restart it {restarts} times")))
}

/// One probe: 200, and the version that is deployed.
pub(super) fn probe(work: &Work<'_>, port: u16) -> Result<Result<(), String>, RunError> {
    let path = &work.settings().health;
    let answer = match work.host.http_get(port, path, PROBE_LIMIT)? {
        Reply::Answer(answer) => answer,
        Reply::Silence(why) => return Ok(Err(why)),
    };
    let asked = format!("port {port}, {path}");
    if answer.status != 200 {
        return Ok(Err(format!("{asked} answers {}", answer.status)));
    }
    let expected = work.deploy.release.version.to_string();
    Ok(match answer.json_field("version") {
        Some(version) if version == expected => Ok(()),
        Some(version) => Err(format!(
            "{asked} reports version {version:?}, not {expected}"
        )),
        None => Err(format!("{asked} does not report a \"version\" in JSON")),
    })
}

/// Stops the slot, writes down what happened, and gives the lease back.
pub(super) fn unhealthy(work: &Work<'_>, slot: Slot, why: String) -> Result<String, DeployError> {
    let journal = unit::journal(work.host, &work.layout, slot)?;
    unit::stop(work.host, &work.layout, slot)?;
    work.append_unhealthy(Some(slot), &why)?;
    work.give_back()?;
    Err(DeployError::Unhealthy {
        target: work.target(),
        release: work.release(),
        why,
        journal,
    })
}
