//! The tools on the fake host's `PATH`: small programs that ask the supervisor.
//!
//! Each is a shell line that calls the caller's own program back with the tool's name;
//! [`front_end`] is what that hidden subcommand runs. `sudo -n` alone works without the
//! supervisor: the account is already allowed everything that its own user is.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use camino::Utf8Path;

use super::protocol::{Answer, Ask, LIMIT, SOCKET_VARIABLE};

/// The tools that have a front end.
const TOOLS: [&str; 6] = [
    "systemctl",
    "systemd-run",
    "nft",
    "journalctl",
    "ss",
    "sudo",
];

/// The program that front ends call back, and its leading arguments.
#[derive(Clone, Debug)]
pub struct FrontEnd {
    /// E.g. the running executable.
    pub program: PathBuf,
    /// E.g. a hidden subcommand, whose arguments are passed to [`front_end`].
    pub arguments: Vec<String>,
}

impl FrontEnd {
    /// Writes the front ends into a directory of the host.
    pub(super) fn install(&self, bin: &Utf8Path, socket: &Utf8Path) -> Result<()> {
        std::fs::create_dir_all(bin)?;
        let program = self
            .program
            .to_str()
            .context("the front end's path is not UTF-8")?;
        let mut words = vec![quote(program)];
        words.extend(self.arguments.iter().map(|argument| quote(argument)));
        for tool in TOOLS {
            let text = format!(
                "#!/bin/sh\n{SOCKET_VARIABLE}={} exec {} {tool} \"$@\"\n",
                quote(socket.as_str()),
                words.join(" ")
            );
            write_program(&bin.join(tool), &text)?;
        }
        Ok(())
    }
}

/// Writes an executable script.
pub(super) fn write_program(path: &Utf8Path, text: &str) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o755);
    let mut file = options
        .open(path)
        .with_context(|| format!("cannot write {path}"))?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Acts as one of the host's tools: `TOOL ARGUMENTS…`.
///
/// Prints and exits as the tool would; what the fake does not understand ends with
/// status 64 and a word on standard error.
pub fn front_end(arguments: Vec<OsString>) -> ExitCode {
    match call(arguments) {
        Ok(answer) => {
            // A reader that has gone away is no failure of the tool.
            drop(std::io::stdout().write_all(answer.stdout.as_bytes()));
            drop(std::io::stderr().write_all(answer.stderr.as_bytes()));
            ExitCode::from(answer.status)
        }
        Err(error) => {
            drop(writeln!(std::io::stderr(), "fake host: {error:#}"));
            ExitCode::from(70)
        }
    }
}

fn call(arguments: Vec<OsString>) -> Result<Answer> {
    let mut words = Vec::new();
    for argument in arguments {
        words.push(
            argument
                .into_string()
                .ok()
                .context("an argument is not UTF-8")?,
        );
    }
    if words.is_empty() {
        bail!("no tool was named");
    }
    let tool = words.remove(0);
    if tool == "sudo" {
        return sudo(&words);
    }
    let mut input = String::new();
    if tool == "nft" && words.iter().any(|word| word == "-") {
        std::io::stdin()
            .read_to_string(&mut input)
            .context("cannot read standard input")?;
    }
    let ask = Ask {
        tool,
        arguments: words,
        input,
    };
    let socket = std::env::var_os(SOCKET_VARIABLE)
        .with_context(|| format!("{SOCKET_VARIABLE} is not set: this runs on a fake host only"))?;
    let mut stream = UnixStream::connect(&socket)
        .with_context(|| format!("the supervisor does not listen at {}", socket.display()))?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut line = serde_json::to_string(&ask)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream)
        .read_line(&mut answer)
        .context("the supervisor did not answer")?;
    serde_json::from_str(&answer).context("the supervisor went away")
}

/// `sudo -n [--] COMMAND…` becomes the command; without `-n` it would ask for a password.
fn sudo(words: &[String]) -> Result<Answer> {
    let Some((first, rest)) = words.split_first().filter(|(first, _)| *first == "-n") else {
        return Ok(Answer::fail(1, "sudo: a password is required"));
    };
    let command = match rest.split_first() {
        Some((dashes, command)) if dashes == "--" => command,
        Some((option, _)) if option.starts_with('-') => return Ok(Answer::refuse("sudo", option)),
        _ => rest,
    };
    let Some((program, arguments)) = command.split_first() else {
        return Ok(Answer::refuse("sudo", format!("{first} without a command")));
    };
    let error = Command::new(program).args(arguments).exec();
    Ok(Answer::fail(1, format!("sudo: {program}: {error}")))
}
