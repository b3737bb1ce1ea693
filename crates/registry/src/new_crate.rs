//! The metadata that goes with an upload, as cargo itself builds it.
//!
//! Follows `cargo::ops::registry::publish::transmit` of cargo 1.95 for a
//! package that depends on packages of the registry it is published to.

use std::collections::BTreeMap;

use cargo_metadata::{Dependency, DependencyKind, Package};
use semver::VersionReq;
use serde_json::{Map, Value, json};

/// How crates.io is called in documents of other registries, whatever protocol
/// its index is read by.
const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

/// Returns the `NewCrate` document of the web API for this package. `readme` is the text of its
/// readme file, `registry` the name of the registry it goes to.
///
/// A dependency without a registry is of crates.io in a manifest, and of the
/// registry itself in this document; a [`Registry`](crate::Registry) leaves its
/// own index out of what it uploads. The one difference to cargo: badges are
/// left out, for registries ignore them.
pub fn new_crate(package: &Package, readme: Option<String>, registry: &str) -> Value {
    let dependencies: Vec<Value> = package
        .dependencies
        .iter()
        .filter(|dependency| !is_stripped(dependency))
        .map(|one| dependency(one, registry))
        .collect();
    json!({
        "name": package.name.as_str(),
        "vers": package.version.to_string(),
        "deps": dependencies,
        "features": features(package),
        "authors": package.authors,
        "description": package.description,
        "documentation": package.documentation,
        "homepage": package.homepage,
        "readme": readme,
        "readme_file": package.readme,
        "keywords": package.keywords,
        "categories": package.categories,
        "license": package.license,
        "license_file": package.license_file,
        "repository": package.repository,
        "badges": {},
        "links": package.links,
        "rust_version": rust_version(package),
    })
}

/// Tells what cargo leaves out: what only tests need and no registry can resolve.
pub(crate) fn is_stripped(dependency: &Dependency) -> bool {
    let is_git = dependency
        .source
        .as_ref()
        .is_some_and(|source| source.repr.starts_with("git+"));
    dependency.kind == DependencyKind::Development
        && dependency.req == VersionReq::STAR
        && (dependency.path.is_some() || is_git)
}

fn dependency(dependency: &Dependency, registry: &str) -> Value {
    let elsewhere = (registry != "crates-io").then_some(CRATES_IO);
    let from = dependency.registry.as_deref().or(elsewhere);
    json!({
        "optional": dependency.optional,
        "default_features": dependency.uses_default_features,
        "name": dependency.name,
        "features": dependency.features,
        "version_req": dependency.req.to_string(),
        "target": dependency.target.as_ref().map(ToString::to_string),
        "kind": match dependency.kind {
            DependencyKind::Development => "dev",
            DependencyKind::Build => "build",
            _ => "normal",
        },
        "registry": from,
        "explicit_name_in_toml": dependency.rename,
    })
}

/// Returns the features of the manifest. `cargo metadata` adds the one that every optional
/// dependency brings by itself; the index is to stay without it.
fn features(package: &Package) -> Map<String, Value> {
    declared_features(package)
        .into_iter()
        .map(|(name, enables)| (name, json!(enables)))
        .collect()
}

/// Returns the features that stand in the manifest.
pub(crate) fn declared_features(package: &Package) -> BTreeMap<String, Vec<String>> {
    let is_implicit = |name: &str, enables: &[String]| {
        let own = format!("dep:{name}");
        let is_optional = package
            .dependencies
            .iter()
            .any(|d| d.optional && d.rename.as_deref().unwrap_or(&d.name) == name);
        let is_mentioned = package
            .features
            .iter()
            .any(|(other, enables)| other != name && enables.contains(&own));
        is_optional && enables.len() == 1 && enables[0] == own && !is_mentioned
    };
    package
        .features
        .iter()
        .filter(|(name, enables)| !is_implicit(name, enables))
        .map(|(name, enables)| (name.clone(), enables.clone()))
        .collect()
}

/// Shortens a version: `cargo metadata` fills up `1.95` to `1.95.0`; written short it means
/// the same.
fn rust_version(package: &Package) -> Option<String> {
    let version = package.rust_version.as_ref()?;
    Some(match version.patch {
        0 => format!("{}.{}", version.major, version.minor),
        _ => version.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency(name: &str, rest: Value) -> Value {
        let mut whole = json!({
            "name": name, "source": null, "req": "^1.0", "kind": null, "rename": null,
            "optional": false, "uses_default_features": true, "features": [],
            "target": null, "registry": null,
        });
        for (key, value) in rest.as_object().unwrap() {
            whole[key] = value.clone();
        }
        whole
    }

    #[test]
    fn the_document_is_the_one_that_cargo_sends() {
        let package: Package = serde_json::from_value(json!({
            "name": "mine", "version": "1.2.3", "id": "x", "source": null,
            "dependencies": [
                dependency("plain", json!({"source": "registry+https://e.org"})),
                dependency("opt", json!({"optional": true, "rename": "other"})),
                dependency("opt2", json!({"optional": true})),
                dependency("unix", json!({"kind": "build", "target": "cfg(unix)"})),
                dependency("near", json!({"kind": "dev", "req": "*", "path": "/w/near"})),
                dependency("versioned", json!({"kind": "dev", "path": "/w/near"})),
            ],
            "targets": [],
            "features": {"other": ["dep:other"], "opt2": ["dep:opt2"], "more": ["dep:opt2"]},
            "manifest_path": "/w/Cargo.toml", "license": "MIT", "description": "d",
            "readme": "README.md", "rust_version": "1.95", "links": "z", "edition": "2024",
        }))
        .unwrap();
        let document = new_crate(&package, Some("# Hi".to_owned()), "crates-io");
        let names: Vec<_> = document["deps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dependency| dependency["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["plain", "opt", "opt2", "unix", "versioned"]);
        assert_eq!(
            document["deps"][3],
            json!({
                "optional": false, "default_features": true, "name": "unix", "features": [],
                "version_req": "^1.0", "target": "cfg(unix)", "kind": "build",
                "registry": null, "explicit_name_in_toml": null,
            })
        );
        assert_eq!(document["deps"][1]["explicit_name_in_toml"], "other");
        assert_eq!(
            document["features"],
            json!({"opt2": ["dep:opt2"], "more": ["dep:opt2"]})
        );
        let elsewhere = new_crate(&package, None, "other");
        assert_eq!(elsewhere["deps"][0]["registry"], CRATES_IO);
        assert_eq!(document["rust_version"], "1.95");
        assert_eq!(document["readme"], "# Hi");
        assert_eq!(document["vers"], "1.2.3");
    }
}
