//! The stand-in host's journal: what its services print, line by line.

use std::time::SystemTime;

/// Lines kept; older ones go first.
const KEPT: usize = 20_000;
/// syslog's `info`, for what says nothing else.
const INFO: u8 = 6;

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) unit: String,
    /// Seconds since 1970.
    pub(super) at: f64,
    /// syslog's, 0 (emergency) to 7 (debug).
    pub(super) priority: u8,
    pub(super) text: String,
}

/// All lines, oldest first.
#[derive(Debug, Default)]
pub(super) struct Journal {
    lines: std::collections::VecDeque<Line>,
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
        self.lines.push_back(Line {
            unit: unit.to_owned(),
            at: since_epoch.map_or(0.0, |time| time.as_secs_f64()),
            priority,
            text: text.to_owned(),
        });
        if self.lines.len() > KEPT {
            self.lines.pop_front();
        }
    }

    /// The lines of a unit, at least that urgent, since then.
    pub(super) fn of<'a>(
        &'a self,
        unit: &'a str,
        least: u8,
        since: f64,
    ) -> impl DoubleEndedIterator<Item = &'a Line> {
        self.lines
            .iter()
            .filter(move |line| line.unit == unit && line.priority <= least && line.at >= since)
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
        let texts = |least| -> Vec<String> {
            journal
                .of("a.service", least, 0.0)
                .map(|line| line.text.clone())
                .collect()
        };
        assert_eq!(texts(3), ["an error"]);
        assert_eq!(
            texts(7),
            ["plain", "an error", "<9>no priority", "<x>neither"]
        );
        assert_eq!(journal.of("a.service", 7, f64::MAX).count(), 0);
    }
}
