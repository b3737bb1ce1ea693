//! Publishing as a workflow does it, with an identity and no token of a person;
//! and what a user gets afterwards.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use stagegate_fakes::registry::RegistryFault;

use crate::evidence::read;
use crate::fixture::{CRATES, Fixture};
use crate::process::{git, run};
use crate::within_a_rehearsal;
use crate::world::{NO_GATES, World};

#[test]
fn a_refused_token_is_named_and_the_release_goes_on_with_a_better_one() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "publish-refused");
    let mut wrong = release(&world, "0.2.0");
    for (name, _) in world.fakes.runner.variables() {
        wrong.env_remove(name);
    }
    wrong.env("CARGO_REGISTRY_TOKEN", "not-the-secret");
    let wrong = run(wrong).must_end_with(6);
    let words = wrong.words();
    assert!(
        words.contains("the token came from CARGO_REGISTRY_TOKEN"),
        "{words}"
    );
    assert!(!words.contains("not-the-secret"), "{words}");
    // Cargo's own way to a better one: a program that has it.
    let program = world.overlay().with_file_name("").join("password-store");
    let script = format!("#!/bin/sh\necho {}\n", world.fakes.registry_token);
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut better = world.command(&["release", "--resume", "--yes"]);
    better.env_remove("CARGO_REGISTRY_TOKEN").env(
        "CARGO_REGISTRY_CREDENTIAL_PROVIDER",
        format!("cargo:token-from-stdout {program}"),
    );
    let better = run(better).must_end_with(0);
    let words = format!("{}{}", better.words(), journal(&world, "0.2.0"));
    assert!(!words.contains(&world.fakes.registry_token), "{words}");
}

/// A crate that does not build where its build script sees what publishes.
fn nothing_secret_reaches_a_build_script(world: &World) {
    let script = r#"
fn main() {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let secret = ["CARGO_REGISTRY_TOKEN", "GITHUB_TOKEN", "SSH_AUTH_SOCK"].contains(&name.as_str())
            || name.starts_with("ACTIONS_ID_TOKEN");
        assert!(!secret, "{name} reaches a build script");
    }
}
"#;
    let root = world.root();
    std::fs::write(root.join("crates/core/build.rs"), script).unwrap();
    git(root, &["add", "--all"]);
    git(
        root,
        &["commit", "--quiet", "--message", "A curious build script"],
    );
    git(root, &["push", "--quiet", "origin", "main"]);
}

/// A release of the crates alone, by a runner that offers its identity.
fn release(world: &World, version: &str) -> Command {
    let mut arguments = vec!["release", version, "--yes"];
    for stage in ["changelog", "deploy-backend", "deploy-frontend"] {
        arguments.extend(["--skip", stage]);
    }
    arguments.extend(NO_GATES);
    let mut command = world.command(&arguments);
    command.envs(world.fakes.runner.variables());
    command
}

fn journal(world: &World, version: &str) -> String {
    read(
        &world
            .root()
            .join(format!(".git/stagegate/release-{version}.done")),
    )
}

#[test]
fn a_workflow_publishes_with_its_identity_and_a_user_builds_what_it_published() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "publish");
    nothing_secret_reaches_a_build_script(&world);
    let overlay = read(world.overlay());
    let built = overlay.replace("fresh_project = \"resolve\"", "fresh_project = \"build\"");
    std::fs::write(world.overlay(), built).unwrap();

    // New crates are beyond an identity, and that is said before anything is done.
    let mut alone = release(&world, "0.2.0");
    alone.env_remove("CARGO_REGISTRY_TOKEN");
    let alone = run(alone).must_end_with(3);
    let words = alone.words();
    assert!(
        words.contains("trusted publishing cannot create a crate"),
        "{words}"
    );

    run(release(&world, "0.2.0")).must_end_with(0);
    let first = journal(&world, "0.2.0");
    let remark =
        "a workflow's identity cannot create a new crate; the token came from CARGO_REGISTRY_TOKEN";
    assert_eq!(first.matches(remark).count(), CRATES.len(), "{first}");
    let fresh = format!(
        "{} crates resolve to our bytes in a fresh project",
        CRATES.len()
    );
    assert!(first.contains(&fresh), "{first}");
    assert!(first.contains("libraries build there"), "{first}");
    assert!(first.contains("docs.rs has built all"), "{first}");
    assert_eq!(world.fakes.registry.trusted_tokens(), (0, 0));

    let mut second = release(&world, "0.3.0");
    second.env_remove("CARGO_REGISTRY_TOKEN");
    let second = run(second).must_end_with(0);
    assert_eq!(
        world.fakes.registry.trusted_tokens(),
        (1, 0),
        "one token for all uploads, and it was given back"
    );

    // A token that runs out mid-way is asked for anew.
    world
        .fakes
        .registry
        .add_faults([RegistryFault::TokenExpires { times: 1 }]);
    let mut renewed = release(&world, "0.4.0");
    renewed.env_remove("CARGO_REGISTRY_TOKEN");
    run(renewed).must_end_with(0);
    assert_eq!(world.fakes.registry.trusted_tokens(), (3, 0));
    let third = format!("{}{}", second.words(), journal(&world, "0.3.0"));
    assert!(!third.contains("cio_tp_"), "{third}");
    assert!(!third.contains("rehearsal-runner-token"), "{third}");

    // An identity cannot yank, and that, too, is said at once.
    let mut yank = world.command(&["yank", "0.4.0", "--yes"]);
    yank.env_remove("CARGO_REGISTRY_TOKEN");
    yank.envs(world.fakes.runner.variables());
    let words = run(yank).must_end_with(3).words();
    for part in [
        "a workflow's identity cannot yank",
        "that may yank in CARGO_REGISTRY_TOKEN",
    ] {
        assert!(words.contains(part), "{words}");
    }
}

/// Changes a file of the checkout.
fn change(world: &World, path: &str, from: &str, to: &str) {
    let path = world.root().join(path);
    let text = read(&path);
    assert!(text.contains(from), "{path} lacks {from}");
    std::fs::write(&path, text.replace(from, to)).unwrap();
}

#[test]
fn a_registry_is_known_by_the_name_that_cargo_has_for_it() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "publish-named");
    let index = world.fakes.registry.index();
    let overlay = read(world.overlay());
    let named = overlay.replace(&format!("index = \"{index}\""), "name = \"other\"");
    std::fs::write(world.overlay(), named).unwrap();
    // `render` says nothing, and so may go to any registry.
    for name in ["core", "parse", "whole"] {
        let manifest = format!("crates/{name}/Cargo.toml");
        let only = "[package]\npublish = [\"other\"]\n";
        change(&world, &manifest, "[package]\n", only);
    }
    let from = "version = \"0.1.0\" }";
    change(
        &world,
        "Cargo.toml",
        from,
        "version = \"0.1.0\", registry = \"other\" }",
    );
    let from = "version = \"=0.1.0\" }";
    change(
        &world,
        "Cargo.toml",
        from,
        "version = \"=0.1.0\", registry = \"other\" }",
    );
    let from = "version = \"0.1\" }";
    let to = "version = \"0.1\", registry = \"other\" }";
    change(&world, "crates/whole/Cargo.toml", from, to);
    let known = format!("[registries.other]\nindex = \"{index}\"\n");
    std::fs::create_dir_all(world.root().join(".cargo")).unwrap();
    std::fs::write(world.root().join(".cargo/config.toml"), known).unwrap();
    git(world.root(), &["add", "--all"]);
    git(
        world.root(),
        &["commit", "--quiet", "--message", "Elsewhere"],
    );
    git(world.root(), &["push", "--quiet", "origin", "main"]);

    let by_a_person = || {
        let mut command = release(&world, "0.2.0");
        for (name, _) in world.fakes.runner.variables() {
            command.env_remove(name);
        }
        command
    };
    // The token of crates.io is not another registry's.
    let wrong = run(by_a_person()).must_end_with(3);
    let words = wrong.words();
    assert!(words.contains("CARGO_REGISTRIES_OTHER_TOKEN"), "{words}");

    let mut right = by_a_person();
    right.env_remove("CARGO_REGISTRY_TOKEN");
    let token = &world.fakes.registry_token;
    right.env("CARGO_REGISTRIES_OTHER_TOKEN", token);
    run(right).must_end_with(0);
    let journal = journal(&world, "0.2.0");
    let fresh = format!("{} crates resolve to our bytes", CRATES.len());
    assert!(journal.contains(&fresh), "{journal}");
}

#[test]
fn a_registry_that_cargo_does_not_know_is_said_with_the_place_to_tell_it() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "publish-unknown");
    let index = world.fakes.registry.index();
    let overlay = read(world.overlay());
    let named = overlay.replace(&format!("index = \"{index}\""), "name = \"no-where\"");
    std::fs::write(world.overlay(), named).unwrap();
    let only = "[package]\npublish = [\"no-where\"]\n";
    change(&world, "crates/core/Cargo.toml", "[package]\n", only);
    let doctor = world.run(&["doctor"]).must_end_with(3);
    for want in ["[registries.no-where]", "CARGO_REGISTRIES_NO_WHERE_INDEX"] {
        assert!(doctor.words().contains(want), "{}", doctor.words());
    }
}

/// An index that is a minute and a half behind, by a clock that the test moves on.
#[test]
fn a_release_waits_for_an_index_that_is_far_behind() {
    if within_a_rehearsal() {
        return;
    }
    let lag = Duration::from_secs(90);
    let world = World::lagging(Fixture::new(), "publish-lag", lag);
    let mut command = release(&world, "0.2.0");
    command.args(["--format", "json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let reads = std::thread::spawn(move || std::io::read_to_string(stdout).unwrap());
    let (mut moved_on, mut looked) = (0, 0);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let requests = world.fakes.registry.requests();
        let of = |method: &str, path: &str| {
            let ours = |r: &&stagegate_fakes::registry::Request| {
                r.method == method && r.path.contains(path)
            };
            requests.iter().filter(ours).count()
        };
        let (uploads, looks) = (of("PUT", "/crates/new"), of("GET", "/index/"));
        // It has looked for what it has uploaded, and not found it: now the time passes.
        if uploads > moved_on && looks > looked {
            world.fakes.registry.advance(lag);
            moved_on = uploads;
        }
        looked = looks;
        std::thread::sleep(Duration::from_millis(300));
    };
    let events = reads.join().unwrap();
    assert!(status.success(), "{events}");
    assert_eq!(moved_on, CRATES.len(), "one crate waits for the other");
    let waits = events.matches("waiting for the index to show").count();
    assert!(waits >= CRATES.len(), "{events}");
}
