//! How much each package holds: the tracked files of its directory, before packing.
//!
//! More than what a package will take, since cargo packs them and leaves some out: what
//! is small here fits for certain, and what is not is measured when it is packaged.

use std::collections::{BTreeMap, HashMap};

use camino::{Utf8Path, Utf8PathBuf};
use stagegate_manifest::{Workspace, relative_to};

use crate::context::Context;

/// Returns bytes by package. What git cannot tell is not known.
pub(crate) fn look(context: &Context, workspace: &Workspace) -> BTreeMap<String, u64> {
    let args = ["ls-tree", "-r", "-l", "-z", "--full-tree", "HEAD"];
    let Ok(text) = context.git().read(args) else {
        return BTreeMap::new();
    };
    let directories: HashMap<Utf8PathBuf, &str> = workspace
        .packages
        .iter()
        .filter_map(|package| {
            let relative = relative_to(&workspace.root, &package.directory());
            let directory = context.within_checkout(&relative)?;
            Some((directory, package.name.as_str()))
        })
        .collect();
    sizes(&text, &directories)
}

fn sizes(text: &str, directories: &HashMap<Utf8PathBuf, &str>) -> BTreeMap<String, u64> {
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    // `MODE TYPE OBJECT SIZE<tab>PATH`
    for (head, path) in text.split('\0').filter_map(|line| line.split_once('\t')) {
        let size = head.split_ascii_whitespace().last();
        let size: u64 = size.and_then(|size| size.parse().ok()).unwrap_or(0);
        // A file belongs to the innermost package around it.
        let mut around = Utf8Path::new(path).ancestors().skip(1);
        if let Some(name) = around.find_map(|there| directories.get(there)) {
            *sizes.entry((*name).to_owned()).or_default() += size;
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_for_the_innermost_package() {
        let text = "100644 blob aa      10\tsub/Cargo.toml\x00100644 blob bb     200\tsub/a/x y\n\0\
                    160000 commit cc       -\tsub/module\x00100644 blob dd       3\tother/file\0";
        let directories = [("sub/a".into(), "inner"), ("sub".into(), "root")].into();
        let sizes = sizes(text, &directories);
        let expected = [("inner".to_owned(), 200), ("root".to_owned(), 10)];
        assert_eq!(sizes, expected.into());
    }
}
