//! A run is cancelled as GitHub cancels it: SIGINT, then SIGTERM, then SIGKILL, to the
//! process itself. Whether it stops by itself or is killed while it finishes something,
//! the next run makes the same world of it.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::evidence::read;
use crate::kill::Chain;
use crate::within_a_rehearsal;
use crate::world::NO_GATES;

/// Between the signals; a runner leaves 7.5 s and 2.5 s.
const PATIENCE: Duration = Duration::from_millis(400);
/// Nothing that is waited for takes longer.
const LONGEST: Duration = Duration::from_secs(120);

/// Whether the child has ended within a time.
fn ends(child: &mut Child, within: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < within {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Releases the next version, cancelled once a step has begun.
fn cancelled(chain: &mut Chain, step: &str) -> Vec<String> {
    chain.minor += 1;
    let mark = chain.work();
    let version = chain.version();
    let mut arguments = vec!["release", version.as_str(), "--yes"];
    arguments.extend(NO_GATES);
    let mut command = chain.world.command(&arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let journal = chain
        .world
        .root()
        .join(format!(".git/stagegate/release-{version}.jsonl"));
    let begun = || {
        let text = if journal.is_file() {
            read(&journal)
        } else {
            String::new()
        };
        let is_it = |line: &str| line.contains("\"started\"") && line.contains(step);
        text.lines().skip(1).any(is_it)
    };
    let began = Instant::now();
    while !begun() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before {step}"
        );
        assert!(began.elapsed() < LONGEST, "{step} does not begin");
        std::thread::sleep(Duration::from_millis(2));
    }
    let pid = Pid::from_child(&child);
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        // It may have ended meanwhile; then there is nobody to hear of it.
        let _ = kill_process(pid, signal);
        if ends(&mut child, PATIENCE) {
            break;
        }
    }
    let ended = child.wait().unwrap();
    // By itself at a safe point, by a signal, or it was done with all there was.
    let code = ended.code();
    assert!(matches!(code, Some(130 | 0) | None), "{step}: {ended}");
    if code != Some(0) {
        let again = chain.world.run(&["release", "--resume", "--yes"]);
        again.must_end_with(0);
    }
    chain.sight(&mark)
}

#[test]
fn a_cancelled_run_is_gone_on_with_to_the_same_world() {
    if within_a_rehearsal() {
        return;
    }
    let mut chain = Chain::start("cancel");
    let wanted = chain.release(None);
    for step in ["\"verify-packages\"", "\"publish", "\"backend.stabilize"] {
        assert_eq!(cancelled(&mut chain, step), wanted, "cancelled at {step}");
    }
}
