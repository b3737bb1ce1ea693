//! The report as Markdown, for a job summary or a pull request.

use super::super::report::RehearsalReport;
use super::{figures, switches, verdict};

/// Returns the page.
pub(super) fn page(report: &RehearsalReport) -> String {
    let mut lines = vec![format!("# Rehearsal: {}", verdict(report)), String::new()];
    for failed in &report.failed_gates {
        lines.push(format!(
            "- **{}** would stop the release:\n\n  ```text\n{}\n  ```\n",
            failed.gate,
            failed
                .why
                .lines()
                .map(|line| format!("  {line}"))
                .collect::<Vec<_>>()
                .join("\n")
        ));
    }
    let time = report.time();
    lines.push(format!(
        "{} · {:.1} s in all · cargo {:.1} s · git {:.1} s · waiting {:.1} s · stagegate itself {:.1} s ({:.1} %)",
        report.at.strftime("%Y-%m-%d %H:%M UTC"),
        report.seconds,
        time.account.cargo,
        time.account.git,
        time.account.waiting,
        time.own,
        time.own_percent()
    ));
    if !report.faults.is_empty() {
        lines.push(format!(
            "\nFaults: {}; the client was killed {} times.",
            report.faults.join(", "),
            report.kills
        ));
    }
    if let Some(error) = &report.error {
        lines.push(format!("\n```text\n{error}\n```"));
    }
    for switch in switches(report) {
        if let Some(load) = &switch.load {
            lines.push(format!(
                "\nSwitch of the {}: **{}**.",
                switch.title,
                figures(load)
            ));
        }
    }
    lines.push(
        "\n## Steps\n\n| step | seconds | how | evidence |\n| --- | ---: | --- | --- |".to_owned(),
    );
    for step in report.release_steps() {
        let seconds = step
            .seconds
            .map_or("cut off".to_owned(), |s| format!("{s:.1}"));
        let how = step
            .outcome
            .map_or("failed".to_owned(), |o| format!("{o:?}").to_lowercase());
        let evidence = cell(step.evidence.lines().next().unwrap_or_default());
        lines.push(format!(
            "| {} | {seconds} | {how} | {evidence} |",
            cell(&step.id)
        ));
    }
    lines.push("\n## Afterwards\n".to_owned());
    for seen in &report.environment.crates {
        lines.push(format!(
            "- registry {}: `{} {}`, checksum `{}`",
            seen.registry, seen.name, seen.version, seen.checksum
        ));
    }
    for (name, commit) in &report.environment.references {
        lines.push(format!(
            "- remote: `{name}` at `{}`",
            &commit[..commit.len().min(12)]
        ));
    }
    for release in &report.environment.releases {
        let state = if release.draft { "draft" } else { "public" };
        lines.push(format!(
            "- GitHub: release `{}` is {state}: {}",
            release.tag,
            release.assets.join(", ")
        ));
    }
    for process in &report.environment.processes {
        lines.push(format!("- host: {process}"));
    }
    if let Some(last) = &report.environment.last_deploy {
        lines.push(format!("- host's record: `{last}`"));
    }
    lines.join("\n") + "\n"
}

/// Escapes text for a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
