//! Each gate by itself: it passes, it finds something, or it cannot run, which is
//! never a pass.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::evidence::read;
use crate::fixture::Fixture;
use crate::process::{Ran, STAGEGATE, command, git, run, target_directory};
use crate::spoil::{edit, publish};
use crate::within_a_rehearsal;
use crate::world::World;

const GATES: [&str; 10] = [
    "fmt", "audit", "outdated", "links", "secrets", "clippy", "test", "doc", "msrv", "semver",
];

/// A world around a changed fixture, with these lines in `[gates]`.
fn world(spoil: &dyn Fn(&Fixture), gates: &str) -> World {
    let fixture = Fixture::new();
    spoil(&fixture);
    git(&fixture.root, &["add", "--all"]);
    let commit = ["commit", "--quiet", "--allow-empty", "--message", "Change"];
    git(&fixture.root, &commit);
    let world = World::without_host(fixture, "gates");
    let overlay = format!("{}\n[gates]\n{gates}\n", read(world.overlay()));
    std::fs::write(world.overlay(), overlay).unwrap();
    world
}

/// A release that passes these gates only.
fn release(world: &World, version: &str, gates: &[&str]) -> Command {
    let mut release = world.command(&["release", version, "--yes"]);
    let others = GATES.iter().filter(|gate| !gates.contains(gate));
    for stage in others.chain(&["deploy-backend", "deploy-frontend"]) {
        release.args(["--skip", stage]);
    }
    release
}

/// The exit code, and every part of `says`, wherever it was said: a plan that is
/// obeyed is told of on standard output.
fn ended(ran: &Ran, exit: i32, says: &str) {
    assert_eq!(ran.code, Some(exit), "{says}: {}", ran.words());
    for part in says.split(" … ") {
        assert!(
            ran.words().contains(part),
            "no {part:?} in\n{}",
            ran.words()
        );
    }
}

/// The programs of the toolchain and of the system, and no others.
fn few_programs(command: &mut Command) {
    let cargo = std::env::var("CARGO").unwrap();
    let toolchain = Path::new(&cargo).parent().unwrap().display();
    command.env("PATH", format!("{toolchain}:/usr/bin:/bin"));
}

fn append(fixture: &Fixture, file: &str, text: &str) {
    let path = fixture.root.join(file);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(path, before + text).unwrap();
}

fn broken_link(fixture: &Fixture) {
    append(
        fixture,
        "README.md",
        "# Fixture\n\nSee [this](docs/lost.md).\n",
    );
}

/// Put together here, so that this file does not hold what it looks for.
fn token(fixture: &Fixture) {
    append(
        fixture,
        "notes.txt",
        &format!("first\nghp{}{}\n", '_', "aB3d".repeat(9)),
    );
}

/// Dependencies of the demo that may have a new major version any day.
const FAST_MOVERS: &str = "[\"rustix\", \"signal-hook\", \"tungstenite\"]";

/// A newer version than the fixture's in the index.
fn newer_httparse(fixture: &Fixture) {
    let lock = read(&fixture.root.join("Cargo.lock"));
    let (_, entry) = lock.split_once("name = \"httparse\"\n").unwrap();
    let field = |name: &str| {
        let (_, rest) = entry.split_once(&format!("{name} = \"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let line = |version: &str, checksum: &str| {
        serde_json::json!({
            "name": "httparse", "vers": version, "deps": [], "cksum": checksum, "yanked": false,
            "features": { "default": ["std"], "std": [] },
        })
    };
    let known = line(&field("version"), &field("checksum"));
    let newer = line("9.0.0", &"0".repeat(64));
    let directory = fixture.place().join("registry/index/ht/tp");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("httparse"), format!("{known}\n{newer}\n")).unwrap();
}

/// A version that no toolchain has.
fn another_rust(fixture: &Fixture) {
    edit(
        fixture,
        "Cargo.toml",
        "rust-version = \"1.95\"",
        "rust-version = \"1.93.7\"",
    );
}

#[test]
fn what_a_gate_finds_stops_the_release_with_its_place() {
    if within_a_rehearsal() {
        return;
    }
    let check = |gate: &str, spoil: &dyn Fn(&Fixture), config: &str, says: &str| {
        let world = world(spoil, config);
        let before = git(world.root(), &["for-each-ref"]);
        let ran = run(release(&world, "0.2.0", &[gate]));
        ended(&ran, 5, says);
        assert!(
            ran.words().contains("nothing was changed"),
            "{}",
            ran.words()
        );
        assert_eq!(git(world.root(), &["for-each-ref"]), before);
    };
    let says = "the gate links … README.md:3: `docs/lost.md`: docs/lost.md is not there … gates.links.paths";
    check("links", &broken_link, "", says);
    let says = "no tracked file fits `gates.links.paths` (docs/*.md)";
    check(
        "links",
        &|_| {},
        "links = { paths = [\"docs/*.md\"] }",
        says,
    );
    let says =
        "the gate secrets … notes.txt:2: a GitHub token (`ghp_…`) … revoke … gates.secrets.allow";
    check("secrets", &token, "", says);
    let says = "1 of 2 direct dependencies are behind … httparse ^1.10.1 (newest 9.0.0) … gates.outdated.ignore";
    let gate = format!("outdated = {{ ignore = {FAST_MOVERS} }}");
    check("outdated", &newer_httparse, &gate, says);
    let says = "the toolchain 1.93.7 is not installed … rustup toolchain install 1.93.7";
    check("msrv", &another_rust, "msrv = \"deny\"", says);
}

#[test]
fn a_gate_that_cannot_run_has_not_passed() {
    if within_a_rehearsal() {
        return;
    }
    let there = world(&another_rust, "msrv = \"deny\"");
    let mut without = release(&there, "0.2.0", &["msrv"]);
    few_programs(&mut without);
    ended(
        &run(without),
        5,
        "cannot start `rustup run … install rustup, or set `gates.msrv = \"warn\"`",
    );

    let there = world(&|_| {}, "semver = \"warn\"");
    let mut without = release(&there, "0.2.0", &["semver"]);
    few_programs(&mut without);
    let says = "`cargo semver-checks --version` cannot be run … cargo install cargo-semver-checks --locked";
    ended(&run(without), 3, says);

    // The index of the only dependency is gone, and nothing is behind it.
    let there = world(&newer_httparse, "outdated = \"deny\"");
    std::fs::write(
        there.place.registry.join("index/ht/tp/httparse"),
        "{ nothing",
    )
    .unwrap();
    let ran = run(release(&there, "0.2.0", &["outdated"]));
    ended(
        &ran,
        5,
        "asking for the versions of httparse … a gate that cannot run fails",
    );
}

#[test]
fn what_is_allowed_or_ignored_does_not_count_and_a_warning_goes_on() {
    if within_a_rehearsal() {
        return;
    }
    let spoil = |fixture: &Fixture| {
        broken_link(fixture);
        token(fixture);
        newer_httparse(fixture);
    };
    let gates = "links = \"warn\"\nsecrets = { allow = [\"*.txt\"] }\n\
                 outdated = { ignore = IGNORED }\nmsrv = \"deny\"";
    let ignored = FAST_MOVERS.replace('[', "[\"httparse\", ");
    let world = world(&spoil, &gates.replace("IGNORED", &ignored));
    let gates = ["outdated", "links", "secrets", "msrv"];
    let mut release = release(&world, "0.2.0", &gates);
    release.args(["--format", "json"]);
    let ran = run(release).must_end_with(0);
    let events: Vec<Value> = ran
        .stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let done = |id: &str| {
        let is_it = |e: &&Value| e["event"] == "step-done" && e["step"] == id;
        events
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("no {id}: {}", ran.stdout))
    };
    let check = |id: &str, outcome: &str, says: &str| {
        let step = done(id);
        let evidence = step["evidence"].as_str().unwrap();
        assert!(
            step["outcome"] == outcome && evidence.contains(says),
            "{step}"
        );
    };
    check("links", "warned", "README.md:3: `docs/lost.md`");
    check("secrets", "performed", "1 allowed");
    check(
        "outdated",
        "performed",
        "1 direct dependencies accept the newest versions",
    );
    check(
        "msrv",
        "performed",
        "1.95.0 is the toolchain of this release",
    );
}

/// Nothing real can happen in a rehearsal, so that one shows everything that a release would
/// stumble over.
#[test]
fn a_rehearsal_goes_on_after_failed_gates_and_names_them_all() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    broken_link(&fixture);
    append(&fixture, "crates/core/src/lib.rs", "\nconst  _: () = ();\n");
    token(&fixture);
    let before = git(&fixture.root, &["for-each-ref"]);
    let mut rehearse = command(STAGEGATE, &fixture.root);
    rehearse
        .args(["rehearse", "0.2.0"])
        .env("TMPDIR", fixture.place())
        .env("CARGO_TARGET_DIR", target_directory("gates"));
    let slow = [
        "clippy",
        "test",
        "doc",
        "msrv",
        "deploy-backend",
        "deploy-frontend",
    ];
    for stage in slow {
        rehearse.args(["--skip", stage]);
    }
    let ran = run(rehearse);
    let says = "would be stopped by 3 gates: fmt, links, secrets; everything else went through … \
                gate      fmt `cargo fmt --all --check` says … gate      links 1 broken link";
    ended(&ran, 5, says);
    let report = |name: &str| read(&fixture.root.join("target/stagegate").join(name));
    let json: Value = serde_json::from_str(&report("report.json")).unwrap();
    assert_eq!(
        (&json["exit"], &json["release_exit"]),
        (&5.into(), &0.into())
    );
    let failed = json["failed_gates"].as_array().unwrap();
    let names: Vec<_> = failed.iter().map(|failed| &failed["gate"]).collect();
    assert_eq!(names, ["fmt", "links", "secrets"]);
    let why = failed[1]["why"].as_str().unwrap();
    assert!(why.contains("README.md:3: `docs/lost.md`"), "{why}");
    let releases = json["environment"]["releases"].as_array().unwrap();
    assert_eq!(
        releases[0]["draft"], false,
        "the release went on to its end"
    );
    for (name, gate) in [
        ("report.md", "- **links** would stop the release"),
        ("report.html", "<code>links</code> would stop the release"),
    ] {
        let text = report(name);
        let at = text.find(gate).unwrap_or_else(|| panic!("{name}: {text}"));
        assert!(at < text.find("Steps").unwrap(), "{name}: {text}");
    }
    assert_eq!(git(&fixture.root, &["for-each-ref"]), before);
}

/// No other toolchain can be counted on, so this one answers to the stated version;
/// what it is not asked for here it refuses.
#[test]
fn the_stated_version_builds_what_it_is_stated_for() {
    if within_a_rehearsal() {
        return;
    }
    let broken = |fixture: &Fixture| {
        let stated = "rust-version = \"1.95\"";
        edit(fixture, "Cargo.toml", stated, "rust-version = \"1.94\"");
        let code = "\ncompile_error!(\"newer than stated\");\n";
        append(fixture, "crates/core/src/lib.rs", code);
    };
    let world = world(&broken, "msrv = \"deny\"");
    let programs = world.place.root.with_file_name("programs");
    std::fs::create_dir(&programs).unwrap();
    let rustup = programs.join("rustup");
    let script =
        "#!/bin/sh\n[ \"$1 $2 $3\" = 'run 1.94 cargo' ] || exit 64\nshift 2\nexec \"$@\"\n";
    std::fs::write(&rustup, script).unwrap();
    std::fs::set_permissions(&rustup, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = release(&world, "0.2.0", &["msrv"]);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{programs}:{path}"));
    let says = "the stated Rust 1.94.0 is not enough: `rustup run 1.94 cargo check --locked --package \
                … newer than stated … raise `rust-version`";
    ended(&run(command), 5, says);
    let own = world.root().join("target/stagegate/msrv-1.94.0");
    assert!(own.is_dir(), "it builds in a directory of its own");
}

/// `parse` takes another argument since 0.1.0, which is published.
fn another_interface(fixture: &Fixture) {
    publish(fixture, "0.1.0", false);
    let file = "crates/parse/src/lib.rs";
    edit(
        fixture,
        file,
        "pub fn parse(text: &str)",
        "pub fn parse(text: &str, _limit: usize)",
    );
    edit(fixture, file, "parse(\"a b\")", "parse(\"a b\", 2)");
    edit(
        fixture,
        "crates/whole/src/lib.rs",
        "parse(text)",
        "parse(text, 0)",
    );
}

#[test]
fn an_interface_changes_no_more_than_its_version_says() {
    if within_a_rehearsal() {
        return;
    }
    let mut tool = command("cargo", crate::process::shared());
    tool.args(["semver-checks", "--version"]);
    if run(tool).code != Some(0) {
        println!("skipped: cargo-semver-checks is not installed");
        return;
    }
    let world = world(&another_interface, "semver = \"deny\"");
    let ran = run(release(&world, "0.1.1", &["semver"]));
    ended(
        &ran,
        5,
        "the gate semver … semver-checks --baseline-rev v0.1.0 --release-type minor",
    );
    assert!(
        ran.words().contains("not published at 0.1.0"),
        "{}",
        ran.words()
    );
    // Before 1.0.0 the second number says that anything may change.
    let ran = run(release(&world, "0.2.0", &["semver"])).must_end_with(0);
    assert!(
        ran.words().contains("--release-type major"),
        "{}",
        ran.words()
    );
}
