//! `logs`: what the app logs on its hosts, once or as it is logged.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;

use crate::cli::{Format, Session};
use crate::commands::environment_hosts as hosts;
use crate::commands::shared_args::EnvironmentArgs;
use crate::exit_code::Exit;
use crate::output::{Palette, line};

/// The pause between two questions while following.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Failures of one host in a row that are tolerated while following.
const MAX_CONSECUTIVE_ERRORS: u32 = 30;

/// `logs`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep printing what is logged from now on, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many lines of each host to start with
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub(crate) lines: usize,
    #[command(flatten)]
    pub(crate) environment: EnvironmentArgs,
}

/// Prints what the app logs.
pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Exit> {
    let (context, format) = (&session.open()?, session.format);
    let there = hosts::needed(context, &args.environment.name)?;
    let palette = Palette::for_stdout();
    // One host's lines need no name before them.
    let several = there.len() > 1;
    let mut cursors: BTreeMap<String, String> = BTreeMap::new();
    let mut failures: BTreeMap<String, u32> = BTreeMap::new();
    loop {
        let asked = hosts::ask(&there, |host, app| {
            let after = cursors.get(&host.target().to_string());
            stagegate_deploy::logs(host, app, args.lines, after.map(String::as_str))
        });
        let mut failed = None;
        for (target, answer) in asked {
            let name = target.to_string();
            match answer {
                Ok(logs) => {
                    failures.remove(&name);
                    for text in &logs.lines {
                        show(
                            format,
                            several.then_some((name.as_str(), palette)),
                            &name,
                            text,
                        );
                    }
                    cursors.extend(logs.cursor.map(|cursor| (name, cursor)));
                }
                Err(error) => {
                    let count = failures.entry(name).or_default();
                    *count += 1;
                    if !args.follow || *count > MAX_CONSECUTIVE_ERRORS {
                        failed = Some(error);
                    }
                }
            }
        }
        if let Some(error) = failed {
            bail!("{error}");
        }
        if !args.follow || context.interrupt.asked() {
            return Ok(Exit::Success);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

fn show(format: Format, prefix: Option<(&str, Palette)>, host: &str, text: &str) {
    if format != Format::Human {
        line(&serde_json::json!({ "event": "log", "host": host, "line": text }).to_string());
        return;
    }
    // A terminal is not for an app's log to command.
    let text: String = text
        .chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    match prefix {
        Some((name, palette)) => line(&format!("{} {text}", palette.faint(name))),
        None => line(&text),
    }
}
