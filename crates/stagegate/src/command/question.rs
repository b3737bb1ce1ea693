//! A question of yes or no, asked on the terminal after everything was shown.

use std::io::{BufRead, IsTerminal, Write};

use super::Usage;

/// Whether a person agrees to what was just shown.
///
/// # Errors
/// When there is no terminal to ask on.
pub(super) fn agreed() -> Result<bool, Usage> {
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(Usage(
            "there is no terminal to ask on; read the plan with --dry-run, then pass --yes"
                .to_owned(),
        ));
    }
    let mut out = std::io::stdout();
    let _ = write!(out, "\nDo this? [y/N] ");
    let _ = out.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
