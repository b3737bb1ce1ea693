//! `schema`: the JSON Schema of `stagegate.toml`, for editors.

use crate::exit_code::Exit;
use crate::output::line;

/// Prints the schema.
///
/// # Errors
/// When it cannot be written as JSON.
pub(crate) fn run() -> anyhow::Result<Exit> {
    line(&serde_json::to_string_pretty(
        &stagegate_config::json_schema(),
    )?);
    Ok(Exit::Success)
}
