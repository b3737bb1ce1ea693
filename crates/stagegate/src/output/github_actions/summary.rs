//! The job's summary: what was done, as Markdown.

use std::fmt::Write;

use stagegate_plan::model::{
    Action, Blockers, ConsumerBuild, Ended, Plan, ProbeSample, RunEnd, StepOutcome, StepStatus,
};

use super::chart;
use super::record::Record;
use super::values::{crates, hosts, releases, tags};
use crate::output::{Palette, show_plan};

/// Charts of so many hosts are looked at; the table has them all.
const CHARTS: usize = 4;
/// Characters of an error that a summary repeats; the log has it all.
const ERROR: usize = 8000;

/// Escapes text so that no character of it has a meaning in Markdown.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c if "\\`*_{}[]()#+!|~$@".contains(c) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Escapes text likewise, but what stands between backticks stays a command to copy.
fn spoken(text: &str) -> String {
    if text.matches('`').count() % 2 == 1 {
        return plain(text);
    }
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        0 => plain(part),
        _ => format!("`{}`", part.replace(char::is_control, " ")),
    });
    parts.collect()
}

/// Returns the first line of a text, escaped and short enough for a table.
fn cell(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(200).collect();
    plain(&short)
}

/// Returns a block of text as it is; its fence is longer than any in it.
fn block(language: &str, text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{text}\n{fence}\n")
}

/// Summarizes how a run went. `site`: the address of the GitHub server.
pub(super) fn summary(record: &Record, site: &str) -> String {
    let mut text = String::new();
    if let Some(Ended {
        end, next, seconds, ..
    }) = &record.state.end
    {
        let mark = match end {
            RunEnd::Completed => "✅",
            RunEnd::Paused => "☑️",
            RunEnd::Interrupted | RunEnd::Declined => "⏸️",
            RunEnd::Failed | RunEnd::RolledBack | RunEnd::RollbackIncomplete => "❌",
        };
        let title = plain(&record.plan().title);
        let _ = write!(text, "## {mark} {title}\n\n{}\n\n", spoken(next));
        facts(record, site, *seconds, &mut text);
    }
    for seen in record
        .state
        .steps
        .iter()
        .filter(|s| s.status == StepStatus::Failed)
    {
        let _ = write!(text, "\n### {} failed\n\n", plain(&seen.id));
        let words: String = seen.text.chars().take(ERROR).collect();
        text.push_str(&block("text", &words));
    }
    if let Some(chart) = chart::gantt(record) {
        text.push('\n');
        text.push_str(&block("mermaid", &chart));
    }
    switch(record, &mut text);
    steps(record, &mut text);
    if record.state.done_before == 0 {
        text.push_str(&plan_details(record.plan()));
    }
    text
}

/// Versions and links.
fn facts(record: &Record, site: &str, seconds: f64, text: &mut String) {
    let plan = record.plan();
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "| {name} | {value} |");
        }
    };
    row("", " ".to_owned());
    row("---", "---".to_owned());
    let from = plan.from.as_ref();
    let from = from.map_or_else(String::new, |from| format!(" (from {from})"));
    row("version", plain(&format!("{}{from}", plan.version)));
    let all: Vec<String> = tags(record).iter().map(|tag| plain(tag)).collect();
    row("tag", all.join(", "));
    let links: Vec<String> = releases(record, site)
        .iter()
        .map(|link| format!("<{}>", link.replace(['<', '>', ' ', '|'], "")))
        .collect();
    row("GitHub release", links.join("<br>"));
    let docs = plan.steps.iter().find_map(|step| match &step.action {
        Action::ConsumerBuild(ConsumerBuild { docs, .. }) => docs.as_ref(),
        _ => None,
    });
    let published: Vec<String> = crates(record)
        .map(|name| {
            let version = plan.version_of(name);
            let shown = plain(&format!("{name} {version}"));
            match docs.and_then(|docs| docs.join(&format!("{name}/{version}")).ok()) {
                Some(link) => format!("[{shown}]({link})"),
                None => shown,
            }
        })
        .collect();
    row("crates", published.join("<br>"));
    let hosts: Vec<String> = hosts(record).iter().map(|host| plain(host)).collect();
    row("runs on", hosts.join(", "));
    row("took", format!("{seconds:.1} s"));
}

/// Summarizes how the app answered while traffic switched.
fn switch(record: &Record, text: &mut String) {
    if record.state.probes.is_empty() {
        return;
    }
    text.push_str(
        "\n### While users were moved\n\nRequests through the public port, asked over SSH.\n\n\
         | step | sent | failed | median | 95th percentile | slowest |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let mut charts = Vec::new();
    for (step, answers) in &record.state.probes {
        let (row, slowest) = figures(answers);
        let _ = writeln!(text, "| {} | {row} |", plain(step));
        charts.extend(chart::latency(step, answers).map(|chart| (slowest, chart)));
    }
    charts.sort_by(|one, other| other.0.total_cmp(&one.0));
    for (_, chart) in charts.iter().take(CHARTS) {
        text.push('\n');
        text.push_str(&block("mermaid", chart));
    }
}

/// Returns a row of figures, and the slowest answer.
fn figures(answers: &[ProbeSample]) -> (String, f64) {
    let mut times: Vec<f64> = answers.iter().filter_map(|answer| answer.latency).collect();
    times.sort_by(f64::total_cmp);
    let failed = answers.len() - times.len();
    let at = |percent: usize| {
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times.get(rank - 1).copied()
    };
    let shown = |time: Option<f64>| time.map_or("–".to_owned(), |ms| format!("{ms:.1} ms"));
    let row = format!(
        "{} | {failed} | {} | {} | {}",
        answers.len(),
        shown(at(50)),
        shown(at(95)),
        shown(times.last().copied())
    );
    (row, times.last().copied().unwrap_or_default())
}

fn steps(record: &Record, text: &mut String) {
    if record.state.steps.is_empty() {
        return;
    }
    let _ = write!(
        text,
        "\n<details><summary>{} steps</summary>\n\n| | step | seconds | what shows it |\n| --- | --- | ---: | --- |\n",
        record.state.steps.len()
    );
    for seen in &record.state.steps {
        let (mark, seconds) = match seen.status {
            StepStatus::Running => ("⏸️", String::new()),
            StepStatus::Failed => ("❌", format!("{:.1}", seen.seconds)),
            StepStatus::Done(StepOutcome::Before) => ("☑️", "before".to_owned()),
            StepStatus::Done(StepOutcome::Warned | StepOutcome::Noted) => {
                ("⚠️", format!("{:.1}", seen.seconds))
            }
            StepStatus::Done(_) => ("✅", format!("{:.1}", seen.seconds)),
        };
        let _ = writeln!(
            text,
            "| {mark} | {} | {seconds} | {} |",
            cell(&seen.title),
            cell(&seen.text)
        );
    }
    text.push_str("\n</details>\n");
}

fn plan_details(plan: &Plan) -> String {
    let shown = show_plan(plan, &Palette::none(), None);
    format!(
        "\n<details><summary>The plan</summary>\n\n{}\n</details>\n",
        block("text", &shown)
    )
}

/// Summarizes a plan that is not run.
pub(super) fn of_plan(plan: &Plan) -> String {
    let shown = show_plan(plan, &Palette::none(), None);
    let mut text = format!(
        "## The plan of {}\n\nNothing was changed.\n\n{}",
        plain(&plan.title),
        block("text", &shown)
    );
    for step in &plan.steps {
        if let Action::DraftRelease(draft) = &step.action {
            let title = plain(&draft.name);
            let notes = block("markdown", &draft.notes);
            let _ = write!(text, "\n### The notes of {title}\n\n{notes}");
        }
    }
    text
}

/// Summarizes problems that keep a plan from being made.
pub(super) fn of_blockers(blockers: &Blockers) -> String {
    let mut text = "## ❌ Problems found; nothing was changed\n\n".to_owned();
    for blocker in &blockers.0 {
        let what: Vec<String> = blocker.what.lines().map(plain).collect();
        let remedy: Vec<String> = blocker.remedy.lines().map(plain).collect();
        let _ = writeln!(text, "- {}<br>→ {}", what.join("<br>"), remedy.join("<br>"));
    }
    text
}

#[cfg(test)]
mod tests;
