//! What one asks of hosts without deploying: whether they are ready, what they lack,
//! what was deployed, what the app says, and what somebody changed by hand.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::within_a_rehearsal;
use crate::world::{ENVIRONMENT, World};

fn last_event(stdout: &str) -> Value {
    serde_json::from_str(stdout.lines().last().unwrap()).unwrap()
}

#[test]
fn hosts_are_made_ready_and_tell_what_became_of_them() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::start("hosts");
    let env = world.host().prefix().join("etc/guestbook/.env");
    world.run(&["host", "check"]).must_end_with(0);
    std::fs::remove_file(&env).unwrap();
    let ran = world.run(&["host", "check"]).must_end_with(3);
    assert!(
        ran.stdout.contains("create it with mode 0600"),
        "{}",
        ran.stdout
    );
    // Shown, and not done.
    let ran = world
        .run(&["host", "bootstrap", "--dry-run"])
        .must_end_with(0);
    let wanted = "mode 0600, with DATABASE_URL still to be given a value";
    assert!(ran.stdout.contains(wanted), "{}", ran.stdout);
    let ran = world.run(&["host", "bootstrap"]).must_end_with(2);
    assert!(ran.words().contains("--yes"), "{}", ran.words());
    assert!(!env.exists());
    // What is left is for the host's owner.
    let ran = world.run(&["host", "bootstrap", "--yes"]).must_end_with(3);
    assert!(
        ran.stdout.contains("DATABASE_URL no value"),
        "{}",
        ran.stdout
    );
    assert_eq!(std::fs::read_to_string(&env).unwrap(), "DATABASE_URL=\n");
    let lines = ENVIRONMENT.map(|line| line.replace("{prefix}", world.host().prefix().as_str()));
    std::fs::write(&env, lines.join("\n")).unwrap();
    let ran = world.run(&["host", "bootstrap", "--yes"]).must_end_with(0);
    assert!(ran.stdout.contains("lacks nothing"), "{}", ran.stdout);

    let ran = world.run(&["history"]).must_end_with(0);
    assert!(
        ran.stdout.contains("nothing was deployed yet"),
        "{}",
        ran.stdout
    );
    world.run(&["deploy", "backend", "--yes"]).must_end_with(0);
    let ran = world.run(&["history"]).must_end_with(0);
    assert!(ran.stdout.contains("backend   0.1.0-"), "{}", ran.stdout);
    let ran = world.run(&["history", "--format", "json"]).must_end_with(0);
    let history = last_event(&ran.stdout);
    assert_eq!(history["hosts"][0]["deploys"][0]["outcome"], "confirmed");

    let ran = world.run(&["logs", "-n", "5"]).must_end_with(0);
    assert!(ran.stdout.contains("guestbook-backend@"), "{}", ran.stdout);
    follows(&world);

    world.run(&["status"]).must_end_with(0);
    let unit = world.host().prefix();
    let unit = unit.join("etc/systemd/system/guestbook-backend@.service");
    let text = std::fs::read_to_string(&unit).unwrap();
    std::fs::write(&unit, text.replace("PrivateTmp=yes", "PrivateTmp=no")).unwrap();
    let ran = world.run(&["status"]).must_end_with(1);
    assert!(ran.stdout.contains("drift: ") && ran.stdout.contains("@.service differs"));
    let ran = world.run(&["status", "--format", "json"]).must_end_with(1);
    let drift = &last_event(&ran.stdout)["hosts"][0]["status"]["drift"];
    assert_eq!(drift.as_array().unwrap().len(), 1, "{drift}");
}

/// Each line once, also those that come while it is followed; SIGINT ends it well.
fn follows(world: &World) {
    let all = || world.run(&["logs", "-n", "1000"]).must_end_with(0).stdout;
    let before = all();
    let mut command = world.command(&["logs", "--follow", "-n", "1000"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut followed = String::new();
    let mut take_as_many_as = |text: &str| {
        while followed.lines().count() < text.lines().count() {
            followed.push_str(&lines.next().expect("it follows").unwrap());
            followed.push('\n');
        }
        assert_eq!(followed, text);
    };
    take_as_many_as(&before);
    // The program crashes, and systemd starts it again: there is something to tell.
    let crashed = world.host().processes()[0].pid;
    kill_process(Pid::from_raw(crashed).unwrap(), Signal::KILL).unwrap();
    let mut after = all();
    for _ in 0..200 {
        if after[before.len()..].contains("Started") {
            break;
        }
        after = all();
    }
    take_as_many_as(&after);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
}
