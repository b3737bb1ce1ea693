//! Health: the new slot proves itself on its own port before any user meets it.
//!
//! N consecutive answers of 200 that name the deployed version, within a deadline. A
//! failure stops the slot and carries the last journal lines; the old one never noticed.

use std::time::{Duration, Instant};

use crate::app::{Backend, Deploy};
use crate::error::{DeployError, RunError};
use crate::host::{Host, Reply};
use crate::layout::{Layout, Part, Slot};
use crate::lease;
use crate::record::{self, Outcome};
use crate::state::{Place, State};
use crate::step::Progress;

use super::{out_of_order, unit};

/// Between two probes.
const INTERVAL: Duration = Duration::from_millis(200);
/// One probe may take as long.
pub(super) const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// The lease is renewed this often in a long wait.
pub(super) const RENEWAL: Duration = Duration::from_secs(30);

/// Waits for the slot to be healthy.
pub(super) fn perform(
    host: &Host,
    deploy: &Deploy,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let backend = deploy.app.backend()?;
    let release = deploy.release.id();
    let slot = match State::ask(host, &deploy.app)?.place(&release) {
        Place::Started(slot) => slot,
        Place::Confirmed(slot) | Place::Armed(slot) => {
            return Ok(format!("{release} already serves users from slot {slot}"));
        }
        Place::Nowhere(slot) => {
            return unhealthy(host, deploy, slot, "it does not run (any more)".into());
        }
        Place::Blocked => {
            return Err(out_of_order(
                host,
                deploy,
                "probe",
                "another release is switched to",
            ));
        }
    };
    match wait(host, deploy, backend, slot, progress)? {
        Ok(evidence) => Ok(evidence),
        Err(why) => unhealthy(host, deploy, slot, why),
    }
}

/// The outer error is the connection's, the inner one the slot's.
fn wait(
    host: &Host,
    deploy: &Deploy,
    backend: &Backend,
    slot: Slot,
    progress: &mut dyn FnMut(Progress),
) -> Result<Result<String, String>, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let deadline = Duration::from_secs(backend.health_deadline_seconds);
    let began = Instant::now();
    let mut renewed = began;
    let mut passes = 0;
    loop {
        match probe(host, deploy, backend, slot.port(backend.port))? {
            Ok(()) => {
                passes += 1;
                let (done, total) = (passes.into(), backend.health_passes.into());
                progress(Progress::counted(
                    format!("slot {slot} is healthy"),
                    done,
                    total,
                ));
                if passes == backend.health_passes {
                    return restarted(host, &layout, slot).map(|why| match why {
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
                let state = unit::state(host, &layout, slot)?;
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
            lease::hold(host, deploy)?;
        }
        std::thread::sleep(INTERVAL);
    }
}

/// A unit that systemd had to restart is not healthy, however it answers just now.
fn restarted(host: &Host, layout: &Layout, slot: Slot) -> Result<Option<String>, DeployError> {
    let restarts = unit::state(host, layout, slot)?.restarts;
    Ok((restarts > 0).then(|| format!("systemd had to restart it {restarts} times")))
}

/// One probe: 200, and the version that is deployed.
pub(super) fn probe(
    host: &Host,
    deploy: &Deploy,
    backend: &Backend,
    port: u16,
) -> Result<Result<(), String>, RunError> {
    let answer = match host.http_get(port, &backend.health, PROBE_LIMIT)? {
        Reply::Answer(answer) => answer,
        Reply::Silence(why) => return Ok(Err(why)),
    };
    let asked = format!("port {port}, {}", backend.health);
    if answer.status != 200 {
        return Ok(Err(format!("{asked} answers {}", answer.status)));
    }
    let expected = deploy.release.version.to_string();
    Ok(match answer.json_field("version") {
        Some(version) if version == expected => Ok(()),
        Some(version) => Err(format!(
            "{asked} reports version {version:?}, not {expected}"
        )),
        None => Err(format!("{asked} does not report a \"version\" in JSON")),
    })
}

/// Stops the slot, writes down what happened, and gives the lease back.
pub(super) fn unhealthy(
    host: &Host,
    deploy: &Deploy,
    slot: Slot,
    why: String,
) -> Result<String, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let journal = unit::journal(host, &layout, slot)?;
    unit::stop(host, &layout, slot)?;
    record::append(
        host,
        deploy,
        Part::Backend,
        Some(slot),
        Outcome::Unhealthy,
        Some(&why),
    )?;
    lease::release(host, deploy)?;
    Err(DeployError::Unhealthy {
        target: host.target().to_string(),
        release: deploy.release.id(),
        why,
        journal,
    })
}
