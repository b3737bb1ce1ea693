//! The deploy of one service to one host: what every step of it asks and says.

use crate::app::{Deploy, Service};
use crate::command::{Command, Output};
use crate::error::DeployError;
use crate::form::AppService;
use crate::host::Host;
use crate::layout::{Part, ServiceLayout, Slot};
use crate::lease;
use crate::record::{self, Outcome};
use crate::state::{Place, State};

use super::unit;

/// One service, on its way to one host.
pub(crate) struct Work<'a> {
    pub(super) host: &'a Host,
    pub(super) deploy: &'a Deploy,
    pub(super) service: AppService<'a>,
    pub(super) layout: ServiceLayout,
}

impl<'a> Work<'a> {
    /// The part's, or why it is none that could be deployed so.
    pub(crate) fn of(
        part: Part,
        host: &'a Host,
        deploy: &'a Deploy,
    ) -> Result<Work<'a>, DeployError> {
        let service = deploy.app.service(part)?;
        Ok(Work {
            host,
            deploy,
            service,
            layout: service.layout(host.target()),
        })
    }

    /// How the service is run.
    pub(super) fn settings(&self) -> &'a Service {
        self.service.settings
    }

    /// What is deployed, as its directory is called.
    pub(super) fn release(&self) -> String {
        self.deploy.release.id()
    }

    /// The host, as errors name it.
    pub(super) fn target(&self) -> String {
        self.host.target().to_string()
    }

    /// What the host says about the service.
    pub(super) fn state(&self) -> Result<State, DeployError> {
        State::ask(self.host, &self.layout)
    }

    /// Where the release stands.
    pub(crate) fn place(&self) -> Result<Place, DeployError> {
        Ok(self.state()?.place(&self.release()))
    }

    /// The settling script, asked for one change.
    pub(super) fn settle(&self, verb: &str) -> Command {
        Command::new(self.layout.settle().as_str())
            .arg(verb)
            .privileged()
    }

    /// Takes the lease, or renews it, and asks what the host says then.
    pub(super) fn hold_and_ask(&self) -> Result<State, DeployError> {
        let (state, []) = self.hold_and_ask_also([])?;
        Ok(state)
    }

    /// The same, and with it more that only reads.
    pub(super) fn hold_and_ask_also<const N: usize>(
        &self,
        more: [&Command; N],
    ) -> Result<(State, [Output; N]), DeployError> {
        let host = self.host;
        let mut commands = vec![
            lease::taking(host, self.deploy),
            State::question(&self.layout),
        ];
        commands.extend(more.map(Clone::clone));
        let mut outputs = host.run_in_turn(&commands)?.into_iter();
        lease::taken(
            host,
            &commands[0],
            &host.expect(&commands[0], outputs.next())?,
        )?;
        let told = host.expect(&commands[1], outputs.next())?;
        let state = State::told(host, &commands[1], &told)?;
        let mut answers = more.map(|_| Output::default());
        for (question, answer) in more.into_iter().zip(&mut answers) {
            *answer = host.expect(question, outputs.next())?;
        }
        Ok((state, answers))
    }

    /// Takes the lease, or renews it.
    pub(super) fn hold(&self) -> Result<(), DeployError> {
        lease::hold(self.host, self.deploy)
    }

    /// Gives the lease back, if it is ours.
    pub(super) fn give_back(&self) -> Result<(), DeployError> {
        lease::release(self.host, self.deploy)
    }

    /// The part of a record that is known before its end.
    pub(super) fn members(&self, slot: Slot) -> String {
        record::members(self.deploy, self.service.part, Some(slot))
    }

    /// Writes down that users never met the release, and why.
    pub(super) fn append_unhealthy(
        &self,
        slot: Option<Slot>,
        reason: &str,
    ) -> Result<(), DeployError> {
        let (part, outcome) = (self.service.part, Outcome::Unhealthy);
        record::append(self.host, self.deploy, part, slot, outcome, Some(reason))
    }

    /// The error for a step that came before the ones it stands on.
    pub(super) fn out_of_order(&self, step: &'static str, what: &str) -> DeployError {
        DeployError::OutOfOrder {
            target: self.target(),
            step,
            release: self.release(),
            what: what.to_owned(),
        }
    }

    /// The error for a host that has taken this run's switch back, with its own reason.
    pub(super) fn reverted_meanwhile(&self) -> Result<DeployError, DeployError> {
        let state = self.state()?;
        let records = record::read(self.host, self.layout.whole())?;
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
        self.give_back()?;
        let slot = state
            .confirmed
            .as_ref()
            .map_or(Slot::Blue, |confirmed| confirmed.slot.other());
        Ok(DeployError::RolledBack {
            target: self.target(),
            release,
            reason,
            now_running: state.confirmed.map(|confirmed| confirmed.release),
            journal: unit::journal(self.host, &self.layout, slot)?,
        })
    }
}
