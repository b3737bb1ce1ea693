//! What a host says about a service, in one question; and where a release stands in it.
//!
//! The question only reads. The answer is turned into a [`ReleaseState`] by a pure function, so
//! that a resumed run finds its step from the host and from nothing else.

use std::collections::BTreeMap;

use crate::model::error::DeployError;
use crate::model::layout::ServiceLayout;
use crate::model::slot::Slot;
use crate::model::switch::Switch;
use crate::ssh::command::{Command, Output};
use crate::ssh::host::Host;

/// `$1` directory of the service, `$2` blue's unit, `$3` green's unit, `$4` directory of
/// the app. Section by section; asked before and after everything, so with few processes.
const QUERY_SH: &str = r#"
section() { printf '@%s\n' "$1"; }
lines() { while IFS= read -r line && [ "$line" != '# end' ]; do printf '%s\n' "$line"; done; }
section now; date +%s
for name in armed confirmed; do
  section "$name"
  if [ -e "$1/switch/$name" ]; then lines <"$1/switch/$name"; fi
done
section lease
if [ -s "$4/lease" ]; then lines <"$4/lease"; fi
section links
find "$1/slots" "$4/frontend" -maxdepth 1 -type l -printf '%f=%l\n' 2>/dev/null
section units
systemctl show -p ActiveState,NRestarts,ActiveEnterTimestamp "$2" "$3"
"#;

/// One slot as the host sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SlotState {
    /// The release it is linked to.
    pub(crate) release: Option<String>,
    /// systemd's `ActiveState`.
    pub(crate) active: String,
    /// systemd's `NRestarts`.
    pub(crate) restarts: u32,
    /// systemd's `ActiveEnterTimestamp`.
    pub(crate) since: Option<String>,
}

impl SlotState {
    /// Tells whether the unit runs or is about to.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.active.as_str(), "active" | "activating" | "reloading")
    }

    /// Tells whether nothing of it is left: a unit that was told to end may still answer what
    /// it has accepted.
    pub(crate) fn has_ended(&self) -> bool {
        !self.is_running() && self.active != "deactivating"
    }
}

/// What the host says about the service, and about its app.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// The host's clock, in seconds since 1970.
    pub(crate) now: i64,
    /// A switch that nobody has confirmed yet.
    pub(crate) armed: Option<Switch>,
    /// What users are meant to meet.
    pub(crate) confirmed: Option<Switch>,
    pub(crate) blue: SlotState,
    pub(crate) green: SlotState,
    /// Holder, since, until.
    pub(crate) lease: Option<(String, i64, i64)>,
    /// The release that `frontend/current` names.
    pub(crate) frontend: Option<String>,
}

/// Where a release stands on a host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ReleaseState {
    /// Users meet it, and it is known to be good.
    Confirmed(Slot),
    /// Users meet it, and nobody has confirmed it yet.
    Unconfirmed(Slot),
    /// It runs, and users meet another one.
    Started(Slot),
    /// It does not run; this slot is free for it.
    NotRunning(Slot),
    /// Another release is armed, so that no slot is free.
    SlotBusy,
}

impl State {
    /// Asks the host.
    pub(crate) fn query(host: &Host, layout: &ServiceLayout) -> Result<State, DeployError> {
        let question = State::query_command(layout);
        State::from_output(host, &question, &host.check(&question)?)
    }

    /// Returns the question alone, to be sent along with others; [`State::from_output`] reads
    /// the answer.
    pub(crate) fn query_command(layout: &ServiceLayout) -> Command {
        Command::script(QUERY_SH)
            .arg(layout.directory())
            .args([layout.unit(Slot::Blue), layout.unit(Slot::Green)])
            .arg(layout.app_layout().base())
            .privileged()
    }

    /// Parses what the host has answered to that question.
    pub(crate) fn from_output(
        host: &Host,
        question: &Command,
        answer: &Output,
    ) -> Result<State, DeployError> {
        State::parse(&answer.text()).map_err(|what| host.unreadable(question, what).into())
    }

    fn parse(text: &str) -> Result<State, String> {
        let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut current = "";
        for line in text.lines() {
            match line.strip_prefix('@') {
                Some(name) => current = name,
                None => sections.entry(current).or_default().push(line),
            }
        }
        let lines = |name: &str| sections.get(name).cloned().unwrap_or_default();
        let switch = |name: &str| match lines(name).as_slice() {
            [] => Ok(None),
            head => Switch::parse(&head.join("\n")).map(Some),
        };
        let number = |text: Option<&&str>| {
            text.and_then(|text| text.trim().parse::<i64>().ok())
                .ok_or_else(|| format!("{text:?} is no number"))
        };
        let lease = match lines("lease").as_slice() {
            [] => None,
            [holder, since, until] => Some((
                (*holder).to_owned(),
                number(Some(since))?,
                number(Some(until))?,
            )),
            other => return Err(format!("the lease reads {other:?}")),
        };
        let links = lines("links");
        let release = |link: &str| {
            let links = links.iter().filter_map(|line| line.split_once('='));
            let mut named = links.filter(|(name, _)| *name == link);
            let (_, place) = named.next()?;
            place.rsplit('/').next().map(str::to_owned)
        };
        // systemd leaves a line free between two units.
        let units = lines("units");
        let mut units = units.split(|line| line.is_empty());
        let mut slot =
            |slot: Slot| slot_state(release(slot.name()), units.next().unwrap_or_default());
        Ok(State {
            now: number(lines("now").first())?,
            armed: switch("armed")?,
            confirmed: switch("confirmed")?,
            blue: slot(Slot::Blue),
            green: slot(Slot::Green),
            lease,
            frontend: release("current"),
        })
    }

    /// Returns the state of one slot.
    pub(crate) fn slot(&self, slot: Slot) -> &SlotState {
        match slot {
            Slot::Blue => &self.blue,
            Slot::Green => &self.green,
        }
    }

    /// Returns the state of a release.
    pub(crate) fn release_state(&self, release: &str) -> ReleaseState {
        if let Some(armed) = &self.armed {
            return if armed.release == release {
                ReleaseState::Unconfirmed(armed.slot)
            } else {
                ReleaseState::SlotBusy
            };
        }
        if let Some(confirmed) = self.confirmed.as_ref().filter(|c| c.release == release) {
            return ReleaseState::Confirmed(confirmed.slot);
        }
        let idle = self
            .confirmed
            .as_ref()
            .map_or(Slot::Blue, |confirmed| confirmed.slot.other());
        let state = self.slot(idle);
        if state.release.as_deref() == Some(release) && state.is_running() {
            ReleaseState::Started(idle)
        } else {
            ReleaseState::NotRunning(idle)
        }
    }
}

fn slot_state(release: Option<String>, lines: &[&str]) -> SlotState {
    let fields: BTreeMap<&str, &str> = lines
        .iter()
        .filter_map(|line| line.split_once('='))
        .collect();
    let field = |name: &str| fields.get(name).filter(|value| !value.is_empty()).copied();
    SlotState {
        release,
        active: field("ActiveState").unwrap_or("unknown").to_owned(),
        restarts: field("NRestarts")
            .and_then(|count| count.parse().ok())
            .unwrap_or(0),
        since: field("ActiveEnterTimestamp").map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::switch::samples::switch;

    fn running(release: &str) -> SlotState {
        SlotState {
            release: Some(release.into()),
            active: "active".into(),
            ..SlotState::default()
        }
    }

    #[test]
    fn the_state_of_a_release_follows_from_that_of_the_service() {
        let fresh = State::default();
        assert_eq!(
            fresh.release_state("2"),
            ReleaseState::NotRunning(Slot::Blue)
        );
        let mut state = State {
            confirmed: Some(switch(Slot::Blue, "1", "a")),
            blue: running("1"),
            ..State::default()
        };
        assert_eq!(
            state.release_state("1"),
            ReleaseState::Confirmed(Slot::Blue)
        );
        assert_eq!(
            state.release_state("2"),
            ReleaseState::NotRunning(Slot::Green)
        );
        state.green = running("2");
        assert_eq!(state.release_state("2"), ReleaseState::Started(Slot::Green));
        assert_eq!(
            state.release_state("3"),
            ReleaseState::NotRunning(Slot::Green)
        );
        state.green.active = "failed".into();
        assert_eq!(
            state.release_state("2"),
            ReleaseState::NotRunning(Slot::Green)
        );
        state.armed = Some(switch(Slot::Green, "2", "b"));
        assert_eq!(
            state.release_state("2"),
            ReleaseState::Unconfirmed(Slot::Green)
        );
        assert_eq!(state.release_state("1"), ReleaseState::SlotBusy);
        assert_eq!(state.release_state("3"), ReleaseState::SlotBusy);
    }

    #[test]
    fn an_answer_is_read_section_by_section() {
        let text = "@now\n1700000000\n@armed\n@confirmed\n# slot blue\n# method nft\n# release 1.0.0-a\n\
                    # version 1.0.0\n# commit a\n# owner run\n# by x\n# at 5\n@lease\nrun\n1\n2\n\
                    @links\ngreen.new.7=../releases/x\nblue=../releases/1.0.0-a\ncurrent=served/1.0.0-a\n\
                    @units\nActiveState=active\nNRestarts=2\nActiveEnterTimestamp=\n\n\
                    ActiveState=inactive\nNRestarts=0\n";
        let state = State::parse(text).unwrap();
        assert_eq!(
            state.release_state("1.0.0-a"),
            ReleaseState::Confirmed(Slot::Blue)
        );
        assert_eq!((state.now, state.blue.restarts), (1_700_000_000, 2));
        assert!(state.blue.is_running() && !state.green.is_running());
        assert_eq!(state.lease, Some(("run".into(), 1, 2)));
        assert_eq!(state.frontend.as_deref(), Some("1.0.0-a"));
        assert!(State::parse("@now\nx\n").unwrap_err().contains("no number"));
        assert!(
            State::parse("@now\n1\n@lease\nrun\n")
                .unwrap_err()
                .contains("lease")
        );
    }
}
