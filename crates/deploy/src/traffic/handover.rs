//! Handover: both slots accept from one listener; the one of before is told to end as soon
//! as the new one answers.
//!
//! Nobody can be refused meanwhile: the kernel keeps connections in the listener's queue,
//! whoever accepts from it. Waiting for the new release's answer makes sure that they do
//! not wait for long, and that a program which does not take its listener is found while
//! the old one still accepts. Two releases of one version answer alike; there the queue
//! alone has to do, and the stabilization.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::model::error::DeployError;
use crate::model::switch_method::Method;

use crate::remote::health_probe;
use crate::remote::service_deploy::ServiceDeploy;

/// Pause between two probes of the public port.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Lets the release be alone with the listener. The inner error says how it does not answer;
/// then the one of before goes on. Idempotent; does nothing by other methods.
pub(crate) fn perform(deployment: &ServiceDeploy<'_>) -> Result<Result<(), String>, DeployError> {
    if deployment.settings().switch != Method::Socket {
        return Ok(Ok(()));
    }
    if let Err(why) = wait_for_answers(deployment, 1)? {
        return Ok(Err(why));
    }
    let command = deployment.switchctl("retire").arg(&deployment.deploy.owner);
    let output = deployment.host.run(&command)?;
    match output.status {
        0 => {}
        // The switch script's word for "reverted meanwhile".
        3 => return Err(deployment.reverted_meanwhile()?),
        _ => return Err(deployment.host.failed(&command, &output).into()),
    }
    // Until the other one has heard of it, it may still accept.
    wait_for_answers(deployment, deployment.settings().health_passes)
}

/// Waits until the public port answers as the release does, `passes` times in a row.
fn wait_for_answers(
    deployment: &ServiceDeploy<'_>,
    passes: u32,
) -> Result<Result<(), String>, DeployError> {
    let limit = Duration::from_secs(deployment.settings().health_deadline_seconds);
    let mut passed = 0;
    deployment.poll_until(|elapsed| {
        if passed == passes {
            return Ok(ControlFlow::Break(Ok(())));
        }
        match health_probe::probe(deployment, deployment.settings().port)? {
            Ok(()) => passed += 1,
            Err(why) if elapsed >= limit => {
                let why = format!("{why}, for {limit:?} with the listener");
                return Ok(ControlFlow::Break(Err(why)));
            }
            Err(_) => passed = 0,
        }
        Ok(ControlFlow::Continue(POLL_INTERVAL))
    })
}
