//! Running other programs: cargo, git, and a team's own.
//!
//! Building a command is one thing and running it another: a [`Tool`] is a
//! value made with xshell; running books its time, keeps its output in a log
//! and shows its last line as progress. A program runs in a process group of
//! its own, so that Ctrl-C on the terminal reaches us first and we decide
//! what is ended and what is finished.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::Signal;
use stagegate_plan::model::TimeCategory;
use xshell::{Cmd, Shell};

use crate::interrupt::Interrupt;
use crate::tools::secret_env::{Keeps, scrub};

/// A program with its arguments, ready to run.
pub struct Tool {
    command: Command,
    shown: String,
    /// What its time is booked on.
    pub category: TimeCategory,
    /// May be ended at once when somebody asks to stop.
    pub may_be_ended: bool,
}

/// What came out.
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// The last lines of both, for people.
    pub tail: String,
    /// How long it took.
    pub took: Duration,
}

/// What an outer `cargo run` leaves in the environment. Handed on, it makes
/// build scripts that watch such variables (ring's does) run again, and with
/// them everything above.
pub(crate) fn clean(command: &mut Command) {
    let ours = |name: &str| {
        name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_BIN_")
            || name.starts_with("CARGO_MANIFEST_")
            || [
                "CARGO_CRATE_NAME",
                "CARGO_PRIMARY_PACKAGE",
                "CARGO_TARGET_TMPDIR",
                "OUT_DIR",
                "LD_LIBRARY_PATH",
            ]
            .contains(&name)
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(ours) {
            command.env_remove(&name);
        }
    }
    leave_repository(command);
}

/// What `git rev-parse --local-env-vars` lists: which repository, index and objects are
/// meant. git sets them for its aliases and hooks, and they would outweigh the directory
/// that a command runs in. Configuration given by the environment (`GIT_CONFIG_COUNT`,
/// `GIT_CONFIG_PARAMETERS`) stays, as git itself keeps it for its submodules.
const LOCAL_TO_A_REPOSITORY: [&str; 13] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Takes away what would lead a program to another repository than its directory's.
fn leave_repository(command: &mut Command) {
    for name in LOCAL_TO_A_REPOSITORY {
        command.env_remove(name);
    }
}

impl Tool {
    /// cargo in a directory, without what an outer cargo left behind.
    pub fn cargo(cargo: &std::path::Path, directory: &Utf8Path) -> Tool {
        let mut tool = Tool::new(
            cargo.to_string_lossy().as_ref(),
            directory,
            TimeCategory::Cargo,
        );
        clean(&mut tool.command);
        tool.command
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "never");
        tool.shown = "cargo".to_owned();
        tool.may_be_ended = true;
        tool
    }

    /// Creates a program in a directory. A command of the team's own may be ended: whoever
    /// cancels a workflow does not wait for it, and its probe tells what it has done.
    pub fn new(program: &str, directory: &Utf8Path, spent: TimeCategory) -> Tool {
        // A shell only lends its directory; it runs nothing itself.
        let command: Command = match Shell::new() {
            Ok(shell) => {
                shell.change_dir(directory);
                Cmd::into(shell.cmd(program))
            }
            Err(_) => Command::new(program),
        };
        let mut tool = Tool {
            command,
            shown: program.to_owned(),
            category: spent,
            may_be_ended: spent == TimeCategory::Command,
        };
        tool.command.current_dir(directory);
        leave_repository(&mut tool.command);
        scrub(&mut tool.command, Keeps::Nothing, "");
        tool
    }

    /// Gives back what this program needs of what every child loses.
    pub fn keeping(mut self, keeps: Keeps) -> Tool {
        for (name, value) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| keeps.keeps(name)) {
                self.command.env(&name, &value);
            }
        }
        self
    }

    /// Gives back variables that every child loses, by their names.
    pub fn passing(mut self, names: &[String]) -> Tool {
        for name in names {
            if let Some(value) = std::env::var_os(name) {
                self.command.env(name, value);
            }
        }
        self
    }

    /// Takes the variable that publishes to a registry of that name.
    pub fn without_token_of(mut self, registry: &str) -> Tool {
        self.command
            .env_remove(stagegate_registry::Token::variable(registry));
        self
    }

    /// Returns a program without what an outer cargo left behind, `CARGO`, `RUSTC` and the
    /// toolchain that rustup chose for it among them: it is to choose for itself.
    pub fn outside_cargo(program: &str, directory: &Utf8Path, spent: TimeCategory) -> Tool {
        let mut tool = Tool::new(program, directory, spent);
        clean(&mut tool.command);
        for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
            tool.command.env_remove(name);
        }
        tool
    }

    /// Adds arguments.
    pub fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Tool {
        for arg in args {
            self.command.arg(arg.as_ref());
            self.shown.push(' ');
            self.shown.push_str(arg.as_ref());
        }
        self
    }

    /// Adds an argument that a person need not type.
    pub fn unshown(mut self, arg: &str) -> Tool {
        self.command.arg(arg);
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: &str) -> Tool {
        self.command.env(name, value);
        self
    }

    /// Returns the command as a person would type it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Runs it to its end; `line` is told each line of its output.
    pub fn run(
        mut self,
        log: Option<&Utf8Path>,
        interrupt: &Interrupt,
        line: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Outcome> {
        let start = Instant::now();
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = self.command.spawn().with_context(|| {
            format!(
                "cannot start `{}`; is it installed and on the PATH?",
                self.shown
            )
        })?;
        let mut log = log.map(open_log).transpose()?;
        if let Some(log) = &mut log {
            writeln!(log, "$ {}", self.shown)?;
        }
        let lines = follow(&mut child);
        let mut output = Output::default();
        let mut asked_at: Option<Instant> = None;
        loop {
            if self.may_be_ended && interrupt.asked() {
                let since = asked_at.get_or_insert_with(|| {
                    signal_group(&child, Signal::TERM);
                    Instant::now()
                });
                if since.elapsed() > END_GRACE {
                    signal_group(&child, Signal::KILL);
                    // What has left the group may hold its output open for ever.
                    if since.elapsed() > END_GRACE + Duration::from_secs(1) {
                        break;
                    }
                }
            }
            match lines.recv_timeout(Duration::from_millis(100)) {
                Ok((from_stdout, text)) => {
                    if let Some(log) = &mut log {
                        writeln!(log, "{text}")?;
                    }
                    line(&text);
                    output.take(from_stdout, text);
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
        let status = child
            .wait()
            .with_context(|| format!("waiting for `{}`", self.shown))?;
        if self.may_be_ended && interrupt.asked() && !status.success() {
            return Err(Stopped.into());
        }
        Ok(Outcome {
            status,
            stdout: output.stdout,
            tail: output.tail.join("\n"),
            took: start.elapsed(),
        })
    }
}

/// A command was ended because somebody asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped, as asked")]
pub struct Stopped;

/// How long a command that was asked to end may take. A runner of GitHub's that cancels a job
/// sends SIGINT to us alone, SIGTERM 7.5 s later, and SIGKILL to everything 2.5 s after that
/// (docs.github.com, "Canceling a workflow"): what is left running by then leaves no record.
const END_GRACE: Duration = Duration::from_secs(5);

/// Signals the whole group, so that cargo's rustc ends with it.
fn signal_group(child: &Child, signal: Signal) {
    let group = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

fn open_log(path: &Utf8Path) -> anyhow::Result<std::fs::File> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).with_context(|| format!("creating {directory}"))?;
    }
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("opening the log {path}"))
}

fn follow(child: &mut Child) -> mpsc::Receiver<(bool, String)> {
    let (send, lines) = mpsc::channel();
    let read = |stream: Option<Box<dyn Read + Send>>, from_stdout: bool| {
        let send = send.clone();
        let Some(stream) = stream else { return };
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut buffer = Vec::new();
            while reader.read_until(b'\n', &mut buffer).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&buffer);
                let text = text.trim_end_matches(['\n', '\r']).to_owned();
                buffer.clear();
                if send.send((from_stdout, text)).is_err() {
                    break;
                }
            }
        });
    };
    read(child.stdout.take().map(|s| Box::new(s) as _), true);
    read(child.stderr.take().map(|s| Box::new(s) as _), false);
    lines
}

const TAIL: usize = 30;

#[derive(Default)]
struct Output {
    stdout: String,
    tail: Vec<String>,
}

impl Output {
    fn take(&mut self, from_stdout: bool, text: String) {
        if from_stdout {
            self.stdout.push_str(&text);
            self.stdout.push('\n');
        }
        if self.tail.len() == TAIL {
            self.tail.remove(0);
        }
        self.tail.push(text);
    }
}

/// Runs a tool for its output; anything but success is an error with its words.
pub(crate) fn read(tool: Tool) -> anyhow::Result<String> {
    let shown = tool.shown().to_owned();
    let outcome = tool.run(None, &Interrupt::default(), &mut |_| {})?;
    if !outcome.status.success() {
        bail!("`{shown}` failed ({}):\n{}", outcome.status, outcome.tail);
    }
    Ok(outcome.stdout)
}

/// Returns the log of a step.
pub(crate) fn log_of(output: &Utf8Path, step: &str) -> Utf8PathBuf {
    let plain: String = step
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-._@".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    output.join("logs").join(format!("{plain}.log"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Tool {
        Tool::new("sh", Utf8Path::new("/"), TimeCategory::Command).args(["-c", script])
    }

    #[test]
    fn output_and_failure_are_kept() {
        assert_eq!(read(sh("echo a; echo b >&2")).unwrap(), "a\n");
        let error = read(sh("echo why >&2; exit 3")).unwrap_err().to_string();
        assert!(error.contains("why") && error.contains("3"), "{error}");
        let missing = Tool::new("no-such-program", Utf8Path::new("/"), TimeCategory::Command);
        assert!(
            read(missing)
                .unwrap_err()
                .to_string()
                .contains("no-such-program")
        );
    }

    #[test]
    fn a_stop_ends_what_does_not_listen_too() {
        for script in [
            // It keeps talking, so that there is never a moment of silence.
            "while :; do echo busy; done",
            // It ignores the polite form, and so does what it has begun.
            "trap '' TERM; echo ready; sleep 600 & wait; sleep 600",
        ] {
            let interrupt = Interrupt::default();
            // Only once it says something is it as it shall be.
            let Err(error) = sh(script).run(None, &interrupt, &mut |_| interrupt.ask()) else {
                panic!("it ran to its end: {script}")
            };
            assert!(error.is::<Stopped>(), "{script}: {error:#}");
        }
    }

    #[test]
    fn a_stop_ends_what_may_be_ended() {
        let interrupt = Interrupt::default();
        interrupt.ask();
        let tool = sh("sleep 600");
        let Err(error) = tool.run(None, &interrupt, &mut |_| {}) else {
            panic!("it ran to its end")
        };
        assert!(error.is::<Stopped>());
    }
}
