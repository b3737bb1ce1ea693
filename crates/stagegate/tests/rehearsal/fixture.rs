//! The fixture workspace: copied, with the demo app in it, as a git checkout
//! with a bare remote.

use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::process::git;

/// Its crates, dependencies first.
pub(crate) const CRATES: [&str; 4] = [
    "stagegate-fixture-core",
    "stagegate-fixture-parse",
    "stagegate-fixture-render",
    "stagegate-fixture",
];
/// Who commits in it.
pub(crate) const NAME: &str = "Fixture Author";
/// Their address.
pub(crate) const EMAIL: &str = "fixture@example.org";

/// A copy of the fixture.
pub(crate) struct Fixture {
    /// Everything below goes with it.
    _directory: TempDir,
    /// The checkout.
    pub(crate) root: Utf8PathBuf,
    /// Its bare remote.
    pub(crate) remote: Utf8PathBuf,
}

impl Fixture {
    /// A fresh copy: 0.1.0 is tagged, and pushed.
    pub(crate) fn new() -> Fixture {
        let directory = tempfile::Builder::new()
            .prefix("stagegate-test-")
            .tempdir()
            .unwrap();
        // /tmp may be a link, and cargo follows it.
        let place = Utf8Path::from_path(directory.path())
            .unwrap()
            .canonicalize_utf8()
            .unwrap();
        let (root, remote) = (place.join("work"), place.join("remote.git"));
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&here.join("tests/fixture"), root.as_std_path());
        copy(
            &here.join("../demo"),
            root.join("crates/demo").as_std_path(),
        );
        let fixture = Fixture::around(directory, root, remote);
        let root = &fixture.root;
        git(
            root,
            &["tag", "--annotate", "--message", "Release 0.1.0", "v0.1.0"],
        );
        git(root, &["push", "--quiet", "origin", "v0.1.0"]);
        fixture
    }

    /// A repository of the files that are written into it, pushed.
    pub(crate) fn of(fill: impl FnOnce(&Utf8Path)) -> Fixture {
        let directory = tempfile::Builder::new()
            .prefix("stagegate-test-")
            .tempdir()
            .unwrap();
        let place = Utf8Path::from_path(directory.path())
            .unwrap()
            .canonicalize_utf8()
            .unwrap();
        let (root, remote) = (place.join("work"), place.join("remote.git"));
        std::fs::create_dir(&root).unwrap();
        fill(&root);
        Fixture::around(directory, root, remote)
    }

    /// git around what is there, with a bare remote beside it.
    fn around(directory: TempDir, root: Utf8PathBuf, remote: Utf8PathBuf) -> Fixture {
        let place = root.parent().unwrap().to_owned();
        git(&root, &["init", "--quiet", "--initial-branch", "main"]);
        for (name, value) in [
            ("user.name", NAME),
            ("user.email", EMAIL),
            ("commit.gpgsign", "false"),
            ("gc.auto", "0"),
        ] {
            git(&root, &["config", name, value]);
        }
        git(&root, &["add", "--all"]);
        git(&root, &["commit", "--quiet", "--message", "The fixture"]);
        git(
            &place,
            &[
                "init",
                "--quiet",
                "--bare",
                "--initial-branch",
                "main",
                remote.as_str(),
            ],
        );
        // A bare repository then remembers every push.
        git(&remote, &["config", "core.logAllRefUpdates", "always"]);
        git(&root, &["remote", "add", "origin", remote.as_str()]);
        git(
            &root,
            &["push", "--quiet", "--set-upstream", "origin", "main"],
        );
        Fixture {
            _directory: directory,
            root,
            remote,
        }
    }

    /// The directory that holds all of it.
    pub(crate) fn place(&self) -> &Utf8Path {
        self.root.parent().expect("the checkout is in a directory")
    }
}

/// Copies a directory, but for what is built in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            if name != "target" && name != "dist" {
                copy(&entry.path(), &to.join(&name));
            }
        } else {
            std::fs::copy(entry.path(), to.join(&name)).unwrap();
        }
    }
}
