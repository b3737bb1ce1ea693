//! `history`: what was deployed to each host, by whom, and how it ended.

use stagegate_deploy::{DeployRecord, Outcome};

use crate::cli::{Format, Session};
use crate::commands::environment_hosts as hosts;
use crate::commands::shared_args::EnvironmentArgs;
use crate::exit_code::Exit;
use crate::output::{Palette, line};

/// `history`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many deploys of each host, newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) last: usize,
    #[command(flatten)]
    pub(crate) environment: EnvironmentArgs,
}

/// Prints the deploys of each host.
pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Exit> {
    let (context, format) = (&session.open()?, session.format);
    let environment = &args.environment.name;
    let there = hosts::needed(context, environment)?;
    let asked = hosts::ask(&there, stagegate_deploy::history);
    let exit = if asked.iter().all(|(_, answer)| answer.is_ok()) {
        Exit::Success
    } else {
        Exit::Failure
    };
    if format != Format::Human {
        let hosts: Vec<_> = asked
            .iter()
            .map(|(target, answer)| match answer {
                Ok(records) => {
                    serde_json::json!({ "host": target.to_string(), "deploys": newest(records, args.last) })
                }
                Err(error) => {
                    serde_json::json!({ "host": target.to_string(), "error": error.to_string() })
                }
            })
            .collect();
        let all =
            serde_json::json!({ "event": "history", "environment": environment, "hosts": hosts });
        line(&all.to_string());
        return Ok(exit);
    }
    let palette = Palette::for_stdout();
    for (target, answer) in &asked {
        line(&palette.strong(&target.to_string()));
        match answer {
            Ok(records) if records.is_empty() => line("  nothing was deployed yet"),
            Ok(records) => {
                for record in newest(records, args.last) {
                    line(&words(record, palette));
                }
            }
            Err(error) => line(&format!("  {} {error}", palette.bad("✗"))),
        }
    }
    Ok(exit)
}

/// Returns the last ones, newest first.
fn newest(records: &[DeployRecord], last: usize) -> Vec<&DeployRecord> {
    records.iter().rev().take(last).collect()
}

fn words(record: &DeployRecord, palette: Palette) -> String {
    let (mark, how) = match record.outcome {
        Outcome::Confirmed => (palette.good("✓"), "confirmed"),
        Outcome::Unhealthy => (palette.bad("✗"), "never healthy"),
        Outcome::Reverted => (palette.warn("↩"), "rolled back"),
        Outcome::Decommissioned => (palette.good("✓"), "stopped for good"),
    };
    let reason = record.reason.as_deref();
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let DeployRecord {
        at, release, by, ..
    } = record;
    let part = record.part.name();
    format!("  {mark} {at}  {part:<8}  {release}  {how}{reason} (by {by})")
}
