//! The fuzz targets, each for a bounded number of runs that are the same every
//! time: over the corpus in the tree, and over what libFuzzer makes of it.
//!
//! They build on stable: the instrumentation that libFuzzer needs is a pass of
//! LLVM, and no sanitizer, for there is no unsafe code to watch.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Enough to get through everything that the corpus leads to; some seconds.
const RUNS: &str = "-runs=40000";

/// What libFuzzer is told of the code, as `cargo fuzz --sanitizer none` does it.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks";

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().to_owned()
}

fn output(command: &mut Command) -> (bool, String) {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// Where rustc builds for: with a target named, the flags are not for build scripts.
fn host() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or("rustc".to_owned());
    let (_, text) = output(Command::new(rustc).arg("-vV"));
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc says where it runs").to_owned()
}

fn build(host: &str, target: &Path) {
    // The same versions as the workspace's; git does not track the copy. Cargo drops
    // what is not needed here and adds libFuzzer, so it cannot be told `--locked`.
    let lockfile = root().join("fuzz/Cargo.lock");
    if !lockfile.exists() {
        std::fs::copy(root().join("Cargo.lock"), &lockfile).unwrap();
    }
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().into_owned();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|p| text.starts_with(p))
        {
            cargo.env_remove(name);
        }
    }
    cargo
        .args(["build", "--release", "--bins", "--target", host])
        .arg("--target-dir")
        .arg(target)
        .current_dir(root().join("fuzz"))
        .env_remove("LD_LIBRARY_PATH")
        .env("RUSTFLAGS", COVERAGE);
    let (built, text) = output(&mut cargo);
    assert!(built, "{text}");
}

#[test]
fn no_input_of_a_bounded_run_breaks_a_rule() {
    if std::env::var_os("STAGEGATE_REHEARSAL").is_some() {
        println!("skipped within a rehearsal: the same code was fuzzed by the original's tests");
        return;
    }
    let compiler = std::env::var("CXX").unwrap_or("c++".to_owned());
    let there = Command::new(&compiler).arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("skipped: libFuzzer is C++, and there is no `{compiler}`");
        return;
    }
    let (host, target) = (host(), root().join("target/fuzz"));
    build(&host, &target);
    for name in ["changelog", "manifest"] {
        let fuzz = root().join("fuzz");
        // What is found on the way is written to the first directory, not into the tree.
        let found = target.join("corpus").join(name);
        let _ = std::fs::remove_dir_all(&found);
        std::fs::create_dir_all(&found).unwrap();
        let mut run = Command::new(target.join(&host).join("release").join(name));
        run.args([
            RUNS,
            "-seed=1",
            "-max_len=2048",
            "-timeout=60",
            "-print_final_stats=1",
        ])
        .arg(format!(
            "-dict={}",
            fuzz.join(format!("{name}.dict")).display()
        ))
        .arg(format!("-artifact_prefix={}/{name}-", target.display()))
        .arg(&found)
        .arg(fuzz.join("corpus").join(name))
        .current_dir(&target);
        let (passed, text) = output(&mut run);
        let end: Vec<&str> = text.lines().rev().take(60).collect();
        let end: Vec<&str> = end.into_iter().rev().collect();
        assert!(
            passed,
            "{name}: mend what it found, and keep the input in fuzz/corpus/{name}\n{}",
            end.join("\n")
        );
        let runs = text
            .lines()
            .find(|line| line.contains("number_of_executed_units"));
        println!("{name}: {}", runs.expect("libFuzzer counts its runs"));
    }
}
