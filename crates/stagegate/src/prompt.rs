//! Questions of yes or no, asked on the terminal after everything was shown.

use std::io::{BufRead, IsTerminal, Write};

use stagegate_plan::model::{Plan, Step};

use crate::commands::Usage;

/// Returns whether there is a terminal to ask on.
pub(crate) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Asks whether what was just shown shall be done.
///
/// # Errors
/// When there is no terminal to ask on.
pub(crate) fn agreed() -> Result<bool, Usage> {
    match is_possible() {
        true => Ok(ask("\nDo this? [y/N] ")),
        false => Err(Usage(
            "there is no terminal to ask on; read the plan with --dry-run, then pass --yes"
                .to_owned(),
        )),
    }
}

/// Asks before the first step that cannot be undone.
pub(crate) fn confirm_irreversible(plan: &Plan, step: &Step) -> bool {
    let left = plan.steps.iter().skip_while(|s| s.id != step.id).count();
    let steps = match left {
        1 => "the remaining step".to_owned(),
        _ => format!("the remaining {left} steps"),
    };
    ask(&format!(
        "\nAll checks have passed. Next: {}.\nFrom here on, {steps} cannot be undone. Continue? [y/N] ",
        step.title
    ))
}

fn ask(question: &str) -> bool {
    let mut out = std::io::stdout();
    let _ = write!(out, "{question}");
    let _ = out.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
