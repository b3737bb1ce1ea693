//! A log, annotations, values and a summary, for GitHub's runner.
//!
//! The log is folded by stage, with what cargo and others print inside. Nothing
//! that others say is obeyed by the runner ([`command::inert`]), secrets are struck
//! out by it before they could be shown, and what later steps of a workflow can read
//! is in [`values`].

mod chart;
pub(super) mod command;
mod record;
mod summary;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use command::{command, inert};
use jiff::Timestamp;
use record::Record;
use stagegate_config::error::ConfigError;
use stagegate_config::schema::Level;
use stagegate_plan::model::{Blockers, Event, Finding, Plan, RunEnd, StepOutcome};

use super::step_outputs::output;
use super::{Palette, Renderer, count, show_plan};

/// An annotation is read in a margin.
const ANNOTATION: usize = 2000;

/// Returns whether this process runs in a step of a workflow.
pub(crate) fn is_here() -> bool {
    std::env::var("GITHUB_ACTIONS").as_deref() == Ok("true")
}

/// Prints something that the runner obeys.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints what it does not obey.
fn tell(text: &str) {
    say(&inert(text));
}

/// Has the runner strike a secret out of everything that follows.
pub(crate) fn mask(secret: &str) {
    // Where nobody strikes it out, this very line would show it.
    if is_here() {
        for line in secret.lines().filter(|line| !line.trim().is_empty()) {
            say(&command("add-mask", &[], line));
        }
    }
}

/// Masks the secrets that the environment holds for us.
pub(crate) fn mask_environment() {
    let ours = |name: &str| {
        let registries = name.starts_with("CARGO_REGISTRIES_") && name.ends_with("_TOKEN");
        let names = [
            "CARGO_REGISTRY_TOKEN",
            "GITHUB_TOKEN",
            "GH_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        ];
        registries || names.contains(&name)
    };
    for (name, value) in std::env::vars() {
        if ours(&name) {
            mask(&value);
        }
    }
}

/// Shows a run.
pub(super) struct Runner {
    palette: Palette,
    record: Option<Record>,
    /// The title of the group that is open.
    group: Option<String>,
    /// The last that each step said of its progress.
    said: BTreeMap<String, String>,
    /// Steps whose objections are annotated already.
    annotated: BTreeSet<String>,
}

impl Runner {
    pub(super) fn new() -> Runner {
        Runner {
            palette: Palette::for_stdout(),
            record: None,
            group: None,
            said: BTreeMap::new(),
            annotated: BTreeSet::new(),
        }
    }

    fn open(&mut self, title: &str) {
        if self.group.as_deref() != Some(title) {
            self.close();
            say(&command("group", &[], title));
            self.group = Some(title.to_owned());
        }
    }

    fn close(&mut self) {
        if self.group.take().is_some() {
            say(&command("endgroup", &[], ""));
        }
    }

    fn begin(&mut self, plan: &Plan, done_before: usize) {
        if done_before == 0 {
            self.open("the plan");
            tell(&show_plan(plan, &self.palette, None));
            self.close();
        } else {
            tell(&format!(
                "resuming {}: {done_before} of {} done",
                plan.title,
                count(plan.steps.len(), "step")
            ));
        }
    }

    fn progress(&mut self, step: &str, text: &str) {
        let last = self.said.insert(step.to_owned(), text.to_owned());
        if !text.is_empty() && last.as_deref() != Some(text) {
            tell(&format!("  {step} │ {text}"));
        }
    }

    fn annotate(&mut self, step: &str, level: Level, finding: &Finding) {
        self.annotated.insert(step.to_owned());
        let title = format!("{step}: {}", finding.title);
        let (line, column) = (finding.line.to_string(), finding.column);
        let column = column.map_or_else(String::new, |column| column.to_string());
        let properties = [
            ("file", finding.file.as_str()),
            ("line", &line),
            ("col", &column),
            ("title", &title),
        ];
        let name = if level == Level::Deny {
            "error"
        } else {
            "warning"
        };
        say(&command(name, &properties, &finding.message));
    }

    fn done(&mut self, step: &str, outcome: StepOutcome, evidence: &str, seconds: f64) {
        let (mark, note) = match outcome {
            StepOutcome::Performed => ("✓", ""),
            StepOutcome::Found => ("=", "already there: "),
            StepOutcome::Before => return,
            StepOutcome::Warned | StepOutcome::Noted => ("!", ""),
        };
        tell(&format!("{mark} {step} {seconds:.1} s  {note}{evidence}"));
        let is_warning = matches!(outcome, StepOutcome::Warned | StepOutcome::Noted);
        if is_warning && !self.annotated.contains(step) {
            say(&command("warning", &[("title", step)], &short(evidence)));
        }
    }

    fn failed(&mut self, step: &str, error: &str, seconds: f64) {
        self.close();
        tell(&format!("✗ {step} {seconds:.1} s\n\n{error}\n"));
        if !self.annotated.contains(step) {
            say(&command("error", &[("title", step)], &short(error)));
        }
    }

    fn end(&mut self, end: RunEnd, next: &str, seconds: f64) {
        self.close();
        let words = record::ended(end).replace('-', " ");
        tell(&format!("{words} after {seconds:.1} s: {next}"));
        let Some(record) = &self.record else { return };
        let site = site();
        let values = values::values(record, &site);
        let values: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
        // Both are for others: a run is no failure because nobody can read of it.
        for error in [
            output(&values).err(),
            super::step_outputs::summary(&summary::summary(record, &site)).err(),
        ]
        .into_iter()
        .flatten()
        {
            say(&command("warning", &[], &format!("{error:#}")));
        }
    }
}

/// Returns the beginning of a text, for an annotation.
fn short(text: &str) -> String {
    text.chars().take(ANNOTATION).collect()
}

/// Returns the server's address, as a runner tells it.
fn site() -> String {
    let told = std::env::var("GITHUB_SERVER_URL").ok();
    told.filter(|site| !site.is_empty())
        .unwrap_or_else(|| "https://github.com".to_owned())
}

impl Renderer for Runner {
    fn event(&mut self, event: &Event) {
        if matches!(event, Event::RunStarted { .. }) {
            self.record = Some(Record::new(Timestamp::now()));
        }
        if let Some(record) = &mut self.record {
            record.hear(event);
        }
        match event {
            Event::RunStarted { plan, done_before } => self.begin(plan, *done_before),
            Event::StepStarted { step, title, .. } | Event::UndoStarted { step, title, .. } => {
                let record = self.record.as_ref();
                let alone = record.filter(|record| !record.is_joined(step));
                // What begins beside others belongs to the group that is open.
                if let Some(round) = alone.map(|record| record.round(step)) {
                    self.open(&round);
                }
                tell(&format!("  {step} │ {title}"));
            }
            Event::Progress { step, text, .. } => self.progress(step, text),
            Event::Patch { patch, .. } => {
                for line in patch.lines() {
                    tell(&format!("    {line}"));
                }
            }
            Event::Finding {
                step,
                level,
                finding,
            } => self.annotate(step, *level, finding),
            Event::Probed { .. } => {}
            Event::StepDone {
                step,
                outcome,
                evidence,
                seconds,
                ..
            } => self.done(step, *outcome, evidence, *seconds),
            Event::UndoDone {
                step,
                evidence,
                seconds,
                ..
            } => self.done(step, StepOutcome::Performed, evidence, *seconds),
            Event::RollbackStarted { steps, .. } => {
                self.open("rollback");
                tell(&format!("rolling back: {}", count(*steps, "step")));
            }
            Event::StepFailed {
                step,
                error,
                seconds,
                ..
            }
            | Event::UndoFailed {
                step,
                error,
                seconds,
                ..
            } => self.failed(step, error, *seconds),
            Event::RunEnded {
                end, next, seconds, ..
            } => self.end(*end, next, *seconds),
        }
    }
}

/// Shows a plan that will not be run.
pub(super) fn plan(plan: &Plan) {
    tell(&show_plan(plan, &Palette::for_stdout(), None));
    let version = plan.version.to_string();
    let values = [("ended", PLANNED), ("version", version.as_str())];
    for error in [
        output(&values).err(),
        super::step_outputs::summary(&summary::of_plan(plan)).err(),
    ]
    .into_iter()
    .flatten()
    {
        say(&command("warning", &[], &format!("{error:#}")));
    }
}

/// How a dry run ended, and one that problems kept from starting: the value of `ended`
/// beside those of [`RunEnd`].
const PLANNED: &str = "planned";
const BLOCKED: &str = "blocked";

/// Returns file, line and column of a mistake in the configuration, as far as they are known.
/// The runner knows files from the checkout's top.
fn place_of(error: &ConfigError) -> [String; 3] {
    let top = std::env::var("GITHUB_WORKSPACE").unwrap_or_default();
    let file = error.file.strip_prefix(&top).unwrap_or(&error.file);
    let (line, column) = match &error.place {
        None => (String::new(), String::new()),
        Some((line, column, _)) => (line.to_string(), column.to_string()),
    };
    [file.to_string(), line, column]
}

/// Shows an error that ended the command.
pub(super) fn error(error: &anyhow::Error) {
    let text = format!("{error:#}");
    let _ = writeln!(std::io::stderr(), "error: {}", inert(&text));
    match error.downcast_ref::<Blockers>() {
        None => {
            let config = error.chain().find_map(|cause| cause.downcast_ref());
            let [file, line, column] = config.map(place_of).unwrap_or_default();
            let properties = [
                ("file", file.as_str()),
                ("line", &line),
                ("col", &column),
                ("title", "stagegate"),
            ];
            say(&command("error", &properties, &short(&text)));
        }
        Some(blockers) => {
            for blocker in &blockers.0 {
                let words = record::blocker(blocker);
                let place = blocker.place.as_ref();
                let line = place.map(|place| place.line.to_string());
                let properties = [
                    ("file", place.map_or("", |place| place.file.as_str())),
                    ("line", line.as_deref().unwrap_or_default()),
                    ("title", "problem"),
                ];
                say(&command("error", &properties, &short(&words)));
            }
            for error in [
                output(&[("ended", BLOCKED)]).err(),
                super::step_outputs::summary(&summary::of_blockers(blockers)).err(),
            ]
            .into_iter()
            .flatten()
            {
                say(&command("warning", &[], &format!("{error:#}")));
            }
        }
    }
}
