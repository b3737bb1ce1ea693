//! How each fault ended, for whoever reads the log: a Markdown table when all have run.

use std::fmt::Write as _;
use std::sync::Mutex;

static ENDED: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// One more fault, and how it ended.
pub(crate) fn add(fault: impl Into<String>, ended: impl Into<String>) {
    ENDED.lock().unwrap().push((fault.into(), ended.into()));
}

/// All of them.
pub(crate) fn table() -> Option<String> {
    let mut ended = ENDED.lock().unwrap().clone();
    ended.sort();
    let mut text = "\n| fault | ended on |\n| --- | --- |\n".to_owned();
    for (fault, end) in &ended {
        writeln!(text, "| {fault} | {end} |").unwrap();
    }
    (!ended.is_empty()).then_some(text)
}
