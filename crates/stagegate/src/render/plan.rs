//! A plan, for people.

use stagegate_pipeline::Plan;

use super::colour::{Palette, cut, wrap};

/// The plan as text; long lines are cut at `width`.
pub(crate) fn show(plan: &Plan, palette: &Palette, width: Option<usize>) -> String {
    let mut lines = Vec::new();
    let from = plan
        .from
        .as_ref()
        .map_or_else(String::new, |from| format!(" (from {from})"));
    lines.push(format!(
        "{}{from}, {} steps",
        palette.strong(&plan.title),
        plan.steps.len()
    ));
    let columns = plan
        .steps
        .iter()
        .map(|step| step.stage.name().len())
        .max()
        .unwrap_or(0);
    let mut last = None;
    for (number, step) in plan.steps.iter().enumerate() {
        if step.no_return {
            lines.push(palette.warn("  ──── point of no return: from here on, forward only ────"));
        }
        let stage = if last == Some(step.stage) {
            ""
        } else {
            step.stage.name()
        };
        last = Some(step.stage);
        let beside = if step.beside { "∥" } else { " " };
        let text = format!(
            "{:>4}  {stage:columns$} {beside} {}",
            number + 1,
            step.title
        );
        lines.push(width.map_or(text.clone(), |width| cut(&text, width)));
    }
    for note in &plan.notes {
        lines.push(wrap(&format!("note: {note}"), width, "      "));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use stagegate_pipeline::Stage;
    use stagegate_pipeline::plan::{Action, Step};

    #[test]
    fn stages_are_named_once_and_the_line_is_drawn() {
        let step = |id: &str, stage, beside, no_return| Step {
            id: id.to_owned(),
            stage,
            title: format!("do {id}"),
            beside,
            needs: Vec::new(),
            after: Vec::new(),
            bears: 0,
            no_return,
            action: Action::Command {
                run: vec![id.to_owned()],
                probe: None,
            },
        };
        let plan = Plan {
            words: "1.0.0".to_owned(),
            target: "release-1.1.0".to_owned(),
            title: "release 1.1.0".to_owned(),
            version: "1.1.0".parse().unwrap(),
            versions: std::collections::BTreeMap::new(),
            from: Some("1.0.0".parse().unwrap()),
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            then: None,
            notes: vec!["mind the gap".to_owned()],
            way_back: Vec::new(),
            despite_freeze: None,
            steps: vec![
                step("tag", Stage::Tag, false, false),
                step("a", Stage::Publish, false, true),
                step("b", Stage::Publish, true, false),
            ],
        };
        let want = "release 1.1.0 (from 1.0.0), 3 steps\n   1  tag       do tag\n  ──── point of no return: from here on, forward only ────\n   2  publish   do a\n   3          ∥ do b\nnote: mind the gap";
        assert_eq!(show(&plan, &Palette::none(), None), want);
        assert!(
            show(&plan, &Palette::none(), Some(12))
                .lines()
                .all(|l| l.contains("──")
                    || l.contains("note")
                    || l.contains("steps")
                    || l.chars().count() <= 12)
        );
    }
}
