//! The stages as bars over time, in SVG.

use super::super::report::RehearsalReport;
use super::html::escape;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 190.0;
const ROW: f64 = 20.0;

/// Returns the drawing.
pub(super) fn svg(report: &RehearsalReport) -> String {
    let end = report
        .steps
        .iter()
        .map(|s| s.began + s.seconds.unwrap_or(0.0))
        .fold(report.seconds, f64::max)
        .max(1.0);
    let scale = (WIDTH - LEFT - 70.0) / end;
    let rows: Vec<_> = report
        .steps
        .iter()
        .filter(|s| s.seconds.is_some() || s.outcome.is_none())
        .collect();
    let height = rows.len() as f64 * ROW + 34.0;
    let mut out = format!(
        r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Timeline of the steps">"#
    );
    for tick in ticks(end) {
        let x = LEFT + tick * scale;
        out.push_str(&format!(
            r#"<line class="grid" x1="{x:.1}" y1="0" x2="{x:.1}" y2="{:.1}"/>"#,
            height - 22.0
        ));
        out.push_str(&format!(
            r#"<text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{tick:.0} s</text>"#,
            height - 6.0
        ));
    }
    for (index, step) in rows.iter().enumerate() {
        let y = index as f64 * ROW;
        let seconds = step.seconds.unwrap_or(0.0);
        let x = LEFT + step.began * scale;
        let width = (seconds * scale).max(1.5);
        let class = match (step.outcome, step.run) {
            (None, _) => "bar failed",
            (Some(_), "before") => "bar before",
            (Some(_), _) => "bar",
        };
        let title = escape(&format!("{}: {}", step.title, step.evidence));
        out.push_str(&format!(
            r#"<g><title>{title}</title><text class="name" x="{:.1}" y="{:.1}" text-anchor="end">{}</text><rect class="{class}" x="{x:.1}" y="{:.1}" width="{width:.1}" height="{:.1}" rx="2"/><text class="tick" x="{:.1}" y="{:.1}">{seconds:.1} s</text></g>"#,
            LEFT - 8.0, y + 14.0, escape(&short(&step.id)), y + 3.0, ROW - 6.0, x + width + 5.0, y + 14.0,
        ));
    }
    out.push_str("</svg>");
    out
}

fn short(id: &str) -> String {
    if id.chars().count() <= 26 {
        return id.to_owned();
    }
    let kept: String = id.chars().take(25).collect();
    format!("{kept}…")
}

/// Returns some four to eight round numbers below `end`.
pub(super) fn ticks(end: f64) -> Vec<f64> {
    let rough = end / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .iter()
        .map(|m| m * power)
        .find(|s| *s >= rough)
        .unwrap_or(rough);
    let count = (end / step).floor() as usize;
    (0..=count).map(|i| i as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(60.0), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
        assert_eq!(ticks(7.0), [0.0, 2.0, 4.0, 6.0]);
    }
}
