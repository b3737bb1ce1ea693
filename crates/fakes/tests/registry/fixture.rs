//! A running fake registry, a client for it, and packages to upload.

use std::io::Write;

use camino::Utf8Path;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use stagegate_fakes::registry::{FakeRegistry, RegistryOptions};
use stagegate_registry::{Registry, Token, Upload};

/// In the form of crates.io: `cio` and 32 letters and digits.
pub(crate) const TOKEN: &str = "cioSecretOfThisTestSecretOfThisTest";

/// A fake with its runtime and directory; all end with it.
pub(crate) struct Fixture {
    pub(crate) registry: FakeRegistry,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) directory: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        Fixture::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut RegistryOptions)) -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut options = RegistryOptions::new(TOKEN);
        change(&mut options);
        let path = Utf8Path::from_path(directory.path()).unwrap();
        let registry = FakeRegistry::start(runtime.handle(), path, options).unwrap();
        Fixture {
            registry,
            runtime,
            directory,
        }
    }

    pub(crate) fn client(&self) -> Registry {
        Registry::open(&self.registry.index()).unwrap()
    }

    /// The text of a file that the registry keeps.
    pub(crate) fn file(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.directory.path().join(path)).ok()
    }

    /// Methods, paths and statuses of what was asked, without the index.
    pub(crate) fn writes(&self) -> Vec<(String, Option<u16>)> {
        self.registry
            .requests()
            .into_iter()
            .filter(|request| request.method != "GET")
            .map(|request| {
                (
                    format!("{} {}", request.method, request.path),
                    request.status,
                )
            })
            .collect()
    }
}

pub(crate) fn token() -> Token {
    Token::new(TOKEN.to_owned())
}

/// The metadata of a package that breaks no rule.
pub(crate) fn metadata(name: &str, version: &str) -> Value {
    json!({
        "name": name, "vers": version, "deps": [], "features": {}, "authors": [],
        "description": "A package of a test", "documentation": null, "homepage": null,
        "readme": null, "readme_file": null, "keywords": [], "categories": [],
        "license": "MIT", "license_file": null, "repository": null, "badges": {},
        "links": null, "rust_version": null,
    })
}

/// A dependency as it stands in an upload.
pub(crate) fn dependency(name: &str, requirement: &str) -> Value {
    json!({
        "optional": false, "default_features": true, "name": name, "features": [],
        "version_req": requirement, "target": null, "kind": "normal", "registry": null,
        "explicit_name_in_toml": null,
    })
}

/// An archive of these files.
pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        // As it is: a path that no archive should have must get in here.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        archive.append(&header, text.as_bytes()).unwrap();
    }
    let mut encoder = archive.into_inner().unwrap();
    encoder.flush().unwrap();
    encoder.finish().unwrap()
}

/// The manifest that says what the metadata says, as cargo packs it.
pub(crate) fn manifest(metadata: &Value) -> String {
    let mut document = toml_edit::DocumentMut::new();
    let package = &mut document["package"];
    *package = toml_edit::table();
    package["edition"] = toml_edit::value("2021");
    for (key, field) in [
        ("name", "name"),
        ("version", "vers"),
        ("description", "description"),
        ("documentation", "documentation"),
        ("homepage", "homepage"),
        ("repository", "repository"),
        ("license", "license"),
        ("license-file", "license_file"),
        ("links", "links"),
        ("rust-version", "rust_version"),
    ] {
        if let Some(text) = metadata[field].as_str() {
            package[key] = toml_edit::value(text);
        }
    }
    for key in ["keywords", "categories"] {
        package[key] = toml_edit::value(texts(&metadata[key]));
    }
    for (name, enables) in metadata["features"].as_object().unwrap() {
        document["features"][name] = toml_edit::value(texts(enables));
    }
    for dependency in metadata["deps"].as_array().unwrap() {
        let name = dependency["name"].as_str().unwrap();
        let renamed = dependency["explicit_name_in_toml"].as_str();
        let table = match dependency["kind"].as_str().unwrap() {
            "dev" => "dev-dependencies",
            "build" => "build-dependencies",
            _ => "dependencies",
        };
        let mut entry = toml_edit::InlineTable::new();
        entry.insert(
            "version",
            dependency["version_req"].as_str().unwrap().into(),
        );
        if renamed.is_some() {
            entry.insert("package", name.into());
        }
        if let Some(registry) = dependency["registry"].as_str() {
            entry.insert("registry", registry.into());
        }
        document[table][renamed.unwrap_or(name)] = toml_edit::value(entry);
    }
    document.to_string()
}

fn texts(list: &Value) -> toml_edit::Array {
    let texts = list.as_array().unwrap().iter();
    texts.map(|text| text.as_str().unwrap()).collect()
}

/// The archive of a package with an empty library.
fn packed(metadata: &Value) -> Vec<u8> {
    let text = |key: &str| metadata[key].as_str().unwrap();
    let root = format!("{}-{}", text("name"), text("vers"));
    archive(&[
        (&format!("{root}/Cargo.toml"), &manifest(metadata)),
        (&format!("{root}/src/lib.rs"), ""),
    ])
}

/// An upload that breaks no rule.
pub(crate) fn upload(name: &str, version: &str) -> Upload {
    upload_with(name, version, |_| {})
}

/// An upload with a change, in metadata and manifest alike.
pub(crate) fn upload_with(name: &str, version: &str, change: impl FnOnce(&mut Value)) -> Upload {
    let mut metadata = metadata(name, version);
    change(&mut metadata);
    let bytes = packed(&metadata);
    Upload { metadata, bytes }
}
