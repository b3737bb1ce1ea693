//! The page of events names every event and every key that programs are sent, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;
use stagegate_config::schema::Level;
use stagegate_config::stage::Stage;
use stagegate_plan::model::{
    Event, Finding, Plan, RunEnd, RunId, StepOutcome, TimeBreakdown, Verb,
};

/// The variants of [`Event`]; one more does not compile below.
const EVENTS: usize = 13;

fn number(event: &Event) -> usize {
    match event {
        Event::RunStarted { .. } => 0,
        Event::StepStarted { .. } => 1,
        Event::Progress { .. } => 2,
        Event::Finding { .. } => 3,
        Event::Probed { .. } => 4,
        Event::StepDone { .. } => 5,
        Event::StepFailed { .. } => 6,
        Event::RollbackStarted { .. } => 7,
        Event::UndoStarted { .. } => 8,
        Event::UndoDone { .. } => 9,
        Event::UndoFailed { .. } => 10,
        Event::RunEnded { .. } => 11,
        Event::Patch { .. } => 12,
    }
}

fn samples() -> Vec<Event> {
    let (at, seconds, time) = (1, 0.5, TimeBreakdown::default());
    let (step, error) = (|| "fmt".to_owned(), || "it failed".to_owned());
    let (stage, title) = (Stage::Fmt, || "cargo fmt".to_owned());
    let evidence = || "it is there".to_owned();
    let id = RunId::new(Verb::Release, "1.4.0");
    let version = "1.4.0".parse().unwrap();
    vec![
        Event::RunStarted {
            plan: Box::new(Plan::new(id, version, Timestamp::UNIX_EPOCH)),
            done_before: 0,
        },
        Event::StepStarted {
            step: step(),
            stage,
            title: title(),
            at,
        },
        Event::Progress {
            step: step(),
            text: "at it".into(),
            done: Some(1),
            total: Some(2),
        },
        Event::Finding {
            step: step(),
            level: Level::Deny,
            finding: Finding {
                file: "src/lib.rs".into(),
                line: 1,
                column: Some(1),
                title: title(),
                message: error(),
            },
        },
        Event::Patch {
            step: step(),
            patch: "+one line more".into(),
        },
        Event::Probed {
            step: step(),
            at,
            latency: Some(1.0),
        },
        Event::StepDone {
            step: step(),
            outcome: StepOutcome::Performed,
            evidence: evidence(),
            at,
            seconds,
            time,
        },
        Event::StepFailed {
            step: step(),
            error: error(),
            at,
            seconds,
            time,
        },
        Event::RollbackStarted {
            steps: 1,
            cause: error(),
            at,
        },
        Event::UndoStarted {
            step: step(),
            stage,
            title: title(),
            at,
        },
        Event::UndoDone {
            step: step(),
            evidence: evidence(),
            at,
            seconds,
            time,
        },
        Event::UndoFailed {
            step: step(),
            error: error(),
            at,
            seconds,
            time,
        },
        Event::RunEnded {
            end: RunEnd::RollbackIncomplete,
            next: "resume".into(),
            seconds,
            unrestored: vec!["deploy@app1:22".into()],
        },
    ]
}

fn root() -> PathBuf {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    this.parent().unwrap().to_owned()
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/src/reference/events.md")).unwrap()
}

/// The words between backticks.
fn code(text: &str) -> BTreeSet<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The cells of every row of the table below a heading of columns.
fn rows(page: &str, columns: &str) -> Vec<Vec<String>> {
    let table = page.lines().skip_while(|line| !line.starts_with(columns));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    })
    .collect()
}

/// The keys of a value and of what is in it, as deep as the page goes.
fn keys(value: &Value, deep: usize, into: &mut BTreeSet<String>) {
    let Some(map) = value.as_object() else { return };
    for (key, inner) in map {
        into.insert(key.clone());
        if deep > 0 {
            keys(inner, deep - 1, into);
        }
    }
}

#[test]
fn the_page_has_every_event_of_a_run_with_its_keys() {
    let samples = samples();
    let numbers: BTreeSet<usize> = samples.iter().map(number).collect();
    assert_eq!(numbers, (0..EVENTS).collect(), "a sample of each");
    let page = page();
    let documented: BTreeMap<String, BTreeSet<String>> = rows(&page, "| `event` | when")
        .into_iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), code(&row[2])))
        .collect();
    assert_eq!(documented.len(), EVENTS, "{:?}", documented.keys());
    for event in &samples {
        let value = serde_json::to_value(event).unwrap();
        assert_eq!(value["event"], event.name());
        let named = &documented[event.name()];
        let (mut own, mut all) = (BTreeSet::new(), BTreeSet::new());
        keys(&value, 0, &mut own);
        keys(&value, 1, &mut all);
        own.remove("event");
        let missing: Vec<_> = own.difference(named).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", event.name());
        // What the page says in an aside is a form of a value, not a key.
        let forms = BTreeSet::from(["user@host:port".to_owned()]);
        let gone: Vec<_> = named
            .difference(&all)
            .filter(|key| !forms.contains(*key))
            .collect();
        assert!(gone.is_empty(), "{} has no {gone:?}", event.name());
    }
    for (column, all) in [
        (
            "`end` of a run",
            vec![
                "completed",
                "paused",
                "interrupted",
                "declined",
                "failed",
                "rolled-back",
                "rollback-incomplete",
            ],
        ),
        (
            "`outcome` of a step",
            vec!["performed", "found", "before", "noted", "warned"],
        ),
    ] {
        let (_, after) = page.split_once(column).unwrap();
        let near: BTreeSet<String> = code(
            after
                .split("\n\n")
                .take(3)
                .collect::<Vec<_>>()
                .join("\n")
                .as_str(),
        );
        for word in all {
            assert!(near.contains(word), "{column}: {word}");
        }
    }
}

/// Every object with an `event` that the command line writes: its name, and its keys.
fn written() -> BTreeMap<String, BTreeSet<String>> {
    fn sources(directory: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => sources(&path, into),
                false => into.push(path),
            }
        }
    }
    let mut files = Vec::new();
    sources(&root().join("crates/stagegate/src"), &mut files);
    let mut found = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices("\"event\": ") {
            let open = text[..at].rfind('{').unwrap();
            let object = &text[open..open + text[open..].find('}').unwrap()];
            let words: Vec<&str> = object.split('"').collect();
            let keys = words.windows(2).filter(|pair| pair[1].starts_with(':'));
            let keys: BTreeSet<String> = keys
                .map(|pair| pair[0].to_owned())
                .filter(|key| key != "event")
                .collect();
            let name = words.iter().position(|word| *word == "event").unwrap();
            // A name that a variable holds is not here to be read.
            if words.get(name + 1) == Some(&": ") {
                found.insert(words[name + 2].to_owned(), keys);
            }
        }
    }
    found
}

#[test]
fn the_page_has_the_events_of_the_other_commands() {
    let page = page();
    let rows = rows(&page, "| command | `event` | keys |");
    let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in &rows {
        for name in code(&row[1]) {
            documented.insert(name, code(&row[2]));
        }
    }
    let mut written = written();
    let error = written.remove("error").unwrap();
    let (_, line) = page.split_once("`{\"event\":\"error\"").unwrap();
    let line = line.split('`').next().unwrap();
    for key in error {
        assert!(line.contains(&format!("\"{key}\":")), "error: {key}");
    }
    // Named by a variable: `exported` and `imported`, `workflows` and `workflows-written`.
    let by_variable = BTreeSet::from(["exported", "imported", "workflows", "workflows-written"]);
    for (name, keys) in &written {
        let Some(named) = documented.get(name) else {
            panic!("{name} is not on the page");
        };
        let missing: Vec<_> = keys.difference(named).collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
    }
    for name in documented.keys() {
        let known = written.contains_key(name) || by_variable.contains(name.as_str());
        assert!(known, "nothing writes {name}");
    }
}
