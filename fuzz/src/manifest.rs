//! Manifests and a lockfile: a bump changes versions and no other byte, and a
//! second one finds nothing to do.
//!
//! The input is the manifest of a member `p`, of the workspace, and a lockfile,
//! parted by lines that say `%%`; later ones may be missing.

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use serde_json::json;
use stagegate_manifest::{EditState, FileEdit, RequirementPolicy, Workspace, bump};
use toml_edit::{Document, Item};

type Files = BTreeMap<Utf8PathBuf, String>;

/// Bumps, and bumps again, whatever becomes of requirements.
pub fn check(text: &str) {
    for policy in [
        RequirementPolicy::Learn,
        RequirementPolicy::Follow,
        RequirementPolicy::AsNeeded,
    ] {
        check_under(policy, text);
    }
}

fn check_under(policy: RequirementPolicy, text: &str) {
    let places = ["/w/p/Cargo.toml", "/w/Cargo.toml", "/w/Cargo.lock"];
    let mut files: Files = places
        .into_iter()
        .zip(text.split("\n%%\n"))
        .map(|(place, text)| (place.into(), text.to_owned()))
        .collect();
    files.entry("/w/Cargo.toml".into()).or_default();
    let Some(edits) = bumped(&files, "1.2.3", policy) else {
        return;
    };
    for edit in &edits {
        let path = Utf8Path::new("/w").join(&edit.path);
        let before = &files[&path];
        let after = applied(edit, before);
        same_but_versions(before, &after);
        files.insert(path, after);
    }
    assert_eq!(
        bumped(&files, "2.0.0", policy),
        Some(Vec::new()),
        "a second bump changes {files:?}"
    );
}

/// The edits that make `p` 2.0.0; none where it is refused.
fn bumped(files: &Files, from: &str, policy: RequirementPolicy) -> Option<Vec<FileEdit>> {
    let metadata = json!({
        "packages": [{
            "name": "p", "version": from, "id": "one", "source": null, "dependencies": [],
            "targets": [], "features": {}, "manifest_path": "/w/p/Cargo.toml",
        }],
        "workspace_members": ["one"],
        "resolve": null, "workspace_root": "/w", "target_directory": "/w/target", "version": 1,
    });
    let metadata = serde_json::from_value(metadata).expect("it is what cargo says");
    let read = |path: &Utf8Path| match files.get(path) {
        Some(text) => Ok(text.clone().into_bytes()),
        None => Err(io::ErrorKind::NotFound.into()),
    };
    let to = BTreeMap::from([("p".to_owned(), Version::new(2, 0, 0))]);
    bump(&Workspace::from_metadata(metadata), &read, &to, policy).ok()
}

/// The text after an edit that is in order, within the text, and known as done.
fn applied(edit: &FileEdit, before: &str) -> String {
    let mut at = 0;
    for splice in &edit.splices {
        assert!(at <= splice.start && splice.start <= splice.end, "{edit:?}");
        assert!(before.is_char_boundary(splice.start) && before.is_char_boundary(splice.end));
        at = splice.end;
    }
    assert_eq!(edit.state(before.as_bytes()), EditState::Before);
    let after = edit
        .apply(before.as_bytes())
        .expect("it fits the text it was made for");
    assert_eq!(edit.state(&after), EditState::After);
    assert!(
        edit.apply(&after).is_err(),
        "it would be applied twice: {edit:?}"
    );
    String::from_utf8(after).expect("splices are text")
}

/// Both are TOML, with the same keys in the same order, and where a string differs
/// it stands under `version` or among a lockfile's `dependencies`.
fn same_but_versions(before: &str, after: &str) {
    let parse = |text: &str| {
        let document = Document::parse(text.to_owned());
        let table = document.expect("it was TOML, and still is").into_table();
        let mut values = BTreeMap::new();
        flatten("", &Item::Table(table), &mut values);
        values
    };
    if before.contains("[[package]]") {
        // Entries may change places; that they hold the same is cargo's to say.
        parse(before);
        parse(after);
        return;
    }
    let (before, after) = (parse(before), parse(after));
    assert!(before.keys().eq(after.keys()), "{before:?} {after:?}");
    for (key, value) in &before {
        assert!(
            after[key] == *value || key.ends_with("/version"),
            "{key} changed"
        );
    }
}

fn flatten(path: &str, item: &Item, values: &mut BTreeMap<String, String>) {
    if let Some(table) = item.as_table_like() {
        for (key, item) in table.iter() {
            flatten(&format!("{path}/{key}"), item, values);
        }
        return;
    }
    let text = item
        .as_str()
        .map_or_else(|| item.to_string(), str::to_owned);
    values.insert(path.to_owned(), text.trim().to_owned());
}
