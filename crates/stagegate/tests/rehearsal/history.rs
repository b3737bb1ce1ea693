//! Which commits count for a version: those of what a package is packed from and built with,
//! whoever brought them in.

use serde_json::Value;

use crate::process::git;
use crate::repositories::{NO_GATES, commit, package, world, write};
use crate::within_a_rehearsal;
use crate::world::World;

/// A program at 0.1.0, which is tagged: the interface of a program is nobody's, so the commits
/// alone decide.
fn program(root: &str, more: &str) -> World {
    let manifest = package("part-of-a-test", more);
    let world = world(&[
        ("Cargo.toml", root),
        ("part/Cargo.toml", &manifest),
        ("part/src/main.rs", "//! A part.\nfn main() {}\n"),
        (
            "other/Cargo.toml",
            &package("other-of-a-test", "publish = false"),
        ),
        ("other/src/lib.rs", "//! Another part.\n"),
    ]);
    git(world.root(), &["rm", "--quiet", "part/src/lib.rs"]);
    commit(world.root(), "A program");
    git(world.root(), &["tag", "v0.1.0"]);
    git(
        world.root(),
        &["push", "--quiet", "origin", "main", "v0.1.0"],
    );
    world
}

/// The version that the commits call for; none where nothing has changed.
fn called_for(world: &World) -> Option<String> {
    git(world.root(), &["push", "--quiet", "origin", "main"]);
    let skipped = NO_GATES.split(' ').flat_map(|gate| ["--skip", gate]);
    let words = ["release", "auto", "--dry-run", "--format", "json"].into_iter();
    let words: Vec<&str> = words.chain(skipped).collect();
    let ran = world.run(&words);
    match ran.code {
        Some(0) => {
            let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
            Some(plan["version"].as_str().unwrap().to_owned())
        }
        _ => {
            let says = "nothing has changed since the last release";
            assert!(ran.words().contains(says), "{}", ran.words());
            None
        }
    }
}

const ROOT: &str = "[workspace]\nmembers = [\"part\", \"other\"]\nresolver = \"2\"\n";

#[test]
fn a_line_of_the_root_manifest_counts_for_those_that_inherit_it() {
    if within_a_rehearsal() {
        return;
    }
    let shared = format!(
        "{ROOT}\n[workspace.dependencies]\nother-of-a-test = {{ path = \"other\" }}\n\n[workspace.package]\nlicense-file = \"LICENSE\"\nhomepage = \"https://example.org/a\"\n"
    );
    let world = program(&shared, "homepage.workspace = true");
    let change = |from: &str, to: &str, message: &str| {
        let file = world.root().join("Cargo.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        write(world.root(), &[("Cargo.toml", &text.replace(from, to))]);
        commit(world.root(), message);
    };
    // Nobody inherits these.
    change("\"LICENSE\"", "\"COPYING\"", "feat!: another license");
    change("path = \"other\"", "path = \"./other\"", "feat!: elsewhere");
    assert_eq!(called_for(&world), None);
    change("/a\"", "/b\"", "fix: the page has moved");
    assert_eq!(called_for(&world).as_deref(), Some("0.1.1"));
}

#[test]
fn what_no_package_holds_counts_for_nobody() {
    if within_a_rehearsal() {
        return;
    }
    // What is taken is named, instead of what is not.
    let world = program(ROOT, "include = [\"src/**\", \"/data/*.json\"]");
    write(
        world.root(),
        &[
            ("part/benches/b.rs", "fn main() {}\n"),
            ("part/data/notes.txt", ""),
        ],
    );
    commit(world.root(), "feat!: measure");
    assert_eq!(called_for(&world), None);
    write(world.root(), &[("part/data/a.json", "{}")]);
    commit(world.root(), "feat!: with data");
    assert_eq!(called_for(&world).as_deref(), Some("0.2.0"));
}

#[test]
fn a_merge_says_what_its_branch_did_not() {
    if within_a_rehearsal() {
        return;
    }
    let merged = |message: &str| {
        let world = program(ROOT, "");
        let root = world.root();
        git(root, &["switch", "--quiet", "--create", "topic"]);
        let source = "//! A part.\nfn main() {\n    println!();\n}\n";
        write(root, &[("part/src/main.rs", source)]);
        commit(root, "chore: wip");
        git(root, &["switch", "--quiet", "main"]);
        let merge = ["merge", "--quiet", "--no-ff", "--message", message, "topic"];
        git(root, &merge);
        called_for(&world)
    };
    let gitlab = "Merge branch 'topic' into 'main'\n\nfeat!: print\n\nSee merge request g/p!12";
    assert_eq!(merged(gitlab).as_deref(), Some("0.2.0"));
    // A title of somebody's own.
    assert_eq!(merged("fix: print (#12)").as_deref(), Some("0.1.1"));
}
