//! `doctor`: every precondition with its remedy, all at once.

use stagegate_engine::survey::{Scope, survey};
use stagegate_plan::preflight::{Check, checks};

use crate::cli::{Format, Session};
use crate::commands::shared_args::EnvironmentArgs;
use crate::exit_code::Exit;
use crate::output::{Palette, line};

/// Checks every precondition of a release.
pub(crate) fn run(args: &EnvironmentArgs, session: &Session) -> anyhow::Result<Exit> {
    let (context, format) = (&session.open()?, session.format);
    let facts = survey(context, &Scope::everything(&args.name))?;
    let checks = checks::of(&facts, &context.config);
    let ready = format!(
        "ready: see what would happen with `{} release minor --dry-run`",
        context.command
    );
    Ok(show(&checks, &ready, format))
}

/// Prints checks, and what to do about those that failed.
pub(super) fn show(checks: &[Check], ready: &str, format: Format) -> Exit {
    let failed = checks.iter().filter(|check| check.outcome.is_err()).count();
    let exit = if failed == 0 {
        Exit::Success
    } else {
        Exit::Blocked
    };
    if format == Format::Json {
        let list: Vec<_> = checks
            .iter()
            .map(|check| match &check.outcome {
                Ok(text) => serde_json::json!({ "about": check.about, "passed": true, "detail": text }),
                Err(b) => {
                    serde_json::json!({ "about": check.about, "passed": false, "detail": b.what, "remedy": b.remedy })
                }
            })
            .collect();
        line(
            &serde_json::json!({ "event": "doctor", "checks": list, "failed": failed }).to_string(),
        );
        return exit;
    }
    let palette = Palette::for_stdout();
    let columns = checks
        .iter()
        .map(|check| check.about.chars().count())
        .max()
        .unwrap_or(0);
    for check in checks {
        match &check.outcome {
            Ok(text) => line(&format!(
                "{} {:columns$}  {text}",
                palette.good("✓"),
                check.about
            )),
            Err(blocker) => {
                line(&format!(
                    "{} {:columns$}  {}",
                    palette.bad("✗"),
                    check.about,
                    blocker.what
                ));
                line(&format!("  {:columns$}  → {}", "", blocker.remedy));
            }
        }
    }
    line(&if failed == 0 {
        ready.to_owned()
    } else {
        format!(
            "{failed} of {} checks failed; each says what to do",
            checks.len()
        )
    });
    exit
}
