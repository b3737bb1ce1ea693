//! What is begun is gone on with, and nothing else is begun beside it.

use std::fs::File;

use crate::evidence::{names, read};
use crate::fixture::Fixture;
use crate::process::run;
use crate::refusal::refused;
use crate::within_a_rehearsal;
use crate::world::{NO_GATES, World};

/// A release that was killed once its branch had moved.
fn half_done() -> World {
    let world = World::without_host(Fixture::new(), "half-done");
    let mut release = vec!["release", "0.2.0", "--yes"];
    release.extend(["--skip", "deploy-backend", "--skip", "deploy-frontend"]);
    release.extend(NO_GATES);
    let mut command = world.command(&release);
    // The plan, then two records for each of bump, changelog, commit-object, package, sbom,
    // verify-packages, build and access; so this is the one that says that the branch has moved.
    command.env("STAGEGATE_REHEARSAL_KILL", "after:19");
    assert_eq!(run(command).signal, Some(9));
    let journal = read(&world.root().join(".git/stagegate/release-0.2.0.jsonl"));
    let last = journal.lines().last().unwrap();
    assert!(last.contains("\"step\":\"commit\""), "{last}");
    world
}

#[test]
fn another_plan_is_refused_and_names_the_one_that_is_begun() {
    if within_a_rehearsal() {
        return;
    }
    let world = half_done();
    let journal = world.root().join(".git/stagegate/release-0.2.0.jsonl");
    let says = format!("release-0.2.0 was started already, 9 of  … --resume … {journal}");
    refused(&world, "release 0.2.0 --yes", 8, &says);
    let says = format!(
        "{journal} is the journal of another plan … release-0.2.0 is in progress … \
         `cargo xtask release 0.2.0 --resume`"
    );
    refused(&world, "release 0.3.0 --yes", 8, &says);
    refused(&world, "release minor --yes", 8, &says);
    let says = "it is of release-0.2.0, and you asked for release-0.3.0";
    refused(&world, "release 0.3.0 --resume --yes", 8, says);
    // Its host cannot be reached, and the word on the release comes all the same.
    let status = world.run(&["status"]).must_end_with(1);
    let says = "release-0.2.0 is in progress";
    assert!(status.stdout.contains(says), "{}", status.words());
}

#[test]
fn a_journal_is_one_writers_and_not_obeyed_once_changed() {
    if within_a_rehearsal() {
        return;
    }
    let world = half_done();
    let state = world.root().join(".git/stagegate");
    let resume = "release --resume --yes";
    let lock = File::options()
        .append(true)
        .open(state.join("lock"))
        .unwrap();
    lock.lock().unwrap();
    let says = "another stagegate is at work in this checkout … wait for it";
    refused(&world, resume, 8, says);
    drop(lock);

    let journal = state.join("release-0.2.0.jsonl");
    let text = read(&journal);
    let changed = text.replacen("Release 0.2.0", "Release 6.6.6", 1);
    for (spoilt, line) in [(changed, 1), (format!("{text}strange\n"), 20)] {
        std::fs::write(&journal, spoilt).unwrap();
        let says = format!("{journal}:{line}: this is not a journal record … nothing was done");
        refused(&world, resume, 8, &says);
    }
    std::fs::write(&journal, text).unwrap();
    refused(&world, "release --resume", 2, "no terminal to ask on");
    world
        .run(&["release", "--resume", "--yes"])
        .must_end_with(0);
    assert!(names(&state).contains(&"release-0.2.0.done".to_owned()));
    refused(
        &world,
        resume,
        8,
        "nothing to resume … begin it without --resume",
    );
}

/// The plan does not hold GitHub's address, so a wrong one is not for ever.
#[test]
fn an_address_that_is_corrected_counts_on_resume() {
    if within_a_rehearsal() {
        return;
    }
    let world = half_done();
    let right = read(world.overlay());
    let (before, behind) = right.split_once("\napi = \"").expect("an address");
    let (_, rest) = behind.split_once('"').unwrap();
    // Nobody listens there.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let wrong = format!("{before}\napi = \"http://{address}/\"{rest}");
    std::fs::write(world.overlay(), wrong).unwrap();
    let resume = ["release", "--resume", "--yes"];
    let stopped = world.run(&resume).must_end_with(6);
    let words = stopped.words();
    assert!(words.contains("✗ draft"), "{words}");
    std::fs::write(world.overlay(), right).unwrap();
    world.run(&resume).must_end_with(0);
}

/// Like `--resume`, it needs no version where one release is in progress.
#[test]
fn a_release_is_given_up_without_its_version() {
    if within_a_rehearsal() {
        return;
    }
    let world = half_done();
    let given_up = world.run(&["release", "--abandon"]).must_end_with(0);
    let words = given_up.words();
    assert!(
        words.contains("release-0.2.0 is given up after 9 of"),
        "{words}"
    );
    let state = names(&world.root().join(".git/stagegate"));
    assert!(
        state.contains(&"release-0.2.0.set-aside".to_owned()),
        "{state:?}"
    );
}
