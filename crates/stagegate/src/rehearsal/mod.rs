//! `rehearse`: a whole release, against fakes on this machine.
//!
//! The workspace is copied, the fakes are started, and then **this very
//! program** is run in the copy as a user would run it: `release VERSION
//! --yes`. It is told where they are by a file that lies over
//! stagegate.toml, and knows nothing of a rehearsal. That it is a process of
//! its own is what lets it be killed, and resumed.
//!
//! That file also makes every gate warn at most: nothing real can happen here,
//! and one rehearsal shows all that a release would stumble over. The report
//! names the gates that would have stopped it, and the exit code is theirs.

mod client;
mod environment_snapshot;
mod overlay;
mod render;
mod report;
mod scratch;
mod shared;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};
use client::Client;
use report::RehearsalReport;
use scratch::Scratch;
use stagegate_config::schema::Config;
use stagegate_engine::context::workspace_around;
use stagegate_engine::interrupt::Interrupt;
use stagegate_engine::tools::toolchain::cargo_home;
use stagegate_fakes::checkout::Checkout;
use stagegate_fakes::environment::{EnvironmentOptions, FakeEnvironment, HostedApp};
use stagegate_fakes::fault::{Fault, TABLE};
use stagegate_fakes::host::FrontEnd;
use stagegate_github::Repository;
use stagegate_manifest::Workspace;
use stagegate_registry::{CargoConfig, Registry};

use crate::cli::Format;
use crate::commands::rehearse::Args;
use crate::exit_code::Exit;
use crate::output::line;

/// The hidden first argument behind the fake host's commands.
const FRONT_END: &str = "rehearsal-host";
/// Set for everything that a rehearsal starts.
const INSIDE: &str = "STAGEGATE_REHEARSAL";

/// Acts as a command of the fake host, if that is what was asked for.
pub(crate) fn front_end() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let asked = arguments.next().is_some_and(|first| first == FRONT_END);
    asked.then(|| stagegate_fakes::host::front_end(arguments.collect()))
}

/// Rehearses a release and reports.
pub(crate) fn rehearse(
    here: &Utf8Path,
    args: Args,
    format: Format,
    interrupt: &Interrupt,
) -> anyhow::Result<Exit> {
    if args.fault.iter().any(|name| name == "list") {
        list_faults();
        return Ok(Exit::Success);
    }
    if std::env::var_os(INSIDE).is_some() {
        bail!(
            "this is a rehearsal already ({INSIDE} is set), and a rehearsal must not rehearse again"
        );
    }
    let faults = args
        .fault
        .iter()
        .map(|text| text.parse())
        .collect::<Result<Vec<Fault>, _>>()?;
    let rehearsal = Rehearsal::prepare(here, &args)?;
    let played = rehearsal.play(&args, faults, format, interrupt);
    shared::forget_members(&rehearsal.target, &rehearsal.workspace);
    let report = played?;
    let files = render::write(&rehearsal.output, &report)?;
    match format {
        Format::Human | Format::Github => render::terminal(&report, &files),
        Format::Json => {
            let summary = report.brief();
            line(&serde_json::json!({ "event": "rehearsed", "summary": summary, "report": files.json }).to_string());
        }
    }
    if args.keep || report.exit != Exit::Success.code() {
        let path = rehearsal.scratch.path();
        match format {
            Format::Human | Format::Github => line(&format!("the rehearsal is kept in {path}")),
            Format::Json => line(&serde_json::json!({ "event": "kept", "path": path }).to_string()),
        }
        rehearsal.scratch.keep();
    }
    Ok(Exit::ALL
        .into_iter()
        .find(|exit| exit.code() == report.exit)
        .unwrap_or(Exit::Failure))
}

fn list_faults() {
    for row in TABLE {
        let value = if row.value == "-" {
            String::new()
        } else {
            format!("[={}]", row.value)
        };
        line(&format!(
            "{:<28}{}",
            format!("{}{value}", row.name),
            row.meaning
        ));
    }
}

/// What is rehearsed, and where.
struct Rehearsal {
    original: Utf8PathBuf,
    config: Config,
    workspace: Workspace,
    scratch: Scratch,
    /// Cargo's target directory for all that is built on the way.
    target: Utf8PathBuf,
    /// Where the report goes.
    output: Utf8PathBuf,
}

impl Rehearsal {
    fn prepare(here: &Utf8Path, args: &Args) -> anyhow::Result<Rehearsal> {
        let start = match &args.workspace {
            Some(path) => here
                .join(path)
                .canonicalize_utf8()
                .with_context(|| format!("following --workspace {path}"))?,
            None => here.to_owned(),
        };
        let workspace = workspace_around(&start)?;
        let original = workspace.root.clone();
        let config = Config::load(&original, None)?;
        // Nothing of a foreign workspace changes, so what is built for it stays with us.
        let home = match &args.workspace {
            Some(_) => workspace_around(here).ok(),
            None => Some(workspace_around(here)?),
        };
        let (root, target) = match &home {
            Some(home) => (home.root.clone(), home.target_directory.clone()),
            None => (here.to_owned(), here.join("target")),
        };
        let output = root.join("target/stagegate");
        let target = if args.workspace.is_some() && root != original {
            output
                .join("workspaces")
                .join(original.file_name().unwrap_or("workspace"))
        } else {
            target
        };
        std::fs::create_dir_all(&output).with_context(|| format!("creating {output}"))?;
        std::fs::write(output.join(".gitignore"), "*\n")?;
        let scratch = Scratch::take(&original)?;
        Ok(Rehearsal {
            original,
            config,
            workspace,
            scratch,
            target,
            output,
        })
    }

    fn play(
        &self,
        args: &Args,
        faults: Vec<Fault>,
        format: Format,
        interrupt: &Interrupt,
    ) -> anyhow::Result<RehearsalReport> {
        let began = Instant::now();
        let words = words(args);
        let repository = self.repository();
        let name = repository.rsplit('/').next().unwrap_or(&repository);
        let mut report = RehearsalReport::new(name, words.join(" "), args.fault.clone());
        let checkout = Checkout::of(
            &self.original,
            self.scratch.path(),
            self.config.release.branch(),
            self.config.release.remote(),
        )?;
        if format != Format::Json {
            let extra = match checkout.uncommitted {
                0 => String::new(),
                count => format!(", with {count} files that are not committed yet"),
            };
            line(&format!(
                "rehearsing release {} of a copy of {}{extra}",
                words.join(" "),
                self.original
            ));
        }
        let program = self.scratch.keep_program()?;
        let overlay_path = self.scratch.path().join("overlay.toml");
        let mut fakes = FakeEnvironment::start(
            self.scratch.path(),
            checkout,
            self.options(&program, repository.clone(), faults.clone()),
        )?;
        overlay::write(&overlay_path, &self.config, &fakes, args.stabilize)?;
        lock_dependencies(&fakes.checkout, self.config.release.remote())?;
        let client = Client::new(
            &program,
            &fakes,
            (&overlay_path, &self.config),
            &self.target,
            format,
            began,
        );
        if fakes.host.is_some() && deploys(args) {
            if format != Format::Json {
                line("\nfirst, what runs before: deploy it as it is to a fresh host");
            }
            let code = client.deploy(&mut report)?;
            if code != Exit::Success.code() {
                report.finish(code, &[], began.elapsed());
                return Ok(report);
            }
        }
        fakes.break_host()?;
        if format != Format::Json {
            line("");
        }
        let code = client.release(
            &words,
            args,
            &faults,
            &self.config,
            &fakes,
            &mut report,
            interrupt,
        )?;
        report.environment =
            environment_snapshot::look(&fakes, &report.versions, &self.workspace, &self.config);
        let stopping = overlay::stopping_gates(&self.config);
        report.finish(code, &stopping, began.elapsed());
        self.keep_logs(&fakes);
        Ok(report)
    }

    /// Returns the repository that the fake GitHub plays.
    fn repository(&self) -> String {
        let configured = self.config.github.repository.clone();
        let named = || {
            let packages = &self.workspace.packages;
            packages
                .iter()
                .find_map(|p| Repository::from_url(p.metadata.repository.as_deref()?))
        };
        configured.or_else(named).map_or_else(
            || {
                let name = self.original.file_name().unwrap_or("workspace");
                let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
                format!("rehearsal/{}", name.chars().map(plain).collect::<String>())
            },
            |repository| repository.to_string(),
        )
    }

    /// Returns the other registries that a release publishes to, each with its real index.
    fn more_registries(&self) -> Vec<(String, Option<String>)> {
        let env = |name: &str| std::env::var(name).ok();
        let known = CargoConfig::load(self.original.as_std_path(), &cargo_home(), env).ok();
        let also = self.config.registry.also.iter();
        also.map(|name| {
            let index = known.as_ref().and_then(|known| known.index(name).ok());
            // What cannot be read by everybody is not there in a rehearsal.
            let index = index.filter(|index| Registry::open(index).is_ok());
            (name.clone(), index)
        })
        .collect()
    }

    fn options(
        &self,
        program: &Utf8Path,
        repository: String,
        faults: Vec<Fault>,
    ) -> EnvironmentOptions {
        let app = self.config.app.as_ref().map(|app| HostedApp {
            name: app.name.clone(),
            environment: self
                .config
                .rehearsal
                .env
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        });
        let front_end = FrontEnd {
            program: program.as_std_path().to_owned(),
            arguments: vec![FRONT_END.to_owned()],
        };
        EnvironmentOptions {
            github_token: stagegate_fakes::github::TokenKind::default(),
            repository,
            app,
            front_end,
            owners: self.config.registry.owners.clone(),
            more_registries: self.more_registries(),
            faults,
        }
    }

    /// Copies the logs, which outlive the copy of the workspace.
    fn keep_logs(&self, fakes: &FakeEnvironment) {
        let to = self.output.join("logs");
        let _ = std::fs::remove_dir_all(&to);
        let Ok(entries) = std::fs::read_dir(fakes.checkout.root.join("target/stagegate/logs"))
        else {
            return;
        };
        if std::fs::create_dir_all(&to).is_err() {
            return;
        }
        for entry in entries.flatten() {
            let _ = std::fs::copy(
                entry.path(),
                to.join(entry.file_name().to_string_lossy().as_ref()),
            );
        }
    }
}

fn deploys(args: &Args) -> bool {
    !args
        .skip
        .contains(&stagegate_config::stage::Stage::DeployBackend)
}

/// Writes a lockfile where the copy has none: the first gate would write one, and a release
/// wants it before.
fn lock_dependencies(checkout: &Checkout, remote: &str) -> anyhow::Result<()> {
    if checkout.root.join("Cargo.lock").exists() {
        return Ok(());
    }
    let run = |program: &str, arguments: &[&str]| -> anyhow::Result<bool> {
        let output = std::process::Command::new(program)
            .args(arguments)
            .current_dir(&checkout.root)
            .output()
            .with_context(|| format!("cannot start {program}"))?;
        Ok(output.status.success())
    };
    if !run("cargo", &["generate-lockfile"])? {
        bail!(
            "`cargo generate-lockfile` failed in the copy of the workspace; see that it works in the original"
        );
    }
    if !run("git", &["check-ignore", "--quiet", "Cargo.lock"])? {
        run("git", &["add", "Cargo.lock"])?;
        run(
            "git",
            &[
                "commit",
                "--quiet",
                "--message",
                "Lock dependencies for the rehearsal",
            ],
        )?;
        run("git", &["push", "--quiet", remote, "HEAD"])?;
    }
    Ok(())
}

/// Returns what follows `release` on the client's command line.
fn words(args: &Args) -> Vec<String> {
    let mut words: Vec<String> = args.versions.iter().map(ToString::to_string).collect();
    if let Some(label) = &args.pre {
        words.extend(["--pre".to_owned(), label.clone()]);
    }
    words
}
