//! A fake in front of another registry, which is one more fake here.

use serde_json::json;
use stagegate_registry::UploadError;

use crate::fixture::{Fixture, dependency, token, upload, upload_with};

fn fixtures() -> (Fixture, Fixture) {
    let upstream = Fixture::new();
    let client = upstream.client();
    for (name, version) in [("third-party", "1.0.0"), ("ours", "0.9.0")] {
        client.upload(&token(), &upload(name, version)).unwrap();
    }
    let base = format!("http://{}/index/", upstream.registry.address());
    let front = Fixture::with(|options| options.pass_through = Some(base));
    (upstream, front)
}

#[test]
fn what_was_not_uploaded_here_is_read_there() {
    let (upstream, front) = fixtures();
    let client = front.client();
    let version = "1.0.0".parse().unwrap();
    assert_eq!(client.versions("third-party").unwrap().len(), 1);
    assert_eq!(
        client.download("third-party", &version).unwrap(),
        upload("third-party", "1.0.0").bytes
    );
    assert_eq!(client.versions("nobody").unwrap(), []);
    assert_eq!(
        client.owners(Some(&token()), "third-party").unwrap(),
        ["rehearsal"]
    );
    assert!(client.owners(Some(&token()), "nobody").is_err());
    assert_eq!(upstream.writes().len(), 2);
}

#[test]
fn a_new_version_stands_beside_the_old_ones_and_goes_no_further() {
    let (upstream, front) = fixtures();
    let client = front.client();
    let package = upload_with("ours", "1.0.0", |metadata| {
        metadata["deps"] = json!([dependency("third-party", "^1")]);
    });
    client.upload(&token(), &package).unwrap();
    let versions: Vec<_> = client
        .versions("ours")
        .unwrap()
        .iter()
        .map(|entry| entry.vers.to_string())
        .collect();
    assert_eq!(versions, ["0.9.0", "1.0.0"]);
    let old = client.download("ours", &"0.9.0".parse().unwrap()).unwrap();
    assert_eq!(old, upload("ours", "0.9.0").bytes);
    let again = client
        .upload(&token(), &upload("ours", "0.9.0"))
        .unwrap_err();
    assert!(
        matches!(again, UploadError::AlreadyUploaded { .. }),
        "{again}"
    );
    client
        .yank(&token(), "third-party", &"1.0.0".parse().unwrap())
        .unwrap();
    assert_eq!(upstream.writes().len(), 2);
    assert!(!upstream.client().versions("third-party").unwrap()[0].yanked);
}
