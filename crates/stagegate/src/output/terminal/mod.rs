//! Lines and spinners, for people.
//!
//! A finished step is a line that stays. A running one is a spinner, only on a
//! terminal: a log file gets no more than the lines that stay.

pub(crate) mod color;
pub(crate) mod plan;

use std::collections::BTreeMap;
use std::time::Duration;

use color::{Palette, cut, width, wrap};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use stagegate_plan::model::{Event, Plan, RunEnd, StepOutcome};

use super::{Renderer, count, show_plan};

pub(crate) struct Human {
    palette: Palette,
    bars: MultiProgress,
    running: BTreeMap<String, ProgressBar>,
    titles: BTreeMap<String, String>,
    columns: usize,
    /// Whether the plan is shown before its steps.
    pub(crate) shows_plan: bool,
}

impl Human {
    pub(crate) fn new() -> Human {
        Human {
            palette: Palette::for_stdout(),
            bars: MultiProgress::new(),
            running: BTreeMap::new(),
            titles: BTreeMap::new(),
            columns: 12,
            shows_plan: true,
        }
    }

    /// Prints a line that stays, above whatever moves.
    pub(crate) fn say(&self, text: &str) {
        self.bars.suspend(|| super::line(text));
    }

    fn begin(&mut self, plan: &Plan, done_before: usize) {
        self.columns = plan
            .steps
            .iter()
            .map(|step| step.id.chars().count())
            .max()
            .unwrap_or(12)
            .min(28);
        self.titles = plan
            .steps
            .iter()
            .map(|step| (step.id.clone(), step.title.clone()))
            .collect();
        if self.shows_plan && done_before == 0 {
            self.say(&show_plan(plan, &self.palette, width()));
            self.say("");
        } else if done_before > 0 {
            let text = format!(
                "resuming {}: {done_before} of {} done",
                plan.title,
                count(plan.steps.len(), "step")
            );
            self.say(&self.palette.strong(&text));
        }
    }

    fn spin(&mut self, step: &str, title: &str) {
        let bar = self.bars.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed:>4} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(cut(
            &format!("{step:<width$}", width = self.columns),
            self.columns,
        ));
        bar.set_message(title.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.insert(step.to_owned(), bar);
    }

    fn finish(&mut self, step: &str) {
        if let Some(bar) = self.running.remove(step) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn done(&mut self, step: &str, outcome: StepOutcome, evidence: &str, seconds: f64) {
        self.finish(step);
        let (mark, note) = match outcome {
            StepOutcome::Performed => (self.palette.good("✓"), ""),
            StepOutcome::Found => (self.palette.good("="), "already there: "),
            // What an earlier run did was told by that run.
            StepOutcome::Before => return,
            StepOutcome::Warned | StepOutcome::Noted => (self.palette.warn("!"), ""),
        };
        let name = format!("{step:<width$}", width = self.columns);
        let evidence = if matches!(outcome, StepOutcome::Warned | StepOutcome::Noted) {
            evidence.to_owned()
        } else {
            let first = evidence.lines().next().unwrap_or_default();
            let room = width().map(|width| width.saturating_sub(self.columns + 14).max(20));
            room.map_or(first.to_owned(), |room| {
                cut(&format!("{note}{first}"), room)
            })
        };
        self.say(&format!(
            "{mark} {name} {seconds:>6.1} s  {}",
            self.palette.faint(&evidence)
        ));
    }
}

impl Renderer for Human {
    fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted { plan, done_before } => self.begin(plan, *done_before),
            Event::StepStarted { step, title, .. } | Event::UndoStarted { step, title, .. } => {
                self.spin(step, title);
            }
            Event::RollbackStarted { steps, .. } => self.say(
                &self
                    .palette
                    .warn(&format!("rolling back: {}", count(*steps, "step"))),
            ),
            Event::Progress {
                step,
                text,
                done,
                total,
            } => {
                if let Some(bar) = self.running.get(step).filter(|_| !text.is_empty()) {
                    let far = match (done, total) {
                        (Some(done), Some(total)) => format!(" {done}/{total}"),
                        _ => String::new(),
                    };
                    bar.set_message(format!("{text}{far}"));
                }
            }
            Event::Patch { patch, .. } => {
                for line in patch.lines() {
                    let line = format!("    {line}");
                    self.say(&match line.trim_start().chars().next() {
                        Some('+') => self.palette.good(&line),
                        Some('-') => self.palette.bad(&line),
                        _ => self.palette.faint(&line),
                    });
                }
            }
            // The step's own end tells of them, in its own words.
            Event::Finding { .. } | Event::Probed { .. } => {}
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
            } => {
                self.finish(step);
                let name = format!("{step:<width$}", width = self.columns);
                self.say(&format!(
                    "{} {name} {seconds:>6.1} s",
                    self.palette.bad("✗")
                ));
                self.say(&format!("\n{}: {error}\n", self.palette.bad("error")));
            }
            Event::RunEnded {
                end, next, seconds, ..
            } => {
                for step in self.running.keys().cloned().collect::<Vec<_>>() {
                    self.finish(&step);
                }
                let mark = match end {
                    RunEnd::Completed | RunEnd::Paused => self.palette.good("done"),
                    RunEnd::Interrupted | RunEnd::Declined => self.palette.warn("stopped"),
                    RunEnd::Failed => self.palette.bad("stopped"),
                    RunEnd::RolledBack => self.palette.bad("rolled back"),
                    RunEnd::RollbackIncomplete => self.palette.bad("rollback incomplete"),
                };
                let text = format!("{mark} after {seconds:.1} s: {next}");
                self.say(&wrap(&text, width(), "  "));
            }
        }
    }

    fn suspend(&mut self, work: &mut dyn FnMut()) {
        self.bars.suspend(work);
    }
}
