//! Facts of other workspaces in the repository.

use camino::Utf8PathBuf;

/// A workspace apart (`fuzz/`, `examples/`) whose committed lockfile holds members of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherWorkspace {
    /// Its lockfile, relative to our root.
    pub lockfile: Utf8PathBuf,
    /// What is in it.
    pub text: String,
    /// Its dependencies on members of ours, by path.
    pub needs: Vec<OtherDependency>,
}

/// A dependency of such a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDependency {
    /// The manifest that states it, relative to our root.
    pub manifest: Utf8PathBuf,
    /// The member.
    pub name: String,
    /// What it accepts; absent where no version is written.
    pub requirement: Option<String>,
}
