//! `status`: what is half done, and what runs where.

use stagegate_deploy::{Health, SwitchKind};
use stagegate_engine::journal::Journal;

use crate::cli::{Format, Session};
use crate::commands::environment_hosts as hosts;
use crate::commands::execute::resume_command;
use crate::commands::shared_args::EnvironmentArgs;
use crate::exit_code::Exit;
use crate::output::{Palette, line};

/// Prints what is in progress, and what runs where.
pub(crate) fn run(args: &EnvironmentArgs, session: &Session) -> anyhow::Result<Exit> {
    let (context, format) = (&session.open()?, session.format);
    let environment = args.name.as_str();
    let open = Journal::open_runs(&context.state);
    let hosts = hosts::ask(&hosts::of(context, environment)?, stagegate_deploy::status);
    let healthy = hosts
        .iter()
        .all(|(_, status)| status.as_ref().is_ok_and(is_well));
    let exit = if healthy {
        Exit::Success
    } else {
        Exit::Failure
    };
    if format == Format::Json {
        let hosts: Vec<_> = hosts
            .iter()
            .map(|(target, status)| match status {
                Ok(status) => serde_json::json!({ "host": target.to_string(), "status": status }),
                Err(error) => {
                    serde_json::json!({ "host": target.to_string(), "error": error.to_string() })
                }
            })
            .collect();
        line(
            &serde_json::json!({ "event": "status", "in_progress": open, "environment": environment, "hosts": hosts })
                .to_string(),
        );
        return Ok(exit);
    }
    let palette = Palette::for_stdout();
    for id in &open {
        let resume = resume_command(context, id);
        line(&format!(
            "{} {id} is in progress; resume it with `{resume}`",
            palette.warn("!")
        ));
    }
    if open.is_empty() {
        line("no run in progress in this checkout");
    }
    if hosts.is_empty() {
        line(&format!(
            "no hosts: stagegate.toml has no app, or no [deploy.{environment}]"
        ));
    }
    for (target, status) in &hosts {
        match status {
            Ok(status) => {
                let mark = if is_well(status) {
                    palette.good("✓")
                } else {
                    palette.warn("!")
                };
                line(&format!("{mark} {target}: {}", words(status)));
                for difference in &status.drift {
                    line(&format!("  drift: {difference}"));
                }
            }
            Err(error) => line(&format!("{} {error}", palette.bad("✗"))),
        }
    }
    Ok(exit)
}

/// Returns whether the host is as its last deploy left it.
fn is_well(status: &stagegate_deploy::HostStatus) -> bool {
    let fails = |health: &Health| matches!(health, Health::Failing(_));
    status.drift.is_empty() && !fails(&status.health) && !fails(&status.frontend_health)
}

/// Describes one host in a line.
fn words(status: &stagegate_deploy::HostStatus) -> String {
    let Some(release) = &status.release else {
        return "nothing is deployed yet".to_owned();
    };
    let slot = status
        .slot
        .map_or_else(String::new, |slot| format!(" in slot {}", slot.name()));
    let led = match status.switch_kind {
        Some(SwitchKind::Nft) | None => "",
        Some(SwitchKind::Template) => ", traffic through a proxy",
        Some(SwitchKind::Socket) => ", traffic through the socket that systemd holds",
        Some(SwitchKind::Restart) => ", on the public port itself",
    };
    let since = status
        .since
        .as_ref()
        .map_or_else(String::new, |since| format!(" since {since}"));
    let health = match &status.health {
        Health::Passing(_) => "healthy".to_owned(),
        Health::Failing(why) => format!("NOT healthy: {why}"),
        Health::NotAsked => "health not asked".to_owned(),
    };
    let frontend = status
        .frontend
        .as_ref()
        .map_or_else(String::new, |f| format!(", frontend {f}"));
    let frontend = match &status.frontend_health {
        Health::Passing(_) => format!("{frontend}, healthy too"),
        Health::Failing(why) => format!("{frontend}, NOT healthy: {why}"),
        Health::NotAsked => frontend,
    };
    let armed = status
        .armed
        .as_ref()
        .map_or("", |_| ", switch not confirmed yet");
    format!("runs {release}{slot}{since}, {health}{led}{frontend}{armed}")
}
