//! What runs on a host now, how it is, and what ran before: for people and for rollbacks.
//!
//! Only questions. Health is asked on the slot's own port, so that a broken redirect and
//! a broken program can be told apart.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::drift::{Drift, drift};
use crate::model::app::{App, Release};
use crate::model::error::DeployError;
use crate::model::layout::Layout;
use crate::model::part::Part;
use crate::model::part_kind::AppService;
use crate::model::slot::Slot;
use crate::model::switch::Switch;
use crate::model::switch_method::SwitchKind;
use crate::remote::record::{self, DeployRecord, KnownGood, known_good_pairs};
use crate::remote::state::State;
use crate::ssh::command::Command;
use crate::ssh::host::{Host, HttpReply};

/// How the running backend answers.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// 200, and the version it reports.
    Passing(Option<String>),
    /// What it does instead.
    Failing(String),
    /// There is no backend to ask.
    NotAsked,
}

fn not_asked() -> Health {
    Health::NotAsked
}

/// One app on one host.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct HostStatus {
    /// `user@host:port`.
    pub target: String,
    /// `VERSION-SHA12` of what users meet.
    pub release: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its commit.
    pub commit: Option<String>,
    /// Its slot.
    pub slot: Option<Slot>,
    /// How users are led there.
    #[serde(default)]
    pub switch_kind: Option<SwitchKind>,
    /// Since when its unit runs, in systemd's words.
    pub since: Option<String>,
    /// systemd's `ActiveState` of its unit.
    pub unit: Option<String>,
    /// How it answers.
    pub health: Health,
    /// The last line of `deploys.jsonl`.
    pub last: Option<DeployRecord>,
    /// `VERSION-SHA12` of the frontend.
    pub frontend: Option<String>,
    /// How a frontend that is a service answers.
    #[serde(default = "not_asked")]
    pub frontend_health: Health,
    /// A switch that nobody has confirmed yet.
    pub armed: Option<Switch>,
    /// Where the host differs, by content, from what was deployed to it.
    #[serde(default)]
    pub drift: Vec<Drift>,
}

/// Asks what runs, how it is, and where it differs from what was deployed.
///
/// # Errors
/// When the host cannot be asked, or the app's names are refused.
pub fn status(host: &Host, app: &App) -> Result<HostStatus, DeployError> {
    app.check()?;
    let layout = Layout::new(host.target(), app);
    let state = State::query(host, &layout.service(Part::Backend))?;
    let backend = app.service(Part::Backend).ok();
    let frontend = app.service(Part::Frontend).ok();
    let current = state.armed.as_ref().or(state.confirmed.as_ref()).cloned();
    let slot_state = current
        .as_ref()
        .map(|switch| state.slot(switch.slot).clone());
    let (health, mut differs) = query_health_and_drift(host, backend.as_ref(), current.as_ref())?;
    let (mut armed, mut shown) = (state.armed, state.frontend);
    let mut frontend_health = Health::NotAsked;
    if let Some(frontend) = &frontend {
        let state = State::query(host, &layout.service(Part::Frontend))?;
        let current = state.armed.as_ref().or(state.confirmed.as_ref());
        let (health, more) = query_health_and_drift(host, Some(frontend), current)?;
        frontend_health = health;
        differs.extend(more);
        shown = current.map(|switch| switch.release.clone());
        armed = armed.or(state.armed);
    } else if let Some(was) = State::query(host, &layout.service(Part::Frontend))?.confirmed {
        differs.push(Drift::OldFrontendRuns {
            release: was.release,
            slot: was.slot,
        });
    }
    let last = record::read(host, &layout)?.pop();
    Ok(HostStatus {
        target: host.target().to_string(),
        release: current.as_ref().map(|switch| switch.release.clone()),
        version: current.as_ref().map(|switch| switch.version.clone()),
        commit: current.as_ref().map(|switch| switch.commit.clone()),
        slot: current.as_ref().map(|switch| switch.slot),
        switch_kind: current.map(|switch| switch.switch_kind),
        since: slot_state.as_ref().and_then(|slot| slot.since.clone()),
        unit: slot_state.map(|slot| slot.active),
        health,
        last,
        frontend: shown,
        frontend_health,
        armed,
        drift: differs,
    })
}

/// Asks how what users are led to answers, and where it differs from what was deployed.
fn query_health_and_drift(
    host: &Host,
    service: Option<&AppService<'_>>,
    current: Option<&Switch>,
) -> Result<(Health, Vec<Drift>), DeployError> {
    let (Some(service), Some(switch)) = (service, current) else {
        return Ok((Health::NotAsked, Vec::new()));
    };
    let settings = service.settings;
    let port = switch.port(settings.port);
    let asked = host.http_get(port, &settings.health, Duration::from_secs(5))?;
    let health = match asked {
        HttpReply::Response(answer) if answer.status == 200 => {
            Health::Passing(answer.json_field("version"))
        }
        HttpReply::Response(answer) => Health::Failing(format!("it answers {}", answer.status)),
        HttpReply::NoResponse(why) => Health::Failing(why),
    };
    Ok((health, drift(host, service, switch)?))
}

/// Reads all of `deploys.jsonl`, oldest first.
///
/// # Errors
/// When the host cannot be asked, or the app's names are refused.
pub fn history(host: &Host, app: &App) -> Result<Vec<DeployRecord>, DeployError> {
    app.check()?;
    record::read(host, &Layout::new(host.target(), app))
}

/// Asks what the host is known to have run well: the current pair of releases, and the one
/// before it, which is what a rollback restores, by the same steps and without an upload.
///
/// # Errors
/// When the host cannot be asked, or the app's names are refused.
pub fn known_good(host: &Host, app: &App) -> Result<KnownGood, DeployError> {
    app.check()?;
    let layout = Layout::new(host.target(), app);
    let mut pairs = known_good_pairs(&record::read(host, &layout)?);
    let mut known = KnownGood {
        current: pairs.pop(),
        previous: None,
    };
    for pair in pairs.into_iter().rev() {
        let backend = is_there(host, &layout, pair.backend.as_ref(), Part::Backend)?;
        if backend && is_there(host, &layout, pair.frontend.as_ref(), Part::Frontend)? {
            known.previous = Some(pair);
            break;
        }
    }
    Ok(known)
}

fn is_there(
    host: &Host,
    layout: &Layout,
    release: Option<&Release>,
    part: Part,
) -> Result<bool, DeployError> {
    let Some(release) = release else {
        return Ok(true);
    };
    release.check()?;
    let place = layout.part_directory(&release.id(), part);
    let command = Command::new("test")
        .args(["-d", place.as_str()])
        .privileged();
    Ok(host.run(&command)?.status == 0)
}
