//! A world that cannot be released to: hosts, tokens, and what earlier runs have
//! left. Nothing changes here either.

use std::fs::File;

use stagegate_rehearsal::host::HostFault;

use crate::bad_input::{ended, unchanged_by};
use crate::evidence::{names, read};
use crate::fixture::Fixture;
use crate::process::{Ran, git, run};
use crate::within_a_rehearsal;
use crate::world::{NO_GATES, World};

/// Asks for a release, which must change nothing.
fn refused(world: &World, arguments: &[&str], exit: i32, says: &[&str], about: &str) -> Ran {
    let ran = unchanged_by(world, world.command(arguments), about);
    ended(&ran, exit, says, about);
    ran
}

#[test]
fn hosts_that_cannot_be_deployed_to() {
    if within_a_rehearsal() {
        return;
    }
    let mut world = World::start("bad-world");
    let release: &[&str] = &["release", "0.2.0", "--yes"];
    let port = world.host().port().to_string();
    let faults: [(HostFault, &[&str]); 4] = [
        (
            HostFault::Unreachable,
            &["cannot reach", &port, "see that `ssh "],
        ),
        (
            HostFault::UnknownHostKey,
            &[
                "ssh-ed25519",
                "known_hosts does not list",
                "compare the fingerprint",
            ],
        ),
        (
            HostFault::ChangedHostKey,
            &[
                "ssh-ed25519",
                "known_hosts lists another",
                "ask the host's owner",
            ],
        ),
        (
            HostFault::RevokedHostKey,
            &["@revoked", "ask the host's owner"],
        ),
    ];
    for (fault, says) in faults {
        let about = format!("{fault:?}");
        world
            .stand_ins
            .host
            .as_mut()
            .unwrap()
            .inject(fault)
            .unwrap();
        refused(&world, release, 3, says, &about);
        world.stand_ins.host.as_mut().unwrap().heal().unwrap();
    }
    world
        .host()
        .provision("guestbook", &["OTHER=1".to_owned()])
        .unwrap();
    refused(
        &world,
        release,
        3,
        &["DATABASE_URL", "/etc/guestbook/.env"],
        "a variable is missing",
    );
    world
        .host()
        .provision("guestbook", &["DATABASE_URL=x".to_owned()])
        .unwrap();

    refused(
        &world,
        &["release", "0.2.0", "--yes", "--env", "staging"],
        3,
        &[
            "there is no environment `staging`",
            "production are defined",
            "[deploy.staging]",
        ],
        "environment",
    );
    refused(
        &world,
        &["rollback", "both", "--yes"],
        3,
        &["no known-good release is recorded", "--version V"],
        "nothing before",
    );
    refused(
        &world,
        &["deploy", "backend", "--version", "9.9.9"],
        3,
        &["there is no tag v9.9.9", "git fetch origin tag v9.9.9"],
        "no such version",
    );
    refused(
        &world,
        &["yank", "9.9.9", "--yes"],
        3,
        &["9.9.9 is not published on crates-io"],
        "nothing to yank",
    );
    let overlay = read(world.overlay()).replace("hosts = [\"", "hosts = [\"a b@");
    std::fs::write(world.overlay(), overlay).unwrap();
    refused(
        &world,
        release,
        3,
        &["`hosts` of the environment", "user@host"],
        "no address",
    );
}

#[test]
fn tokens_and_addresses_that_do_not_work() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "bad-world");
    let release: &[&str] = &[
        "release",
        "0.2.0",
        "--yes",
        "--skip",
        "deploy-backend",
        "--skip",
        "deploy-frontend",
    ];
    let secret = "this-is-a-secret";
    let check = |about: &str, name: &str, value: Option<&str>, says: &[&str]| {
        let mut command = world.command(release);
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
        let ran = unchanged_by(&world, command, about);
        ended(&ran, 3, says, about);
        assert!(!ran.words().contains(secret), "{about}: {}", ran.words());
    };
    check(
        "no registry token",
        "CARGO_REGISTRY_TOKEN",
        None,
        &[
            "1 thing stands",
            "no token for the registry crates-io",
            "set CARGO_REGISTRY_TOKEN, or run `cargo login`",
        ],
    );
    check(
        "no GitHub token",
        "GITHUB_TOKEN",
        None,
        &["1 thing stands", "no token for GitHub", "set GITHUB_TOKEN"],
    );
    check(
        "empty GitHub token",
        "GITHUB_TOKEN",
        Some(" "),
        &["no token for GitHub"],
    );
    check(
        "wrong GitHub token",
        "GITHUB_TOKEN",
        Some(secret),
        &[
            "1 thing stands",
            "GitHub does not accept the token",
            "`contents: write`",
        ],
    );
    let overlay = read(world.overlay()).replace("/index/", "/nowhere/");
    std::fs::write(world.overlay(), overlay).unwrap();
    refused(
        &world,
        release,
        3,
        &["the registry crates-io cannot be read", "registry.index"],
        "no index",
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

/// A release that was killed once its branch had moved.
fn half_done(name: &str) -> (World, Vec<&'static str>) {
    let world = World::without_host(Fixture::new(), name);
    let mut release = vec![
        "release",
        "0.2.0",
        "--yes",
        "--skip",
        "deploy-backend",
        "--skip",
        "deploy-frontend",
    ];
    release.extend(NO_GATES);
    let mut command = world.command(&release);
    // The plan, then two records for each of bump, changelog, seal, package,
    // prove and build; so this is the one that says that the branch has moved.
    command.env("STAGEGATE_REHEARSAL_KILL", "after:15");
    assert_eq!(run(command).signal, Some(9));
    let journal = read(&world.root().join(".git/stagegate/release-0.2.0.jsonl"));
    assert!(
        journal
            .lines()
            .last()
            .unwrap()
            .contains("\"step\":\"commit\""),
        "{journal}"
    );
    (world, release)
}

#[test]
fn what_is_begun_is_gone_on_with_and_nothing_else_is_begun_beside_it() {
    if within_a_rehearsal() {
        return;
    }
    let (world, release) = half_done("half-done");
    let journal = world.root().join(".git/stagegate/release-0.2.0.jsonl");
    let begun = [
        "release-0.2.0 has been begun already, 7 of ",
        "--resume",
        journal.as_str(),
    ];
    refused(&world, &release, 8, &begun, "the same again");
    let other = [
        "release-0.2.0 is begun and not completed",
        "cargo xtask release 0.2.0 --resume",
    ];
    let plan = [journal.as_str(), "is the journal of another plan"];
    for version in ["0.3.0", "minor"] {
        refused(
            &world,
            &["release", version, "--yes"],
            8,
            &[other, plan].concat(),
            version,
        );
    }
    let resume: &[&str] = &["release", "0.3.0", "--resume", "--yes"];
    refused(
        &world,
        resume,
        8,
        &["it is of release-0.2.0", "you asked for release-0.3.0"],
        "resume another",
    );
    let status = run(world.command(&["status"]));
    assert!(
        status
            .stdout
            .contains("release-0.2.0 is begun and not completed"),
        "{}",
        status.words()
    );

    // Somebody else at work in the same checkout.
    let lock = File::options()
        .append(true)
        .open(world.root().join(".git/stagegate/lock"))
        .unwrap();
    lock.lock().unwrap();
    let resume: &[&str] = &["release", "--resume", "--yes"];
    refused(
        &world,
        resume,
        8,
        &[
            "another stagegate is at work in this checkout",
            "wait for it",
        ],
        "locked",
    );
    drop(lock);

    // A plan that was changed is not obeyed, and neither is a strange line.
    let text = read(&journal);
    for (spoilt, line) in [
        (text.replacen("Release 0.2.0", "Release 6.6.6", 1), 1),
        (format!("{text}strange\n"), 16),
    ] {
        std::fs::write(&journal, spoilt).unwrap();
        let place = format!("release-0.2.0.jsonl:{line}: this is not a journal record");
        refused(&world, resume, 8, &[&place, "nothing was done"], &place);
    }
    std::fs::write(&journal, text).unwrap();
    refused(
        &world,
        &["release", "--resume"],
        2,
        &["no terminal to ask on"],
        "nobody to ask",
    );
    run(world.command(resume)).must_end_with(0);
    assert!(names(&world.root().join(".git/stagegate")).contains(&"release-0.2.0.done".to_owned()));
    refused(
        &world,
        resume,
        8,
        &["nothing to resume", "begin it without --resume"],
        "finished",
    );
}

#[test]
fn outside_of_a_checkout_it_says_where_to_go() {
    if within_a_rehearsal() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let place = camino::Utf8Path::from_path(directory.path()).unwrap();
    let release = |at: &camino::Utf8Path| {
        let mut command = crate::process::command(crate::process::STAGEGATE, at);
        command.args(["release", "minor", "--dry-run"]);
        run(command)
    };
    ended(
        &release(place),
        1,
        &[
            "there is no Cargo.toml in",
            place.as_str(),
            "Cargo workspace",
        ],
        "nowhere",
    );
    let plain = place.join("plain");
    crate::fixture::copy(
        &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture"),
        plain.as_std_path(),
    );
    ended(
        &release(&plain),
        1,
        &["is not in a git checkout", "`git init`"],
        "no git",
    );
    git(&plain, &["init", "--quiet", "--initial-branch", "main"]);
    ended(
        &release(&plain),
        3,
        &["has no commit yet", "commit the workspace first"],
        "no commit",
    );
}
