//! The client of a rehearsal: this program, started as a user would start it.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_config::schema::Config;
use stagegate_config::stage::Stage;
use stagegate_engine::interrupt::Interrupt;
use stagegate_engine::journal::Journal;
use stagegate_fakes::environment::FakeEnvironment;
use stagegate_fakes::fault::Fault;
use stagegate_fakes::kill;
use stagegate_fakes::load::{Load, LoadPaths, LoadRate, Post};
use stagegate_plan::model::{Event, Verb};
use stagegate_registry::Token;

use super::INSIDE;
use super::report::RehearsalReport;
use crate::cli::Format;
use crate::commands::rehearse::Args;
use crate::output::renderer;

/// Requests per second while the app is replaced.
const LOAD_PER_SECOND: f64 = 200.0;
/// No rehearsed deploy takes longer; the load ends by itself then.
const LOAD_LONGEST: Duration = Duration::from_secs(600);
/// A client that is killed more often makes no progress.
const MOST_KILLS: usize = 200;

pub(super) struct Client<'a> {
    program: &'a Utf8Path,
    directory: Utf8PathBuf,
    overlay: &'a Utf8Path,
    target: &'a Utf8Path,
    /// Where the registries are, and their tokens, as cargo is told.
    registries: Vec<(String, String)>,
    github_token: String,
    format: Format,
    began: Instant,
}

/// Returns the variables that lead cargo and the client to the fake of each registry.
fn registries(config: &Config, fakes: &FakeEnvironment) -> Vec<(String, String)> {
    let main = (config.registry.name.as_str(), &fakes.registry);
    let more = fakes.more_registries.iter();
    let more = more.map(|(name, registry)| (name.as_str(), registry));
    let mut variables = Vec::new();
    for (name, registry) in std::iter::once(main).chain(more) {
        let token = Token::variable(name);
        // crates.io's index has no variable; stagegate.toml is overlaid for it.
        if let Some(stem) = token.strip_suffix("_TOKEN").filter(|_| name != "crates-io") {
            variables.push((format!("{stem}_INDEX"), registry.index()));
        }
        variables.push((token, fakes.registry_token.clone()));
    }
    variables
}

/// How a process ended.
struct Ended {
    code: Option<u8>,
    killed: bool,
    errors: String,
}

impl<'a> Client<'a> {
    pub(super) fn new(
        program: &'a Utf8Path,
        fakes: &FakeEnvironment,
        (overlay, config): (&'a Utf8Path, &Config),
        target: &'a Utf8Path,
        format: Format,
        began: Instant,
    ) -> Client<'a> {
        Client {
            program,
            directory: fakes.checkout.root.clone(),
            overlay,
            target,
            registries: registries(config, fakes),
            github_token: fakes.github_token.clone(),
            format,
            began,
        }
    }

    /// Returns the command, in an environment that leads nowhere but into the rehearsal: no
    /// real token and no real agent is in it.
    fn command(&self, arguments: &[&str], kill: Option<&str>) -> Command {
        let mut command = Command::new(self.program);
        let real = |name: &str| {
            (name.starts_with("CARGO_REGISTR") && name.ends_with("_TOKEN"))
                || name.starts_with("GITHUB_")
                || name.starts_with("ACTIONS_")
                || name.starts_with("GIT_")
                || ["GH_TOKEN", "SSH_AUTH_SOCK", kill::VARIABLE].contains(&name)
        };
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(real) {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .args(["--format", "json", "--config", self.overlay.as_str()])
            .current_dir(&self.directory)
            .envs(self.registries.iter().map(|(name, value)| (name, value)))
            .env("GITHUB_TOKEN", &self.github_token)
            .env("CARGO_TARGET_DIR", self.target)
            .env(INSIDE, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(kill) = kill {
            command.env(kill::VARIABLE, kill);
        }
        command
    }

    /// Runs the command to its end; `told` hears its events.
    fn run(
        &self,
        arguments: &[&str],
        kill: Option<&str>,
        told: &mut dyn FnMut(&Event),
    ) -> anyhow::Result<Ended> {
        let mut child = self
            .command(arguments, kill)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program))?;
        let mut stderr = child.stderr.take().context("a piped stream")?;
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let mut message = String::new();
        for text in BufReader::new(child.stdout.take().context("a piped stream")?).lines() {
            let text = text.context("reading the client's events")?;
            match serde_json::from_str::<Event>(&text) {
                Ok(event) => told(&event),
                Err(_) => {
                    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
                    message.push_str(value["message"].as_str().unwrap_or(&text));
                    message.push('\n');
                }
            }
        }
        let status = child.wait().context("waiting for the client")?;
        let errors = message + &errors.join().unwrap_or_default();
        Ok(Ended {
            code: status.code().and_then(|code| u8::try_from(code).ok()),
            killed: status.signal() == Some(9),
            errors,
        })
    }

    /// Makes the deploy that comes before, so that there is something to replace.
    pub(super) fn deploy(&self, report: &mut RehearsalReport) -> anyhow::Result<u8> {
        let mut shown = renderer(self.format);
        let ended = self.run(&["deploy", "both", "--yes"], None, &mut |event| {
            shown.event(event);
            report.hear("before", self.began, event);
        })?;
        Ok(self.end_of(ended, report))
    }

    /// Records what the last process said and ended with.
    fn end_of(&self, ended: Ended, report: &mut RehearsalReport) -> u8 {
        if !ended.errors.trim().is_empty() {
            let text = ended.errors.trim().to_owned();
            if self.format != Format::Json {
                crate::output::line(&format!("\nerror: {text}"));
            }
            report.error = Some(text);
        }
        ended.code.unwrap_or(1)
    }

    /// The release itself, killed and resumed as the faults ask.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call, and every part is needed"
    )]
    pub(super) fn release(
        &self,
        words: &[String],
        args: &Args,
        faults: &[Fault],
        config: &Config,
        fakes: &FakeEnvironment,
        report: &mut RehearsalReport,
        interrupt: &Interrupt,
    ) -> anyhow::Result<u8> {
        let mut kills = Kills::new(faults);
        let mut load = LoadDuringDeploy::new(config, fakes);
        let mut shown = renderer(self.format);
        let state = self.directory.join(".git/stagegate");
        loop {
            let open = Journal::open_runs(&state);
            let resume = open.iter().any(|id| id.verb() == Verb::Release);
            let mut arguments = vec!["release", "--yes"];
            if resume {
                arguments.push("--resume");
            } else {
                arguments.extend(words.iter().map(String::as_str));
            }
            for stage in args.skip.iter().filter(|_| !resume) {
                arguments.extend(["--skip", stage.name()]);
            }
            let started = Instant::now();
            let ended = self.run(&arguments, kills.next().as_deref(), &mut |event| {
                load.hear(event, self.began);
                shown.event(event);
                report.hear("release", self.began, event);
            })?;
            report.client_seconds += started.elapsed().as_secs_f64();
            if ended.killed && report.kills < MOST_KILLS && !interrupt.asked() {
                report.kills += 1;
                continue;
            }
            report.load = load.end();
            return Ok(self.end_of(ended, report));
        }
    }
}

/// When the client is killed next.
enum Kills {
    Never,
    Once(Option<String>),
    /// The first record, the second, … of each process in turn, so that every
    /// kind of moment is hit and there is progress all the same.
    Often(usize),
}

impl Kills {
    fn new(faults: &[Fault]) -> Kills {
        faults
            .iter()
            .find_map(|fault| match fault {
                Fault::Kill(when) => Some(Kills::Once(Some(when.clone()))),
                Fault::KillOften => Some(Kills::Often(0)),
                _ => None,
            })
            .unwrap_or(Kills::Never)
    }

    fn next(&mut self) -> Option<String> {
        match self {
            Kills::Never => None,
            Kills::Once(when) => when.take(),
            Kills::Often(count) => {
                *count += 1;
                let when = if count.is_multiple_of(2) {
                    "before"
                } else {
                    "after"
                };
                Some(format!("{when}:{}", 1 + *count % 5))
            }
        }
    }
}

/// Load on the app from the first deploy step to the end of the run.
struct LoadDuringDeploy<'a> {
    fakes: &'a FakeEnvironment,
    paths: Option<(LoadPaths, SocketAddr)>,
    running: Option<(Load, f64)>,
}

impl<'a> LoadDuringDeploy<'a> {
    fn new(config: &Config, fakes: &'a FakeEnvironment) -> LoadDuringDeploy<'a> {
        let backend = config.app.as_ref().and_then(|app| app.backend.as_ref());
        let paths = backend.zip(fakes.host.as_ref()).map(|(backend, host)| {
            let get = config
                .rehearsal
                .get
                .clone()
                .unwrap_or_else(|| backend.health.clone());
            let post = config.rehearsal.post.as_ref();
            let post = post.map(|post| Post {
                path: post.path.clone(),
                body: post.body.clone(),
            });
            (
                LoadPaths { get, post },
                SocketAddr::from((Ipv4Addr::LOCALHOST, host.public_port())),
            )
        });
        LoadDuringDeploy {
            fakes,
            paths,
            running: None,
        }
    }

    fn hear(&mut self, event: &Event, began: Instant) {
        if let Event::StepStarted {
            stage: Stage::DeployBackend,
            ..
        } = event
            && self.running.is_none()
            && let Some((paths, address)) = self.paths.take()
        {
            let rate = LoadRate {
                per_second: LOAD_PER_SECOND,
                longest: LOAD_LONGEST,
            };
            let load = Load::start(self.fakes.handle(), address, paths, rate);
            self.running = Some((load, began.elapsed().as_secs_f64()));
        }
    }

    fn end(self) -> Option<super::report::LoadReport> {
        let (load, began) = self.running?;
        Some(super::report::LoadReport {
            began,
            samples: load.stop(),
        })
    }
}
