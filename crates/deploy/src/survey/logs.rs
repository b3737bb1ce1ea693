//! What an app says on its host: the journal of its units, from a cursor on.
//!
//! Following is asking again: nothing is left running on the host when the one who
//! follows goes away.

use crate::model::app::App;
use crate::model::error::DeployError;
use crate::model::slot::Slot;
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// How journalctl ends its output when it is asked for a cursor.
const CURSOR: &str = "-- cursor: ";

/// Lines of the journal, and where they end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs {
    /// With time and unit, oldest first.
    pub lines: Vec<String>,
    /// Where to go on; opaque.
    pub cursor: Option<String>,
}

/// Asks for the last `count` lines of the app's units, or for those after a cursor.
///
/// # Errors
/// When the host cannot be asked, or the app's names are refused.
pub fn logs(
    host: &Host,
    app: &App,
    count: usize,
    after: Option<&str>,
) -> Result<Logs, DeployError> {
    app.check()?;
    let layouts = app.services().map(|service| service.layout(host.target()));
    let units = layouts.flat_map(|layout| {
        let slots = Slot::ALL.map(|slot| layout.unit(slot));
        slots.into_iter().chain([layout.migrate_unit()])
    });
    let units: Vec<String> = units.flat_map(|unit| ["-u".to_owned(), unit]).collect();
    if units.is_empty() {
        // Without a unit, journalctl would show what all others say.
        return Ok(Logs::default());
    }
    let command = Command::new("journalctl")
        .args([
            "--quiet",
            "--no-pager",
            "--output=short-iso",
            "--show-cursor",
        ])
        .args(units);
    let command = match after {
        Some(cursor) => command.arg(format!("--after-cursor={cursor}")),
        None => command.args(["-n", &count.to_string()]),
    };
    let text = host.check(&command.privileged())?.text();
    let mut logs = read(&text);
    // Without a new line there is no new cursor.
    logs.cursor = logs.cursor.or_else(|| after.map(str::to_owned));
    Ok(logs)
}

fn read(text: &str) -> Logs {
    let mut logs = Logs::default();
    for line in text.lines() {
        match line.strip_prefix(CURSOR) {
            Some(cursor) => logs.cursor = Some(cursor.to_owned()),
            None => logs.lines.push(line.to_owned()),
        }
    }
    logs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_no_line() {
        let logs = read("one\ntwo\n-- cursor: s=0;i=2\n");
        assert_eq!(logs.lines, ["one", "two"]);
        assert_eq!(logs.cursor.as_deref(), Some("s=0;i=2"));
        assert_eq!(read(""), Logs::default());
    }
}
