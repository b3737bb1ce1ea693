//! A world that cannot be released to: hosts, keys, tokens, addresses; and a
//! gate that finds something.

use std::path::Path;

use camino::Utf8Path;
use stagegate_fakes::host::HostFault;

use crate::evidence::read;
use crate::fixture::{Fixture, copy};
use crate::process::{STAGEGATE, command, git, run};
use crate::refusal::{ended, refused, unchanged_by};
use crate::within_a_rehearsal;
use crate::world::World;

#[test]
fn hosts_that_cannot_be_reached_or_trusted() {
    if within_a_rehearsal() {
        return;
    }
    let mut world = World::start("bad-world");
    let port = world.host().port();
    let reach = format!("cannot reach … :{port} … see that `ssh ");
    let unknown = "ssh-ed25519 … known_hosts does not list … compare the fingerprint";
    let changed = "ssh-ed25519 … known_hosts lists another … ask the host's owner";
    let revoked = "ssh-ed25519 … known_hosts marks as @revoked … ask the host's owner";
    let faults = [
        (HostFault::Unreachable, reach.as_str()),
        (HostFault::UnknownHostKey, unknown),
        (HostFault::ChangedHostKey, changed),
        (HostFault::RevokedHostKey, revoked),
    ];
    for (fault, says) in faults {
        let host = world.fakes.host.as_mut().unwrap();
        host.inject(fault).unwrap();
        for line in ["release 0.2.0 --yes", "deploy backend --yes"] {
            refused(&world, line, 3, says);
        }
        world.fakes.host.as_mut().unwrap().heal().unwrap();
    }
    refused(
        &world,
        "rollback both --yes",
        3,
        "no known-good release is recorded … --version V",
    );
}

#[test]
fn hosts_and_versions_that_are_not_there() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::start("bad-world");
    let provide = |line: &str| {
        world
            .host()
            .provision("guestbook", &[line.to_owned()])
            .unwrap()
    };
    provide("OTHER=1");
    refused(
        &world,
        "release 0.2.0 --yes",
        3,
        "DATABASE_URL … /etc/guestbook/.env",
    );
    provide("DATABASE_URL=file:/somewhere");
    let says = "no environment `staging` … production is defined … [deploy.staging]";
    refused(&world, "release 0.2.0 --yes --env staging", 3, says);
    let says = "there is no tag v9.9.9 … git fetch origin tag v9.9.9";
    refused(&world, "deploy backend --version 9.9.9", 3, says);
    refused(
        &world,
        "yank 9.9.9 --yes",
        3,
        "9.9.9 is not published on crates-io",
    );
    let overlay = read(world.overlay()).replace("hosts = [\"", "hosts = [\"a b@");
    std::fs::write(world.overlay(), overlay).unwrap();
    refused(
        &world,
        "release 0.2.0 --yes",
        3,
        "`hosts` of the environment … user@host",
    );
}

#[test]
fn tokens_and_addresses_that_do_not_work() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "bad-world");
    let line = "release 0.2.0 --yes --skip deploy-backend --skip deploy-frontend";
    let release: Vec<&str> = line.split(' ').collect();
    let secret = "this-is-a-secret";
    let check = |name: &str, value: Option<&str>, says: &str| {
        let mut command = world.command(&release);
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
        let ran = unchanged_by(&world, command, says);
        ended(&ran, 3, says);
        assert!(!ran.words().contains(secret), "{}", ran.words());
    };
    let says = "1 problem found … no token for the registry crates-io … \
                set CARGO_REGISTRY_TOKEN, or run `cargo login`";
    check("CARGO_REGISTRY_TOKEN", None, says);
    let says = "1 problem found … no token for GitHub … set GITHUB_TOKEN";
    check("GITHUB_TOKEN", None, says);
    check("GITHUB_TOKEN", Some(" "), says);
    let says = "1 problem found … GitHub does not accept the token … `contents: write`";
    check("GITHUB_TOKEN", Some(secret), says);
    let overlay = read(world.overlay()).replace("/index/", "/nowhere/");
    std::fs::write(world.overlay(), overlay).unwrap();
    refused(
        &world,
        line,
        3,
        "the registry crates-io cannot be read … registry.index",
    );
}

/// A gate that does not pass changes nothing but the journal and the logs.
#[test]
fn a_gate_that_finds_something_stops_the_release() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    let advisory = read(
        &fixture
            .root
            .join("advisory-db/crates/no-such-lantern/RUSTSEC-2026-9999.md"),
    );
    let directory = fixture.root.join("advisory-db/crates/httparse");
    std::fs::create_dir(&directory).unwrap();
    let advisory = advisory
        .replace("no-such-lantern", "httparse")
        .replace("9999", "9998");
    std::fs::write(directory.join("RUSTSEC-2026-9998.md"), advisory).unwrap();
    git(&fixture.root, &["add", "--all"]);
    git(
        &fixture.root,
        &["commit", "--quiet", "--message", "An advisory"],
    );
    let world = World::without_host(fixture, "bad-world");
    let before = git(world.root(), &["for-each-ref"]);
    let skip = [
        "fmt",
        "clippy",
        "test",
        "doc",
        "deploy-backend",
        "deploy-frontend",
    ];
    let mut release = vec!["release", "0.2.0", "--yes"];
    release.extend(skip.iter().flat_map(|stage| ["--skip", stage]));
    let ran = run(world.command(&release)).must_end_with(5);
    let says = [
        "httparse",
        "RUSTSEC-2026-9998",
        "gates.audit.ignore",
        "nothing was changed",
    ];
    for part in says {
        assert!(ran.words().contains(part), "no {part:?} in {}", ran.words());
    }
    assert_eq!(git(world.root(), &["for-each-ref"]), before);
    assert_eq!(git(world.root(), &["status", "--porcelain"]), "");
    // Mended and begun again: what left no trace is no obstacle.
    git(
        world.root(),
        &["rm", "--quiet", "-r", "advisory-db/crates/httparse"],
    );
    git(
        world.root(),
        &["commit", "--quiet", "--message", "No advisory"],
    );
    run(world.command(&release)).must_end_with(0);
}

#[test]
fn outside_of_a_checkout_it_says_where_to_go() {
    if within_a_rehearsal() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(directory.path()).unwrap();
    let check = |at: &Utf8Path, exit: i32, says: &str| {
        let mut release = command(STAGEGATE, at);
        release.args(["release", "minor", "--dry-run"]);
        ended(&run(release), exit, says);
    };
    let says = format!("there is no Cargo.toml in {place} … Cargo workspace");
    check(place, 1, &says);
    let plain = place.join("plain");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture");
    copy(&fixture, plain.as_std_path());
    check(&plain, 3, "is not in a git checkout … `git init`");
    git(&plain, &["init", "--quiet", "--initial-branch", "main"]);
    check(&plain, 3, "has no commit yet … commit the workspace first");
}
