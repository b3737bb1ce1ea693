//! How each fault ended, for whoever reads the log: a Markdown table when all have run.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

static ENDED: Mutex<BTreeMap<&'static str, String>> = Mutex::new(BTreeMap::new());

thread_local! {
    static SCENARIO: Cell<&'static str> = const { Cell::new("") };
}

/// The scenario that this thread plays from now on.
pub(crate) fn begins(scenario: &'static str) {
    SCENARIO.set(scenario);
}

/// How it ended; said again, the last word counts.
pub(crate) fn ended(how: impl Into<String>) {
    ENDED.lock().unwrap().insert(SCENARIO.get(), how.into());
}

/// All of them.
pub(crate) fn table() -> Option<String> {
    let ended = ENDED.lock().unwrap();
    let mut text = "\n| fault | how it ended |\n| --- | --- |\n".to_owned();
    for (scenario, how) in ended.iter() {
        writeln!(text, "| {} | {how} |", scenario.replace('_', " ")).unwrap();
    }
    (!ended.is_empty()).then_some(text)
}
