//! A host that builds what it runs: with git and cargo as they are, nothing is built here.

use crate::process::git;
use crate::world::World;
use crate::{web, within_a_rehearsal};

/// The usual build, with this machine's toolchain: the host of a test is this machine.
fn world() -> World {
    let world = World::start("builds");
    let mut build = "\n[app.backend.build]\non = \"host\"\ndisk_mib = 256\n".to_owned();
    for name in ["CARGO_HOME", "RUSTUP_HOME"] {
        if let Ok(place) = std::env::var(name) {
            build.push_str(&format!("env.{name} = {place:?}\n"));
        }
    }
    let overlay = std::fs::read_to_string(world.overlay()).unwrap();
    std::fs::write(world.overlay(), overlay + &build).unwrap();
    world
}

fn commit(world: &World, message: &str) {
    let words = ["commit", "--all", "--quiet", "--message", message];
    git(world.root(), &words);
}

#[test]
fn hosts_build_what_is_pushed_and_nothing_is_built_here() {
    if within_a_rehearsal() {
        return;
    }
    let world = world();
    let plan = world.run(&["deploy", "backend", "--dry-run"]);
    let plan = plan.must_end_with(0).stdout;
    assert!(plan.contains("build the release from git on"), "{plan}");
    world.run(&["deploy", "backend", "--yes"]).must_end_with(0);
    assert_eq!(web::get(&world.url("/version")).text().trim(), "0.1.0");
    let here = world.target().join("release/guestbook-backend");
    assert!(!here.exists(), "{here} was built");
    let status = world.run(&["status"]).must_end_with(0);
    assert!(status.stdout.contains("0.1.0"), "{}", status.stdout);

    // What is not pushed is not there for a host to fetch.
    let library = world.root().join("crates/demo/src/lib.rs");
    std::fs::write(library, "no Rust").unwrap();
    commit(&world, "Something that does not compile");
    let ran = world.run(&["deploy", "backend", "--yes"]).must_end_with(3);
    let words = ran.words();
    assert!(words.contains("the hosts build what they fetch"), "{words}");
    assert!(words.contains("git push origin main"), "{words}");

    // What does not build stays where it is.
    git(world.root(), &["push", "--quiet", "origin", "main"]);
    let ran = world.run(&["deploy", "backend", "--yes"]).must_end_with(6);
    let words = ran.words();
    assert!(words.contains("could not be built on"), "{words}");
    assert!(
        words.contains("could not compile `stagegate-demo`"),
        "{words}"
    );
    assert_eq!(web::get(&world.url("/version")).text().trim(), "0.1.0");

    // Another commit is another deploy; this one is given up as it says itself.
    let journal = ".git/stagegate/deploy-production.jsonl";
    std::fs::remove_file(world.root().join(journal)).unwrap();
    git(world.root(), &["revert", "--no-edit", "HEAD"]);
    git(world.root(), &["push", "--quiet", "origin", "main"]);
    world.run(&["deploy", "backend", "--yes"]).must_end_with(0);
}
