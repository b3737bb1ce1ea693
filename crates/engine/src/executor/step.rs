//! One step: probe, perform, and what a step has at hand.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use camino::Utf8PathBuf;
use stagegate_config::schema::Level;
use stagegate_plan::model::{
    Action, Event, Finding, Plan, Step, StepOutcome, TimeBreakdown, TimeCategory,
};

use crate::context::Context;
use crate::executor::rate_limit::RateLimits;
use crate::tools::process::{Stopped, Tool, log_of};

/// Whether an effect is already there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It is not.
    Absent,
    /// It is; this shows it.
    Done(String),
    /// Something else is in its place, which is never overwritten.
    Conflict(String),
}

/// A step's type: how to ask whether its effect is there, and how to bring it about.
pub(crate) trait Perform {
    /// Asks whether the effect is already there. Where only doing it again can tell (a
    /// gate, a build), nothing is asked.
    fn probe(&self, _ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        Ok(Probe::Absent)
    }

    /// Brings the effect about, and returns what shows it.
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String>;
}

/// Finds the type of a step. The layer above knows them all.
pub(crate) type Dispatch = fn(&Action) -> &dyn Perform;

/// A gate did not pass, or could not run; nothing was changed by it.
#[derive(Debug, thiserror::Error)]
#[error("the gate {gate} did not pass: {why}")]
pub struct GateFailed {
    /// Its name.
    pub gate: String,
    /// What it said.
    pub why: String,
}

/// How a step came to be done, and what shows it.
pub(crate) struct Performed {
    pub(crate) outcome: StepOutcome,
    pub(crate) evidence: String,
}

/// What a step has at hand.
pub(crate) struct StepContext<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) context: &'a Context,
    pub(crate) step: &'a Step,
    /// How fast the registry lets this run upload.
    pub(crate) rate_limits: &'a RateLimits,
    pub(crate) time: TimeBreakdown,
    /// What a gate that passes, or a step that is done, wants people to look at.
    pub(crate) notes: Vec<String>,
    tell: &'a dyn Fn(Event),
}

impl<'a> StepContext<'a> {
    pub(crate) fn new(
        (plan, context): (&'a Plan, &'a Context),
        rate_limits: &'a RateLimits,
        step: &'a Step,
        tell: &'a dyn Fn(Event),
    ) -> StepContext<'a> {
        StepContext {
            plan,
            context,
            rate_limits,
            step,
            time: TimeBreakdown::default(),
            notes: Vec::new(),
            tell,
        }
    }

    /// Says how far the step is.
    pub(crate) fn progress(&self, text: impl Into<String>, done: Option<u64>, total: Option<u64>) {
        (self.tell)(Event::Progress {
            step: self.step.id.clone(),
            text: text.into(),
            done,
            total,
        });
    }

    /// Says what the step has changed in the files of the release commit.
    pub(crate) fn patch(&self, patch: String) {
        (self.tell)(Event::Patch {
            step: self.step.id.clone(),
            patch,
        });
    }

    /// Runs a program to a successful end; its output goes to the step's log.
    pub(crate) fn run(&mut self, tool: Tool) -> anyhow::Result<String> {
        let shown = tool.shown().to_owned();
        let (succeeded, stdout, tail) = self.try_run(tool)?;
        if !succeeded {
            bail!(
                "`{shown}` failed:\n{}\n  the whole output is in {}",
                indent(&tail),
                self.log()
            );
        }
        Ok(stdout)
    }

    /// Says where a gate objects.
    pub(crate) fn found(&self, findings: Vec<Finding>) {
        if let Some(level) = self.step.action.gate_level() {
            self.tell_findings(level, findings);
        }
    }

    /// Says what a gate only draws attention to, whatever its level.
    pub(crate) fn noted(&self, findings: Vec<Finding>) {
        self.tell_findings(Level::Warn, findings);
    }

    fn tell_findings(&self, level: Level, findings: Vec<Finding>) {
        for finding in findings {
            (self.tell)(Event::Finding {
                step: self.step.id.clone(),
                level,
                finding,
            });
        }
    }

    /// Says how the app answered.
    pub(crate) fn probed(&self, at: Duration, latency: Option<Duration>) {
        (self.tell)(Event::Probed {
            step: self.step.id.clone(),
            at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            latency: latency.map(|latency| latency.as_secs_f64() * 1000.0),
        });
    }

    /// Runs a program; whether it succeeded, what it printed, and its last lines.
    pub(crate) fn try_run(&mut self, tool: Tool) -> anyhow::Result<(bool, String, String)> {
        self.try_run_reading(tool, &mut |_| {})
    }

    /// The same; `read` is told each line.
    pub(crate) fn try_run_reading(
        &mut self,
        tool: Tool,
        read: &mut dyn FnMut(&str),
    ) -> anyhow::Result<(bool, String, String)> {
        let spent = tool.category;
        let log = self.log();
        let start = Instant::now();
        let result = tool.run(Some(&log), &self.context.interrupt, &mut |line| {
            read(line);
            self.progress(line.trim(), None, None);
        });
        self.time.record(spent, start.elapsed());
        let outcome = result?;
        Ok((outcome.status.success(), outcome.stdout, outcome.tail))
    }

    /// The file that holds what the step's programs print.
    pub(crate) fn log(&self) -> Utf8PathBuf {
        log_of(&self.context.output(), &self.step.id)
    }

    /// What this run keeps for a resumed one, apart from the journal.
    pub(crate) fn kept(&self) -> Utf8PathBuf {
        crate::executor::release_tree::kept(self.context, self.plan)
    }

    /// Waits because a server or a host needs time; ends early when somebody asks to stop.
    pub(crate) fn wait(&mut self, duration: Duration) -> anyhow::Result<()> {
        let start = Instant::now();
        let ended = self.pause(duration);
        self.time.record(TimeCategory::Waiting, start.elapsed());
        ended
    }

    /// The same, where the caller books a longer wait as a whole.
    pub(crate) fn pause(&self, duration: Duration) -> anyhow::Result<()> {
        let start = Instant::now();
        while start.elapsed() < duration {
            if self.context.interrupt.asked() {
                return Err(Stopped.into());
            }
            std::thread::sleep(
                Duration::from_millis(100).min(duration.saturating_sub(start.elapsed())),
            );
        }
        Ok(())
    }
}

/// The output of a program within a message.
pub(crate) fn indent(text: &str) -> String {
    text.lines()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Probes, performs if need be, and returns what shows it.
pub(crate) fn execute(ctx: &mut StepContext<'_>, kind: &dyn Perform) -> anyhow::Result<Performed> {
    if let Some(level) = ctx.step.action.gate_level() {
        return pass_gate(ctx, level, kind);
    }
    let title = ctx.step.title.clone();
    let probed = kind
        .probe(ctx)
        .with_context(|| format!("{title}: asking whether it is done"))?;
    match probed {
        Probe::Done(evidence) => Ok(Performed {
            outcome: StepOutcome::Found,
            evidence,
        }),
        Probe::Conflict(what) => bail!("{title}: conflict: {what}"),
        Probe::Absent => {
            let evidence = kind.perform(ctx).with_context(|| title)?;
            Ok(noted(ctx, evidence))
        }
    }
}

/// Returns what a step has done, with what it wants people to look at.
fn noted(ctx: &StepContext<'_>, evidence: String) -> Performed {
    match ctx.notes.is_empty() {
        true => Performed {
            outcome: StepOutcome::Performed,
            evidence,
        },
        false => Performed {
            outcome: StepOutcome::Noted,
            evidence: format!("{evidence}; {}", ctx.notes.join("; ")),
        },
    }
}

/// Runs a gate at its level. A gate that could not run has not passed.
fn pass_gate(
    ctx: &mut StepContext<'_>,
    level: Level,
    kind: &dyn Perform,
) -> anyhow::Result<Performed> {
    match kind.perform(ctx) {
        Ok(evidence) => Ok(noted(ctx, evidence)),
        Err(error) if error.is::<Stopped>() => Err(error),
        Err(error) if level == Level::Warn => Ok(Performed {
            outcome: StepOutcome::Warned,
            evidence: format!("{error:#}"),
        }),
        Err(error) => Err(GateFailed {
            gate: ctx.step.id.clone(),
            why: format!("{error:#}"),
        }
        .into()),
    }
}
