//! Writes to the input of a remote command, and notices when the command reads no more.
//!
//! libssh2's blocking write waits for the window to open and does not see that the other
//! side has closed meanwhile: a command that ends early, on a full disk say, would hold
//! the client until the next keep-alive. So no write is larger than the window, and
//! while it is shut, whatever the host says is read, and kept for the caller. And no write
//! waits for long: between two tries it is seen whether somebody asked to stop.

use std::io::{ErrorKind, Read, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ssh2::{Channel, Session};

/// Pause between two queries of a window that is shut; a fraction of any round trip.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Longest wait in one call of libssh2's.
const TRY_LIMIT: Duration = Duration::from_millis(250);
/// Longest wait for a host that takes nothing, once somebody has asked to stop.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// The input of one command.
pub(crate) struct ChannelWriter<'a> {
    session: &'a Session,
    channel: &'a mut Channel,
    /// How long the host may take nothing.
    limit: Duration,
    /// Whether somebody asked to stop.
    stop: Option<Arc<AtomicBool>>,
    /// What the command has printed meanwhile, on either stream. libssh2 does not admit
    /// that the command has ended while anything of it is unread.
    printed: Printed,
    /// Whether the host did not take what was written.
    is_stuck: bool,
    /// Whether it was left unfinished because somebody asked to stop.
    is_stopped: bool,
}

/// What a command has printed on its two streams.
#[derive(Default)]
pub(crate) struct Printed {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl<'a> ChannelWriter<'a> {
    pub(crate) fn new(
        session: &'a Session,
        channel: &'a mut Channel,
        limit: Duration,
    ) -> ChannelWriter<'a> {
        ChannelWriter {
            session,
            channel,
            limit,
            stop: None,
            is_stopped: false,
            printed: Printed::default(),
            is_stuck: false,
        }
    }

    /// Leaves the rest unwritten when somebody asks to stop.
    pub(crate) fn stop_when(&mut self, asked: Option<Arc<AtomicBool>>) {
        self.stop = asked;
    }

    /// Writes everything, unless the command reads no more, or somebody asks to stop.
    pub(crate) fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            if self.is_asked_to_stop() {
                self.is_stopped = true;
                return Err("somebody asked to stop".to_owned());
            }
            let window = self.open_window()?;
            let piece = &bytes[..bytes.len().min(window)];
            let written = self.write(piece)?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Writes some of a piece. A call that waited in vain is made again with the same bytes,
    /// because a part of them may be sent already.
    fn write(&mut self, piece: &[u8]) -> Result<usize, String> {
        let milliseconds = u32::try_from(TRY_LIMIT.as_millis()).unwrap_or(u32::MAX);
        let before = self.session.timeout();
        self.session.set_timeout(milliseconds);
        let written = self.try_to_write(piece);
        self.session.set_timeout(before);
        written
    }

    fn try_to_write(&mut self, piece: &[u8]) -> Result<usize, String> {
        let began = Instant::now();
        loop {
            match self.channel.write(piece) {
                Ok(written) => return Ok(written),
                Err(error) if error.kind() == ErrorKind::TimedOut => self.check_taken(began)?,
                Err(error) => {
                    self.is_stuck = !self.channel.eof();
                    return Err(error.to_string());
                }
            }
        }
    }

    /// Fails when the host has taken nothing for too long.
    fn check_taken(&mut self, since: Instant) -> Result<(), String> {
        let waited = since.elapsed();
        self.is_stopped = self.is_asked_to_stop() && waited > STOP_GRACE;
        self.is_stuck = self.is_stopped || waited > self.limit;
        match self.is_stuck {
            true => Err(format!("the host took nothing for {waited:.0?}")),
            false => Ok(()),
        }
    }

    fn is_asked_to_stop(&self) -> bool {
        let asked = self.stop.as_ref();
        asked.is_some_and(|asked| asked.load(Ordering::SeqCst))
    }

    /// Tells whether it was left unfinished because somebody asked to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Tells whether the host did not take what was written, though the command has not ended.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    /// Returns what the command has printed so far.
    pub(crate) fn into_printed(self) -> Printed {
        self.printed
    }

    /// Waits until the window is open; returns its size in bytes.
    fn open_window(&mut self) -> Result<usize, String> {
        let began = Instant::now();
        loop {
            if self.channel.eof() {
                return Err("the command reads no more".to_owned());
            }
            let window =
                usize::try_from(self.channel.write_window().remaining).unwrap_or(usize::MAX);
            if window > 0 {
                return Ok(window);
            }
            self.check_taken(began)?;
            if self.drain_output()? == 0 {
                std::thread::sleep(POLL_INTERVAL);
            }
        }
    }

    /// Reads what the host has sent, without waiting; returns how many bytes.
    fn drain_output(&mut self) -> Result<usize, String> {
        self.session.set_blocking(false);
        let heard = read_available(&mut self.channel, &mut self.printed.stdout).and_then(|n| {
            Ok(n + read_available(&mut self.channel.stderr(), &mut self.printed.stderr)?)
        });
        self.session.set_blocking(true);
        heard.map_err(|error| error.to_string())
    }
}

/// Reads once, without waiting.
fn read_available(from: &mut impl Read, to: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut buffer = [0; 4096];
    match from.read(&mut buffer) {
        Ok(length) => {
            to.extend(&buffer[..length]);
            Ok(length)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(error),
    }
}
