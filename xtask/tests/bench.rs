//! The benchmarks run to their end on small workspaces, and print every row.
//! None of their figures is looked at: timing never decides a test.

use std::process::Command;

fn bench(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("bench")
        .args(arguments)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// The cells of the row that begins with a name.
fn row<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    let line = table
        .lines()
        .find(|line| line.strip_prefix("| ").is_some_and(|l| l.starts_with(name)))
        .unwrap_or_else(|| panic!("no row of {name} in:\n{table}"));
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn publishing_is_measured_beside_cargos() {
    let small = ["--crates", "4", "--levels", "2", "--functions", "2"];
    let quick = ["--lag", "0.1", "--tool", "stagegate", "--tool", "cargo"];
    let said = bench(&[&["publish"], &small[..], &quick[..]].concat());
    assert_eq!(row(&said, "stagegate").len(), 7);
    assert_eq!(row(&said, "cargo publish --workspace")[3], "1.00");
    assert!(said.contains("of depth x lag (2 x 0.1"), "{said}");
}

#[test]
fn a_plan_is_measured_beside_cargo_metadata() {
    let said = bench(&["plan", "--crates", "6", "--levels", "2", "--runs", "1"]);
    assert_eq!(row(&said, "cargo metadata")[2], "1.00");
    assert_eq!(row(&said, "stagegate, the whole plan").len(), 3);
}
