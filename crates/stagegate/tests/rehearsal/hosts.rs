//! What one asks of hosts without deploying: whether they are ready, what they lack,
//! what was deployed, what the app says, and what somebody changed by hand.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::process::git;
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
    limit_memory(&world, "1G");
    // Nothing of ours is there yet.
    let files = host_files(&world);
    assert_eq!(files.len(), 5, "{files:?}");
    assert!(files.iter().all(|file| file["diff"].is_null()), "{files:?}");
    let ran = world.run(&["deploy", "backend", "--yes"]).must_end_with(0);
    let new = format!("new on {}:\n", address(&world));
    let unit = format!("\n      {}\n", unit(&world, "blue"));
    assert!(
        ran.stdout.contains(&new) && ran.stdout.contains(&unit),
        "{}",
        ran.stdout
    );
    let ran = world.run(&["history"]).must_end_with(0);
    assert!(ran.stdout.contains("backend   0.1.0-"), "{}", ran.stdout);
    let ran = world.run(&["history", "--format", "json"]).must_end_with(0);
    let history = last_event(&ran.stdout);
    assert_eq!(history["hosts"][0]["deploys"][0]["outcome"], "confirmed");

    let ran = world.run(&["logs", "-n", "5"]).must_end_with(0);
    assert!(ran.stdout.contains("guestbook-backend@"), "{}", ran.stdout);
    follows(&world);
    a_changed_unit_is_shown_before_it_is_written(&world);

    world.run(&["status"]).must_end_with(0);
    let unit = world.host().prefix();
    // The deploy before has gone to the other slot.
    let unit = unit.join("etc/systemd/system/guestbook-backend@green.service");
    let text = std::fs::read_to_string(&unit).unwrap();
    std::fs::write(&unit, text.replace("PrivateTmp=yes", "PrivateTmp=no")).unwrap();
    let ran = world.run(&["status"]).must_end_with(1);
    assert!(ran.stdout.contains("drift: ") && ran.stdout.contains("@green.service differs"));
    let ran = world.run(&["status", "--format", "json"]).must_end_with(1);
    let drift = &last_event(&ran.stdout)["hosts"][0]["status"]["drift"];
    assert_eq!(drift.as_array().unwrap().len(), 1, "{drift}");
}

/// The unit of a slot, on the host.
fn unit(world: &World, slot: &str) -> String {
    let prefix = world.host().prefix();
    format!("{prefix}/etc/systemd/system/guestbook-backend@{slot}.service")
}

/// The host, as plans name it.
fn address(world: &World) -> String {
    format!("{}@127.0.0.1:{}", world.host().user(), world.host().port())
}

/// Has the app's unit limited from now on.
fn limit_memory(world: &World, most: &str) {
    let text = std::fs::read_to_string(world.overlay()).unwrap();
    let kept = text
        .lines()
        .filter(|line| !line.starts_with("limits"))
        .map(|line| match line {
            "[app.backend]" => format!("{line}\nlimits = {{ memory = \"{most}\" }}\n"),
            line => format!("{line}\n"),
        });
    std::fs::write(world.overlay(), kept.collect::<String>()).unwrap();
}

/// What a deploy would write beside the release, by its plan for programs.
fn host_files(world: &World) -> Vec<Value> {
    let arguments = ["deploy", "backend", "--dry-run", "--format", "json"];
    let ran = world.run(&arguments).must_end_with(0);
    let files = &last_event(&ran.stdout)["host_files"];
    files.as_array().cloned().unwrap_or_default()
}

/// In every form of the plan, and by the deploy itself; afterwards there is nothing to tell.
fn a_changed_unit_is_shown_before_it_is_written(world: &World) {
    assert_eq!(host_files(world), Vec::<Value>::new());
    limit_memory(world, "2G");
    // What runs is in one slot, and what is written is for the other.
    let (there, path) = (unit(world, "blue"), unit(world, "green"));
    let unit = std::fs::read_to_string(&there).unwrap();
    // What a hand has added goes as well, and nobody reads its value.
    std::fs::write(&there, format!("{unit}Environment=TOKEN=hunter2\n")).unwrap();
    let changes = ["-MemoryMax=1G", "-Environment=…", "+MemoryMax=2G"];
    let changed = |text: &str| {
        assert!(!text.contains("hunter2"), "{text}");
        let of_the_diff = |line: &&str| line.starts_with(['-', '+']);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(of_the_diff).collect();
        assert_eq!(lines, changes, "{text}");
    };
    // The release that runs is not started once more, so nothing is written for it.
    assert_eq!(host_files(world), Vec::<Value>::new());
    let commit = ["commit", "--quiet", "--allow-empty", "--message", "More"];
    git(world.root(), &commit);
    let files = host_files(world);
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(files[0]["hosts"][0], address(world));
    assert_eq!(files[0]["path"], path);
    changed(files[0]["diff"].as_str().unwrap());
    let head = format!("changed on {}: {path}", address(world));
    let shown = world.run(&["deploy", "backend", "--dry-run"]);
    let shown = shown.must_end_with(0).stdout;
    assert!(shown.contains(&head), "{shown}");
    changed(&shown);
    let summary = world.root().join("../summary.md");
    let mut command = world.command(&["deploy", "backend", "--dry-run", "--format", "github"]);
    let status = command
        .env("GITHUB_STEP_SUMMARY", &summary)
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    changed(&std::fs::read_to_string(summary).unwrap());
    assert_eq!(
        std::fs::read_to_string(&there).unwrap().lines().last(),
        Some("Environment=TOKEN=hunter2")
    );
    let ran = world.run(&["deploy", "backend", "--yes"]).must_end_with(0);
    assert!(ran.stdout.contains(&head), "{}", ran.stdout);
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, unit.replace("MemoryMax=1G", "MemoryMax=2G"));
    assert_eq!(host_files(world), Vec::<Value>::new());
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
