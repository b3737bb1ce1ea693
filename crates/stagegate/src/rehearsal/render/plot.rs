//! Latency and failures around the switches, in SVG.

use super::super::report::{LoadReport, RehearsalReport, micros};
use super::html::escape;
use super::switches;
use super::timeline::ticks;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 262.0;
const TOP: f64 = 26.0;
/// More dots than that are not seen apart; failures and slow ones are all kept.
const DOTS: usize = 4000;

/// Returns the drawing, where there was load.
pub(super) fn svg(report: &RehearsalReport) -> Option<String> {
    let load = report
        .load
        .as_ref()
        .filter(|load| !load.samples.is_empty())?;
    let end = micros(load.samples.last()?.start_us).max(1.0);
    let scale = (WIDTH - LEFT - 20.0) / end;
    // Decades of milliseconds: a switch is looked for in the tail.
    let highest = load
        .samples
        .iter()
        .map(|s| s.latency_us as f64 / 1000.0)
        .fold(10.0, f64::max);
    let (low, high) = (0.1f64.log10(), highest.log10().ceil());
    let y = |ms: f64| BOTTOM - (ms.max(0.1).log10() - low) / (high - low) * (BOTTOM - TOP);
    let mut out = format!(
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Latency and failures around each switch">"#
    );
    let mut decade = low;
    while decade <= high + 1e-9 {
        let ms = 10f64.powf(decade);
        out.push_str(&format!(
            r#"<line class="grid" x1="{LEFT}" y1="{0:.1}" x2="{1}" y2="{0:.1}"/>"#,
            y(ms),
            WIDTH - 20.0
        ));
        out.push_str(&format!(
            r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{ms} ms</text>"#,
            LEFT - 6.0,
            y(ms) + 4.0
        ));
        decade += 1.0;
    }
    for tick in ticks(end) {
        out.push_str(&format!(
            r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="middle">{tick:.0} s</text>"#,
            LEFT + tick * scale,
            HEIGHT - 16.0
        ));
    }
    marks(&mut out, report, load, scale);
    dots(&mut out, load, scale, &y);
    out.push_str("</svg>");
    Some(out)
}

fn marks(out: &mut String, report: &RehearsalReport, load: &LoadReport, scale: f64) {
    for (index, switch) in switches(report).iter().enumerate() {
        let x = LEFT + (switch.at - load.began).max(0.0) * scale;
        let y = TOP - 10.0 + (index % 2) as f64 * 12.0;
        out.push_str(&format!(
            r#"<line class="switch" x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{BOTTOM}"/>"#
        ));
        // Near the right edge the name stands on the line's left.
        let (name_x, anchor) = if x > WIDTH * 0.8 {
            (x - 4.0, "end")
        } else {
            (x + 4.0, "start")
        };
        let title = escape(&switch.title);
        out.push_str(&format!(
            r#"<text class="mark" x="{name_x:.1}" y="{y:.1}" text-anchor="{anchor}">{title}</text>"#
        ));
    }
}

fn dots(out: &mut String, load: &LoadReport, scale: f64, y: &dyn Fn(f64) -> f64) {
    let every = load.samples.len().div_ceil(DOTS).max(1);
    let slow = load.summary().p99_ms * 1000.0;
    for (index, sample) in load.samples.iter().enumerate() {
        let failed = sample.failed();
        if !failed && index % every != 0 && (sample.latency_us as f64) < slow {
            continue;
        }
        let x = LEFT + micros(sample.start_us) * scale;
        let y = y(sample.latency_us as f64 / 1000.0);
        if failed {
            out.push_str(&format!(
                r#"<path class="miss" d="M{:.1} {:.1}l8 8m0 -8l-8 8"/>"#,
                x - 4.0,
                y - 4.0
            ));
        } else {
            out.push_str(&format!(
                r#"<circle class="dot" cx="{x:.1}" cy="{y:.1}" r="1.4"/>"#
            ));
        }
    }
}
