//! Somebody else's workspace: serde, serde_core and serde_derive, made again from
//! their packages as cargo has unpacked them, without a stagegate.toml.
//!
//! They are not easy: one version pinned with `=`, a dependency that no target
//! ever has, and development dependencies that make circles.

use std::path::{Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use toml_edit::{DocumentMut, InlineTable, Item, value};

use crate::evidence::{index_lines, package_is_of, read, sha256, tag_is_pushed};
use crate::fixture::copy;
use crate::process::{STAGEGATE, command, git, run, shared};
use crate::refusal::content;
use crate::within_a_rehearsal;
use crate::world::Place;

const MEMBERS: [&str; 3] = ["serde", "serde_core", "serde_derive"];

/// Where cargo has unpacked the members, and their one version.
fn sources() -> (Vec<PathBuf>, String) {
    let here = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cargo = command(std::env::var("CARGO").unwrap_or("cargo".into()), here);
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    let metadata: Value = serde_json::from_str(&run(cargo).must_end_with(0).stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let find = |name: &str| packages.iter().find(|p| p["name"] == name).unwrap();
    let version = find("serde")["version"].as_str().unwrap().to_owned();
    let directory = |name: &&str| {
        let package = find(name);
        assert_eq!(package["version"], version.as_str(), "they move together");
        let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
        manifest.parent().unwrap().to_owned()
    };
    (MEMBERS.iter().map(directory).collect(), version)
}

/// Gives the root what members inherit: it is not part of their packages, but
/// what they got from it is.
fn inherit(root: &mut DocumentMut, member: &DocumentMut, published: &DocumentMut) {
    let Some(dependencies) = member.get("dependencies").and_then(Item::as_table_like) else {
        return;
    };
    for (name, dependency) in dependencies.iter() {
        if dependency.get("workspace").is_none() {
            continue;
        }
        let known = &published["dependencies"][name];
        let mut table = InlineTable::new();
        for key in ["version", "default-features"] {
            if let Some(item) = known.get(key).and_then(Item::as_value) {
                table.insert(key, item.clone());
            }
        }
        root["workspace"]["dependencies"][name] = value(table);
    }
}

/// A checkout of the workspace, with something that is not committed yet.
fn workspace(place: &Utf8Path) -> (Utf8PathBuf, String) {
    let (sources, version) = sources();
    let root = place.join("serde-set");
    let mut manifest: DocumentMut = "[workspace]\nresolver = \"2\"\nmembers = []\n\n\
                                     [workspace.dependencies]\n\n[patch.crates-io]\n"
        .parse()
        .unwrap();
    for (name, source) in MEMBERS.iter().zip(&sources) {
        let member = root.join(name);
        copy(source, member.as_std_path());
        let parse = |file: &str| -> DocumentMut { read(&member.join(file)).parse().unwrap() };
        let (published, original) = (parse("Cargo.toml"), parse("Cargo.toml.orig"));
        inherit(&mut manifest, &original, &published);
        std::fs::rename(member.join("Cargo.toml.orig"), member.join("Cargo.toml")).unwrap();
        for file in ["Cargo.lock", ".cargo-ok", ".cargo_vcs_info.json"] {
            // Which of them a package holds depends on the cargo that made it.
            let _ = std::fs::remove_file(member.join(file));
        }
        manifest["workspace"]["members"]
            .as_array_mut()
            .unwrap()
            .push(*name);
        let mut path = InlineTable::new();
        path.insert("path", (*name).into());
        manifest["patch"]["crates-io"][*name] = value(path);
    }
    std::fs::write(root.join("Cargo.toml"), manifest.to_string()).unwrap();
    git(&root, &["init", "--quiet", "--initial-branch", "trunk"]);
    git(&root, &["add", "--all"]);
    let who = [
        "-c",
        "user.name=Somebody",
        "-c",
        "user.email=somebody@example.org",
    ];
    git(
        &root,
        &[who.as_slice(), &["commit", "--quiet", "--message", "serde"]].concat(),
    );
    std::fs::write(root.join("serde/NEWS"), "not committed yet\n").unwrap();
    (root, version)
}

/// A workspace of our own, from which the other is rehearsed.
fn home() -> Utf8PathBuf {
    let home = shared().join("foreign-home");
    std::fs::create_dir_all(home.join("src")).unwrap();
    let manifest =
        "[package]\nname = \"home\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
    std::fs::write(home.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(home.join("src/lib.rs"), "").unwrap();
    home
}

/// The next minor version is there for everybody, next to what was there before.
fn is_released(world: &Place, current: &str) {
    let mut parts = current.split('.').map(|part| part.parse::<u64>().unwrap());
    let version = format!("{}.{}.0", parts.next().unwrap(), parts.next().unwrap() + 1);
    let commit = tag_is_pushed(world, &version);
    for name in MEMBERS {
        let lines = index_lines(world, name);
        let known = |version: &str| lines.iter().filter(|line| line["vers"] == version).count();
        assert_eq!(
            (known(current), known(&version)),
            (1, 1),
            "what crates.io has is there too"
        );
        let package = world
            .registry
            .join(format!("crates/{name}/{name}-{version}.crate"));
        let bytes = std::fs::read(&package).unwrap();
        assert_eq!(lines.last().unwrap()["cksum"], sha256(&bytes).as_str());
        package_is_of(&bytes, name, &version, &commit);
    }
    let file = |path: &str| git(&world.remote, &["show", &format!("{commit}:{path}")]);
    assert_eq!(file("serde/NEWS"), "not committed yet");
    let pinned = format!("serde_core = {{ version = \"={version}\"");
    assert!(
        file("serde/Cargo.toml").contains(&pinned),
        "the pin moves along"
    );
    assert!(
        file("serde/Cargo.toml").contains("serde_derive = { version = \"1\""),
        "what still fits stays"
    );
    let changed = git(
        &world.remote,
        &["diff", "--name-only", &format!("{commit}^"), &commit],
    );
    let expected: Vec<String> = std::iter::once("Cargo.lock".to_owned())
        .chain(MEMBERS.map(|name| format!("{name}/Cargo.toml")))
        .collect();
    assert_eq!(changed.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_workspace_of_serde_is_rehearsed_and_not_changed() {
    if within_a_rehearsal() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(directory.path())
        .unwrap()
        .canonicalize_utf8()
        .unwrap();
    let (root, current) = workspace(&place);
    let before = content(&root);
    let home = home();
    let mut rehearse = command(STAGEGATE, &home);
    // Its lints and documentation are for the newest compilers to judge, and the
    // advisories are on another network.
    let skip = ["audit", "clippy", "doc"]
        .map(|stage| ["--skip", stage])
        .concat();
    rehearse
        .args(["rehearse", "minor", "--keep", "--workspace", root.as_str()])
        .args(&skip)
        .env("TMPDIR", &place);
    let ran = run(rehearse).must_end_with(0);
    let words = ran.words();
    assert!(
        words.contains("there is no [app] in stagegate.toml, so nothing is deployed"),
        "{words}"
    );
    assert_eq!(content(&root), before, "nothing in it changes");

    let kept = ran
        .stdout
        .lines()
        .find_map(|l| l.strip_prefix("the rehearsal is kept in "))
        .unwrap();
    is_released(&Place::below(Utf8Path::new(kept)), &current);
    assert!(Path::new(&home.join("target/stagegate/report.html")).is_file());
}
