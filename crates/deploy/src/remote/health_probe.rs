//! One probe of the service's health path, through the SSH connection.

use std::time::Duration;

use crate::model::error::RunError;
use crate::ssh::host::HttpReply;

use super::service_deploy::ServiceDeploy;

/// Longest time of one probe.
const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// Probes the health path once: well is a 200 that names the deployed version. The inner error
/// says what came instead.
pub(crate) fn probe(
    deployment: &ServiceDeploy<'_>,
    port: u16,
) -> Result<Result<(), String>, RunError> {
    let path = &deployment.settings().health;
    let answer = match deployment.host.http_get(port, path, PROBE_LIMIT)? {
        HttpReply::Response(answer) => answer,
        HttpReply::NoResponse(why) => return Ok(Err(why)),
    };
    let asked = format!("port {port}, {path}");
    if answer.status != 200 {
        return Ok(Err(format!("{asked} answers {}", answer.status)));
    }
    let expected = deployment.deploy.release.version.to_string();
    Ok(match answer.json_field("version") {
        Some(version) if version == expected => Ok(()),
        Some(version) => Err(format!(
            "{asked} reports version {version:?}, not {expected}"
        )),
        None => Err(format!("{asked} does not report a \"version\" in JSON")),
    })
}
