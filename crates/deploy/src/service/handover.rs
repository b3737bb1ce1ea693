//! Handover: both slots accept from one listener; the one of before is told to end as soon
//! as the new one answers.
//!
//! Nobody can be refused meanwhile: the kernel keeps connections in the listener's queue,
//! whoever accepts from it. Waiting for the new release's answer makes sure that they do
//! not wait for long, and that a program which does not take its listener is found while
//! the old one still accepts. Two releases of one version answer alike; there the queue
//! alone has to do, and the stabilization.

use std::time::{Duration, Instant};

use crate::error::DeployError;
use crate::method::Method;

use super::{Work, health};

/// Between two looks at the public port.
const LOOK: Duration = Duration::from_millis(50);

/// Lets the release be alone with the listener. The inner error says how it does not
/// answer; then the one of before goes on. Idempotent, and nothing by other methods.
pub(super) fn perform(work: &Work<'_>) -> Result<Result<(), String>, DeployError> {
    if work.settings().switch != Method::Socket {
        return Ok(Ok(()));
    }
    if let Err(why) = answers(work, 1)? {
        return Ok(Err(why));
    }
    let command = work.settle("retire").arg(&work.deploy.owner);
    let output = work.host.run(&command)?;
    match output.status {
        0 => {}
        // The settling script's word for "reverted meanwhile".
        3 => return Err(work.reverted_meanwhile()?),
        _ => return Err(work.host.failed(&command, &output).into()),
    }
    // Until the other one has heard of it, it may still accept.
    answers(work, work.settings().health_passes)
}

/// Waits until the public port answers as the release does, so often in a row.
fn answers(work: &Work<'_>, passes: u32) -> Result<Result<(), String>, DeployError> {
    let limit = Duration::from_secs(work.settings().health_deadline_seconds);
    let began = Instant::now();
    let mut passed = 0;
    while passed < passes {
        match health::probe(work, work.settings().port)? {
            Ok(()) => passed += 1,
            Err(why) if began.elapsed() >= limit => {
                return Ok(Err(format!("{why}, for {limit:?} with the listener")));
            }
            Err(_) => passed = 0,
        }
        std::thread::sleep(LOOK);
    }
    Ok(Ok(()))
}
