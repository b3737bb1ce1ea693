//! Releases that others have begun: what the registry lacks is published as it was tagged, or as
//! it stands.

use camino::Utf8Path;

use crate::process::{Ran, command, git, run};
use crate::repositories::{around, commit, package, write};
use crate::within_a_rehearsal;
use crate::world::World;

const NO_GATES: &str = "fmt clippy test doc audit links secrets msrv";

/// `upper` needs `lower`; both are at 0.1.0, which is written up and not tagged.
fn world() -> World {
    let lower = package("lower-of-a-test", "");
    let upper = package(
        "upper-of-a-test",
        "\n[dependencies]\nlower-of-a-test = { path = \"../lower\", version = \"0.1.0\" }\n",
    );
    let files = [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"lower\", \"upper\"]\nresolver = \"2\"\n",
        ),
        ("lower/Cargo.toml", lower.as_str()),
        ("lower/src/lib.rs", "//! Lower.\n"),
        ("upper/Cargo.toml", upper.as_str()),
        ("upper/src/lib.rs", "//! Upper.\n"),
        (
            "CHANGELOG.md",
            "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-01-01\n\n- Both of them.\n",
        ),
        (
            "stagegate.toml",
            "[github]\nrepository = \"stagegate/stagegate-fixture\"\n",
        ),
        (".gitignore", "target\n.cargo\n"),
    ];
    let world = around(&files, "");
    let (fakes, index) = (&world.fakes, world.fakes.registry.index());
    let overlay = format!(
        "[registry]\nindex = \"{index}\"\nfresh_project = \"off\"\n\n[github]\napi = \"{}\"\nuploads = \"{}\"\n",
        fakes.github.api(),
        fakes.github.uploads()
    );
    std::fs::write(world.overlay(), overlay).unwrap();
    // A sibling that is there already comes from the fake, as everything else does by it.
    let source = format!(
        "[source.crates-io]\nreplace-with = \"fake\"\n\n[source.fake]\nregistry = \"{index}\"\n"
    );
    write(world.root(), &[(".cargo/config.toml", &source)]);
    world
}

fn release(world: &World, more: &[&str]) -> Ran {
    let skipped = NO_GATES.split(' ').flat_map(|gate| ["--skip", gate]);
    let words = ["release", "--unpublished"].into_iter();
    let words: Vec<&str> = words.chain(skipped).chain(more.iter().copied()).collect();
    world.run(&words)
}

/// Publishes one package with cargo, as somebody does by hand.
fn by_hand(world: &World, directory: &str) {
    let mut cargo = command(env!("CARGO"), &world.root().join(directory));
    let index = world.fakes.registry.index();
    cargo
        .args(["publish", "--no-verify", "--quiet", "--index", &index])
        .args(["--token", &world.fakes.registry_token])
        .env("CARGO_TARGET_DIR", world.target());
    run(cargo).must_end_with(0);
}

/// The names of the packages that the registry has got, in their order.
fn uploads(world: &World) -> String {
    let uploads = world.fakes.registry.uploads();
    let names = uploads.iter().map(|it| it["name"].as_str().unwrap());
    names.collect::<Vec<_>>().join(" ")
}

fn rev(root: &Utf8Path, name: &str) -> String {
    git(root, &["rev-parse", name])
}

/// The commit that a package of the registry names.
fn made_from(world: &World, name: &str) -> String {
    let directory = world.fakes.registry.directory();
    let found = files_below(directory)
        .into_iter()
        .find(|path| path.as_str().contains(name) && path.extension() == Some("crate"));
    let bytes = std::fs::File::open(found.unwrap()).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    let info = archive.entries().unwrap().find_map(|entry| {
        let mut entry = entry.unwrap();
        let is_it = entry.path().unwrap().ends_with(".cargo_vcs_info.json");
        is_it.then(|| std::io::read_to_string(&mut entry).unwrap())
    });
    let info: serde_json::Value = serde_json::from_str(&info.unwrap()).unwrap();
    info["git"]["sha1"].as_str().unwrap().to_owned()
}

fn files_below(directory: &Utf8Path) -> Vec<camino::Utf8PathBuf> {
    let mut files = Vec::new();
    for entry in directory.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

#[test]
fn what_cargo_has_half_published_is_completed_and_compared() {
    if within_a_rehearsal() {
        return;
    }
    let world = world();
    by_hand(&world, "lower");
    let head = rev(world.root(), "HEAD");
    let ran = release(&world, &["--yes"]).must_end_with(0);
    assert_eq!(uploads(&world), "lower-of-a-test upper-of-a-test");
    let told = "lower-of-a-test 0.1.0 has the bytes that the commit gives";
    assert!(ran.words().contains(told), "{}", ran.words());
    assert_eq!(rev(world.root(), "HEAD"), head, "no commit was made");
    assert_eq!(rev(&world.place.remote, "v0.1.0^{commit}"), head);
    let journal = world.root().join(".git/stagegate/release-0.1.0.done");
    let journal = std::fs::read_to_string(journal).unwrap();
    assert!(journal.contains("- Both of them."), "{journal}");
    assert!(journal.contains("is public"), "{journal}");

    let again = release(&world, &["--yes"]).must_end_with(0);
    let told = "crates-io has 2 packages of this workspace";
    assert!(again.words().contains(told), "{}", again.words());
    assert_eq!(uploads(&world), "lower-of-a-test upper-of-a-test");
}

#[test]
fn what_is_tagged_is_made_from_its_tag_and_a_difference_is_named() {
    if within_a_rehearsal() {
        return;
    }
    let world = world();
    let root = world.root();
    // Published from a commit that was never tagged, with another file in it.
    write(root, &[("lower/src/lib.rs", "//! Lower, in a hurry.\n")]);
    commit(root, "In a hurry");
    by_hand(&world, "lower");
    let hurried = rev(root, "HEAD");
    write(root, &[("lower/src/lib.rs", "//! Lower.\n")]);
    commit(root, "In peace");
    git(root, &["tag", "--annotate", "--message", "0.1.0", "v0.1.0"]);
    let tagged = rev(root, "HEAD");
    write(root, &[("upper/src/lib.rs", "//! Upper, later.\n")]);
    commit(root, "Later");
    git(root, &["push", "--quiet", "origin", "main", "v0.1.0"]);

    let ran = release(&world, &["--yes"]).must_end_with(0);
    let told = format!(
        "lower-of-a-test 0.1.0 differs from what the commit gives and was made from {}: src/lib.rs",
        &hurried[..12]
    );
    assert!(ran.words().contains(&told), "{}", ran.words());
    assert_eq!(uploads(&world), "lower-of-a-test upper-of-a-test");
    assert_eq!(made_from(&world, "upper-of-a-test"), tagged);
}

#[test]
fn nothing_is_made_of_what_the_remote_does_not_have() {
    if within_a_rehearsal() {
        return;
    }
    let world = world();
    let root = world.root();
    git(root, &["tag", "v0.1.0"]);
    git(root, &["push", "--quiet", "origin", "v0.1.0"]);
    git(root, &["tag", "--delete", "v0.1.0"]);
    write(root, &[("upper/src/lib.rs", "//! Upper, later.\n")]);
    commit(root, "Later");
    let ran = release(&world, &["--yes"]).must_end_with(3);
    let says = "origin has the tag v0.1.0, and this checkout does not";
    assert!(ran.words().contains(says), "{}", ran.words());
    assert_eq!(uploads(&world), "");
    // Beside a version there is nothing to choose.
    let ran = world.run(&["release", "0.2.0", "--unpublished"]);
    ran.must_end_with(2);
}
