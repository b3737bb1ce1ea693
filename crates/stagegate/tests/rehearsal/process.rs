//! Processes in an environment that is the same on every machine: no user's git
//! configuration, no token, no agent; and none of them runs for ever.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

/// The program under test.
pub(crate) const STAGEGATE: &str = env!("CARGO_BIN_EXE_stagegate");

/// Nothing that is started here takes longer.
const LONGEST: Duration = Duration::from_secs(600);

/// Where the tests keep what outlives one of them.
pub(crate) fn shared() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// A directory for cargo's output. Not one for all: the stage that builds for
/// production reads what it built from there, and two tests build the same name.
pub(crate) fn target_directory(name: &str) -> Utf8PathBuf {
    shared().join("targets").join(name)
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Ran {
    /// Everything it said.
    pub(crate) fn words(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Panics with everything it said unless it ended as expected.
    pub(crate) fn must_end_with(self, code: i32) -> Ran {
        assert_eq!(
            self.code,
            Some(code),
            "signal {:?}\n{}",
            self.signal,
            self.words()
        );
        self
    }
}

/// A command in the tests' own environment.
pub(crate) fn command(program: impl AsRef<OsStr>, directory: &Utf8Path) -> Command {
    let mut command = Command::new(program);
    let inherited = |name: &str| {
        let families = [
            "CARGO_REGISTR",
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "GITHUB_",
            "ACTIONS_",
            "GIT_",
            "STAGEGATE_",
        ];
        families.iter().any(|family| name.starts_with(family))
            || ["GH_TOKEN", "SSH_AUTH_SOCK", "XDG_CONFIG_HOME", "TERM"].contains(&name)
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(inherited) {
            command.env_remove(name);
        }
    }
    let (home, cargo_home) = homes();
    if let Some(rustup) = rustup_home() {
        command.env("RUSTUP_HOME", rustup);
    }
    command
        .current_dir(directory)
        .env("HOME", home)
        .env("CARGO_HOME", cargo_home)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("USER", "tester")
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    command
}

fn real_home() -> PathBuf {
    PathBuf::from(std::env::var_os("HOME").unwrap_or_default())
}

fn rustup_home() -> Option<PathBuf> {
    let given = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    given.or_else(|| Some(real_home().join(".rustup")).filter(|path| path.is_dir()))
}

/// A home without settings, and cargo's home without credentials: only what was
/// downloaded and where to download from is taken along.
fn homes() -> (Utf8PathBuf, Utf8PathBuf) {
    let real =
        std::env::var_os("CARGO_HOME").map_or_else(|| real_home().join(".cargo"), PathBuf::from);
    let home = shared().join("home");
    let cargo_home = home.join(".cargo");
    std::fs::create_dir_all(&cargo_home).expect("the tests' own home can be made");
    for name in ["registry", "config.toml", "config"] {
        let (from, to) = (real.join(name), cargo_home.join(name));
        if from.exists() && to.symlink_metadata().is_err() {
            // Another test may have been faster; the link is the same.
            let _ = std::os::unix::fs::symlink(from, to);
        }
    }
    (home, cargo_home)
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command) -> Ran {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let reader = |stream: Option<Box<dyn Read + Send>>| {
        let mut stream = stream.expect("a piped stream");
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = reader(child.stdout.take().map(|s| Box::new(s) as _));
    let stderr = reader(child.stderr.take().map(|s| Box::new(s) as _));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if began.elapsed() > LONGEST {
            let _ = child.kill();
            panic!(
                "{command:?} did not end: {}",
                stdout.join().unwrap_or_default()
            );
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Ran {
        code: status.code(),
        signal: status.signal(),
        stdout: stdout.join().expect("reading does not panic"),
        stderr: stderr.join().expect("reading does not panic"),
    }
}

/// git's answer, without its last newline; panics unless it succeeds.
pub(crate) fn git(directory: &Utf8Path, arguments: &[&str]) -> String {
    let mut git = command("git", directory);
    git.args(arguments);
    for role in ["AUTHOR", "COMMITTER"] {
        // What the tests commit themselves is as old as the fixture.
        git.env(format!("GIT_{role}_DATE"), "2026-01-02T03:04:05+00:00");
    }
    let ran = run(git);
    assert_eq!(
        ran.code,
        Some(0),
        "git {arguments:?} in {directory}: {}",
        ran.words()
    );
    ran.stdout.trim_end_matches('\n').to_owned()
}
