//! Values for the later steps of a workflow.

use std::io::Write;

use anyhow::Context;

/// Appends values to the file that a runner reads them from; without such a file
/// nobody wants them. A value is one line.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn output(values: &[(&str, &str)]) -> anyhow::Result<()> {
    let Some(file) = std::env::var_os("GITHUB_OUTPUT").filter(|file| !file.is_empty()) else {
        return Ok(());
    };
    let mut text = String::new();
    for (name, value) in values {
        let value = value.lines().next().unwrap_or_default();
        text.push_str(&format!("{name}={value}\n"));
    }
    let opened = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&file);
    opened
        .and_then(|mut to| to.write_all(text.as_bytes()))
        .with_context(|| format!("writing GITHUB_OUTPUT ({})", file.to_string_lossy()))
}
