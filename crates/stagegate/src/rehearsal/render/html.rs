//! The report as one page that needs nothing else: no script, no network.

use super::super::report::RehearsalReport;
use super::{figures, plot, switches, timeline, verdict};
use crate::exit_code::Exit;

/// Escapes text for HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5c6778; --line: #d9dee6; --paper: #ffffff; --bar: #2f6fb4; --before: #9aa7b8; --bad: #c2362b; --good: #1e7f4f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa7b8; --line: #313a48; --paper: #14181f; --bar: #5b9fe3; --before: #5c6778; --bad: #ff7a6e; --good: #5fce95; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .soft { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; } .grid { stroke: var(--line); } .tick { fill: var(--soft); font-size: 11px; } .name { fill: var(--ink); font-size: 12px; }
.bar { fill: var(--bar); } .bar.before { fill: var(--before); } .bar.failed { fill: var(--bad); }
.dot { fill: var(--bar); opacity: .55; } .miss { stroke: var(--bad); stroke-width: 2; fill: none; } .switch { stroke: var(--good); stroke-dasharray: 4 3; } .mark { fill: var(--good); font-size: 12px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; } td, th { text-align: left; border-bottom: 1px solid var(--line); padding: .25rem .5rem; vertical-align: top; overflow-wrap: anywhere; } td.n { text-align: right; } td.n, td.h { white-space: nowrap; }
code, pre { font: 12.5px/1.45 ui-monospace, monospace; } pre { overflow-x: auto; border-left: 3px solid var(--bad); padding-left: .8rem; }
";

/// Returns the page.
pub(super) fn page(report: &RehearsalReport) -> String {
    let head = escape(&verdict(report));
    let class = if report.exit == Exit::Success.code() {
        "good"
    } else {
        "bad"
    };
    let mut body = format!("<h1 class=\"{class}\">{head}</h1>\n");
    body.push_str(&format!(
        "<p class=\"soft\">rehearsed {} against fakes on one machine, in {:.1} s</p>\n",
        report.at.strftime("%Y-%m-%d %H:%M UTC"),
        report.seconds
    ));
    for failed in &report.failed_gates {
        body.push_str(&format!(
            "<p class=\"bad\"><code>{}</code> would stop the release</p>\n<pre>{}</pre>\n",
            escape(&failed.gate),
            escape(&failed.why)
        ));
    }
    if let Some(error) = &report.error {
        body.push_str(&format!("<pre>{}</pre>\n", escape(error)));
    }
    body.push_str(&in_short(report));
    body.push_str(&format!(
        "<h2>Steps over time</h2>\n{}\n",
        timeline::svg(report)
    ));
    if let Some(plot) = plot::svg(report) {
        body.push_str(&format!("<h2>Requests around each switch</h2>\n<p class=\"soft\">A dot is an answered request, a cross one that a user would have seen fail; dashed lines are switches.</p>\n{plot}\n"));
    }
    body.push_str(&steps(report));
    body.push_str(&environment(report));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{head}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

fn in_short(report: &RehearsalReport) -> String {
    let time = report.time();
    let mut rows = vec![
        ("next", escape(&report.next)),
        (
            "time",
            format!(
                "cargo {:.1} s, git {:.1} s, waiting as asked {:.1} s, stagegate itself {:.1} s ({:.1} %)",
                time.account.cargo,
                time.account.git,
                time.account.waiting,
                time.own,
                time.own_percent()
            ),
        ),
    ];
    for switch in switches(report) {
        if let Some(load) = &switch.load {
            rows.push((
                "switch",
                format!("{}: {}", escape(&switch.title), figures(load)),
            ));
            rows.extend(
                load.failures
                    .iter()
                    .map(|failure| ("failure", escape(failure))),
            );
        }
    }
    if let Some(load) = &report.load {
        rows.push(("load", figures(&load.summary())));
    }
    if !report.faults.is_empty() {
        rows.push((
            "faults",
            escape(&format!(
                "{}; client killed {} times",
                report.faults.join(", "),
                report.kills
            )),
        ));
    }
    let rows: String = rows
        .iter()
        .map(|(name, text)| format!("<dt>{name}</dt><dd>{text}</dd>"))
        .collect();
    format!("<dl>{rows}</dl>\n")
}

fn steps(report: &RehearsalReport) -> String {
    let mut rows = String::new();
    for step in report.release_steps() {
        let seconds = step
            .seconds
            .map_or("cut off".to_owned(), |s| format!("{s:.1} s"));
        let how = step
            .outcome
            .map_or("<span class=\"bad\">failed</span>".to_owned(), |o| {
                format!("{o:?}").to_lowercase()
            });
        rows.push_str(&format!(
            "<tr><td><code>{}</code></td><td>{}</td><td class=\"n\">{seconds}</td><td class=\"h\">{how}</td><td>{}</td></tr>\n",
            escape(&step.id),
            escape(&step.title),
            escape(step.evidence.lines().next().unwrap_or_default())
        ));
    }
    format!(
        "<h2>Steps</h2>\n<table><tr><th>step</th><th>what</th><th>time</th><th>how</th><th>evidence</th></tr>\n{rows}</table>\n"
    )
}

fn environment(report: &RehearsalReport) -> String {
    let mut rows = Vec::new();
    for seen in &report.environment.crates {
        rows.push((
            "registry",
            format!(
                "{}: <code>{} {}</code> {}",
                escape(&seen.registry),
                escape(&seen.name),
                seen.version,
                seen.checksum
            ),
        ));
    }
    for (name, commit) in &report.environment.references {
        rows.push((
            "remote",
            format!(
                "<code>{}</code> at {}",
                escape(name),
                escape(&commit[..commit.len().min(12)])
            ),
        ));
    }
    for release in &report.environment.releases {
        let state = if release.draft { "draft" } else { "public" };
        rows.push((
            "GitHub",
            format!(
                "release {} is {state}: {}",
                escape(&release.tag),
                escape(&release.assets.join(", "))
            ),
        ));
    }
    rows.extend(
        report
            .environment
            .processes
            .iter()
            .map(|process| ("host", escape(process))),
    );
    rows.extend(
        report
            .environment
            .timers
            .iter()
            .map(|timer| ("host, armed", escape(timer))),
    );
    if let Some(last) = &report.environment.last_deploy {
        rows.push(("host's record", format!("<code>{}</code>", escape(last))));
    }
    if !report.environment.not_enforced.is_empty() {
        rows.push((
            "not enforced here",
            escape(&report.environment.not_enforced.join(", ")),
        ));
    }
    let rows: String = rows
        .iter()
        .map(|(name, text)| format!("<dt>{name}</dt><dd>{text}</dd>"))
        .collect();
    format!("<h2>Afterwards</h2>\n<dl>{rows}</dl>\n")
}
