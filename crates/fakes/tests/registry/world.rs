//! A running fake registry, a client for it, and packages to upload.

use std::io::Write;

use camino::Utf8Path;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use stagegate_fakes::registry::{FakeRegistry, RegistryOptions};
use stagegate_registry::{Registry, Token, Upload};

pub(crate) const TOKEN: &str = "a-secret-of-this-test";

/// A fake with its runtime and directory; all end with it.
pub(crate) struct World {
    pub(crate) registry: FakeRegistry,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) directory: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        World::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut RegistryOptions)) -> World {
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
        World {
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

/// The archive of a package with an empty library.
pub(crate) fn package(name: &str, version: &str) -> Vec<u8> {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n\
         description = \"A package of a test\"\nlicense = \"MIT\"\n"
    );
    archive(&[
        (&format!("{name}-{version}/Cargo.toml"), &manifest),
        (&format!("{name}-{version}/src/lib.rs"), ""),
    ])
}

/// An upload that breaks no rule.
pub(crate) fn upload(name: &str, version: &str) -> Upload {
    Upload {
        metadata: metadata(name, version),
        bytes: package(name, version),
    }
}
