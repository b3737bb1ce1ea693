//! Rolling back what one run did to a host, because another host failed.
//!
//! An unconfirmed switch is reverted, a slot that no user meets is stopped, and where
//! the run had confirmed its release, the pair that ran before comes back by the same
//! steps as any deploy. What ran before is read from `deploys.jsonl`, so that a client
//! that was lost on the way can do it again: nothing is done twice.

use crate::frontend::bundle::perform_frontend;
use crate::frontend::decommission;
use crate::model::app::{Deploy, Release};
use crate::model::error::DeployError;
use crate::model::layout::Layout;
use crate::model::part::Part;
use crate::model::part_kind::PartKind;
use crate::model::step::{FrontendStep, Progress, ServiceStep};
use crate::remote::lease;
use crate::remote::record::{self, Outcome, PastDeploy, known_good_pairs};
use crate::remote::service_deploy::ServiceDeploy;
use crate::remote::state::{ReleaseState, State};
use crate::ssh::host::Host;

/// Brings back what ran before this run, as far as this run has changed it; returns a short
/// sentence about what was done. Idempotent.
///
/// # Errors
/// When the host cannot be asked, or what ran before does not become healthy again.
pub fn roll_back(
    host: &Host,
    deploy: &Deploy,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    deploy.check()?;
    let layout = Layout::new(host.target(), &deploy.app);
    let records = record::read(host, &layout)?;
    let others: Vec<_> = records
        .into_iter()
        .filter(|record| record.owner != deploy.owner)
        .collect();
    let before = known_good_pairs(&others).pop().unwrap_or(PastDeploy {
        at: jiff::Timestamp::UNIX_EPOCH,
        backend: None,
        frontend: None,
        frontend_is_service: false,
    });
    let mut done = Vec::new();
    for part in rollback_order(&deploy.release, before.frontend.as_ref()) {
        done.extend(roll_back_part(
            part,
            host,
            deploy,
            before.clone(),
            progress,
        )?);
    }
    lease::release(host, deploy)?;
    Ok(match &done[..] {
        [] => "nothing of this run is there".to_owned(),
        some => some.join("; "),
    })
}

/// Returns the order of the parts: a frontend must never stand on a backend that is older than
/// it, so it is first, unless what comes back is newer than what this run brought.
fn rollback_order(brought: &Release, before: Option<&Release>) -> [Part; 2] {
    match before.is_some_and(|before| before.version > brought.version) {
        true => [Part::Backend, Part::Frontend],
        false => [Part::Frontend, Part::Backend],
    }
}

/// Rolls one part back, as what the app says it is.
fn roll_back_part(
    part: Part,
    host: &Host,
    deploy: &Deploy,
    before: PastDeploy,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<String>, DeployError> {
    match (part, deploy.app.part_kind(part)) {
        // An app without this part has nothing of it to roll back.
        (_, Err(_)) => Ok(None),
        (_, Ok(PartKind::Bundle(_))) => roll_back_bundle(host, deploy, before, progress),
        (Part::Backend, Ok(PartKind::Service(_))) => {
            roll_back_service(part, host, deploy, before.backend, progress)
        }
        (Part::Frontend, Ok(PartKind::Service(_))) => match before.frontend {
            Some(bundle) if !before.frontend_is_service => {
                end_first_service(host, deploy, Some(bundle))
            }
            was => roll_back_service(part, host, deploy, was, progress),
        },
    }
}

/// Returns the same run, with the release that ran before it, if that is another one. It is on
/// the host: nothing is built to go back.
fn previous_deploy(deploy: &Deploy, before: Option<Release>) -> Option<Deploy> {
    let release = before.filter(|before| *before != deploy.release)?;
    let mut back = Deploy {
        release,
        ..deploy.clone()
    };
    back.app.disable_host_builds();
    Some(back)
}

fn roll_back_service(
    part: Part,
    host: &Host,
    deploy: &Deploy,
    before: Option<Release>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<String>, DeployError> {
    let deployment = ServiceDeploy::of(part, host, deploy)?;
    Ok(match deployment.release_state()? {
        ReleaseState::Unconfirmed(slot) => {
            deployment.revert("another host failed")?;
            Some(format!("the switch to slot {slot} is reverted"))
        }
        ReleaseState::Started(slot) => {
            deployment.stop_slot(slot)?;
            Some(format!("slot {slot} is stopped"))
        }
        ReleaseState::Confirmed(_) | ReleaseState::SlotBusy => {
            let Some(back) = previous_deploy(deploy, before) else {
                return Ok(Some(format!(
                    "no other release is known to have run before {}, so it stays",
                    deploy.release.id()
                )));
            };
            back.check()?;
            let deployment = ServiceDeploy::of(part, host, &back)?;
            for step in ServiceStep::ALL {
                deployment.perform(step, None, progress)?;
            }
            Some(format!("{} runs again", back.release.id()))
        }
        ReleaseState::NotRunning(_) => None,
    })
}

/// Ends the service that this run brought where the frontend was a bundle before: its files are
/// as they were, and users come to them as they did.
fn end_first_service(
    host: &Host,
    deploy: &Deploy,
    before: Option<Release>,
) -> Result<Option<String>, DeployError> {
    let deployment = ServiceDeploy::of(Part::Frontend, host, deploy)?;
    if !matches!(deployment.release_state()?, ReleaseState::Confirmed(_)) {
        // Of a switch, or of a slot alone, nothing has to be stopped for good.
        return roll_back_service(Part::Frontend, host, deploy, None, &mut |_| {});
    }
    let done = decommission::perform(host, deploy, "rolled back: another host failed")?;
    if let Some(back) = previous_deploy(deploy, before) {
        let confirmed = Outcome::Confirmed;
        record::append(host, &back, Part::Frontend, None, confirmed, None)?;
    }
    Ok(Some(done))
}

fn roll_back_bundle(
    host: &Host,
    deploy: &Deploy,
    before: PastDeploy,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<String>, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app).service(Part::Frontend);
    let current = State::query(host, &layout)?.frontend;
    if current.as_deref() != Some(deploy.release.id().as_str()) {
        return Ok(None);
    }
    if before.frontend_is_service {
        return Ok(Some(
            "the bundle stays: before it the frontend was a service, which still runs".to_owned(),
        ));
    }
    let Some(back) = previous_deploy(deploy, before.frontend) else {
        return Ok(None);
    };
    for step in FrontendStep::ALL {
        perform_frontend(step, host, &back, None, progress)?;
    }
    Ok(Some(format!("the bundle of {} is back", back.release.id())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frontend_goes_back_first_unless_it_goes_back_to_a_newer_one() {
        let release = |version: &str| Release {
            version: version.parse().unwrap(),
            commit: "c".repeat(40),
        };
        let first = |brought: &str, before: Option<&str>| {
            let before = before.map(release);
            rollback_order(&release(brought), before.as_ref())[0]
        };
        assert_eq!(first("2.0.0", Some("1.0.0")), Part::Frontend);
        assert_eq!(first("1.0.0", Some("1.0.0")), Part::Frontend);
        assert_eq!(first("1.0.0", Some("1.0.0-rc.1")), Part::Frontend);
        assert_eq!(first("1.0.0", Some("2.0.0")), Part::Backend);
        assert_eq!(first("1.0.0", None), Part::Frontend);
    }
}
