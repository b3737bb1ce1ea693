//! What crates.io refuses, the fake refuses.

use serde_json::{Value, json};
use stagegate_registry::{Upload, UploadError};

use crate::world::{World, archive, dependency, metadata, package, token, upload};

/// Uploads a package with this change, and looks for the reason of the refusal.
fn check(change: impl FnOnce(&mut Upload), expected: &str) {
    let world = World::new();
    let client = world.client();
    let mut package = upload("demo", "1.0.0");
    change(&mut package);
    let error = client.upload(&token(), &package).unwrap_err();
    let UploadError::Refused { detail, .. } = &error else {
        panic!("{error}");
    };
    assert!(detail.contains(expected), "{detail}");
    assert_eq!(client.versions("demo").unwrap(), []);
    assert_eq!(world.file("crates/demo/demo-1.0.0.crate"), None);
}

fn check_field(field: &str, value: Value, expected: &str) {
    check(|package| package.metadata[field] = value, expected);
}

#[test]
fn the_metadata() {
    check_field(
        "description",
        json!(" "),
        "missing or empty metadata fields: description.",
    );
    check_field(
        "license",
        Value::Null,
        "missing or empty metadata fields: license.",
    );
    check_field(
        "keywords",
        json!(["a", "b", "c", "d", "e", "f"]),
        "at most 5 keywords",
    );
    check_field(
        "keywords",
        json!(["twenty-one-characters"]),
        "less than 20 characters",
    );
    check_field(
        "keywords",
        json!(["two words"]),
        "\"two words\" is an invalid keyword",
    );
    check_field(
        "categories",
        json!(["a", "b", "c", "d", "e", "f"]),
        "at most 5 categories",
    );
    check_field(
        "repository",
        json!("git@e.org:o/r"),
        "`repository` must begin with http",
    );
    check_field("vers", json!("1.0"), "invalid semver version");
    check_field("name", json!("1st"), "invalid crate name");
    check_field("unheard_of", json!(1), "unknown field `unheard_of`");
}

#[test]
fn the_dependencies() {
    let with = |dependency: Value| json!([dependency]);
    check_field(
        "deps",
        with(dependency("unknown", "^1")),
        "no known crate named `unknown`",
    );
    check_field("deps", with(dependency("any", "*")), "wildcard (`*`)");
    check_field(
        "deps",
        with(dependency("odd", "one")),
        "invalid version requirement",
    );
    let mut elsewhere = dependency("far", "^1");
    elsewhere["registry"] = json!("https://e.org/index");
    check_field("deps", with(elsewhere), "Cross-registry");
}

#[test]
fn the_archive() {
    let check = |bytes: Vec<u8>, expected: &str| check(|package| package.bytes = bytes, expected);
    check(b"no archive".to_vec(), "invalid tarball uploaded");
    check(archive(&[("demo-1.0.0/README", "")]), "missing Cargo.toml");
    check(package("demo", "1.0.1"), "invalid path found");
    check(package("other", "1.0.0"), "invalid path found");
    check(
        archive(&[("demo-1.0.0/../../etc/passwd", "x")]),
        "invalid path found",
    );
    check(
        archive(&[(
            "demo-1.0.0/Cargo.toml",
            "[package]\nname = \"demo\"\nversion = \"2.0.0\"\n",
        )]),
        "`version` is Some(\"2.0.0\") in `Cargo.toml`, but the upload says \"1.0.0\"",
    );
    check(
        archive(&[("demo-1.0.0/Cargo.toml", "= 1")]),
        "failed to parse",
    );
    check(vec![0; (10 << 20) + 1], "max upload size is: 10485760");
}

#[test]
fn other_requests() {
    let world = World::new();
    let base = format!("http://{}", world.registry.address());
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let check = |method: &str, path: &str, body: &[u8], status: u16, expected: &str| {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{base}{path}"))
            .header("Authorization", crate::world::TOKEN)
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
        "PUT",
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
    check("GET", "/index/de/mo/../../x", b"", 404, "no file");
    let mut body = framed(&[metadata("a", "1.0.0").to_string().as_bytes(), b"x"]);
    body.push(0);
    check(
        "PUT",
        "/api/v1/crates/new",
        &body,
        400,
        "behind the tarball",
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
