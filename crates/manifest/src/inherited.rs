//! What members take from the workspace's manifest, and what of it a change touches.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{Document, Item, TableLike};

use crate::manifest_edit::dependency_tables;

/// Returns the keys that a member's manifest inherits: `package.rust-version`,
/// `dependencies.serde`, `lints`. A text that is no manifest inherits nothing.
pub fn inherited_keys(manifest: &str) -> BTreeSet<String> {
    let Ok(manifest) = Document::parse(manifest) else {
        return BTreeSet::new();
    };
    let inherits = |item: &Item| item.get("workspace").and_then(Item::as_bool) == Some(true);
    let mut keys = BTreeSet::new();
    let package = manifest.get("package").and_then(Item::as_table_like);
    for (key, item) in package.into_iter().flat_map(TableLike::iter) {
        if inherits(item) {
            keys.insert(format!("package.{key}"));
        }
    }
    for table in dependency_tables(manifest.as_table()) {
        let names = table.iter().filter(|(_, item)| inherits(item));
        keys.extend(names.map(|(name, _)| format!("dependencies.{name}")));
    }
    if manifest.get("lints").is_some_and(inherits) {
        keys.insert("lints".to_owned());
    }
    keys
}

/// Returns the keys of the workspace's manifest that members can inherit and that differ between
/// two texts of it. The version is none of them: it says what is released, not what changed.
pub fn changed_keys(old: &str, new: &str) -> BTreeSet<String> {
    let (old, new) = (offered(old), offered(new));
    let differs = |key: &&String| old.get(*key) != new.get(*key);
    let keys = old.keys().chain(new.keys());
    keys.filter(differs).cloned().collect()
}

/// Returns what a workspace's manifest offers to its members, as text without its formatting.
fn offered(manifest: &str) -> BTreeMap<String, String> {
    let Ok(manifest) = Document::parse(manifest) else {
        return BTreeMap::new();
    };
    let mut offered = BTreeMap::new();
    let Some(workspace) = manifest.get("workspace") else {
        return offered;
    };
    for table in ["package", "dependencies"] {
        let entries = workspace.get(table).and_then(Item::as_table_like);
        for (key, item) in entries.into_iter().flat_map(TableLike::iter) {
            if (table, key) != ("package", "version") {
                offered.insert(format!("{table}.{key}"), plain(item));
            }
        }
    }
    if let Some(lints) = workspace.get("lints") {
        offered.insert("lints".to_owned(), plain(lints));
    }
    offered
}

fn plain(item: &Item) -> String {
    item.to_string().split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_touches_the_keys_that_it_changes() {
        let check = |old: &str, new: &str, want: &[&str]| {
            let found = changed_keys(old, new);
            let found: Vec<&str> = found.iter().map(String::as_str).collect();
            assert_eq!(found, want, "{old:?} to {new:?}");
        };
        let package = |text: &str| format!("[workspace.package]\n{text}");
        check(
            &package("edition = \"2021\""),
            &package("edition = \"2024\""),
            &["package.edition"],
        );
        check(
            &package("version = \"1.0.0\""),
            &package("version = \"1.1.0\""),
            &[],
        );
        check(
            "",
            "[workspace.dependencies]\nserde = \"1\"\n",
            &["dependencies.serde"],
        );
        check(
            "[workspace.dependencies]\na = { version = \"1\" }\nb = \"1\"\n",
            "[workspace.dependencies.a]\nversion = \"2\"\n[workspace.dependencies]\nb = \"1\"\n",
            &["dependencies.a"],
        );
        check(
            "[workspace]\nmembers = [\"a\"]",
            "[workspace]\nmembers = [\"a\", \"b\"]",
            &[],
        );
        check("[profile.release]\nlto = true", "", &[]);
    }

    #[test]
    fn a_member_inherits_what_it_says() {
        let text = "[package]\nname = \"a\"\nedition.workspace = true\n\
            [target.'cfg(unix)'.dependencies]\nlibc = { workspace = true }\n\
            [dev-dependencies]\nown = \"1\"\n[lints]\nworkspace = true\n";
        let keys = inherited_keys(text);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        assert_eq!(keys, ["dependencies.libc", "lints", "package.edition"]);
        assert!(inherited_keys("[package]\nname = \"a\"\n").is_empty());
    }
}
