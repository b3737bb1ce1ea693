//! New crates get the owners that stagegate.toml names, and a refusal ends no release.

use crate::process::{Ran, run};
use crate::repositories::{NO_GATES, world};
use crate::within_a_rehearsal;
use crate::world::{OWNERS, World};

const CRATE: &str = "part-of-a-test";

/// A world whose one crate is to be owned by these.
fn with_owners(owners: &[&str]) -> World {
    let world = world(&[]);
    let overlay = std::fs::read_to_string(world.overlay()).unwrap();
    let named = format!("[registry]\nowners = {owners:?}\n");
    std::fs::write(world.overlay(), overlay.replace("[registry]\n", &named)).unwrap();
    world
}

fn release(world: &World, version: &str) -> Ran {
    let skipped = NO_GATES.split(' ').flat_map(|gate| ["--skip", gate]);
    let mut words = vec!["release", version, "--yes", "--skip", "changelog"];
    words.extend(skipped);
    let mut command = world.command(&words);
    // A workflow's identity changes no owners, and a person's token is there for that.
    command.envs(world.fakes.runner.variables());
    run(command)
}

fn asked(world: &World) -> usize {
    let requests = world.fakes.registry.requests();
    let of_owners =
        |r: &&stagegate_fakes::registry::Request| r.method == "PUT" && r.path.ends_with("/owners");
    requests.iter().filter(of_owners).count()
}

#[test]
fn users_are_invited_and_teams_added_once_the_crate_is_there() {
    if within_a_rehearsal() {
        return;
    }
    let world = with_owners(&["rehearsal", OWNERS[0], OWNERS[1]]);
    let ran = release(&world, "0.2.0").must_end_with(0);
    assert_eq!(world.fakes.registry.invited(CRATE), [OWNERS[0]]);
    let words = ran.words();
    for want in [
        "somebody-else has been invited",
        "team github:stagegate:releases has been added",
        "takes a person's token with the scope `change-owners`",
    ] {
        assert!(words.contains(want), "{words}");
    }
    // The publisher is one already; and at the next version the crate is not new.
    assert_eq!(asked(&world), 2);
    let ran = release(&world, "0.3.0").must_end_with(0);
    let told = "part-of-a-test is not owned by somebody-else, or an invitation is not accepted yet";
    assert!(ran.words().contains(told), "{}", ran.words());
    assert_eq!(asked(&world), 2);
}

#[test]
fn a_refused_owner_is_told_and_the_release_is_done() {
    if within_a_rehearsal() {
        return;
    }
    let world = with_owners(&["nobody-at-all", OWNERS[1]]);
    let ran = release(&world, "0.2.0").must_end_with(0);
    let words = ran.words();
    for want in [
        "could not find user with login `nobody-at-all`",
        "`cargo owner --add nobody-at-all part-of-a-test`",
        "team github:stagegate:releases has been added",
    ] {
        assert!(words.contains(want), "{words}");
    }
    let wrong = with_owners(&["gitlab:makers:all"]);
    let ran = release(&wrong, "0.2.0").must_end_with(3);
    let says = "only teams on GitHub can own crates";
    assert!(ran.words().contains(says), "{}", ran.words());
}
