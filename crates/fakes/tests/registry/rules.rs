//! What crates.io refuses, the fake refuses.

use serde_json::{Value, json};
use stagegate_registry::crates_io::{self, DependencyMetadata, Known, PackageMetadata, Rule};
use stagegate_registry::{Upload, UploadError};

use crate::fixture::{Fixture, archive, dependency, metadata, token, upload, upload_with};

/// What the checks before a release get to see of a package.
fn seen(metadata: &Value) -> PackageMetadata {
    let text = |key: &str| metadata[key].as_str().map(str::to_owned);
    let texts = |list: &Value| {
        let list = list.as_array().into_iter().flatten();
        list.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let features = metadata["features"].as_object().unwrap().iter();
    let dependencies = metadata["deps"].as_array().unwrap().iter();
    PackageMetadata {
        name: text("name").unwrap(),
        version: text("vers").unwrap(),
        description: text("description"),
        license: text("license"),
        license_file: text("license_file"),
        homepage: text("homepage"),
        documentation: text("documentation"),
        repository: text("repository"),
        rust_version: text("rust_version"),
        keywords: texts(&metadata["keywords"]),
        categories: texts(&metadata["categories"]),
        features: features
            .map(|(name, enables)| (name.clone(), texts(enables)))
            .collect(),
        dependencies: dependencies
            .map(|one| DependencyMetadata {
                name: one["name"].as_str().unwrap().to_owned(),
                rename: one["explicit_name_in_toml"].as_str().map(str::to_owned),
                requirement: one["version_req"].as_str().unwrap().to_owned(),
                features: texts(&one["features"]),
                registry: one["registry"].as_str().map(str::to_owned),
            })
            .collect(),
        metadata_bytes: Some(metadata.to_string().len() as u64),
        packed_bytes: None,
        unpacked_bytes: None,
    }
}

/// Takes care that a package is refused for a rule, and that the checks before a release
/// had found just that.
fn check(rule: Rule, change: impl FnOnce(&mut Value)) {
    let fixture = Fixture::new();
    let client = fixture.client();
    client
        .upload(&token(), &upload("known-crate", "1.0.0"))
        .unwrap();
    let package = upload_with("demo", "1.0.0", change);
    let name = package.metadata["name"].as_str().unwrap().to_owned();
    let categories = client.categories().unwrap().unwrap();
    let info = client.crate_info(None, &name).ok().flatten();
    let known = Known {
        categories: &categories,
        published_name: info.as_ref().map(|info| info.name.as_str()),
    };
    let foreseen = crates_io::check(&seen(&package.metadata), known);
    let rules: Vec<Rule> = foreseen.iter().map(|problem| problem.rule).collect();
    assert_eq!(rules, [rule], "{foreseen:?}");
    let error = client.upload(&token(), &package).unwrap_err();
    let UploadError::Refused { rule: refused, .. } = &error else {
        panic!("{rule:?}: {error}");
    };
    assert_eq!(*refused, Some(rule), "{error}");
    assert_eq!(fixture.registry.uploads().len(), 1);
}

fn check_field(rule: Rule, field: &str, value: Value) {
    check(rule, |metadata| metadata[field] = value);
}

#[test]
fn what_the_registry_refuses_is_foreseen() {
    check_field(Rule::Name, "name", json!("1st"));
    check_field(Rule::ReservedName, "name", json!("proc-macro"));
    check(Rule::Spelling, |metadata| {
        metadata["name"] = json!("known_crate");
        metadata["vers"] = json!("1.1.0");
    });
    check(Rule::Spelling, |metadata| {
        metadata["name"] = json!("Known-Crate");
        metadata["vers"] = json!("1.1.0");
    });
    check_field(Rule::Version, "vers", json!("1.0"));
    check_field(Rule::Description, "description", Value::Null);
    check_field(
        Rule::DescriptionLength,
        "description",
        json!("d".repeat(1001)),
    );
    check_field(Rule::License, "license", Value::Null);
    check_field(Rule::LicenseExpression, "license", json!("BSD"));
    check(Rule::LicenseExpression, |metadata| {
        metadata["license"] = json!(" ");
        metadata["license_file"] = json!("LICENSE");
    });
    for field in ["homepage", "documentation", "repository"] {
        check_field(Rule::Url, field, json!("git@e.org:o/r"));
        check_field(Rule::Url, field, json!("https://x.org:99999"));
    }
    check_field(Rule::RustVersion, "rust_version", json!("^1.70"));
    check_field(
        Rule::KeywordCount,
        "keywords",
        json!(["a", "b", "c", "d", "e", "f"]),
    );
    check_field(Rule::Keyword, "keywords", json!(["twenty-one-characters"]));
    check_field(Rule::Keyword, "keywords", json!(["two words"]));
    let six = json!(["science", "os", "gui", "wasm", "email", "config"]);
    check_field(Rule::CategoryCount, "categories", six);
    check_field(Rule::UnknownCategory, "categories", json!(["Algorithms"]));
    let many: Vec<String> = (0..301).map(|number| format!("f{number}")).collect();
    let features: serde_json::Map<_, _> =
        many.iter().map(|name| (name.clone(), json!([]))).collect();
    check_field(Rule::FeatureCount, "features", json!(features));
    check_field(Rule::FeatureEnables, "features", json!({ "all": many }));
    check_field(Rule::FeatureName, "features", json!({"a b": []}));
    check_field(Rule::DependencyName, "features", json!({"a": ["dep:1x"]}));
    let readme = json!("r".repeat(1 << 20));
    check_field(Rule::MetadataSize, "readme", readme);
}

#[test]
fn both_keep_the_same_names_from_everybody() {
    let fixture = Fixture::new();
    let client = fixture.client();
    assert_eq!(crates_io::RESERVED_NAMES.len(), 62);
    for name in crates_io::RESERVED_NAMES {
        let error = client.upload(&token(), &upload(name, "1.0.0")).unwrap_err();
        let UploadError::Refused { rule, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*rule, Some(Rule::ReservedName), "{error}");
    }
    client.upload(&token(), &upload("tests", "1.0.0")).unwrap();
}

#[test]
fn what_it_refuses_of_dependencies_is_foreseen() {
    let many: Vec<_> = (0..501)
        .map(|number| dependency(&format!("d{number}"), "^1"))
        .collect();
    check_field(Rule::DependencyCount, "deps", json!(many));
    let with = |dependency: Value| json!([dependency]);
    check_field(
        Rule::DependencyRequirement,
        "deps",
        with(dependency("any", "*")),
    );
    check_field(
        Rule::DependencyRequirement,
        "deps",
        with(dependency("odd", "one")),
    );
    let mut renamed = dependency("known-crate", "^1");
    renamed["explicit_name_in_toml"] = json!("d".repeat(65));
    check_field(Rule::DependencyName, "deps", with(renamed));
    let mut elsewhere = dependency("far", "^1");
    elsewhere["registry"] = json!("sparse+https://e.org/index/");
    check_field(Rule::DependencyRegistry, "deps", with(elsewhere));
}

#[test]
fn a_dependency_is_known_by_its_exact_name() {
    let fixture = Fixture::new();
    let client = fixture.client();
    client
        .upload(&token(), &upload("known-crate", "1.0.0"))
        .unwrap();
    for name in ["known_crate", "unknown"] {
        let package = upload_with("demo", "1.0.0", |metadata| {
            metadata["deps"] = json!([dependency(name, "^1")]);
        });
        let error = client.upload(&token(), &package).unwrap_err();
        let UploadError::Refused { rule, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*rule, Some(Rule::UnknownDependency), "{error}");
    }
}

#[test]
fn an_archive_that_is_refused_leaves_nothing_behind() {
    let check = |bytes: Vec<u8>, expected: &str| {
        let fixture = Fixture::new();
        let client = fixture.client();
        let package = Upload {
            bytes,
            ..upload("demo", "1.0.0")
        };
        let error = client.upload(&token(), &package).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(client.versions("demo").unwrap(), []);
        assert_eq!(fixture.file("crates/demo/demo-1.0.0.crate"), None);
    };
    check(b"no archive".to_vec(), "malformed");
    check(
        archive(&[("demo-1.0.0/README", "")]),
        "is missing a `Cargo.toml`",
    );
    check(
        archive(&[("demo-1.0.0/../../etc/passwd", "x")]),
        "invalid path found",
    );
    check(vec![0; (10 << 20) + 1], "max upload size is: 10485760");
}

/// 513 MiB of zeros are half a megabyte when they are packed.
#[test]
fn what_unpacks_to_too_much_is_refused() {
    let fixture = Fixture::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut header = tar::Header::new_gnu();
    let size: u64 = 513 << 20;
    header.set_path("demo-1.0.0/zeros").unwrap();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    std::io::Write::write_all(&mut encoder, header.as_bytes()).unwrap();
    let mut zeros = std::io::Read::take(std::io::repeat(0), size);
    std::io::copy(&mut zeros, &mut encoder).unwrap();
    let package = Upload {
        bytes: encoder.finish().unwrap(),
        ..upload("demo", "1.0.0")
    };
    let error = fixture.client().upload(&token(), &package).unwrap_err();
    assert!(
        matches!(
            error,
            UploadError::Refused {
                rule: Some(Rule::UnpackedSize),
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn other_requests() {
    let fixture = Fixture::new();
    let base = format!("http://{}", fixture.registry.address());
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let check = |method: &str, path: &str, body: &[u8], status: u16, expected: &str| {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{base}{path}"))
            .header("Authorization", crate::fixture::TOKEN)
            .body(body)
            .unwrap();
        let mut response = agent.run(request).unwrap();
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        let text = response.body_mut().read_to_string().unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let detail = document["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(expected), "{detail}");
    };
    check(
        "GET",
        "/api/v1/crates?q=x",
        b"",
        404,
        "does not know this address",
    );
    check(
        "DELETE",
        "/api/v1/crates/demo/owners",
        b"{}",
        405,
        "does not know this method",
    );
    check(
        "PUT",
        "/api/v1/crates/new",
        b"ab",
        400,
        "invalid metadata length",
    );
    check(
        "PUT",
        "/api/v1/crates/new",
        b"\x09\0\0\0{}",
        400,
        "invalid metadata length",
    );
    check(
        "PUT",
        "/api/v1/crates/new",
        b"\x02\0\0\0{}\0\0\0\0",
        400,
        "invalid upload request",
    );
    let body = framed(&[metadata("a", "1.0.0").to_string().as_bytes()]);
    check(
        "PUT",
        "/api/v1/crates/new",
        &body,
        400,
        "invalid tarball length",
    );
}

/// The parts of an upload behind their lengths.
fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        body.extend((part.len() as u32).to_le_bytes());
        body.extend_from_slice(part);
    }
    body
}
