//! The files that git tracks: what a release publishes.

use std::collections::BTreeSet;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use crate::context::Context;

/// Every tracked file of the repository, by its path from the repository's top.
pub(crate) struct Tracked {
    /// The top.
    pub(crate) top: Utf8PathBuf,
    /// The workspace's root within it; empty where they are the same.
    pub(crate) root: Utf8PathBuf,
    /// The files.
    pub(crate) files: BTreeSet<Utf8PathBuf>,
}

impl Tracked {
    pub(crate) fn of(context: &Context) -> anyhow::Result<Tracked> {
        let git = context.git();
        let top = git.read(["rev-parse", "--show-toplevel"])?;
        let listed = git.read(["ls-files", "-z", "--full-name", "--", ":/"])?;
        let names = listed.split('\0').filter(|name| !name.is_empty());
        Ok(Tracked {
            top: top.into(),
            root: context.subdirectory.clone(),
            files: names.map(Utf8PathBuf::from).collect(),
        })
    }

    /// The path from the workspace's root, where the file is below it: what
    /// patterns in stagegate.toml are about.
    pub(crate) fn below_root<'p>(&self, path: &'p Utf8Path) -> Option<&'p Utf8Path> {
        path.strip_prefix(&self.root).ok()
    }

    /// Whether git tracks this, or something in it.
    pub(crate) fn has(&self, path: &Utf8Path) -> bool {
        if path.as_str().is_empty() || self.files.contains(path) {
            return true;
        }
        let inside = Utf8PathBuf::from(format!("{path}/"));
        let next = self.files.range(inside.clone()..).next();
        next.is_some_and(|file| file.as_str().starts_with(inside.as_str()))
    }

    /// The file's bytes; none for what holds none of its own: links (their
    /// target is tracked itself) and the directories of submodules.
    pub(crate) fn read(&self, path: &Utf8Path) -> anyhow::Result<Option<Vec<u8>>> {
        let place = self.top.join(path);
        let found = std::fs::symlink_metadata(&place).with_context(|| {
            format!("reading {place}, which git tracks; restore it with `git checkout -- {path}`")
        })?;
        if !found.is_file() {
            return Ok(None);
        }
        let bytes = std::fs::read(&place).with_context(|| format!("reading {place}"))?;
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_there_when_something_is_in_it() {
        let tracked = Tracked {
            top: "/r".into(),
            root: "w".into(),
            files: ["a/b.md", "a-b/c", "d"].map(Utf8PathBuf::from).into(),
        };
        for (path, want) in [
            ("", true),
            ("a", true),
            ("a-b", true),
            ("a/b.md", true),
            ("a/b", false),
            ("b", false),
        ] {
            assert_eq!(tracked.has(path.into()), want, "{path}");
        }
        assert_eq!(tracked.below_root("w/x".into()), Some("x".into()));
        assert_eq!(tracked.below_root("v/x".into()), None);
    }
}
