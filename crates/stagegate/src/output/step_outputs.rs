//! What a runner reads after a step: values for later steps, and the summary.

use std::io::Write;

use anyhow::Context;

/// Appends values to the file that a runner reads them from; without such a file
/// nobody wants them. A value is one line.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn output(values: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut text = String::new();
    for (name, value) in values {
        let value = value.lines().next().unwrap_or_default();
        text.push_str(&format!("{name}={value}\n"));
    }
    append("GITHUB_OUTPUT", &text)
}

/// Appends Markdown to the job's summary, where there is one.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn summary(markdown: &str) -> anyhow::Result<()> {
    append("GITHUB_STEP_SUMMARY", &format!("{markdown}\n"))
}

/// Appends to the file that a variable names, if it names one.
fn append(variable: &str, text: &str) -> anyhow::Result<()> {
    let Some(file) = std::env::var_os(variable).filter(|file| !file.is_empty()) else {
        return Ok(());
    };
    let opened = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&file);
    opened
        .and_then(|mut to| to.write_all(text.as_bytes()))
        .with_context(|| format!("writing {variable} ({})", file.to_string_lossy()))
}
