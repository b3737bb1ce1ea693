//! `logs`: what the app says on its hosts, now or as it says it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use stagegate_engine::context::Context;

use super::hosts;
use crate::cli::{Format, Logs};
use crate::exit::Exit;
use crate::render::{Palette, line};

/// Between two questions while following.
const INTERVAL: Duration = Duration::from_secs(1);
/// Failures of one host in a row that are borne while following.
const BORNE: u32 = 30;

pub(super) fn logs(context: &Context, args: &Logs, format: Format) -> anyhow::Result<Exit> {
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
                    if !args.follow || *count > BORNE {
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
        std::thread::sleep(INTERVAL);
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
