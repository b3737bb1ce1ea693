//! What a registry does when nothing goes wrong, and how it says no.

use std::time::Duration;

use sha2::{Digest, Sha256};
use stagegate_registry::{
    Published, Registry, RegistryError, Token, UploadError, YankError, crates_io,
};

use crate::fixture::{Fixture, dependency, token, upload, upload_with};

#[test]
fn an_upload_is_in_the_index_and_can_be_downloaded() {
    let fixture = Fixture::new();
    let client = fixture.client();
    assert_eq!(client.versions("demo").unwrap(), []);
    let package = upload_with("demo", "1.2.3", |metadata| {
        metadata["features"] = serde_json::json!({"a": [], "b": ["dep:x"]});
    });
    let uploaded = client.upload(&token(), &package).unwrap();
    assert_eq!(uploaded.warnings, Vec::<String>::new());

    let versions = client.versions("demo").unwrap();
    let checksum: String = Sha256::digest(&package.bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(versions.len(), 1);
    assert_eq!(versions[0].vers.to_string(), "1.2.3");
    assert_eq!(versions[0].cksum, checksum);
    assert!(!versions[0].yanked);
    let version = "1.2.3".parse().unwrap();
    assert_eq!(client.download("demo", &version).unwrap(), package.bytes);

    let kept = fixture.file("crates/demo/demo-1.2.3.crate");
    assert_eq!(kept.as_deref(), Some(&package.bytes[..]));
    let line = String::from_utf8(fixture.file("index/de/mo/demo").unwrap()).unwrap();
    assert!(line.contains("\"features2\":{\"b\":[\"dep:x\"]}"), "{line}");
}

#[test]
fn the_index_is_asked_every_time_but_sent_only_when_it_changed() {
    let fixture = Fixture::new();
    let client = fixture.client();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    let first = client.versions("demo").unwrap();
    assert_eq!(client.versions("demo").unwrap(), first);
    client.upload(&token(), &upload("demo", "1.1.0")).unwrap();
    assert_eq!(client.clone().versions("demo").unwrap().len(), 2);
    let statuses: Vec<_> = fixture
        .registry
        .requests()
        .into_iter()
        .filter(|request| request.path == "/index/de/mo/demo")
        .map(|request| request.status)
        .collect();
    assert_eq!(statuses, [Some(200), Some(304), Some(200)]);
}

#[test]
fn a_version_is_taken_once() {
    let fixture = Fixture::new();
    let client = fixture.client();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    for version in ["1.0.0", "1.0.0+other"] {
        let error = client
            .upload(&token(), &upload("demo", version))
            .unwrap_err();
        assert!(
            matches!(error, UploadError::AlreadyUploaded { .. }),
            "{error}"
        );
        assert!(error.to_string().contains("`demo` 1.0.0"), "{error}");
    }
    let error = client
        .upload(&token(), &upload("Demo", "1.1.0"))
        .unwrap_err();
    assert!(
        error.to_string().contains("previously named `demo`"),
        "{error}"
    );
}

#[test]
fn bytes_of_another_upload_are_told_from_ones_own() {
    let fixture = Fixture::new();
    let client = fixture.client();
    let package = upload("demo", "1.0.0");
    client.upload(&token(), &package).unwrap();
    let checksum = client.versions("demo").unwrap()[0].cksum.clone();
    let published = |version: &str, sum: &str| {
        let version = version.parse().unwrap();
        client.published("demo", &version, sum).unwrap()
    };
    assert_eq!(published("1.0.0", &checksum), Published::Same);
    assert_eq!(published("1.1.0", &checksum), Published::No);
    // A build part makes no other number.
    for version in ["1.0.0", "1.0.0+other"] {
        let different = published(version, "00");
        let checksum = checksum.clone();
        assert_eq!(different, Published::Different { checksum }, "{version}");
    }
}

#[test]
fn index_files_say_when_they_changed_and_missing_ones_nothing() {
    let fixture = Fixture::with(|options| {
        options.start = Some("2026-11-20T12:00:00.2Z".parse().unwrap());
    });
    let client = fixture.client();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let get = |path: &str, seen: &str| {
        let url = format!("http://{}/index/{path}", fixture.registry.address());
        agent.get(url).header("If-None-Match", seen).call().unwrap()
    };
    let mut missing = get("no/bo/nobody", "");
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.body_mut().read_to_string().unwrap(), "");
    let header = |response: &ureq::http::Response<ureq::Body>, name: &str| {
        response.headers()[name].to_str().unwrap().to_owned()
    };
    let first = get("de/mo/demo", "");
    assert_eq!(header(&first, "cache-control"), "public,max-age=600");
    assert!(first.headers().contains_key("vary"));
    let changed = header(&first, "last-modified");
    assert!(changed.starts_with("Fri, 20 Nov 2026 12:00:"), "{changed}");
    let etag = header(&first, "etag");
    assert_eq!(get("de/mo/demo", &etag).status(), 304);
    fixture.registry.advance(Duration::from_secs(3600));
    client
        .yank(&token(), "demo", &"1.0.0".parse().unwrap())
        .unwrap();
    let second = get("de/mo/demo", &etag);
    assert_eq!(second.status(), 200);
    let changed = header(&second, "last-modified");
    assert!(changed.starts_with("Fri, 20 Nov 2026 13:00:"), "{changed}");
}

#[test]
fn a_wrong_token_changes_nothing_and_is_not_shown() {
    let fixture = Fixture::new();
    let client = fixture.client();
    let wrong = Token::new("cioNotTheSecretNotTheSecretNotTheSe".to_owned());
    let version = "1.0.0".parse().unwrap();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    let upload_error = client.upload(&wrong, &upload("demo", "1.1.0")).unwrap_err();
    assert!(
        matches!(upload_error, UploadError::Unauthorized { .. }),
        "{upload_error}"
    );
    let yank_error = client.yank(&wrong, "demo", &version).unwrap_err();
    assert!(
        matches!(yank_error, YankError::Unauthorized { .. }),
        "{yank_error}"
    );
    // Nobody looks at the token where owners are told to everybody.
    let owners = client.owners(Some(&wrong), "demo").unwrap();
    assert_eq!(owners, ["rehearsal"]);
    for shown in [
        format!("{upload_error} {upload_error:?}"),
        format!("{yank_error} {yank_error:?}"),
    ] {
        assert!(!shown.contains("NotTheSecret"), "{shown}");
        assert!(shown.contains("authentication failed"), "{shown}");
    }
    assert!(!format!("{wrong:?} {client:?}").contains("NotTheSecret"));
    assert_eq!(client.versions("demo").unwrap().len(), 1);
    let broken = Token::new("line\nbreak".to_owned());
    let error = client
        .upload(&broken, &upload("demo", "1.1.0"))
        .unwrap_err();
    assert!(matches!(error, UploadError::Unsendable { .. }), "{error}");
    assert!(!error.to_string().contains("break"), "{error}");
}

#[test]
fn yanks_are_in_the_index_and_can_be_taken_back() {
    let fixture = Fixture::new();
    let client = fixture.client();
    let version = "1.0.0".parse().unwrap();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    let is_yanked = || client.versions("demo").unwrap()[0].yanked;
    for _ in 0..2 {
        client.yank(&token(), "demo", &version).unwrap();
        assert!(is_yanked());
    }
    assert!(client.download("demo", &version).is_ok());
    for _ in 0..2 {
        client.unyank(&token(), "demo", &version).unwrap();
        assert!(!is_yanked());
    }
    for (name, version) in [("demo", "9.0.0"), ("nobody", "1.0.0")] {
        let error = client.yank(&token(), name, &version.parse().unwrap());
        assert!(
            matches!(error, Err(YankError::NotFound { .. })),
            "{error:?}"
        );
    }
}

#[test]
fn owners_are_listed() {
    let fixture = Fixture::new();
    let client = fixture.client();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    assert_eq!(
        client.owners(Some(&token()), "demo").unwrap(),
        ["rehearsal"]
    );
    let error = client.owners(Some(&token()), "nobody").unwrap_err();
    assert!(
        matches!(error, RegistryError::NoSuchPackage { .. }),
        "{error}"
    );
}

#[test]
fn categories_are_listed_and_an_unknown_one_is_refused() {
    let fixture = Fixture::new();
    let client = fixture.client();
    let known = client.categories().unwrap().unwrap();
    let built_in = crates_io::CATEGORIES.map(str::to_owned).into();
    assert_eq!(known, built_in, "client and fake know the same ones");
    let asked = crates_io::Categories::of(&client);
    assert_eq!(asked.slugs, known);
    assert_eq!(asked.source, crates_io::CategorySource::Registry);
    let unknown = upload_with("demo", "1.0.0", |metadata| {
        metadata["categories"] = serde_json::json!(["algorithms", "no-such-thing"]);
    });
    let error = client.upload(&token(), &unknown).unwrap_err();
    assert!(
        matches!(
            error,
            UploadError::Refused {
                rule: Some(crates_io::Rule::UnknownCategory),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(client.versions("demo").unwrap(), []);
}

#[test]
fn a_version_appears_in_the_index_after_the_lag() {
    let lag = Duration::from_secs(3600);
    let fixture = Fixture::with(|options| options.index_lag = lag);
    let client = fixture.client();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    assert_eq!(client.versions("demo").unwrap(), []);
    let again = client
        .upload(&token(), &upload("demo", "1.0.0"))
        .unwrap_err();
    assert!(
        matches!(again, UploadError::AlreadyUploaded { .. }),
        "{again}"
    );
    // The web API does not wait for the index; it knows no other version.
    let address = fixture.registry.address();
    let status = |version: &str| {
        let url = format!("http://{address}/api/v1/crates/demo/{version}");
        let agent = ureq::Agent::from(
            ureq::config::Config::builder()
                .http_status_as_error(false)
                .build(),
        );
        agent.get(url).call().unwrap().status().as_u16()
    };
    assert_eq!((status("1.0.0"), status("1.0.1")), (200, 404));
    fixture.registry.advance(lag);
    assert_eq!(client.versions("demo").unwrap().len(), 1);
}

#[test]
fn a_damaged_download_is_noticed() {
    let fixture = Fixture::new();
    let client = fixture.client();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    let path = fixture
        .directory
        .path()
        .join("crates/demo/demo-1.0.0.crate");
    std::fs::write(path, "tampered").unwrap();
    let error = client
        .download("demo", &"1.0.0".parse().unwrap())
        .unwrap_err();
    assert!(matches!(error, RegistryError::Checksum { .. }), "{error}");
    let error = client
        .download("demo", &"9.0.0".parse().unwrap())
        .unwrap_err();
    assert!(
        matches!(error, RegistryError::NoSuchVersion { .. }),
        "{error}"
    );
}

#[test]
fn a_registry_that_was_stopped_goes_on_where_it_was() {
    let mut fixture = Fixture::new();
    fixture
        .client()
        .upload(&token(), &upload("demo-one", "1.0.0"))
        .unwrap();
    let path = camino::Utf8Path::from_path(fixture.directory.path()).unwrap();
    let options = stagegate_fakes::registry::RegistryOptions::new(crate::fixture::TOKEN);
    let handle = fixture.runtime.handle();
    fixture.registry =
        stagegate_fakes::registry::FakeRegistry::start(handle, path, options).unwrap();
    let client = fixture.client();
    assert_eq!(client.versions("demo-one").unwrap().len(), 1);
    let dependent = upload_with("two", "1.0.0", |metadata| {
        metadata["deps"] = serde_json::json!([dependency("demo-one", "^1.0")]);
    });
    client.upload(&token(), &dependent).unwrap();
    let error = client
        .upload(&token(), &upload("demo_one", "1.1.0"))
        .unwrap_err();
    assert!(error.to_string().contains("previously named"), "{error}");
}

#[test]
fn what_is_no_registry_is_told_apart() {
    let git = Registry::open("https://github.com/rust-lang/crates.io-index").unwrap_err();
    assert!(matches!(git, RegistryError::NotSparse { .. }), "{git}");
    // The port of this side of a connection is taken, and nobody listens on it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let address = stream.local_addr().unwrap();
    let nobody = Registry::open(&format!("sparse+http://{address}/")).unwrap_err();
    assert!(
        matches!(nobody, RegistryError::Unreachable { .. }),
        "{nobody}"
    );
    let fixture = Fixture::new();
    let address = fixture.registry.address();
    let elsewhere = Registry::open(&format!("sparse+http://{address}/other/")).unwrap_err();
    assert!(
        matches!(elsewhere, RegistryError::Status { status: 404, .. }),
        "{elsewhere}"
    );
    let client = fixture.client();
    assert!(matches!(
        client.versions("../x"),
        Err(RegistryError::BadName { .. })
    ));
}

#[test]
fn an_upload_to_a_registry_that_is_gone_was_not_sent() {
    let fixture = Fixture::new();
    let client = fixture.client();
    drop(fixture);
    let categories = crates_io::Categories::of(&client);
    assert_eq!(categories.slugs.len(), 104);
    assert!(
        matches!(
            categories.source,
            crates_io::CategorySource::BuiltIn {
                because: Some(RegistryError::Unreachable { .. })
            }
        ),
        "{categories:?}"
    );
    // The listener is closed by the runtime's end, so the port refuses.
    let error = client
        .upload(&token(), &upload("demo", "1.0.0"))
        .unwrap_err();
    assert!(matches!(error, UploadError::Unreachable { .. }), "{error}");
}
