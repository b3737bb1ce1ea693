//! What happened in a rehearsal: the one source of every report.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use semver::Version;
use serde::Serialize;
use stagegate_config::stage::Stage;
use stagegate_fakes::load::Sample;
use stagegate_plan::model::{
    Event, RunEnd, RunState, StepOutcome, StepRun, StepStatus, TimeBreakdown,
};

use super::environment_snapshot::EnvironmentSnapshot;
use crate::exit_code::Exit;

/// What happened.
#[derive(Debug, Serialize)]
pub(super) struct RehearsalReport {
    /// The workspace's directory name.
    pub(super) workspace: String,
    /// What was asked for, then what it came to: `1.4.0`.
    pub(super) version: String,
    /// The released packages and their versions.
    pub(super) versions: BTreeMap<String, Version>,
    /// When.
    pub(super) at: Timestamp,
    /// Wall seconds of everything.
    pub(super) seconds: f64,
    /// Wall seconds of the release's own processes.
    pub(super) client_seconds: f64,
    /// The exit code of the rehearsal: that of a failed gate, or of the release.
    pub(super) exit: u8,
    /// The exit code of the release, whose gates stopped nothing.
    pub(super) release_exit: u8,
    /// The gates that would have stopped a real release.
    pub(super) failed_gates: Vec<FailedGate>,
    /// The last line that the release said.
    pub(super) next: String,
    /// What went wrong outside of a step.
    pub(super) error: Option<String>,
    /// The faults that were asked for.
    pub(super) faults: Vec<String>,
    /// How often the client was killed.
    pub(super) kills: usize,
    /// Every step that ran, in order.
    pub(super) steps: Vec<StepStory>,
    /// The load on the app.
    pub(super) load: Option<LoadReport>,
    /// What the environment looks like now.
    pub(super) environment: EnvironmentSnapshot,
    /// What the events of each run come to, folded over all its processes.
    #[serde(skip)]
    states: BTreeMap<&'static str, RunState>,
    /// How many steps of each state are in the list.
    #[serde(skip)]
    shown: BTreeMap<&'static str, usize>,
    /// Where each step of the run that is heard stands in the list.
    #[serde(skip)]
    indices: Vec<Option<usize>>,
}

/// A gate that would have stopped a real release.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct FailedGate {
    /// The step's id.
    pub(super) gate: String,
    /// What it said.
    pub(super) why: String,
}

impl FailedGate {
    /// Returns what it said, in a line.
    pub(super) fn first_line(&self) -> &str {
        self.why.lines().next().unwrap_or_default()
    }
}

/// One step that ran.
#[derive(Debug, Serialize)]
pub(super) struct StepStory {
    /// `before` for the deploy that comes first, `release` for the release.
    pub(super) run: &'static str,
    /// Its id.
    pub(super) id: String,
    /// Its stage.
    pub(super) stage: Stage,
    /// Its title.
    pub(super) title: String,
    /// Seconds from the rehearsal's begin.
    pub(super) began: f64,
    /// Wall seconds; `None` while it was cut off.
    pub(super) seconds: Option<f64>,
    /// How it came to be done; `None` where it was not.
    pub(super) outcome: Option<StepOutcome>,
    /// What shows it, or the error.
    pub(super) evidence: String,
    /// Where the time went.
    pub(super) account: TimeBreakdown,
}

impl StepStory {
    fn new(run: &'static str, step: &StepRun, began: f64) -> StepStory {
        StepStory {
            run,
            id: step.id.clone(),
            stage: step.stage,
            title: step.title.clone(),
            began,
            seconds: None,
            outcome: None,
            evidence: String::new(),
            account: TimeBreakdown::default(),
        }
    }

    fn update(&mut self, step: &StepRun) {
        if step.status == StepStatus::Running {
            return;
        }
        self.seconds = Some(step.seconds);
        self.outcome = match step.status {
            StepStatus::Done(outcome) => Some(outcome),
            StepStatus::Running | StepStatus::Failed => None,
        };
        self.evidence.clone_from(&step.text);
        self.account = step.time;
    }
}

/// The load on the app.
#[derive(Debug, Serialize)]
pub(super) struct LoadReport {
    /// Seconds from the rehearsal's begin to the load's.
    pub(super) began: f64,
    /// Every request.
    pub(super) samples: Vec<Sample>,
}

impl RehearsalReport {
    pub(super) fn new(workspace: &str, version: String, faults: Vec<String>) -> RehearsalReport {
        RehearsalReport {
            workspace: workspace.to_owned(),
            version,
            versions: BTreeMap::new(),
            at: Timestamp::now(),
            seconds: 0.0,
            client_seconds: 0.0,
            exit: 1,
            release_exit: 1,
            failed_gates: Vec::new(),
            next: String::new(),
            error: None,
            faults,
            kills: 0,
            steps: Vec::new(),
            load: None,
            environment: EnvironmentSnapshot::default(),
            states: BTreeMap::new(),
            shown: BTreeMap::new(),
            indices: Vec::new(),
        }
    }

    /// Takes in one event of a run.
    pub(super) fn hear(&mut self, run: &'static str, began: Instant, event: &Event) {
        let state = self.states.entry(run).or_default();
        if let Err(error) = state.apply(event) {
            self.error = Some(format!("the client told what cannot be: {error}"));
            return;
        }
        // Steps that an earlier process did are in the list already.
        let at = began.elapsed().as_secs_f64();
        let known = self.shown.entry(run).or_default();
        for step in &state.steps[*known..] {
            if step.status == StepStatus::Done(StepOutcome::Before) {
                // A kill may come between the record and the event: then the journal tells.
                let open = |s: &StepStory| s.run == run && s.id == step.id && s.seconds.is_none();
                self.indices.push(self.steps.iter().rposition(open));
                continue;
            }
            self.indices.push(Some(self.steps.len()));
            self.steps.push(StepStory::new(run, step, at));
        }
        let offset = self.indices.len() - state.steps.len();
        *known = state.steps.len();
        for (step, index) in state.steps.iter().zip(&self.indices[offset..]) {
            if let Some(index) = index {
                self.steps[*index].update(step);
            }
        }
        match event {
            Event::RunEnded { next, end, .. } => {
                self.next.clone_from(next);
                if run == "before" && *end != RunEnd::Completed {
                    self.error = Some("the deploy before the release did not complete".to_owned());
                }
            }
            Event::RunStarted { plan, .. } if run == "release" => {
                self.version.clone_from(&plan.cli_args);
                self.versions.clone_from(&plan.versions);
            }
            _ => {}
        }
    }

    /// Takes in how the release ended. A gate of `stopping` that failed would have stopped it
    /// where it stood, so that its code is what a real release would end with.
    pub(super) fn finish(&mut self, exit: u8, stopping: &[Stage], took: Duration) {
        let failed = self.release_steps().filter(|step| {
            step.outcome == Some(StepOutcome::Warned) && stopping.contains(&step.stage)
        });
        self.failed_gates = failed
            .map(|step| FailedGate {
                gate: step.id.clone(),
                why: step.evidence.clone(),
            })
            .collect();
        self.release_exit = exit;
        let asked_to_stop = exit == Exit::Interrupted.code();
        self.exit = match self.failed_gates.is_empty() || asked_to_stop {
            true => exit,
            false => Exit::Gate.code(),
        };
        if !self.failed_gates.is_empty() {
            self.next = "fix what the gates say, then rehearse again".to_owned();
        }
        self.seconds = took.as_secs_f64();
    }

    /// Returns the steps of the release.
    pub(super) fn release_steps(&self) -> impl Iterator<Item = &StepStory> {
        self.steps.iter().filter(|step| step.run == "release")
    }

    /// Seconds by cause, over the release's processes.
    pub(super) fn time(&self) -> TimeStory {
        let mut account = TimeBreakdown::default();
        let mut clusters: Vec<Cluster> = Vec::new();
        for step in self.release_steps() {
            account.add(&step.account);
            let end = step.began + step.seconds.unwrap_or(0.0);
            match clusters.last_mut() {
                Some(last) if step.began < last.end => {
                    last.end = last.end.max(end);
                    last.others = last.others.max(step.account.others());
                }
                _ => clusters.push(Cluster {
                    start: step.began,
                    end,
                    others: step.account.others(),
                }),
            }
        }
        let covered: f64 = clusters.iter().map(|c| c.end - c.start).sum();
        let inside: f64 = clusters
            .iter()
            .map(|c| (c.end - c.start - c.others).max(0.0))
            .sum();
        // Between steps there is nobody but ourselves.
        let between = (self.client_seconds - covered).max(0.0);
        TimeStory {
            wall: self.client_seconds,
            account,
            own: inside + between,
        }
    }

    /// Returns everything but the single samples.
    pub(super) fn brief(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).expect("a report is plain data");
        if let Some(load) = &self.load {
            value["load"] = serde_json::to_value(load.summary()).expect("a summary is plain data");
        }
        value["time"] = serde_json::to_value(self.time()).expect("a time is plain data");
        value
    }
}

/// Steps that ran side by side. While one of them waited for others, the time
/// was not only ours: its longest wait is taken off, once.
struct Cluster {
    start: f64,
    end: f64,
    others: f64,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct TimeStory {
    /// Wall seconds of the release's processes.
    pub(super) wall: f64,
    /// What others took; steps side by side are added up.
    pub(super) account: TimeBreakdown,
    /// stagegate's own: everything else, at most.
    pub(super) own: f64,
}

impl TimeStory {
    /// Returns stagegate's own share of the wall time, in percent.
    pub(super) fn own_percent(&self) -> f64 {
        if self.wall > 0.0 {
            100.0 * self.own / self.wall
        } else {
            0.0
        }
    }
}

/// Requests in figures.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LoadSummary {
    /// Requests sent.
    pub(super) sent: usize,
    /// Requests that a user would have seen fail.
    pub(super) failed: usize,
    /// Seconds of load.
    pub(super) seconds: f64,
    /// Milliseconds that half of the requests took at most.
    pub(super) p50_ms: f64,
    /// Milliseconds that 99 of 100 requests took at most.
    pub(super) p99_ms: f64,
    /// Milliseconds of the slowest.
    pub(super) max_ms: f64,
    /// The first few failures, in words.
    pub(super) failures: Vec<String>,
}

impl LoadReport {
    /// Returns all requests in figures.
    pub(super) fn summary(&self) -> LoadSummary {
        summary(self.samples.iter())
    }

    /// Returns the requests that were under way between two moments of the rehearsal.
    pub(super) fn between(&self, from: f64, to: f64) -> LoadSummary {
        let began = self.began;
        summary(self.samples.iter().filter(|sample| {
            let start = began + micros(sample.start_us);
            start <= to && start + micros(sample.latency_us) >= from
        }))
    }
}

/// Microseconds as seconds.
pub(super) fn micros(count: u64) -> f64 {
    count as f64 / 1e6
}

fn summary<'a>(samples: impl Iterator<Item = &'a Sample>) -> LoadSummary {
    let samples: Vec<&Sample> = samples.collect();
    let mut latencies: Vec<u64> = samples.iter().map(|s| s.latency_us).collect();
    latencies.sort_unstable();
    let at = |share: f64| {
        let index =
            ((latencies.len() as f64 * share).ceil() as usize).clamp(1, latencies.len().max(1)) - 1;
        latencies.get(index).map_or(0.0, |us| *us as f64 / 1000.0)
    };
    let seconds = match (samples.first(), samples.last()) {
        (Some(first), Some(last)) => micros(last.start_us - first.start_us),
        _ => 0.0,
    };
    let failed: Vec<&&Sample> = samples.iter().filter(|s| s.failed()).collect();
    LoadSummary {
        sent: samples.len(),
        failed: failed.len(),
        seconds,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        max_ms: at(1.0),
        failures: failed
            .iter()
            .take(5)
            .map(|s| format!("{:?}: {:?}", s.kind, s.outcome))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stagegate_fakes::load::Kind;
    use stagegate_fakes::load::LoadOutcome;

    #[test]
    fn own_time_is_what_nobody_else_took() {
        let mut report = RehearsalReport::new("w", "1.0.0".to_owned(), Vec::new());
        let step = |began, seconds, cargo| StepStory {
            run: "release",
            id: "x".to_owned(),
            stage: Stage::Test,
            title: String::new(),
            began,
            seconds: Some(seconds),
            outcome: None,
            evidence: String::new(),
            account: TimeBreakdown {
                cargo,
                ..TimeBreakdown::default()
            },
        };
        report.client_seconds = 10.0;
        // Two side by side, of which one waited 3 of 4 seconds; then 2 of cargo's.
        report.steps = vec![
            step(1.0, 4.0, 3.0),
            step(1.0, 1.0, 0.0),
            step(6.0, 2.0, 2.0),
        ];
        let time = report.time();
        // 1 s within the first two, and 10 - 6 s between and around the steps.
        assert!((time.own - 5.0).abs() < 1e-9, "{time:?}");
        assert!((time.own_percent() - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_failed_gate_decides_how_a_rehearsal_ends() {
        let step = |stage: Stage, outcome| StepStory {
            run: "release",
            id: stage.name().to_owned(),
            stage,
            title: String::new(),
            began: 0.0,
            seconds: Some(1.0),
            outcome: Some(outcome),
            evidence: format!("{stage} says"),
            account: TimeBreakdown::default(),
        };
        let check = |steps: Vec<StepStory>, exit, want, gates: &[&str]| {
            let mut report = RehearsalReport::new("w", "1.0.0".to_owned(), Vec::new());
            report.steps = steps;
            report.finish(exit, &[Stage::Fmt, Stage::Test], Duration::ZERO);
            let failed: Vec<_> = report
                .failed_gates
                .iter()
                .map(|f| f.gate.as_str())
                .collect();
            assert_eq!((report.exit, &failed[..]), (want, gates));
            assert_eq!(report.release_exit, exit);
        };
        let failed = || {
            vec![
                step(Stage::Fmt, StepOutcome::Warned),
                step(Stage::Links, StepOutcome::Warned),
                step(Stage::Test, StepOutcome::Warned),
            ]
        };
        check(failed(), 0, 5, &["fmt", "test"]);
        check(failed(), 6, 5, &["fmt", "test"]);
        check(failed(), 130, 130, &["fmt", "test"]);
        let noted = || {
            vec![
                step(Stage::Fmt, StepOutcome::Noted),
                step(Stage::Links, StepOutcome::Warned),
            ]
        };
        check(noted(), 0, 0, &[]);
        check(noted(), 7, 7, &[]);
    }

    #[test]
    fn figures_come_from_the_samples() {
        let sample = |start_us, latency_us, status| Sample {
            start_us,
            latency_us,
            kind: Kind::GetNew,
            outcome: LoadOutcome::Status(status),
        };
        let samples = vec![
            sample(0, 1000, 200),
            sample(1_000_000, 3000, 200),
            sample(2_000_000, 2000, 503),
        ];
        let load = LoadReport {
            began: 10.0,
            samples,
        };
        let all = load.summary();
        assert_eq!((all.sent, all.failed), (3, 1));
        assert!((all.p50_ms - 2.0).abs() < 1e-9 && (all.max_ms - 3.0).abs() < 1e-9);
        assert_eq!(load.between(10.5, 11.5).sent, 1);
    }
}
