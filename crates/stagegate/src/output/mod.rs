//! Renderers of the event stream. Nothing else prints.

pub(crate) mod github_actions;
mod json;
mod step_outputs;
mod terminal;

use std::io::Write;

use stagegate_plan::model::{Blockers, Event, Plan};

use crate::cli::Format;
use crate::exit_code::Exit;

pub(crate) use stagegate_plan::model::count;
pub(crate) use step_outputs::output;
pub(crate) use terminal::Human;
#[cfg(feature = "rehearsal")]
pub(crate) use terminal::color::wrap;
pub(crate) use terminal::color::{Palette, error_width, width, wrap_lines};
pub(crate) use terminal::plan::show as show_plan;

/// Somebody who is told of events.
pub(crate) trait Renderer {
    /// Shows one event.
    fn event(&mut self, event: &Event);
    /// Leaves the terminal alone while somebody else uses it.
    fn suspend(&mut self, work: &mut dyn FnMut()) {
        work();
    }
}

/// Returns the renderer of a format.
pub(crate) fn renderer(format: Format) -> Box<dyn Renderer> {
    match format {
        Format::Human => Box::new(Human::new()),
        Format::Json => Box::new(json::Json),
        Format::Github => Box::new(github_actions::Runner::new()),
    }
}

/// Prints a plan that will not be run.
pub(crate) fn plan(format: Format, plan: &Plan) {
    match format {
        Format::Human => line(&show_plan(plan, &Palette::for_stdout(), width())),
        Format::Json => line(&serde_json::to_string(plan).expect("a plan is plain data")),
        Format::Github => github_actions::plan(plan),
    }
}

/// Returns the format that is asked for, or the one that suits who reads.
pub(crate) fn format(asked: Option<Format>) -> Format {
    asked.unwrap_or_else(|| match github_actions::is_here() {
        true => Format::Github,
        false => Format::Human,
    })
}

/// Prints text to stdout. A closed pipe (`| head`) is no reason to panic. A runner
/// obeys nothing of it.
pub(crate) fn line(text: &str) {
    if github_actions::is_here() {
        let _ = writeln!(
            std::io::stdout(),
            "{}",
            github_actions::command::inert(text)
        );
        return;
    }
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints an error that ended the command.
pub(crate) fn error(format: Format, error: &anyhow::Error, exit: Exit) {
    match format {
        Format::Human => {
            let palette = Palette::for_stderr();
            let head = palette.bad("error");
            // What we say ourselves is broken between words; what tools said stays as it is.
            let text = match error.downcast_ref::<Blockers>() {
                Some(blockers) => wrap_lines(&blockers.to_string(), error_width()),
                None => format!("{error:#}"),
            };
            let _ = writeln!(std::io::stderr(), "{head}: {text}");
        }
        Format::Json => {
            let blockers = error.downcast_ref::<Blockers>();
            let value = serde_json::json!({
                "event": "error",
                "message": format!("{error:#}"),
                "blockers": blockers,
                "exit": exit.code(),
            });
            line(&value.to_string());
        }
        Format::Github => github_actions::error(error),
    }
}
