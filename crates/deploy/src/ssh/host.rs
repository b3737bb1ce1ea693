//! A live connection to a host: it runs commands, uploads bytes, and asks HTTP ports.
//!
//! Blocking, and one session per thread. A command's exit status is believed only when
//! the host's shell wrote it as the last line of the output. Files travel through `cat`
//! in large writes, because SFTP waits for an answer to each small one. It decides once
//! per connection whether privileged commands need `sudo`, and never gives a password.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use camino::Utf8Path;
use ssh2::Session;

use crate::model::digest::is_sha256;
use crate::model::error::{ConnectError, RunError};
use crate::model::target::Target;
use crate::ssh::channel_writer::{ChannelWriter, Printed};
use crate::ssh::command::{Command, Output, split_report};
use crate::ssh::connect::{self, Connection, code};
use crate::ssh::http::{self, HttpResponse};
use crate::ssh::proxy_process::ProxyProcess;
use crate::ssh::shell::{self, MAX_OUTPUT_BYTES, Shell};

/// libssh2: the host refused to open the channel, so the connection itself is well.
const CHANNEL_FAILURE: i32 = -21;
/// Size of a write, in bytes: enough to keep the window full at a long round trip.
const CHUNK_BYTES: usize = 256 * 1024;
/// Longest HTTP response that is read, in bytes.
const MAX_RESPONSE_BYTES: u64 = 4 * 1024 * 1024;

/// Longest time in which a host takes nothing of what is sent.
const TAKE_LIMIT: Duration = Duration::from_secs(20);

/// A connection to a host whose key is known and that admitted us.
pub struct Host {
    /// The account's own, and root's; started when first needed.
    shells: RefCell<[Option<Shell>; 2]>,
    session: Session,
    /// The session's own, to end it from outside.
    socket: OwnedFd,
    /// Whether somebody asked to stop.
    stop: Option<Arc<AtomicBool>>,
    target: Target,
    elevate: bool,
    // After the session, which says goodbye through it.
    _proxy: Option<ProxyProcess>,
}

/// What a probe of an HTTP port met.
#[derive(Debug, Clone, PartialEq)]
pub enum HttpReply {
    /// An answer.
    Response(HttpResponse),
    /// The host is there, but nothing sensible answers on that port.
    NoResponse(String),
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Host({})", self.target)
    }
}

impl Host {
    /// Connects, checks the host's key strictly, and is admitted by a key.
    ///
    /// # Errors
    /// [`ConnectError`]: unreachable, an unknown, changed or revoked key, not admitted.
    pub fn connect(target: &Target) -> Result<Host, ConnectError> {
        let Connection {
            session,
            socket,
            proxy,
        } = connect::open(target)?;
        let mut host = Host {
            shells: RefCell::default(),
            session,
            socket,
            stop: None,
            target: target.clone(),
            elevate: false,
            _proxy: proxy,
        };
        let user =
            host.run(&Command::new("id").arg("-u"))
                .map_err(|error| ConnectError::Unreachable {
                    target: target.to_string(),
                    why: error.to_string(),
                })?;
        host.elevate = user.text().trim() != "0";
        Ok(host)
    }

    /// Lets uploads end as soon as somebody asks to stop; what was sent stays there, and a later
    /// upload goes on behind it. Whatever else runs comes to its own end.
    pub fn stop_uploads_when(&mut self, asked: Arc<AtomicBool>) {
        self.stop = Some(asked);
    }

    /// Ends the connection from below. A channel that is let go says goodbye and waits for the
    /// answer; behind a packet that was sent in part libssh2 waits with a busy processor for
    /// what it never tries (`libssh2_channel_free`, measured: a minute for each channel). So
    /// nothing waits from here on.
    fn sever(&self) {
        self.session.set_blocking(false);
        // A connection that has ended already is what is wanted.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }

    /// Returns where this connection goes.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Tells whether privileged commands go through `sudo -n`.
    pub fn needs_sudo(&self) -> bool {
        self.elevate
    }

    /// Runs a command to its end, whatever its status.
    ///
    /// # Errors
    /// [`RunError::Lost`] when the connection broke or the command never reported its end.
    pub fn run(&self, command: &Command) -> Result<Output, RunError> {
        let mut outputs = self.run_all(std::slice::from_ref(command))?;
        outputs.pop().ok_or_else(|| self.not_run(command))
    }

    /// Runs commands one after another, each to its end, and none after one that failed:
    /// the last of what comes back is then the failed one's. Most of the time this is one
    /// question and one answer, however many they are.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub(crate) fn run_all(&self, commands: &[Command]) -> Result<Vec<Output>, RunError> {
        let mut outputs: Vec<Output> = Vec::new();
        let mut rest = commands;
        while let Some(first) = rest.first() {
            let lines: Vec<String> = rest
                .iter()
                .take_while(|command| self.as_root(command) == self.as_root(first))
                .map_while(shell::shell_line)
                .collect();
            let (now, then) = rest.split_at(lines.len().max(1));
            for command in now {
                self.check_sendable(command)?;
            }
            match &lines[..] {
                [] => outputs.push(
                    self.run_with_input(first, |writer| writer.write_all(first.input_bytes()))?,
                ),
                lines => outputs.extend(self.run_in_shell(now, lines)?),
            }
            if outputs.last().is_some_and(|last| last.status != 0) {
                break;
            }
            rest = then;
        }
        Ok(outputs)
    }

    /// Tells whether it is root's shell that runs it.
    fn as_root(&self, command: &Command) -> bool {
        self.elevate && command.is_privileged()
    }

    /// Hands the commands' lines to the shell that waits for them.
    fn run_in_shell(
        &self,
        commands: &[Command],
        lines: &[String],
    ) -> Result<Vec<Output>, RunError> {
        let as_root = commands.iter().any(|command| self.as_root(command));
        let silences = commands.iter().map(Command::silence_limit);
        let silence = silences.max().unwrap_or_default();
        let mut shells = self.shells.borrow_mut();
        let kept = &mut shells[usize::from(as_root)];
        self.set_timeout(silence);
        let summaries: Vec<String> = commands.iter().map(Command::summary).collect();
        let lost = |why: String| self.lost(&summaries.join("; "), why);
        let mut shell = match kept.take() {
            Some(shell) => shell,
            None => Shell::start(&self.session, as_root).map_err(lost)?,
        };
        let outputs = shell.run(&self.session, lines, silence).map_err(|why| {
            // A command that is silent for too long leaves nothing that could be asked again.
            if !shell.has_ended() {
                self.sever();
            }
            lost(why)
        })?;
        *kept = Some(shell).filter(Shell::is_alive);
        Ok(outputs)
    }

    fn check_sendable(&self, command: &Command) -> Result<(), RunError> {
        if command.has_nul() {
            return Err(RunError::Unsendable {
                target: self.target.to_string(),
                command: command.summary(),
            });
        }
        Ok(())
    }

    /// Runs a command that must succeed.
    ///
    /// # Errors
    /// As [`Host::run`], and [`RunError::Failed`] for any status but 0.
    pub fn check(&self, command: &Command) -> Result<Output, RunError> {
        let output = self.run(command)?;
        self.expect_success(command, output)
    }

    /// Runs a command that prints a SHA-256 and nothing else.
    pub(crate) fn sha256(&self, command: &Command) -> Result<String, RunError> {
        let text = self.check(command)?.text();
        self.sha256_in(command, text.trim())
    }

    /// Returns a word that a command has printed, if it is a SHA-256.
    pub(crate) fn sha256_in(&self, command: &Command, word: &str) -> Result<String, RunError> {
        if is_sha256(word) {
            return Ok(word.to_owned());
        }
        Err(self.unreadable(command, format!("{word:?} is no SHA-256")))
    }

    /// Uploads a local file into the input of a command, in large writes, from the byte
    /// `begun` on.
    ///
    /// `sent` hears how far into the file it is, after each piece.
    ///
    /// # Errors
    /// When the file cannot be read, the connection breaks, the host takes nothing for 20 s, or
    /// the command fails; [`RunError::Stopped`] when somebody asked to stop.
    pub fn upload(
        &self,
        file: &Utf8Path,
        begun: u64,
        command: &Command,
        sent: &mut dyn FnMut(u64),
    ) -> Result<Output, RunError> {
        let local = |source| RunError::Local {
            target: self.target.to_string(),
            path: file.to_owned(),
            source,
        };
        let mut source = File::open(file).map_err(local)?;
        source.seek(SeekFrom::Start(begun)).map_err(local)?;
        let mut failed_to_read = None;
        let send = |writer: &mut ChannelWriter<'_>| {
            writer.stop_when(self.stop.clone());
            let mut piece = vec![0; CHUNK_BYTES];
            let mut total = begun;
            loop {
                let length = match source.read(&mut piece) {
                    Ok(0) => return Ok(()),
                    Ok(length) => length,
                    Err(error) => {
                        failed_to_read = Some(error);
                        return Err("the local file cannot be read".to_owned());
                    }
                };
                writer.write_all(&piece[..length])?;
                total += length as u64;
                sent(total);
            }
        };
        let output = self.run_with_input(command, send);
        if let Some(error) = failed_to_read {
            return Err(local(error));
        }
        self.expect_success(command, output?)
    }

    /// Asks `http://127.0.0.1:PORT/PATH` on the host, through the SSH connection.
    ///
    /// A port that refuses, answers nonsense or is silent for `limit` is a
    /// [`HttpReply::NoResponse`]: an observation, not a failure of the connection.
    ///
    /// # Errors
    /// [`RunError::Lost`] when the connection itself broke.
    pub fn http_get(&self, port: u16, path: &str, limit: Duration) -> Result<HttpReply, RunError> {
        let what = format!("GET 127.0.0.1:{port}{path}");
        self.set_timeout(limit);
        let mut channel = match self.session.channel_direct_tcpip("127.0.0.1", port, None) {
            Ok(channel) => channel,
            Err(error) if code(&error) == CHANNEL_FAILURE => {
                return Ok(HttpReply::NoResponse(format!(
                    "port {port} refuses connections"
                )));
            }
            Err(error) => return Err(self.lost(&what, error.to_string())),
        };
        if let Err(error) = channel.write_all(http::request(port, path).as_bytes()) {
            return self
                .no_response_or_lost(&what, format!("the request could not be sent: {error}"));
        }
        let mut bytes = Vec::new();
        if let Err(error) = (&mut channel)
            .take(MAX_RESPONSE_BYTES)
            .read_to_end(&mut bytes)
        {
            return self
                .no_response_or_lost(&what, format!("no whole answer in {limit:?}: {error}"));
        }
        Ok(match http::parse(&bytes) {
            Ok(answer) => HttpReply::Response(answer),
            Err(why) => HttpReply::NoResponse(why),
        })
    }

    /// Tells a silent backend from a broken connection: a healthy one still runs `true`.
    fn no_response_or_lost(&self, what: &str, why: String) -> Result<HttpReply, RunError> {
        match self.run(&Command::new("true")) {
            Ok(_) => Ok(HttpReply::NoResponse(why)),
            Err(_) => Err(self.lost(what, why)),
        }
    }

    /// Runs a command whose input `write` gives.
    fn run_with_input(
        &self,
        command: &Command,
        write: impl FnOnce(&mut ChannelWriter<'_>) -> Result<(), String>,
    ) -> Result<Output, RunError> {
        self.check_sendable(command)?;
        let summary = command.summary();
        self.set_timeout(command.silence_limit());
        let lost = |why: String| self.lost(&summary, why);
        let mut channel = self
            .session
            .channel_session()
            .map_err(|e| lost(e.to_string()))?;
        channel
            .exec(&command.reported_line(self.elevate))
            .map_err(|e| lost(e.to_string()))?;
        // A command that ends early closes its input; its own words then say why.
        let take_limit = command.silence_limit().min(TAKE_LIMIT);
        let mut writer = ChannelWriter::new(&self.session, &mut channel, take_limit);
        let fed = write(&mut writer);
        let stopped = writer.is_stopped();
        if writer.is_stuck() {
            self.sever();
        }
        let Printed {
            mut stdout,
            mut stderr,
        } = writer.into_printed();
        self.set_timeout(command.silence_limit());
        let closed = channel.send_eof();
        let read = (&mut channel)
            .take(MAX_OUTPUT_BYTES as u64)
            .read_to_end(&mut stdout)
            .and_then(|_| {
                channel
                    .stderr()
                    .take(MAX_OUTPUT_BYTES as u64)
                    .read_to_end(&mut stderr)
            });
        if read.is_err() && !channel.eof() {
            self.sever();
        }
        if stopped {
            return Err(RunError::Stopped {
                target: self.target.to_string(),
            });
        }
        match split_report(stdout) {
            Some((stdout, status)) => Ok(Output {
                status,
                stdout,
                stderr,
            }),
            None => {
                let message = String::from_utf8_lossy(&stderr).trim().to_owned();
                let first = fed
                    .err()
                    .or(closed.err().map(|error| error.to_string()))
                    .or(read.err().map(|error| error.to_string()))
                    .unwrap_or_else(|| "it did not report its end".to_owned());
                Err(lost(if message.is_empty() {
                    first
                } else {
                    format!("{first} ({message})")
                }))
            }
        }
    }

    /// Returns the output of a command that had its turn and succeeded.
    pub(crate) fn expect_output(
        &self,
        command: &Command,
        output: Option<Output>,
    ) -> Result<Output, RunError> {
        let output = output.ok_or_else(|| self.not_run(command))?;
        self.expect_success(command, output)
    }

    fn not_run(&self, command: &Command) -> RunError {
        self.lost(&command.summary(), "it was not run".to_owned())
    }

    fn expect_success(&self, command: &Command, output: Output) -> Result<Output, RunError> {
        if output.status == 0 {
            return Ok(output);
        }
        Err(self.failed(command, &output))
    }

    /// Creates the error for a command that ended with a status nobody expects.
    pub(crate) fn failed(&self, command: &Command, output: &Output) -> RunError {
        let message = if output.stderr.trim_ascii().is_empty() {
            &output.stdout
        } else {
            &output.stderr
        };
        let message = String::from_utf8_lossy(message).trim().to_owned();
        RunError::Failed {
            target: self.target.to_string(),
            command: command.summary(),
            status: output.status,
            stderr: if message.is_empty() {
                "it said nothing".to_owned()
            } else {
                message
            },
        }
    }

    /// Creates the error for output that is not what the command prints.
    pub(crate) fn unreadable(&self, command: &Command, what: impl Into<String>) -> RunError {
        RunError::Unreadable {
            target: self.target.to_string(),
            command: command.summary(),
            what: what.into(),
        }
    }

    fn lost(&self, command: &str, why: String) -> RunError {
        RunError::Lost {
            target: self.target.to_string(),
            command: command.to_owned(),
            why,
        }
    }

    fn set_timeout(&self, limit: Duration) {
        self.session
            .set_timeout(u32::try_from(limit.as_millis()).unwrap_or(u32::MAX));
    }
}
