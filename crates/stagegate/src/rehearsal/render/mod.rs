//! The report of a rehearsal: on the terminal, and as Markdown, JSON and a
//! self-contained page.

mod html;
mod markdown;
mod plot;
mod timeline;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_plan::model::count;

use super::report::{LoadSummary, RehearsalReport};
use crate::exit_code::Exit;
use crate::output::{Palette, line as print, width, wrap};

/// Returns a line of the report, broken at the terminal's width.
fn line(text: &str) {
    print(&wrap(text, width(), "            "));
}

/// Where the report lies.
pub(super) struct Files {
    pub(super) html: Utf8PathBuf,
    pub(super) markdown: Utf8PathBuf,
    pub(super) json: Utf8PathBuf,
}

/// Writes all three files.
pub(super) fn write(output: &Utf8Path, report: &RehearsalReport) -> anyhow::Result<Files> {
    let files = Files {
        html: output.join("report.html"),
        markdown: output.join("report.md"),
        json: output.join("report.json"),
    };
    let json = serde_json::to_string(&whole(report)).context("writing the report as JSON")?;
    for (path, text) in [
        (&files.html, html::page(report)),
        (&files.markdown, markdown::page(report)),
        (&files.json, json),
    ] {
        std::fs::write(path, text).with_context(|| format!("writing {path}"))?;
    }
    Ok(files)
}

/// Returns the report with its figures, and every sample.
fn whole(report: &RehearsalReport) -> serde_json::Value {
    let mut value = report.brief();
    if let Some(load) = &report.load {
        value["samples"] = serde_json::to_value(&load.samples).unwrap_or_default();
    }
    value["switches"] = switches(report)
        .iter()
        .map(|s| serde_json::json!({ "at": s.at, "title": s.title, "load": s.load }))
        .collect();
    value
}

/// A moment at which users were moved.
pub(super) struct Switch {
    /// Seconds from the rehearsal's begin.
    pub(super) at: f64,
    /// What moved.
    pub(super) title: String,
    /// The requests from the begin of the switch to the end of the drain.
    pub(super) load: Option<LoadSummary>,
}

/// Returns every switch of the release, with the requests around it.
pub(super) fn switches(report: &RehearsalReport) -> Vec<Switch> {
    let mut switches = Vec::new();
    for step in report.release_steps() {
        let kind = step.id.split('@').next().unwrap_or_default();
        let host = step.id.split('@').nth(1).unwrap_or_default();
        let what = match kind {
            "backend.switch" => "backend",
            "frontend.flip" | "frontend.switch" => "frontend",
            _ => continue,
        };
        let until = report
            .release_steps()
            .filter(|s| s.id == format!("{what}.confirm@{host}") && s.began >= step.began)
            .map(|s| s.began + s.seconds.unwrap_or(0.0))
            .last();
        let end = until
            .filter(|_| kind != "frontend.flip")
            .unwrap_or(step.began + step.seconds.unwrap_or(0.0) + 1.0);
        switches.push(Switch {
            at: step.began,
            title: format!("{what} on {host}"),
            load: report
                .load
                .as_ref()
                .map(|load| load.between(step.began, end)),
        });
    }
    switches
}

/// Returns one sentence on how it ended.
pub(super) fn verdict(report: &RehearsalReport) -> String {
    let exit = Exit::ALL
        .into_iter()
        .find(|exit| exit.code() == report.exit)
        .unwrap_or(Exit::Failure);
    match exit {
        Exit::Gate if !report.failed_gates.is_empty() => {
            let names: Vec<&str> = report
                .failed_gates
                .iter()
                .map(|failed| failed.gate.as_str())
                .collect();
            let rest = match report.release_exit {
                0 => "everything else went through".to_owned(),
                other => format!(
                    "without {}, it would end with {other}",
                    match names.len() {
                        1 => "it",
                        _ => "them",
                    }
                ),
            };
            format!(
                "release {} of {} would be stopped by {}: {}; {rest}",
                report.version,
                report.workspace,
                count(names.len(), "gate"),
                names.join(", ")
            )
        }
        Exit::Success => format!(
            "release {} of {} went through",
            report.version, report.workspace
        ),
        other => {
            format!(
                "release {} of {} ended with {}: {}",
                report.version,
                report.workspace,
                other.code(),
                other.meaning()
            )
        }
    }
}

/// Returns the figures of a load, in a sentence.
pub(super) fn figures(load: &LoadSummary) -> String {
    format!(
        "{} requests, {} failed (p50 {:.1} ms, p99 {:.1} ms, slowest {:.1} ms)",
        load.sent, load.failed, load.p50_ms, load.p99_ms, load.max_ms
    )
}

/// Prints the report for people.
pub(super) fn terminal(report: &RehearsalReport, files: &Files) {
    let palette = Palette::for_stdout();
    let good = report.exit == Exit::Success.code();
    let head = verdict(report);
    line(&format!(
        "\n{} in {:.1} s",
        if good {
            palette.good(&head)
        } else {
            palette.bad(&head)
        },
        report.seconds
    ));
    for failed in &report.failed_gates {
        line(&format!(
            "  gate      {} {}",
            palette.bad(&failed.gate),
            failed.first_line()
        ));
    }
    if report.kills > 0 {
        line(&format!(
            "  the client was killed {} times and went on",
            report.kills
        ));
    }
    let environment = &report.environment;
    if !environment.crates.is_empty() {
        line(&format!(
            "  registry  {} crates of {} in the index",
            environment.crates.len(),
            report.version
        ));
    }
    for release in &environment.releases {
        let state = if release.draft { "draft" } else { "public" };
        line(&format!(
            "  GitHub    release {} is {state}, {} files",
            release.tag,
            release.assets.len()
        ));
    }
    for process in &environment.processes {
        line(&format!("  host      {process}"));
    }
    for timer in &environment.timers {
        line(&format!("  host      {} is armed", palette.warn(timer)));
    }
    for switch in switches(report) {
        if let Some(load) = &switch.load {
            line(&format!("  switch    {}: {}", switch.title, figures(load)));
        }
    }
    if let Some(load) = &report.load {
        line(&format!("  load      {}", figures(&load.summary())));
    }
    let time = report.time();
    line(&format!(
        "  time      cargo {:.1} s, git {:.1} s, waiting {:.1} s, stagegate itself {:.1} s ({:.1} %)",
        time.account.cargo,
        time.account.git,
        time.account.waiting,
        time.own,
        time.own_percent()
    ));
    let mut slow: Vec<_> = report
        .release_steps()
        .filter_map(|s| Some((s.seconds?, s.id.as_str())))
        .collect();
    slow.sort_by(|a, b| b.0.total_cmp(&a.0));
    let slow: Vec<_> = slow
        .iter()
        .take(4)
        .map(|(seconds, id)| format!("{id} {seconds:.1} s"))
        .collect();
    line(&format!("  slowest   {}", slow.join(", ")));
    line(&format!(
        "  report    {} (also {}, {})",
        files.html,
        files.markdown.file_name().unwrap_or_default(),
        files.json.file_name().unwrap_or_default()
    ));
}
