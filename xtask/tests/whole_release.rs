//! The main job, as the README's first command runs it: this very workspace goes
//! through a complete release, gates and all. Formatting, lints and documentation are held
//! to their rules by its gates, and by no other test.
//!
//! It is the last of the test programs by its name, which `tidy` holds it to: the copy's
//! members are built into the same target directory, under the same names as ours.

use std::path::Path;
use std::process::Command;

#[test]
fn this_workspace_goes_through_a_whole_release() {
    if std::env::var_os("STAGEGATE_REHEARSAL").is_some() {
        println!("skipped: a rehearsal does not rehearse again");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let alias = std::fs::read_to_string(root.join(".cargo/config.toml")).unwrap();
    assert!(
        alias.contains("xtask = \"run --package xtask --\"\n"),
        "{alias}"
    );
    // What the alias would build once more with fewer features: the tests have it already.
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    // What cargo sets for a running test would make build scripts run again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().into_owned();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|p| text.starts_with(p))
        {
            command.env_remove(name);
        }
    }
    let output = command
        .arg("rehearse")
        .current_dir(root)
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let report = std::fs::read_to_string(root.join("target/stagegate/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let gates: Vec<&str> = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step["id"].as_str())
        .collect();
    for gate in [
        "fmt",
        "audit",
        "links",
        "secrets",
        "clippy",
        "test",
        "doc",
        "msrv",
        "verify-packages",
        "publish:stagegate",
        "verify",
    ] {
        assert!(gates.contains(&gate), "{gate} did not run: {gates:?}");
    }
    let load = &report["load"];
    assert!(
        load["sent"].as_u64().is_some_and(|sent| sent > 200),
        "{load}"
    );
    assert_eq!(load["failed"], 0, "{load}");
    assert_eq!(
        report["environment"]["timers"],
        serde_json::json!([]),
        "a timer is left armed"
    );
    // A person reading the log of a green run wants these figures as well.
    println!(
        "{}",
        said.lines()
            .rev()
            .take(16)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
            .join("\n")
    );
}
