//! The part of GitHub's own description that is checked against: `description.json`.
//!
//! GitHub publishes its API as an OpenAPI document (MIT). What is kept of it are the
//! requests that a release can make, with every schema they name, and none of the
//! prose. The package is `@octokit/openapi` 23.0.2 of npm; this makes it anew:
//!
//! ```text
//! GITHUB_DESCRIPTION=api.github.com.json cargo test -p stagegate-fakes --test github reduced
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

/// Paths below a repository, and the methods that are asked there.
const KEPT: [(&str, &[&str]); 11] = [
    ("", &["get"]),
    ("/releases", &["get", "post"]),
    ("/releases/latest", &["get"]),
    ("/releases/tags/{tag}", &["get"]),
    ("/releases/{release_id}", &["get", "patch", "delete"]),
    ("/releases/{release_id}/assets", &["get", "post"]),
    ("/releases/assets/{asset_id}", &["get", "delete"]),
    ("/pulls", &["get", "post"]),
    ("/pulls/{pull_number}", &["get", "patch"]),
    ("/issues/{issue_number}/labels", &["post"]),
    ("/attestations", &["post"]),
];

/// Keys that hold prose, where they are not the names of fields.
const PROSE: [&str; 8] = [
    "description",
    "example",
    "examples",
    "externalDocs",
    "summary",
    "tags",
    "x-github",
    "x-octokit",
];

fn without_prose(value: &Value, names_fields: bool) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields
                .iter()
                .filter(|(key, _)| names_fields || !PROSE.contains(&key.as_str()));
            let kept = kept.map(|(key, value)| {
                let names = key == "properties" && !names_fields;
                (key.clone(), without_prose(value, names))
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => items
            .iter()
            .map(|item| without_prose(item, false))
            .collect(),
        other => other.clone(),
    }
}

/// Every `$ref` below a value, and below what those name.
fn references(value: &Value, whole: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(to)) = fields.get("$ref")
                && found.insert(to.clone())
            {
                references(whole.pointer(&to[1..]).unwrap(), whole, found);
            }
            fields
                .values()
                .for_each(|value| references(value, whole, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, whole, found)),
        _ => {}
    }
}

fn reduced(whole: &Value) -> Value {
    let whole = &without_prose(whole, false);
    let mut paths = Map::new();
    for (below, methods) in KEPT {
        let path = format!("/repos/{{owner}}/{{repo}}{below}");
        let described = &whole["paths"][&path];
        let kept = methods
            .iter()
            .map(|method| ((*method).to_owned(), described[*method].clone()));
        paths.insert(path.clone(), Value::Object(kept.collect()));
    }
    let paths = Value::Object(paths);
    let mut named = BTreeSet::new();
    references(&paths, whole, &mut named);
    let mut components = json!({});
    for to in named {
        let parts: Vec<&str> = to.split('/').collect();
        components[parts[2]][parts[3]] = whole.pointer(&to[1..]).unwrap().clone();
    }
    json!({
        "openapi": whole["openapi"],
        "info": whole["info"],
        "paths": paths,
        "components": components,
    })
}

#[test]
fn what_is_kept_of_the_description_is_whole() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/github/description.json");
    if let Some(given) = std::env::var_os("GITHUB_DESCRIPTION") {
        let whole: Value = serde_json::from_slice(&std::fs::read(given).unwrap()).unwrap();
        let text = serde_json::to_string(&reduced(&whole)).unwrap();
        std::fs::write(&file, text + "\n").unwrap();
    }
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(reduced(&kept), kept, "reducing it again changes nothing");
    assert_eq!(kept["paths"].as_object().unwrap().len(), KEPT.len());
    assert_eq!(kept["info"]["license"]["name"], "MIT");
}
