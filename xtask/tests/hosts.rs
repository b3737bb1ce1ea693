//! The contract of a host, on real Debian hosts that are booted for it.
//!
//! It needs root and a few programs, and says that it is skipped where these are not
//! there. The same scenarios run on the fake in `stagegate-fakes`'s own tests.

use std::process::Command;

/// The line that `hosts` begins with where it cannot make hosts.
const UNABLE: &str = "error: real hosts need";

fn xtask() -> Command {
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
    command.env_remove("LD_LIBRARY_PATH");
    command
}

/// Runs it; what it said, or `None` where no hosts can be made.
fn run(arguments: &[&str]) -> Option<String> {
    if std::env::var_os("STAGEGATE_REHEARSAL").is_some() {
        eprintln!("skipped: within a rehearsal no hosts are booted");
        return None;
    }
    let output = xtask().args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    if let Some(why) = said.lines().find(|line| line.starts_with(UNABLE)) {
        eprintln!("skipped: {why}");
        return None;
    }
    assert!(output.status.success(), "{arguments:?}: {said}");
    Some(said)
}

#[test]
fn real_hosts_keep_the_contract() {
    let Some(said) = run(&["test", "--hosts"]) else {
        return;
    };
    assert!(said.contains("all scenarios passed"), "{said}");
    // A person who reads the log of a green run wants to see what ran.
    println!("{said}");
}

#[test]
fn hosts_come_up_are_listed_and_leave_nothing() {
    let name = format!("test-{}", std::process::id());
    let on = |words: &[&str]| run(&[&["hosts", "--name", &name], words].concat());
    let Some(said) = on(&["up", "2"]) else {
        return;
    };
    assert_eq!(said.matches("  up  ssh -i ").count(), 2, "{said}");
    let listed = on(&["list"]).unwrap();
    assert!(said.ends_with(&listed), "{listed}");
    let again = xtask()
        .args(["hosts", "--name", &name, "up"])
        .output()
        .unwrap();
    let why = String::from_utf8(again.stderr).unwrap();
    assert!(
        !again.status.success() && why.contains("hosts are up already"),
        "{why}"
    );
    let file = listed.lines().last().unwrap().rsplit(' ').next().unwrap();
    let directory = std::path::Path::new(file).parent().unwrap().to_owned();
    let bridge = directory.read_dir().unwrap().find_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        Some(name.strip_suffix("-1")?.to_owned())
    });
    on(&["down"]).unwrap();
    assert!(!directory.exists());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(directory.to_str().unwrap()), "{mounts}");
    let network = std::path::Path::new("/sys/class/net").join(bridge.unwrap());
    assert!(!network.exists(), "{}", network.display());
    let none = on(&["list"]).unwrap();
    assert!(none.starts_with("no hosts are up"), "{none}");
}

/// None of its figures is looked at: timing never decides a test.
#[test]
fn a_deploy_is_measured_beside_a_script() {
    let bench = [
        "bench", "deploy", "--hosts", "1", "--runs", "1", "--rtt", "5",
    ];
    let Some(said) = run(&bench) else {
        return;
    };
    let row = |tool: &str| {
        let begins = |line: &&str| line.starts_with("| 1") && line.contains(tool);
        let line = said.lines().find(begins);
        let line = line.unwrap_or_else(|| panic!("no row of {tool} in:\n{said}"));
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let ours: Vec<String> = row("stagegate");
    assert!(ours.iter().any(|cell| cell.ends_with('%')), "{ours:?}");
    let script: Vec<String> = row("script");
    assert_eq!(ours.len(), script.len(), "{said}");
}
