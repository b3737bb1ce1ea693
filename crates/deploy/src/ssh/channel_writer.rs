//! Writes to the input of a remote command, and notices when the command reads no more.
//!
//! libssh2's blocking write waits for the window to open and does not see that the other
//! side has closed meanwhile: a command that ends early, on a full disk say, would hold
//! the client until the next keep-alive. So no write is larger than the window, and
//! while it is shut, whatever the host says is read, and kept for the caller.

use std::io::{ErrorKind, Read, Write as _};
use std::time::{Duration, Instant};

use ssh2::{Channel, Session};

/// Pause between two queries of a window that is shut; a fraction of any round trip.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// The input of one command.
pub(crate) struct ChannelWriter<'a> {
    session: &'a Session,
    channel: &'a mut Channel,
    /// How long the window may stay shut.
    limit: Duration,
    /// What the command has printed meanwhile, on either stream. libssh2 does not admit
    /// that the command has ended while anything of it is unread.
    printed: Printed,
    /// Whether the host did not take what was written.
    is_stuck: bool,
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
            printed: Printed::default(),
            is_stuck: false,
        }
    }

    /// Writes everything, unless the command reads no more.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = self.write_pieces(bytes);
        self.is_stuck |= written.is_err() && !self.channel.eof();
        written
    }

    fn write_pieces(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            let window = self.open_window()?;
            let piece = &bytes[..bytes.len().min(window)];
            let written = self
                .channel
                .write(piece)
                .map_err(|error| error.to_string())?;
            bytes = &bytes[written..];
        }
        Ok(())
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
            if began.elapsed() > self.limit {
                return Err(format!("the command took no input for {:?}", self.limit));
            }
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
