//! A workspace of a few files, with the real cargo to ask.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use camino::Utf8PathBuf;
use stagegate_manifest::{
    BumpError, EditState, FileEdit, RequirementPolicy, Workspace, WorkspaceError, bump,
};

/// Its directory goes with it.
pub(crate) struct Fixture {
    _directory: tempfile::TempDir,
    pub(crate) root: Utf8PathBuf,
}

impl Fixture {
    /// A workspace of these files. Every package gets an empty library.
    pub(crate) fn new(files: &[(&str, &str)]) -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let root = Utf8PathBuf::from_path_buf(root).unwrap();
        for (path, text) in files {
            let path = root.join(path);
            let parent = path.parent().unwrap();
            std::fs::create_dir_all(parent.join("src")).unwrap();
            if text.contains("package") {
                std::fs::write(parent.join("src/lib.rs"), "").unwrap();
            }
            std::fs::write(path, text).unwrap();
        }
        Fixture {
            _directory: directory,
            root,
        }
    }

    /// The same, where the workspace is in a directory of it.
    pub(crate) fn inside(mut self, directory: &str) -> Fixture {
        self.root.push(directory);
        self
    }

    /// As cargo sees it.
    pub(crate) fn load(&self) -> Result<Workspace, WorkspaceError> {
        Workspace::load(
            Path::new(env!("CARGO")),
            &self.root.join("Cargo.toml"),
            &without_cargo_variables,
        )
    }

    /// The edits for these new versions.
    pub(crate) fn bump(&self, to: &[(&str, &str)]) -> Result<Vec<FileEdit>, BumpError> {
        let to = to
            .iter()
            .map(|(name, version)| ((*name).to_owned(), version.parse().unwrap()))
            .collect();
        bump(
            &self.load().unwrap(),
            &|path| std::fs::read(path),
            &to,
            RequirementPolicy::Learn,
        )
    }

    /// Writes the edits, and returns the files' texts afterwards.
    pub(crate) fn apply(&self, edits: &[FileEdit]) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        for edit in edits {
            let path = self.root.join(&edit.path);
            let before = std::fs::read(&path).unwrap();
            assert_eq!(edit.state(&before), EditState::Before);
            let after = edit.apply(&before).unwrap();
            assert_eq!(edit.state(&after), EditState::After);
            std::fs::write(&path, &after).unwrap();
            texts.insert(edit.path.to_string(), String::from_utf8(after).unwrap());
        }
        texts
    }

    /// Runs cargo in the workspace; its error output if it fails.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Result<(), String> {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).current_dir(&self.root);
        without_cargo_variables(&mut command);
        let output = command.output().unwrap();
        output
            .status
            .success()
            .then_some(())
            .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The variables of the cargo that runs this test are not for the one it calls.
fn without_cargo_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_") && name != "CARGO_HOME" {
            command.env_remove(name.as_ref());
        }
    }
}

/// A workspace of every directory.
pub(crate) const ROOT: (&str, &str) = (
    "Cargo.toml",
    "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\nexclude = [\"src\", \"target\"]\n",
);

/// The manifest of a package, and the rest of it.
pub(crate) fn package(name: &str, rest: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         description = \"d\"\nlicense = \"MIT\"\n{rest}"
    )
}
