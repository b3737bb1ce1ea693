//! A bump changes the bytes of versions and no others: on generated manifests,
//! and on the manifests of the dependencies that cargo has unpacked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;
use serde_json::json;
use stagegate_manifest::{FileEdit, RequirementPolicy, Workspace, bump};
use toml_edit::{Document, Item};

/// A workspace of one package, as cargo would describe it.
fn workspace(name: &str, version: &str) -> Workspace {
    let metadata = json!({
        "packages": [{
            "name": name, "version": version, "id": "one",
            "source": null, "dependencies": [], "targets": [], "features": {},
            "manifest_path": "/w/Cargo.toml",
        }],
        "workspace_members": ["one"],
        "resolve": null, "workspace_root": "/w", "target_directory": "/w/target", "version": 1,
    });
    Workspace::from_metadata(serde_json::from_value(metadata).unwrap())
}

fn bumped(name: &str, version: &str, text: &str) -> Vec<FileEdit> {
    let read = |path: &Utf8Path| match path.as_str() {
        "/w/Cargo.toml" => Ok(text.as_bytes().to_vec()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let to = BTreeMap::from([(name.to_owned(), "9999.8.7".parse().unwrap())]);
    bump(
        &workspace(name, version),
        &read,
        &to,
        RequirementPolicy::Learn,
    )
    .unwrap()
}

/// The document as data, without the version of its package.
fn without_version(text: &str) -> String {
    let mut table = Document::parse(text).unwrap().into_table();
    if let Some(package) = table.get_mut("package").and_then(Item::as_table_like_mut) {
        package.remove("version");
    }
    format!("{:?}", values(&Item::Table(table)))
}

fn values(item: &Item) -> Vec<(String, String)> {
    match item.as_table_like() {
        Some(table) => table
            .iter()
            .flat_map(|(key, item)| {
                let inner = values(item).into_iter();
                inner.map(move |(path, value)| (format!("{key}/{path}"), value))
            })
            .collect(),
        None => vec![(String::new(), item.to_string().trim().to_owned())],
    }
}

fn check(name: &str, version: &str, text: &str) {
    let edits = bumped(name, version, text);
    let [edit] = &edits[..] else {
        panic!("not one edit: {edits:?}");
    };
    let [splice] = &edit.splices[..] else {
        panic!("not one splice: {edit:?}");
    };
    assert_eq!(edit.path, Utf8PathBuf::from("Cargo.toml"));
    assert_eq!(&text[splice.start..splice.end], version);
    assert_eq!(splice.text, "9999.8.7");
    let after = String::from_utf8(edit.apply(text.as_bytes()).unwrap()).unwrap();
    assert_eq!(&after[..splice.start], &text[..splice.start]);
    assert!(after.ends_with(&text[splice.end..]));
    assert_eq!(without_version(&after), without_version(text));
    let document = Document::parse(after.as_str()).unwrap();
    assert_eq!(document["package"]["version"].as_str(), Some("9999.8.7"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_manifests(
        bom in any::<bool>(),
        crlf in any::<bool>(),
        final_newline in any::<bool>(),
        form in prop::sample::select(vec![
            "[package]\nname = \"p\"\nversion = \"1.2.3\" # ünïcode\nedition = '2021'",
            "package = { name = \"p\", version = '1.2.3', edition = \"2021\" }",
            "package.version=\"\"\"1.2.3\"\"\"\npackage.name = 'p'",
            "[ package ]\n  \"version\"  =\t\"1.2.3\"\n\n  name = \"p\"",
        ]),
        after in prop::collection::vec(prop::sample::select(vec![
            "\n# version = \"1.2.3\"",
            "\n[dependencies]\nother = { path = \"other\", version = \"1.2.3\" }",
            "\n[package.metadata.x]\nversion = \"1.2.3\"",
            "\n[features]\nversion = [] # é",
        ]), 0..4),
    ) {
        let mut parts: Vec<&str> = after;
        parts.sort_unstable();
        parts.dedup();
        let metadata_fits = !form.starts_with("package ");
        parts.retain(|part| metadata_fits || !part.contains("metadata"));
        let mut text = format!("# café\n\n{form}{}", parts.concat());
        if final_newline {
            text.push('\n');
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if bom {
            text.insert(0, '\u{feff}');
        }
        check("p", "1.2.3", &text);
    }
}

/// The manifests that cargo has unpacked, as their authors wrote them; none
/// where there is no such directory.
fn corpus() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let list = |directory: PathBuf| {
        std::fs::read_dir(directory)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    home.map(|home| list(home.join("registry/src")))
        .into_iter()
        .flatten()
        .flat_map(list)
        .map(|package| package.join("Cargo.toml.orig"))
        .filter(|path| path.is_file())
        .collect()
}

#[test]
fn manifests_of_real_crates() {
    let (mut seen, mut inherited) = (0, 0);
    for path in corpus() {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let document = Document::parse(text.as_str())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let string = |key: &str| document["package"].get(key).and_then(Item::as_str);
        let Some((name, version)) = string("name").zip(string("version")) else {
            inherited += 1;
            continue;
        };
        check(name, version, &text);
        seen += 1;
    }
    println!("{seen} manifests bumped, {inherited} more inherit their version");
}
