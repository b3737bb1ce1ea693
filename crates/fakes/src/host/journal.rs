//! The fake host's journal: what its services print, line by line.

use std::time::SystemTime;

/// Lines kept; older ones go first.
const MAX_LINES: usize = 20_000;
/// syslog's `info`, for what says nothing else.
const INFO: u8 = 6;

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) unit: String,
    /// Its place among all lines, from 1.
    pub(super) number: u64,
    /// Seconds since 1970.
    pub(super) at: f64,
    /// syslog's, 0 (emergency) to 7 (debug).
    pub(super) priority: u8,
    pub(super) text: String,
}

impl Line {
    /// As journalctl prints it in one of its formats: `cat` or `short-iso`.
    pub(super) fn shown(&self, output: &str) -> String {
        if output == "cat" {
            return format!("{}\n", self.text);
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds are shown")]
        let at = jiff::Timestamp::from_second(self.at as i64).unwrap_or_default();
        let at = at.strftime("%Y-%m-%dT%H:%M:%S+0000");
        format!("{at} fake {}: {}\n", self.unit, self.text)
    }
}

/// Which lines are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// At least that urgent.
    pub(super) least: u8,
    /// Not before that second.
    pub(super) since: f64,
    /// Behind the line of that number.
    pub(super) after: u64,
}

/// All lines, oldest first.
#[derive(Debug, Default)]
pub(super) struct Journal {
    lines: std::collections::VecDeque<Line>,
    added: u64,
}

impl Journal {
    /// Adds what a service printed; `<3>` at its head is its priority.
    pub(super) fn printed(&mut self, unit: &str, text: &str) {
        let prefix = text
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
            .and_then(|(digit, rest)| Some((digit.parse::<u8>().ok().filter(|p| *p < 8)?, rest)));
        let (priority, text) = prefix.unwrap_or((INFO, text));
        self.add(unit, priority, text);
    }

    /// Adds a line of the service manager itself.
    pub(super) fn add(&mut self, unit: &str, priority: u8, text: &str) {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        self.added += 1;
        self.lines.push_back(Line {
            unit: unit.to_owned(),
            number: self.added,
            at: since_epoch.map_or(0.0, |time| time.as_secs_f64()),
            priority,
            text: text.to_owned(),
        });
        if self.lines.len() > MAX_LINES {
            self.lines.pop_front();
        }
    }

    /// Returns the lines of units that are asked for.
    pub(super) fn of<'a>(
        &'a self,
        units: &'a [&'a str],
        wanted: Wanted,
    ) -> impl DoubleEndedIterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| {
            units.contains(&line.unit.as_str())
                && line.priority <= wanted.least
                && line.at >= wanted.since
                && line.number > wanted.after
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_its_own_priority() {
        let mut journal = Journal::default();
        for text in ["plain", "<3>an error", "<9>no priority", "<x>neither"] {
            journal.printed("a.service", text);
        }
        journal.printed("b.service", "<3>of another");
        let wanted = |least| Wanted {
            least,
            since: 0.0,
            after: 0,
        };
        let texts = |least| -> Vec<String> {
            let lines = journal.of(&["a.service"], wanted(least));
            lines.map(|line| line.text.clone()).collect()
        };
        assert_eq!(texts(3), ["an error"]);
        assert_eq!(
            texts(7),
            ["plain", "an error", "<9>no priority", "<x>neither"]
        );
        let late = Wanted {
            since: f64::MAX,
            ..wanted(7)
        };
        assert_eq!(journal.of(&["a.service"], late).count(), 0);
        let after = Wanted {
            after: 3,
            ..wanted(7)
        };
        let rest: Vec<String> = journal
            .of(&["a.service", "b.service"], after)
            .map(|line| line.shown("cat"))
            .collect();
        assert_eq!(rest, ["<x>neither\n", "of another\n"]);
    }
}
