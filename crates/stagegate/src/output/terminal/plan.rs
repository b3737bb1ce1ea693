//! A plan, for people.

use stagegate_plan::model::{HostFile, Plan};

use super::color::{Palette, wrap};
use crate::output::count;

/// Before what belongs to the line above.
const INDENT: &str = "      ";

/// Returns the plan as text; long lines wrap between words at `width` columns.
pub(crate) fn show(plan: &Plan, palette: &Palette, width: Option<usize>) -> String {
    let mut lines = Vec::new();
    let from = plan
        .from
        .as_ref()
        .map_or_else(String::new, |from| format!(" (from {from})"));
    lines.push(format!(
        "{}{from}, {}",
        palette.strong(&plan.title),
        count(plan.steps.len(), "step")
    ));
    let columns = plan
        .steps
        .iter()
        .map(|step| step.stage.name().len())
        .max()
        .unwrap_or(0);
    let mut last = None;
    for (number, step) in plan.steps.iter().enumerate() {
        if step.irreversible {
            lines.push(
                palette.warn("  ──── point of no return: the steps below cannot be undone ────"),
            );
        }
        let stage = if last == Some(step.stage) {
            ""
        } else {
            step.stage.name()
        };
        last = Some(step.stage);
        let beside = if step.parallel_with_previous {
            "∥"
        } else {
            " "
        };
        let text = format!(
            "{:>4}  {stage:columns$} {beside} {}",
            number + 1,
            step.title
        );
        let hang = 4 + 2 + columns + 3;
        let hang = width.map_or(hang, |width| hang.min(width / 3));
        let indent = " ".repeat(hang);
        lines.push(wrap(&text, width, &indent));
    }
    if !plan.rollback_steps.is_empty() {
        lines.push(palette.faint("  if a deploy step fails:"));
        for step in &plan.rollback_steps {
            let text = format!("      ↩ {}", step.title);
            lines.push(wrap(&text, width, "        "));
        }
    }
    for files in plan.host_files.chunk_by(alike) {
        lines.extend(host_files(files, palette, width));
    }
    for note in &plan.notes {
        // What follows the first line is a text that is shown as it will be written.
        let (first, rest) = note.split_once('\n').unwrap_or((note, ""));
        lines.push(wrap(&format!("note: {first}"), width, INDENT));
        lines.extend(rest.lines().map(str::to_owned));
    }
    lines.join("\n")
}

/// Groups new files of the same hosts below one line.
fn alike(one: &HostFile, next: &HostFile) -> bool {
    one.diff.is_none() && next.diff.is_none() && one.hosts == next.hosts
}

/// Shows what changes in our files, for hosts that have the same change to expect.
fn host_files(files: &[HostFile], palette: &Palette, width: Option<usize>) -> Vec<String> {
    let hosts = files[0].hosts.join(", ");
    let mut lines = Vec::new();
    let Some(diff) = &files[0].diff else {
        lines.push(wrap(&format!("new on {hosts}:"), width, INDENT));
        lines.extend(files.iter().map(|file| format!("{INDENT}{}", file.path)));
        return lines;
    };
    let head = format!("changed on {hosts}: {}", files[0].path);
    lines.push(wrap(&head, width, INDENT));
    // Whole, however wide: what is cut away could be what matters.
    lines.extend(diff.lines().map(|line| {
        let line = match line.chars().next() {
            Some('+') => palette.good(line),
            Some('-') => palette.bad(line),
            Some('@') => palette.faint(line),
            _ => line.to_owned(),
        };
        format!("{INDENT}{line}")
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use stagegate_config::stage::Stage;
    use stagegate_plan::model::Action;
    use stagegate_plan::model::Step;

    #[test]
    fn stages_are_named_once_and_the_line_is_drawn() {
        let step = |id: &str, stage, beside, irreversible| Step {
            id: id.to_owned(),
            stage,
            title: format!("do {id}"),
            parallel_with_previous: beside,
            depends_on: Vec::new(),
            after_settled: Vec::new(),
            max_failures: 0,
            irreversible,
            action: Action::CustomCommand(stagegate_plan::model::CustomCommand {
                run: vec![id.to_owned()],
                probe: None,
                pass_env: Vec::new(),
                env: Vec::new(),
            }),
        };
        let host_file = |path: &str, hosts: &[&str], diff: Option<&str>| HostFile {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path: path.into(),
            diff: diff.map(str::to_owned),
        };
        let plan = Plan {
            cli_args: "1.0.0".to_owned(),
            title: "release 1.1.0".to_owned(),
            from: Some("1.0.0".parse().unwrap()),
            notes: vec!["mind the gap".to_owned()],
            host_files: vec![
                host_file("/opt/a/switchctl", &["d@a:22", "d@b:22"], None),
                host_file("/etc/a.service", &["d@a:22", "d@b:22"], None),
                host_file(
                    "/etc/a@.service",
                    &["d@c:22"],
                    Some("@@ -1,2 +1,2 @@\n a\n-MemoryMax=1G\n+MemoryMax=2G\n"),
                ),
            ],
            steps: vec![
                step("tag", Stage::Tag, false, false),
                step("a", Stage::Publish, false, true),
                step("b", Stage::Publish, true, false),
            ],
            ..Plan::new(
                stagegate_plan::model::RunId::new(stagegate_plan::model::Verb::Release, "1.1.0"),
                "1.1.0".parse().unwrap(),
                "2026-01-01T00:00:00Z".parse().unwrap(),
            )
        };
        let want = "release 1.1.0 (from 1.0.0), 3 steps\n   1  tag       do tag\n  ──── point of no return: the steps below cannot be undone ────\n   2  publish   do a\n   3          ∥ do b\n\
                    new on d@a:22, d@b:22:\n      /opt/a/switchctl\n      /etc/a.service\n\
                    changed on d@c:22: /etc/a@.service\n      @@ -1,2 +1,2 @@\n       a\n\
                    \x20     -MemoryMax=1G\n      +MemoryMax=2G\nnote: mind the gap";
        assert_eq!(show(&plan, &Palette::none(), None), want);
        let narrow = show(&plan, &Palette::none(), Some(12));
        let steps = narrow.lines().take_while(|line| !line.contains("new on"));
        assert!(
            steps
                .filter(|l| !l.contains("──") && !l.contains("steps"))
                .all(|l| l.chars().count() <= 12),
            "{narrow}"
        );
    }
}
