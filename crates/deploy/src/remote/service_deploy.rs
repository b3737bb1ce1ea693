//! The deploy of one service to one host: what every step of it asks and says.

use std::ops::ControlFlow;
use std::time::Duration;

use crate::model::app::{Deploy, Service};
use crate::model::error::DeployError;
use crate::model::layout::ServiceLayout;
use crate::model::part::Part;
use crate::model::part_kind::AppService;
use crate::model::slot::Slot;
use crate::remote::lease;
use crate::remote::record::{self, Outcome};
use crate::remote::state::{ReleaseState, State};
use crate::ssh::command::{Command, Output};
use crate::ssh::host::Host;
use crate::systemd::unit_status;

use super::poll::poll_until;

/// One deploy of one service to one host.
pub(crate) struct ServiceDeploy<'a> {
    pub(crate) host: &'a Host,
    pub(crate) deploy: &'a Deploy,
    pub(crate) service: AppService<'a>,
    pub(crate) layout: ServiceLayout,
}

impl<'a> ServiceDeploy<'a> {
    /// Creates it for a part, if that is a service of the app.
    pub(crate) fn of(
        part: Part,
        host: &'a Host,
        deploy: &'a Deploy,
    ) -> Result<ServiceDeploy<'a>, DeployError> {
        let service = deploy.app.service(part)?;
        Ok(ServiceDeploy {
            host,
            deploy,
            service,
            layout: service.layout(host.target()),
        })
    }

    /// Returns how the service is run.
    pub(crate) fn settings(&self) -> &'a Service {
        self.service.settings
    }

    /// Returns the id of the release that is deployed.
    pub(crate) fn release(&self) -> String {
        self.deploy.release.id()
    }

    /// Returns the host, as errors name it.
    pub(crate) fn target(&self) -> String {
        self.host.target().to_string()
    }

    /// Asks the host for the state of the service.
    pub(crate) fn state(&self) -> Result<State, DeployError> {
        State::query(self.host, &self.layout)
    }

    /// Asks the host for the state of the release.
    pub(crate) fn release_state(&self) -> Result<ReleaseState, DeployError> {
        Ok(self.state()?.release_state(&self.release()))
    }

    /// Returns a call of the switch script.
    pub(crate) fn switchctl(&self, verb: &str) -> Command {
        Command::new(self.layout.switch_script().as_str())
            .arg(verb)
            .privileged()
    }

    /// Takes the lease, or renews it, and asks for the state of the service.
    pub(crate) fn lock_and_query(&self) -> Result<State, DeployError> {
        let (state, []) = self.lock_and_query_with([])?;
        Ok(state)
    }

    /// Does the same, and runs more commands that only read, all in one round trip.
    pub(crate) fn lock_and_query_with<const N: usize>(
        &self,
        more: [&Command; N],
    ) -> Result<(State, [Output; N]), DeployError> {
        let host = self.host;
        let mut commands = vec![
            lease::acquire_command(host, self.deploy),
            State::query_command(&self.layout),
        ];
        commands.extend(more.map(Clone::clone));
        let mut outputs = host.run_all(&commands)?.into_iter();
        lease::check_acquired(
            host,
            &commands[0],
            &host.expect_output(&commands[0], outputs.next())?,
        )?;
        let output = host.expect_output(&commands[1], outputs.next())?;
        let state = State::from_output(host, &commands[1], &output)?;
        let mut answers = more.map(|_| Output::default());
        for (question, answer) in more.into_iter().zip(&mut answers) {
            *answer = host.expect_output(question, outputs.next())?;
        }
        Ok((state, answers))
    }

    /// Waits until `check` breaks, and renews the lease meanwhile; see [`poll_until`].
    pub(crate) fn poll_until<T>(
        &self,
        check: impl FnMut(Duration) -> Result<ControlFlow<T, Duration>, DeployError>,
    ) -> Result<T, DeployError> {
        poll_until(|| self.renew_lease(), check)
    }

    /// Takes the lease, or renews it.
    pub(crate) fn renew_lease(&self) -> Result<(), DeployError> {
        lease::acquire(self.host, self.deploy)
    }

    /// Releases the lease, if it is ours.
    pub(crate) fn release_lease(&self) -> Result<(), DeployError> {
        lease::release(self.host, self.deploy)
    }

    /// Returns the part of a record that is known before its end.
    pub(crate) fn members(&self, slot: Slot) -> String {
        record::members(self.deploy, self.service.part, Some(slot))
    }

    /// Records that users never met the release, and why.
    pub(crate) fn append_unhealthy(
        &self,
        slot: Option<Slot>,
        reason: &str,
    ) -> Result<(), DeployError> {
        let (part, outcome) = (self.service.part, Outcome::Unhealthy);
        record::append(self.host, self.deploy, part, slot, outcome, Some(reason))
    }

    /// Creates the error for a step that came before the ones it stands on.
    pub(crate) fn out_of_order(&self, step: &'static str, what: &str) -> DeployError {
        DeployError::OutOfOrder {
            target: self.target(),
            step,
            release: self.release(),
            what: what.to_owned(),
        }
    }

    /// Creates the error for a host that has reverted this run's switch, with its own reason.
    pub(crate) fn reverted_meanwhile(&self) -> Result<DeployError, DeployError> {
        let state = self.state()?;
        let records = record::read(self.host, self.layout.app_layout())?;
        let release = self.release();
        let reason = records
            .iter()
            .rev()
            .find(|record| {
                record.owner == self.deploy.owner
                    && record.release == release
                    && record.part == self.service.part
            })
            .and_then(|record| record.reason.clone())
            .unwrap_or_else(|| "the host has no switch of this run any more".to_owned());
        self.release_lease()?;
        let slot = state
            .confirmed
            .as_ref()
            .map_or(Slot::Blue, |confirmed| confirmed.slot.other());
        Ok(DeployError::RolledBack {
            target: self.target(),
            release,
            reason,
            now_running: state.confirmed.map(|confirmed| confirmed.release),
            journal: unit_status::journal(self.host, &self.layout, slot)?,
        })
    }
}
