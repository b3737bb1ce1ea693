//! The summary's charts, as GitHub draws them: Mermaid.
//!
//! Names go into them without the signs that Mermaid's grammar knows, so that no
//! title can end a chart or begin a statement.

use stagegate_plan::model::{ProbeSample, StepStatus};

use super::record::Record;

/// More points than that are thinned out, the slowest of each bundle kept.
const POINTS: usize = 60;

/// Returns a name in a chart.
fn name(text: &str) -> String {
    let kept = text.chars().map(|c| match c {
        c if c.is_alphanumeric() || "-._/()+@".contains(c) => c,
        _ => ' ',
    });
    let kept: String = kept.collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns when each step ran; none if none did.
pub(super) fn gantt(record: &Record) -> Option<String> {
    let began = record.began.as_millisecond();
    let mut lines = vec![
        "gantt".to_owned(),
        format!("    title {}", name(&record.plan().title)),
        "    dateFormat x".to_owned(),
        "    axisFormat %H:%M:%S".to_owned(),
    ];
    let mut section = None;
    let mut number = 0;
    for seen in &record.state.steps {
        let Some(at) = seen.began else { continue };
        if section != Some(seen.stage) {
            section = Some(seen.stage);
            lines.push(format!("    section {}", seen.stage.name()));
        }
        number += 1;
        let start = began.saturating_add(i64::try_from(at).unwrap_or(i64::MAX));
        // A bar of no length is not drawn.
        let length = ((seen.seconds * 1000.0) as i64).max(1);
        let look = match seen.status {
            StepStatus::Done(_) => "done",
            StepStatus::Running => "active",
            StepStatus::Failed => "crit",
        };
        // The number keeps a step's name from being a word of the grammar.
        lines.push(format!(
            "    {number} {} :{look}, s{number}, {start}, {}",
            name(&seen.id),
            start.saturating_add(length)
        ));
    }
    (number > 0).then(|| lines.join("\n"))
}

/// Returns how long the app took to answer while it was watched; none without an answer.
pub(super) fn latency(step: &str, answers: &[ProbeSample]) -> Option<String> {
    let good: Vec<(f64, f64)> = answers
        .iter()
        .filter_map(|answer| Some((answer.at, answer.latency?)))
        .collect();
    let last = good.last()?.0.max(0.1);
    let bundle = good.len().div_ceil(POINTS);
    let slowest: Vec<f64> = good
        .chunks(bundle)
        .map(|some| some.iter().map(|(_, ms)| *ms).fold(0.0, f64::max))
        .collect();
    let top = slowest.iter().copied().fold(1.0, f64::max);
    let shown: Vec<String> = slowest.iter().map(|ms| format!("{ms:.1}")).collect();
    Some(format!(
        "xychart-beta\n    title \"{}\"\n    x-axis \"seconds\" 0 --> {last:.1}\n    y-axis \"milliseconds\" 0 --> {top:.1}\n    line [{}]",
        name(step),
        shown.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_nothing_that_a_grammar_knows() {
        assert_eq!(name("deploy: app1;\n  end\"#`"), "deploy app1 end");
        assert_eq!(name("release v1.0.0 (rc)"), "release v1.0.0 (rc)");
    }

    #[test]
    fn many_points_are_thinned_and_the_slowest_stay() {
        let answers: Vec<ProbeSample> = (0..601)
            .map(|at| ProbeSample {
                at: f64::from(at),
                latency: (at != 5).then_some(if at == 300 { 99.0 } else { 1.0 }),
            })
            .collect();
        let chart = latency("stabilize", &answers).unwrap();
        assert!(chart.contains("0 --> 600.0") && chart.contains("0 --> 99.0"));
        let line = chart.lines().last().unwrap();
        assert_eq!(line.matches("99.0").count(), 1);
        assert_eq!(line.matches(',').count() + 1, 60);
        let silent = ProbeSample {
            at: 0.0,
            latency: None,
        };
        assert_eq!(latency("stabilize", &[silent]), None);
    }
}
