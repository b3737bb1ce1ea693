//! What systemd says about one slot's unit: its state, its restarts, its journal.
//!
//! Only questions, and the stop of a slot that no user meets.

use std::collections::BTreeMap;

use crate::model::error::DeployError;
use crate::model::layout::ServiceLayout;
use crate::model::slot::Slot;
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// How many lines an error carries.
const LAST_LINES: &str = "20";

/// A unit as systemd shows it.
#[derive(Debug, PartialEq)]
pub(crate) struct UnitState {
    /// `active`, `failed`, ….
    pub(crate) active: String,
    /// Automatic restarts since it was started.
    pub(crate) restarts: u32,
}

/// Asks systemd about a slot's unit.
pub(crate) fn of_slot(
    host: &Host,
    layout: &ServiceLayout,
    slot: Slot,
) -> Result<UnitState, DeployError> {
    of_unit(host, &layout.unit(slot))
}

/// Asks systemd about a unit.
pub(crate) fn of_unit(host: &Host, unit: &str) -> Result<UnitState, DeployError> {
    let command = Command::new("systemctl")
        .args(["show", "-p", "ActiveState,NRestarts", unit])
        .privileged();
    let text = host.check(&command)?.text();
    let fields: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let (Some(active), Some(restarts)) = (
        fields.get("ActiveState"),
        fields.get("NRestarts").and_then(|count| count.parse().ok()),
    ) else {
        return Err(host.unreadable(&command, text).into());
    };
    Ok(UnitState {
        active: (*active).to_owned(),
        restarts,
    })
}

/// Reads the last lines of a slot's journal.
pub(crate) fn journal(
    host: &Host,
    layout: &ServiceLayout,
    slot: Slot,
) -> Result<Vec<String>, DeployError> {
    journal_of(host, &layout.unit(slot))
}

/// Reads the last lines of a unit's journal.
pub(crate) fn journal_of(host: &Host, unit: &str) -> Result<Vec<String>, DeployError> {
    let command = Command::new("journalctl")
        .args(["--quiet", "--no-pager", "--output=cat", "-n", LAST_LINES])
        .args(["-u", unit])
        .privileged();
    lines(host, &command)
}

/// Reads lines of priority `err` and worse since that second of the host's clock.
pub(crate) fn errors_since(
    host: &Host,
    layout: &ServiceLayout,
    slot: Slot,
    since: i64,
) -> Result<Vec<String>, DeployError> {
    let command = Command::new("journalctl")
        .args(["--quiet", "--no-pager", "--output=cat", "-p", "err"])
        .args([&format!("--since=@{since}"), "-u", &layout.unit(slot)])
        .privileged();
    lines(host, &command)
}

fn lines(host: &Host, command: &Command) -> Result<Vec<String>, DeployError> {
    let text = host.check(command)?.text();
    Ok(text.lines().map(str::to_owned).collect())
}

/// Stops a slot's unit.
pub(crate) fn stop(host: &Host, layout: &ServiceLayout, slot: Slot) -> Result<(), DeployError> {
    // A service may take systemd's 90 s until it is killed.
    let patience = std::time::Duration::from_secs(120);
    let command = Command::new("systemctl").args(["stop", &layout.unit(slot)]);
    host.check(&command.privileged().silence_timeout(patience))?;
    Ok(())
}
