//! One release to crates.io and to a company's registry, by the same bytes.

use std::process::Command;

use stagegate_fakes::registry::FakeRegistry;

use crate::process::{Ran, command, run};
use crate::repositories::{NO_GATES, around, package};
use crate::within_a_rehearsal;
use crate::world::World;

/// `shared` and `upper` may go anywhere; `inner` goes to the company alone, and takes `shared`
/// from there.
fn world() -> World {
    let needs = |more: &str| {
        format!(
            "[dependencies]\nshared-of-a-test = {{ path = \"../shared\", version = \"0.1.0\"{more} }}"
        )
    };
    let shared = package("shared-of-a-test", "");
    let upper = package("upper-of-a-test", &needs(""));
    let inner = package(
        "inner-of-a-test",
        &format!(
            "publish = [\"company\"]\n{}",
            needs(", registry = \"company\"")
        ),
    );
    let world = around(
        &[
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"shared\", \"upper\", \"inner\"]\nresolver = \"2\"\n",
            ),
            (".gitignore", "target\n"),
            // A fork of it would be built with another registry's index in this file.
            (
                ".cargo/config.toml",
                "[registries.company]\nindex = \"sparse+http://127.0.0.1:9/\"\n",
            ),
            ("shared/Cargo.toml", &shared),
            ("shared/src/lib.rs", "//! S.\n"),
            ("upper/Cargo.toml", &upper),
            ("upper/src/lib.rs", "//! U.\n"),
            ("inner/Cargo.toml", &inner),
            ("inner/src/lib.rs", "//! I.\n"),
            (
                "stagegate.toml",
                "[registry]\nalso = [\"company\"]\n\n[github]\nrelease = false\n",
            ),
        ],
        "",
    );
    let overlay = std::fs::read_to_string(world.overlay()).unwrap();
    let resolved = overlay.replace("fresh_project = \"off\"", "fresh_project = \"resolve\"");
    std::fs::write(world.overlay(), resolved).unwrap();
    world
}

fn company(world: &World) -> &FakeRegistry {
    let mut registries = world.fakes.more_registries.iter();
    let found = registries.find(|(name, _)| name == "company");
    &found.unwrap().1
}

/// A command that knows where the company's registry is, and has no token for it.
fn without_token(world: &World, words: &[&str]) -> Command {
    let mut command = world.command(words);
    command.env("CARGO_REGISTRIES_COMPANY_INDEX", company(world).index());
    command
}

fn typed(world: &World, words: &[&str]) -> Ran {
    let mut command = without_token(world, words);
    command.env(
        "CARGO_REGISTRIES_COMPANY_TOKEN",
        &world.fakes.registry_token,
    );
    run(command)
}

/// What is typed for a release without gates.
fn release_words<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let skipped = NO_GATES.split(' ').flat_map(|gate| ["--skip", gate]);
    let words = ["release", "--yes"].into_iter();
    words.chain(more.iter().copied()).chain(skipped).collect()
}

fn release(world: &World, more: &[&str]) -> Ran {
    typed(world, &release_words(more))
}

/// The names of the packages that a registry has got, sorted.
fn uploads(registry: &FakeRegistry) -> Vec<String> {
    let uploads = registry.uploads().into_iter();
    let mut names: Vec<String> = uploads
        .map(|it| it["name"].as_str().unwrap().replace("-of-a-test", ""))
        .collect();
    names.sort();
    names
}

fn checksum(registry: &FakeRegistry, name: &str) -> String {
    let client = stagegate_registry::Registry::open(&registry.index()).unwrap();
    client.versions(name).unwrap()[0].cksum.clone()
}

#[test]
fn a_release_goes_to_both_registries_and_a_yank_takes_it_from_both() {
    if within_a_rehearsal() {
        return;
    }
    let world = world();
    // Each registry wants its own token, before anything is begun.
    let without = without_token(&world, &release_words(&["0.2.0"]));
    let without = run(without).must_end_with(3);
    let says = "CARGO_REGISTRIES_COMPANY_TOKEN";
    assert!(without.words().contains(says), "{}", without.words());

    let ran = release(&world, &["0.2.0"]).must_end_with(0);
    assert_eq!(uploads(&world.fakes.registry), ["shared", "upper"]);
    assert_eq!(uploads(company(&world)), ["inner", "shared", "upper"]);
    let name = "shared-of-a-test";
    let both = [&world.fakes.registry, company(&world)].map(|it| checksum(it, name));
    assert_eq!(both[0], both[1], "the same bytes");
    let journal = world.root().join(".git/stagegate/release-0.2.0.done");
    let journal = std::fs::read_to_string(journal).unwrap();
    for want in [
        "2 crates download with our bytes; 3 crates of company download with our bytes",
        "3 crates resolve to our bytes in a fresh project",
    ] {
        assert!(journal.contains(want), "{journal}");
    }
    assert!(!ran.words().contains(&world.fakes.registry_token));

    typed(&world, &["yank", "0.2.0", "--yes"]).must_end_with(0);
    for registry in [&world.fakes.registry, company(&world)] {
        let client = stagegate_registry::Registry::open(&registry.index()).unwrap();
        assert!(client.versions(name).unwrap()[0].yanked);
    }
}

#[test]
fn a_release_that_stops_between_two_registries_goes_on() {
    if within_a_rehearsal() {
        return;
    }
    let world = world();
    let mut wrong = without_token(&world, &release_words(&["0.2.0"]));
    wrong.env(
        "CARGO_REGISTRIES_COMPANY_TOKEN",
        "cioWrongWrongWrongWrongWrongWrongWr",
    );
    // Every crate is new there, so nobody can tell before that the token is wrong.
    let wrong = run(wrong).must_end_with(6);
    assert!(wrong.words().contains("@company"), "{}", wrong.words());
    assert_eq!(uploads(company(&world)), [""; 0]);
    typed(&world, &["release", "--resume", "--yes"]).must_end_with(0);
    assert_eq!(uploads(&world.fakes.registry), ["shared", "upper"]);
    assert_eq!(uploads(company(&world)), ["inner", "shared", "upper"]);
}

#[test]
fn what_a_second_registry_lacks_is_brought_there() {
    if within_a_rehearsal() {
        return;
    }
    let world = world();
    let config = world.root().join("stagegate.toml");
    let also = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, "").unwrap();
    crate::repositories::commit(world.root(), "One registry");
    release(&world, &["0.2.0"]).must_end_with(0);
    assert_eq!(uploads(company(&world)), [""; 0]);
    std::fs::write(&config, also).unwrap();
    crate::repositories::commit(world.root(), "And another one");
    // Its siblings come from crates.io's fake, which has them.
    let source = format!(
        "[source.crates-io]\nreplace-with = \"fake\"\n\n[source.fake]\nregistry = \"{}\"\n",
        world.fakes.registry.index()
    );
    let home = world.root().parent().unwrap().join("home");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("config.toml"), source).unwrap();
    let overlay = std::fs::read_to_string(world.overlay()).unwrap();
    let off = overlay.replace("fresh_project = \"resolve\"", "fresh_project = \"off\"");
    std::fs::write(world.overlay(), off).unwrap();
    let skipped = NO_GATES.split(' ').flat_map(|gate| ["--skip", gate]);
    let words = ["release", "--unpublished", "--yes"].into_iter();
    let words: Vec<&str> = words.chain(skipped).collect();
    let mut command = world.command(&words);
    command
        .env("CARGO_HOME", &home)
        .env("CARGO_REGISTRIES_COMPANY_INDEX", company(&world).index())
        .env(
            "CARGO_REGISTRIES_COMPANY_TOKEN",
            &world.fakes.registry_token,
        );
    let ran = run(command).must_end_with(0);
    let told = "shared-of-a-test 0.2.0 has the bytes that the commit gives";
    assert!(ran.words().contains(told), "{}", ran.words());
    assert_eq!(uploads(&world.fakes.registry), ["shared", "upper"]);
    assert_eq!(uploads(company(&world)), ["inner", "shared", "upper"]);
}

#[test]
fn a_rehearsal_has_a_fake_of_each_registry() {
    if within_a_rehearsal() {
        return;
    }
    let world = world();
    let mut rehearse = command(env!("CARGO_BIN_EXE_stagegate"), world.root());
    rehearse.args(["rehearse", "0.2.0"]);
    for gate in NO_GATES.split(' ').filter(|stage| *stage != "draft") {
        rehearse.args(["--skip", gate]);
    }
    let ran = run(rehearse).must_end_with(0);
    let told = "5 crates of 0.2.0 in the index";
    assert!(ran.words().contains(told), "{}", ran.words());
    assert_eq!(uploads(company(&world)), [""; 0]);

    // And a workflow hands over the token of each.
    typed(&world, &["ci", "write"]).must_end_with(0);
    let workflow = world.root().join(".github/workflows/release.yml");
    let workflow = std::fs::read_to_string(workflow).unwrap();
    for variable in ["CARGO_REGISTRY_TOKEN", "CARGO_REGISTRIES_COMPANY_TOKEN"] {
        let secret = format!("{variable}: ${{{{ secrets.{variable} }}}}");
        assert!(workflow.contains(&secret), "{workflow}");
    }
}
