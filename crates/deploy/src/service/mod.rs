//! A service's deploy on one host: upload, start, health, switch, stabilize, confirm.
//!
//! A probe looks at the host only, so a run that was killed, or resumed elsewhere, finds
//! its place; when the host has reverted an unconfirmed switch meanwhile, Switch is
//! absent again. Whatever ends a deploy is written to `deploys.jsonl` by the host.

pub(crate) mod host_files;

mod build_on_host;
pub(crate) mod build_script;
mod confirm;
mod health;
mod migrate;
mod stabilize;
mod start;

use crate::artifact::job::DeployJob;
use crate::artifact::upload;
use crate::model::app::Deploy;
use crate::model::error::DeployError;
use crate::model::part::Part;
use crate::model::slot::Slot;
use crate::model::step::{Probe, Progress, ServiceStep};
use crate::remote::lease::release_on_failure;
use crate::remote::service_deploy::ServiceDeploy;
use crate::remote::state::{ReleaseState, State};
use crate::ssh::host::Host;
use crate::systemd::unit_status;
use crate::traffic::switch_step;

pub use migrate::{migrate, probe_migration};

/// Asks whether the step's effect is already on the host. Reads only.
///
/// # Errors
/// When the host cannot be asked, or the deploy itself is refused.
pub fn probe_service(
    part: Part,
    step: ServiceStep,
    host: &Host,
    deploy: &Deploy,
    job: Option<&DeployJob>,
) -> Result<Probe, DeployError> {
    deploy.check()?;
    ServiceDeploy::of(part, host, deploy)?.probe(step, job)
}

/// Decides the probe of any step but Upload, from the state of the host.
fn probe_in(step: ServiceStep, state: &State, deploy: &Deploy) -> Probe {
    let release = deploy.release.id();
    let release_state = state.release_state(&release);
    if let Some(armed) = &state.armed
        && armed.owner != deploy.owner
    {
        return Probe::Conflict(format!(
            "an unconfirmed switch to {} by {} is armed; it is confirmed by its own run, or \
             reverted by the host",
            armed.release, armed.owner
        ));
    }
    let done = |what: &str, slot: Slot| Probe::Done(format!("{release} {what} in slot {slot}"));
    match (step, release_state) {
        (_, ReleaseState::SlotBusy) => Probe::Conflict(format!(
            "this run has an unconfirmed switch to another release; revert it before {release}"
        )),
        (ServiceStep::Confirm, ReleaseState::Confirmed(slot)) => {
            if state.slot(slot.other()).is_running() || holds_lease(state, deploy) {
                Probe::Absent
            } else {
                done("is confirmed, alone", slot)
            }
        }
        (ServiceStep::Start, ReleaseState::Confirmed(slot) | ReleaseState::Unconfirmed(slot)) => {
            if state.slot(slot).is_running() {
                done("runs", slot)
            } else {
                Probe::Absent
            }
        }
        (ServiceStep::Start, ReleaseState::Started(slot)) => done("runs", slot),
        (ServiceStep::Upload, _) => Probe::Absent,
        (_, ReleaseState::Confirmed(slot)) => done("is confirmed", slot),
        (ServiceStep::Health | ServiceStep::Switch, ReleaseState::Unconfirmed(slot)) => {
            done("answers on the public port, unconfirmed,", slot)
        }
        _ => Probe::Absent,
    }
}

fn holds_lease(state: &State, deploy: &Deploy) -> bool {
    state
        .lease
        .as_ref()
        .is_some_and(|(holder, ..)| *holder == deploy.owner)
}

/// Performs the step, and returns a short sentence about what was done. Idempotent.
///
/// # Errors
/// [`DeployError`]; `Unhealthy` and `RolledBack` have left the host on the old release.
pub fn perform_service(
    part: Part,
    step: ServiceStep,
    host: &Host,
    deploy: &Deploy,
    job: Option<&DeployJob>,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    deploy.check()?;
    ServiceDeploy::of(part, host, deploy)?.perform(step, job, progress)
}

/// Reverts this run's unconfirmed switch of a part, now; the host writes it to `deploys.jsonl`.
///
/// Does nothing where no switch of this run is armed; a confirmed release is not touched.
///
/// # Errors
/// When the host cannot be asked, or the release is confirmed: then deploy the previous one.
pub fn revert(part: Part, host: &Host, deploy: &Deploy, reason: &str) -> Result<(), DeployError> {
    deploy.check()?;
    ServiceDeploy::of(part, host, deploy)?.revert(reason)
}

impl ServiceDeploy<'_> {
    /// Asks whether the step's effect is already on the host. Reads only.
    pub(crate) fn probe(
        &self,
        step: ServiceStep,
        job: Option<&DeployJob>,
    ) -> Result<Probe, DeployError> {
        if step == ServiceStep::Upload {
            return upload::probe(self.host, self.deploy, self.service.part, job);
        }
        Ok(probe_in(step, &self.state()?, self.deploy))
    }

    /// Performs the step, and returns a short sentence about what was done. Idempotent.
    pub(crate) fn perform(
        &self,
        step: ServiceStep,
        job: Option<&DeployJob>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<String, DeployError> {
        match step {
            ServiceStep::Upload => {
                self.renew_lease()?;
                let brought = match (job, &self.settings().build) {
                    (None, Some(build)) => build_on_host::perform(self, build, progress),
                    _ => {
                        let part = self.service.part;
                        upload::perform(self.host, self.deploy, part, job, progress)
                    }
                };
                release_on_failure(self.host, self.deploy, brought)
            }
            ServiceStep::Start => release_on_failure(self.host, self.deploy, start::perform(self)),
            ServiceStep::Health => health::perform(self, &self.lock_and_query()?, progress),
            ServiceStep::Switch => switch_step::perform(self, &self.lock_and_query()?),
            ServiceStep::Stabilize => stabilize::perform(self, &self.lock_and_query()?, progress),
            ServiceStep::Confirm => {
                let state = self.lock_and_query()?;
                let confirmed = confirm::perform(self, &state, progress);
                release_on_failure(self.host, self.deploy, confirmed)
            }
        }
    }

    /// Reverts this run's unconfirmed switch of a part, now; the host writes it to
    /// `deploys.jsonl`.
    pub(crate) fn revert(&self, reason: &str) -> Result<(), DeployError> {
        switch_step::revert(self, reason)
    }

    /// Stops a slot that no user has met.
    pub(crate) fn stop_slot(&self, slot: Slot) -> Result<(), DeployError> {
        unit_status::stop(self.host, &self.layout, slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::samples::{app, release};
    use crate::model::switch::samples::switch;
    use crate::model::target::Target;
    use crate::remote::state::SlotState;

    fn deploy() -> Deploy {
        Deploy {
            target: Target::parse("root@host").unwrap(),
            app: app(),
            release: release("2.0.0"),
            owner: "me".into(),
            by: "someone".into(),
            is_rollback: false,
        }
    }

    fn running(release: &str) -> SlotState {
        SlotState {
            release: Some(release.into()),
            active: "active".into(),
            ..SlotState::default()
        }
    }

    /// One letter per step after Upload: absent, done, conflict.
    fn check(state: &State, expected: &str) {
        let got: String = ServiceStep::ALL[1..]
            .iter()
            .map(|step| match probe_in(*step, state, &deploy()) {
                Probe::Absent => 'a',
                Probe::Done(_) => 'd',
                Probe::Conflict(_) => 'c',
            })
            .collect();
        assert_eq!(got, expected, "{state:?}");
    }

    #[test]
    fn a_resumed_run_continues_at_the_right_step() {
        let id = release("2.0.0").id();
        let mut state = State::default();
        check(&state, "aaaaa");
        state.confirmed = Some(switch(Slot::Blue, "1.0.0-x", "before"));
        state.blue = running("1.0.0-x");
        check(&state, "aaaaa");
        state.green = running(&id);
        check(&state, "daaaa");
        state.armed = Some(switch(Slot::Green, &id, "me"));
        check(&state, "dddaa");
        let reverted = State {
            armed: None,
            ..state.clone()
        };
        check(&reverted, "daaaa");
        state.armed = None;
        state.confirmed = Some(switch(Slot::Green, &id, "me"));
        check(&state, "dddda");
        state.blue.active = "inactive".into();
        check(&state, "ddddd");
        state.lease = Some(("me".into(), 0, 1));
        check(&state, "dddda");
        state.green.active = "failed".into();
        check(&state, "addda");
    }

    #[test]
    fn an_unconfirmed_switch_of_another_is_a_conflict() {
        let armed = Some(switch(Slot::Green, "3.0.0-x", "other"));
        let mut state = State {
            armed,
            ..State::default()
        };
        check(&state, "ccccc");
        state.armed = Some(switch(Slot::Green, "3.0.0-x", "me"));
        check(&state, "ccccc");
    }
}
