//! One command, measured: how long, how much memory, and what it said.

use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use camino::Utf8Path;

use super::memory::Peak;

/// What one command took.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    /// Wall time.
    pub(crate) wall: Duration,
    /// Memory.
    pub(crate) peak: Peak,
    /// How it ended.
    pub(crate) status: ExitStatus,
}

/// No measured command may take longer.
const LONGEST: Duration = Duration::from_secs(600);
/// How often memory is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Runs a command to its end, with its output in a file.
pub(crate) fn measure(command: &mut Command, output: &Utf8Path) -> anyhow::Result<Taken> {
    let file = std::fs::File::create(output).with_context(|| format!("creating {output}"))?;
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone().context("a second handle of a file")?)
        .stderr(file);
    let began = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    let mut peak = Peak::default();
    loop {
        if let Some(status) = child.try_wait().context("waiting for a process")? {
            return Ok(Taken {
                wall: began.elapsed(),
                peak,
                status,
            });
        }
        if began.elapsed() > LONGEST {
            child
                .kill()
                .context("ending a process that takes too long")?;
        }
        peak.look(child.id());
        std::thread::sleep(POLL_INTERVAL);
    }
}
