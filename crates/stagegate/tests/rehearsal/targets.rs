//! A release that holds the app's binary for a target that is named.

use crate::evidence::{asset_names, read, sha256, sums_match};
use crate::fixture::Fixture;
use crate::process::{command, run};
use crate::refusal::{ended, unchanged_by};
use crate::within_a_rehearsal;
use crate::world::{NO_GATES, World};

const NO_DEPLOY: [&str; 4] = ["--skip", "deploy-backend", "--skip", "deploy-frontend"];

/// What this machine is, and can surely build for.
pub(crate) fn own() -> String {
    let mut rustc = command("rustc", "/".into());
    rustc.arg("-vV");
    let said = run(rustc).must_end_with(0).stdout;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

/// A world whose releases are built for these.
fn world(targets: &[&str]) -> World {
    let world = World::without_host(Fixture::new(), "targets");
    let targets: String = targets
        .iter()
        .map(|target| format!("{target} = \"ubuntu-24.04\"\n"))
        .collect();
    let overlay = read(world.overlay()) + "\n[release.targets]\n" + &targets;
    std::fs::write(world.overlay(), overlay).unwrap();
    world
}

#[test]
fn a_binary_for_a_target_is_built_by_a_step_of_its_own_and_released_by_its_name() {
    if within_a_rehearsal() {
        return;
    }
    let own = own();
    let world = world(&[&own]);
    let begin = [
        &["release", "0.2.0", "--yes", "--until", "package"],
        NO_DEPLOY.as_slice(),
        NO_GATES.as_slice(),
    ];
    world.run(&begin.concat()).must_end_with(0);
    let built = world.target().join(&own).join("release/guestbook-backend");
    let _ = std::fs::remove_file(&built);

    // One machine builds for the target, and another does the rest.
    let step = format!("build:{own}");
    let only = ["release", "--resume", "--only", &step];
    world.run(&only).must_end_with(0);
    let bytes = std::fs::read(&built).unwrap();
    world
        .run(&["release", "--resume", "--yes"])
        .must_end_with(0);
    let journal = read(&world.root().join(".git/stagegate/release-0.2.0.done"));
    let did = format!("\"step\":\"{step}\"");
    assert_eq!(
        journal.matches(&did).count(),
        2,
        "begun and done once: {journal}"
    );

    let github = &world.fakes.github;
    let releases = github.releases();
    let [release] = &releases[..] else {
        panic!("{releases:?}");
    };
    let names = release.assets.iter().map(|asset| asset.name.clone());
    assert_eq!(
        names.collect::<std::collections::BTreeSet<_>>(),
        asset_names("0.2.0")
    );
    let of = |name: &str| {
        let asset = release.assets.iter().find(|asset| asset.name == name);
        github.asset_bytes(asset.expect(name)).unwrap()
    };
    let binary = of(&format!("guestbook-backend-0.2.0-{own}"));
    assert_eq!(sha256(&binary), sha256(&bytes));
    let sums = String::from_utf8(of("SHA256SUMS")).unwrap();
    let files: Vec<Vec<u8>> = release.assets.iter().map(|a| of(&a.name)).collect();
    sums_match(&sums, &files, "0.2.0");
}

#[test]
fn a_target_without_its_standard_library_is_told_before_anything_is_done() {
    if within_a_rehearsal() {
        return;
    }
    // rustc knows it, and nobody hands out a standard library for it.
    let world = world(&["riscv64gc-unknown-netbsd", "pdp11-dec-unix"]);
    let dry = [&["release", "0.2.0", "--dry-run"], NO_DEPLOY.as_slice()].concat();
    let ran = unchanged_by(&world, world.command(&dry), "two targets");
    let says = "2 problems found … rustc knows no target pdp11-dec-unix … --print target-list … \
                the standard library for riscv64gc-unknown-netbsd is not installed … \
                `rustup target add riscv64gc-unknown-netbsd`";
    ended(&ran, 3, says);

    // Whoever only makes the plan leaves them to others.
    let plan = [dry.as_slice(), &["--until", "plan"]].concat();
    let ran = world.run(&plan).must_end_with(0);
    assert!(
        ran.stdout
            .contains("build guestbook-backend for riscv64gc-unknown-netbsd"),
        "{}",
        ran.words()
    );
}
