//! A program of this machine, run to its end, with its own words where it fails.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs it; its standard output, without the last line break.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let what = || format!("`{program} {}`", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", what()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let tail: Vec<&str> = said.trim().lines().rev().take(5).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        bail!(
            "{} ended with {}: {}",
            what(),
            output.status,
            tail.join("\n")
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}
