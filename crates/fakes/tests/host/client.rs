//! A client in a process of its own, so that it can be lost: this test program with
//! another first word. It obeys a plan of a service's steps as the command line does,
//! with the pipeline's own run, journal and wish to stop, and says which step it begins
//! and how its run ended.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use stagegate_config::stage::Stage;
use stagegate_deploy::{Deploy, DeployJob, Part, ServiceStep};
use stagegate_engine::context::Context;
use stagegate_engine::executor::{Resume, RunOptions};
use stagegate_engine::interrupt::Interrupt;
use stagegate_engine::journal::Journal;
use stagegate_plan::model::{
    Action, DeployService, Event, Placement, Plan, RunEnd, RunId, Step, StepFilter, Verb,
};

use super::bench::{Bench, VERSION, eventually};

/// The word that makes this program a client.
pub(crate) const CLIENT: &str = "client";

/// Begins the line that says how the run ended.
const ENDED: &str = "ended ";

/// From one signal of a cancelling runner to the next, and what it says with it.
const CANCELLATION: [(Signal, Duration, &str); 3] = [
    (
        Signal::INT,
        Duration::from_millis(7500),
        "ended after SIGINT",
    ),
    (
        Signal::TERM,
        Duration::from_millis(2500),
        "ended after SIGTERM",
    ),
    (Signal::KILL, Duration::from_secs(60), "was killed"),
];

/// Obeys the plan that lies in the checkout: the program behind [`CLIENT`].
pub(crate) fn main(checkout: &str) -> ExitCode {
    let interrupt = Interrupt::from_signals().unwrap();
    let checkout = Utf8Path::new(checkout);
    let context = Context::open(checkout, None, interrupt).unwrap();
    std::fs::create_dir_all(context.output()).unwrap();
    let plan = std::fs::read_to_string(checkout.join("plan.json")).unwrap();
    let plan: Plan = serde_json::from_str(&plan).unwrap();
    let journal = Journal::begin(&context.state, &plan, None).unwrap();
    let options = RunOptions {
        filter: &StepFilter::Whole,
        resume: Resume::Command("the test"),
    };
    // Whoever listened may have heard enough.
    let say = |line: &str| drop(writeln!(std::io::stdout(), "{line}"));
    let ended = stagegate_engine::run(
        &plan,
        &context,
        journal,
        options,
        &mut |_, _| true,
        &mut |event| match event {
            Event::StepStarted { step, .. } => say(step),
            Event::RunEnded { end, .. } => say(&format!("{ENDED}{end:?}")),
            _ => {}
        },
    )
    .unwrap();
    if let Some((step, error)) = ended.failure {
        eprintln!("{step}: {error:#}");
    }
    match ended.end {
        RunEnd::Completed => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// A client at work.
pub(crate) struct Client {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Client {
    /// Begins to deploy a part, in a checkout of its own. Without an artifact the host builds
    /// it.
    pub(crate) fn begin<'a>(
        bench: &Bench,
        part: Part,
        deploy: &Deploy,
        artifact: impl Into<Option<&'a DeployJob>>,
    ) -> Client {
        let checkout = checkout(bench, &deploy.owner);
        let plan = plan(part, deploy);
        let text = serde_json::to_string(&plan).unwrap();
        std::fs::write(checkout.join("plan.json"), text).unwrap();
        if let Some(artifact) = artifact.into() {
            // What a build of this plan would have kept.
            let built = checkout
                .join(".git/stagegate")
                .join(plan.run_id.to_string());
            let built = built.join("built");
            std::fs::create_dir_all(&built).unwrap();
            let binary = &bench.app.settings(part).unwrap().binary;
            std::fs::copy(artifact.path(), built.join(binary)).unwrap();
        }
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([CLIENT, checkout.as_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        Client { process, said }
    }

    /// Whose run its deploy is, on the host.
    pub(crate) fn owner(deploy: &Deploy) -> String {
        let plan = plan(Part::Backend, deploy);
        format!("{}@{}", plan.run_id, plan.at.as_nanosecond())
    }

    /// Waits until it begins that step.
    pub(crate) fn reaches(&mut self, step: ServiceStep) {
        let mut line = String::new();
        while line.trim() != format!("{step:?}") {
            line.clear();
            assert!(
                self.said.read_line(&mut line).unwrap() > 0,
                "it ended before {step:?}: {}",
                self.complaints()
            );
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
    }

    /// Cancels it as a runner does: each signal only if the one before did not end it.
    /// Answers how it went, and how its run ended if it could still say so.
    pub(crate) fn cancel(&mut self) -> (&'static str, Option<RunEnd>) {
        let pid = Pid::from_child(&self.process);
        let mut how = None;
        for (signal, patience, words) in CANCELLATION {
            // It may have ended meanwhile; then there is nobody to hear of it.
            let _ = kill_process(pid, signal);
            if self.ends_within(patience) {
                how = Some(words);
                break;
            }
        }
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        let ended = said.lines().find_map(|line| line.strip_prefix(ENDED));
        let ends = [RunEnd::Completed, RunEnd::Interrupted, RunEnd::Failed];
        let ended = ended.map(|word| {
            let known = ends.into_iter().find(|end| format!("{end:?}") == word);
            known.unwrap_or_else(|| panic!("{word}: {}", self.complaints()))
        });
        (how.expect("nothing outlives SIGKILL"), ended)
    }

    fn ends_within(&mut self, patience: Duration) -> bool {
        let began = Instant::now();
        while self.process.try_wait().unwrap().is_none() {
            if began.elapsed() > patience {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Waits until it has ended by itself; whether well, and what it complained about.
    pub(crate) fn end(mut self) -> (bool, String) {
        let mut status = None;
        eventually("the client ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap().success(), self.complaints())
    }

    fn complaints(&mut self) -> String {
        let mut text = String::new();
        let mut complaints = self.process.stderr.take().unwrap();
        complaints.read_to_string(&mut text).unwrap();
        text
    }
}

/// A workspace in a checkout, for the journal and what a run keeps.
fn checkout(bench: &Bench, name: &str) -> Utf8PathBuf {
    let place = bench.file(&format!("checkout-{name}"));
    std::fs::create_dir_all(place.join("src")).unwrap();
    let manifest = "[package]\nname = \"guestbook\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(place.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(place.join("src/lib.rs"), "").unwrap();
    let git = Command::new("git")
        .args(["init", "--quiet", place.as_str()])
        .status();
    assert!(git.unwrap().success());
    place
}

/// The part's steps, one after the other.
fn plan(part: Part, deploy: &Deploy) -> Plan {
    let there = Placement {
        target: deploy.target.clone(),
        app: deploy.app.clone(),
        version: deploy.release.version.clone(),
        revision: deploy.release.commit.clone(),
        built: true,
    };
    let mut plan = Plan::new(
        RunId::new(Verb::Deploy, &deploy.owner),
        VERSION.parse().unwrap(),
        Timestamp::UNIX_EPOCH,
    );
    let placement = plan.place(there);
    let step = |step: ServiceStep| Step {
        id: format!("{step:?}"),
        stage: Stage::DeployBackend,
        title: format!("{step:?}"),
        parallel_with_previous: false,
        depends_on: Vec::new(),
        after_settled: Vec::new(),
        max_failures: 0,
        irreversible: false,
        action: Action::DeployService(DeployService {
            part,
            step,
            placement,
        }),
    };
    Plan {
        title: "deploy the guestbook".into(),
        steps: ServiceStep::ALL.map(step).into(),
        ..plan
    }
}
