//! What somebody may have done to a checkout before a release is asked for.

use crate::evidence::{read, sha256};
use crate::fixture::Fixture;
use crate::process::git;

/// The changelog.
pub(crate) const LOG: &str = "CHANGELOG.md";

/// Nothing.
pub(crate) fn nothing(_: &Fixture) {}

/// A text replaced in a file.
pub(crate) fn edit(fixture: &Fixture, file: &str, from: &str, to: &str) {
    let path = fixture.root.join(file);
    let text = read(&path);
    assert!(text.contains(from), "{path} has no {from:?}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

/// An edit that is committed and pushed.
pub(crate) fn change(fixture: &Fixture, file: &str, from: &str, to: &str) {
    edit(fixture, file, from, to);
    git(
        &fixture.root,
        &["commit", "--quiet", "--all", "--message", "Change"],
    );
    git(&fixture.root, &["push", "--quiet", "origin", "HEAD:main"]);
}

/// Nothing is left under `[Unreleased]`.
pub(crate) fn empty_the_changelog(fixture: &Fixture) {
    let text = read(&fixture.root.join(LOG));
    let (_, rest) = text.split_once("## [Unreleased]\n\n").unwrap();
    let (entries, _) = rest.split_once("## [0.1.0]").unwrap();
    change(fixture, LOG, entries, "");
}

/// A commit that only the remote's branch has.
pub(crate) fn push_from_elsewhere(fixture: &Fixture) {
    let root = &fixture.root;
    let commit = git(
        root,
        &[
            "commit-tree",
            "HEAD^{tree}",
            "-p",
            "HEAD",
            "-m",
            "Elsewhere",
        ],
    );
    let to_main = format!("{commit}:refs/heads/main");
    git(root, &["push", "--quiet", "origin", &to_main]);
}

/// A version of one crate that the registry has already.
pub(crate) fn publish(fixture: &Fixture, version: &str, yanked: bool) {
    let directory = fixture.place().join("registry/index/st/ag");
    std::fs::create_dir_all(&directory).unwrap();
    let line = serde_json::json!({
        "name": "stagegate-fixture-parse", "vers": version, "deps": [], "features": {},
        "cksum": sha256(b"somebody else's"), "yanked": yanked,
    });
    std::fs::write(
        directory.join("stagegate-fixture-parse"),
        format!("{line}\n"),
    )
    .unwrap();
}
