//! Checkouts that are set up in ways of their own: crates.io replaced, siblings by `[patch]`,
//! another remote, another owner, a section that is dated by hand, submodules in workflows.

use std::process::Command;

use crate::process::{git, run};
use crate::repositories::{
    NO_GATES, add_submodule, around, commit, other_repository, package, release, world, write,
};
use crate::within_a_rehearsal;

const TWO_MEMBERS: &str = "[workspace]\nmembers = [\"part\", \"user\"]\nresolver = \"2\"\n";

#[test]
fn vendored_crates_stand_for_the_registry() {
    if within_a_rehearsal() {
        return;
    }
    let part = package("part-of-a-test", "");
    let needs = "[dependencies]\npart-of-a-test = { path = \"../part\", version = \"0.1.0\" }";
    let user = package("user-of-a-test", needs);
    let vendored = "[source.crates-io]\nreplace-with = \"vendored-sources\"\n\n[source.vendored-sources]\ndirectory = \"vendor\"\n";
    let world = around(
        &[
            ("Cargo.toml", TWO_MEMBERS),
            (".gitignore", "target\n"),
            ("part/Cargo.toml", &part),
            ("part/src/lib.rs", "//! P.\n"),
            ("user/Cargo.toml", &user),
            ("user/src/lib.rs", "//! U.\n"),
            (".cargo/config.toml", vendored),
            ("vendor/.keep", ""),
        ],
        "",
    );
    release(&world, world.root(), &[], &[]).must_end_with(0);
    assert!(!git(world.root(), &["ls-remote", "origin", "v0.2.0"]).is_empty());
}

#[test]
fn siblings_that_patch_leads_to_are_published_in_order_and_required_as_proven() {
    if within_a_rehearsal() {
        return;
    }
    let root = "[workspace]\nmembers = [\"part\", \"user\", \"other\"]\nresolver = \"2\"\n\n[patch.crates-io]\npart-of-a-test = { path = \"part\" }\n";
    let part = package("part-of-a-test", "");
    let user = package(
        "user-of-a-test",
        "[dependencies]\npart-of-a-test = \"0.1.0\"",
    );
    let renamed = |version: &str| {
        format!("base = {{ package = \"part-of-a-test\", version = \"{version}\" }}")
    };
    let needs = format!("[build-dependencies]\n{}", renamed("0.1.0"));
    let other = package("other-of-a-test", &needs);
    let world = around(
        &[
            ("Cargo.toml", root),
            (".gitignore", "target\n"),
            ("part/Cargo.toml", &part),
            ("part/src/lib.rs", "//! P.\n"),
            ("user/Cargo.toml", &user),
            ("user/src/lib.rs", "//! U.\n"),
            ("other/Cargo.toml", &other),
            ("other/src/lib.rs", "//! O.\n"),
        ],
        "",
    );
    let ran = release(&world, world.root(), &[], &[]).must_end_with(0);
    let chain = "3 crates to publish, at most 2 one after the other";
    assert!(ran.words().contains(chain), "{}", ran.words());
    let manifest =
        |name: &str| std::fs::read_to_string(world.root().join(name).join("Cargo.toml")).unwrap();
    let followed = manifest("user");
    assert!(
        followed.contains("part-of-a-test = \"0.2.0\""),
        "{followed}"
    );
    let followed = manifest("other");
    assert!(followed.contains(&renamed("0.2.0")), "{followed}");
}

#[test]
fn a_rehearsal_has_the_remote_and_the_branch_of_the_checkout() {
    if within_a_rehearsal() {
        return;
    }
    let files = [(
        "stagegate.toml",
        "[release]\nremote = \"upstream\"\nbranch = \"master\"\n",
    )];
    let world = world(&files);
    git(world.root(), &["remote", "rename", "origin", "upstream"]);
    git(world.root(), &["branch", "--move", "main", "master"]);
    git(world.root(), &["push", "--quiet", "upstream", "master"]);
    let before = git(world.root(), &["for-each-ref"]);
    let skipped = NO_GATES.split(' ').filter(|stage| *stage != "draft");
    let mut rehearse = crate::process::command(env!("CARGO_BIN_EXE_stagegate"), world.root());
    rehearse.args(["rehearse", "0.2.0"]);
    for gate in skipped {
        rehearse.args(["--skip", gate]);
    }
    run(rehearse).must_end_with(0);
    assert_eq!(git(world.root(), &["for-each-ref"]), before);
}

#[test]
fn a_checkout_of_another_user_is_told_in_the_words_of_git() {
    if within_a_rehearsal() {
        return;
    }
    let world = world(&[]);
    let mut chown = Command::new("chown");
    chown.args(["--recursive", "1000", world.root().as_str()]);
    if !chown.output().unwrap().status.success() {
        println!("skipped: only root can give files away");
        return;
    }
    let ran = run(world.command(&["doctor"])).must_end_with(3);
    let said = ran.words();
    assert!(said.contains("safe.directory"), "{said}");
    assert!(!said.contains("git init"), "{said}");
}

#[test]
fn a_section_that_is_dated_by_hand_is_taken_as_it_stands() {
    if within_a_rehearsal() {
        return;
    }
    let text = "# Changelog\n\n## [0.2.0] - 2026-11-30\n\n- A thing.\n\n## [0.1.0] - 2026-01-01\n\n- First.\n";
    let world = world(&[("CHANGELOG.md", text)]);
    release(&world, world.root(), &[], &[]).must_end_with(0);
    let changelog = std::fs::read_to_string(world.root().join("CHANGELOG.md")).unwrap();
    assert_eq!(changelog, text);
    let message = git(
        world.root(),
        &["tag", "--list", "--format=%(contents)", "v0.2.0"],
    );
    assert!(message.contains("- A thing."), "{message}");
}

#[test]
fn workflows_check_out_what_the_checkout_has() {
    if within_a_rehearsal() {
        return;
    }
    let checkouts = |world: &crate::world::World| {
        run(world.command(&["ci", "write"])).must_end_with(0);
        let mut keys = Vec::new();
        for entry in std::fs::read_dir(world.root().join(".github/workflows")).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let count = |words: &str| text.matches(words).count();
            keys.push([
                count("actions/checkout@"),
                count("submodules: recursive"),
                count("lfs: true"),
            ]);
        }
        keys
    };
    let plain = world(&[]);
    for [checkouts, submodules, lfs] in checkouts(&plain) {
        assert!(checkouts > 0 && submodules == 0 && lfs == 0);
    }
    let both = world(&[
        (
            ".gitattributes",
            "*.bin filter=lfs diff=lfs merge=lfs -text\n",
        ),
        ("model.bin", "A model.\n"),
    ]);
    let other = other_repository(both.root().parent().unwrap(), "other");
    add_submodule(both.root(), &other, "part/vendor");
    write(both.root(), &[("notes.txt", "More.\n")]);
    commit(both.root(), "Notes");
    for [checkouts, submodules, lfs] in checkouts(&both) {
        assert_eq!([submodules, lfs], [checkouts; 2]);
    }
}
