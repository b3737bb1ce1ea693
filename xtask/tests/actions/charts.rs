//! The charts of a job's summary are what Mermaid takes them for.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::root;

/// Mermaid's reading of a Markdown file; none where it is not installed.
fn read(file: &Path) -> Option<Output> {
    let tools = root().join("target/tools");
    if !tools.join("node_modules/mermaid").is_dir() {
        eprintln!("skipped: mermaid is not installed; .ci/run installs it");
        return None;
    }
    // Modules are looked for beside the script.
    let script = tools.join("charts.mjs");
    std::fs::write(&script, include_str!("charts.mjs")).unwrap();
    let output = Command::new("node").arg(script).arg(file).output();
    Some(output.unwrap())
}

#[test]
fn mermaid_reads_the_charts_of_a_summary() {
    let sample = root().join("crates/stagegate/src/output/github_actions/summary/sample.md");
    let Some(output) = read(&sample) else { return };
    let said = crate::said(&output);
    assert!(output.status.success(), "{said}");
    let charts: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let tasks = [
        "1 test",
        "2 publish shop-core",
        "3 publish-github-release",
        "4 stabilize app1.example.org",
        "5 section end click",
    ];
    let want = [
        json!({ "type": "gantt", "tasks": tasks }),
        json!({ "type": "xychart", "tasks": [] }),
    ];
    assert_eq!(charts, want);
}

/// A reader that takes everything would prove nothing.
#[test]
fn mermaid_refuses_what_is_no_chart() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("bad.md");
    std::fs::write(&file, "```mermaid\nxychart-beta\n    line [one\n```\n").unwrap();
    let Some(output) = read(&file) else { return };
    assert!(!output.status.success(), "{}", crate::said(&output));
}
