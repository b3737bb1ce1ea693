//! One contract for the client, kept against the fake and against registry
//! servers that others wrote: what the fake teaches is worth nothing if it
//! is true of the fake alone.
//!
//! - The cargo team's own test registry (`cargo-test-support`) reads uploads with
//!   cargo's types. It takes a version twice, and its yanks do nothing, so
//!   neither is asked of it.
//! - kellnr is a whole server. It takes half an hour to build, so it takes part
//!   where the variable `KELLNR` or the search path has it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cargo_test_support::paths;
use cargo_test_support::registry::RegistryBuilder;
use sha2::{Digest, Sha256};
use stagegate_registry::{Registry, Token, UploadError, YankError};

use crate::fixture::{Fixture, dependency, token, upload, upload_with};

/// What a registry does beyond the least.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    /// Uploads, downloads, and refuses strangers.
    Publish,
    /// It refuses a version that it has, yanks, and knows owners, too.
    Everything,
}

/// The contract.
fn check(index: &str, token: &Token, does: Does) {
    let client = Registry::open(index).unwrap();
    let first = upload("contract-one", "1.0.0");
    assert_eq!(client.versions("contract-one").unwrap(), []);
    let stranger = Token::new("not-the-token-of-this-registry00".to_owned());
    let refused = client.upload(&stranger, &first).unwrap_err();
    assert!(
        matches!(refused, UploadError::Unauthorized { .. }),
        "{refused}"
    );
    assert_eq!(client.versions("contract-one").unwrap(), []);

    client.upload(token, &first).unwrap();
    let second = upload_with("contract-two", "0.2.0-rc.1", |metadata| {
        metadata["deps"] = serde_json::json!([dependency("contract-one", "^1.0")]);
        metadata["features"] = serde_json::json!({"more": []});
    });
    client.upload(token, &second).unwrap();
    for package in [&first, &second] {
        let name = package.metadata["name"].as_str().unwrap();
        let version = package.metadata["vers"].as_str().unwrap().parse().unwrap();
        let entries = client.versions(name).unwrap();
        assert_eq!(entries.len(), 1, "{name}");
        assert_eq!(entries[0].vers, version);
        let checksum: String = Sha256::digest(&package.bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(entries[0].cksum, checksum, "{name}");
        assert_eq!(client.download(name, &version).unwrap(), package.bytes);
    }
    let needs = &client.versions("contract-two").unwrap()[0].deps;
    assert_eq!(needs.len(), 1);
    assert_eq!(needs[0].name, "contract-one");
    assert_eq!(needs[0].req, "^1.0");
    assert_eq!(needs[0].registry, None);
    if does == Does::Everything {
        refuses_and_yanks(&client, token, &stranger);
    }
}

fn refuses_and_yanks(client: &Registry, token: &Token, stranger: &Token) {
    let name = "contract-one";
    let version = "1.0.0".parse().unwrap();
    let again = client.upload(token, &upload(name, "1.0.0")).unwrap_err();
    assert!(
        matches!(again, UploadError::AlreadyUploaded { .. }),
        "{again}"
    );
    let yanked = || client.versions(name).unwrap()[0].yanked;
    let refused = client.yank(stranger, name, &version).unwrap_err();
    assert!(
        matches!(refused, YankError::Unauthorized { .. }),
        "{refused}"
    );
    assert!(!yanked());
    for _ in 0..2 {
        client.yank(token, name, &version).unwrap();
        assert!(yanked());
    }
    for _ in 0..2 {
        client.unyank(token, name, &version).unwrap();
        assert!(!yanked());
    }
    assert_eq!(client.owners(Some(token), name).unwrap().len(), 1);
}

#[test]
fn the_fake_keeps_the_contract() {
    let fixture = Fixture::new();
    check(&fixture.registry.index(), &token(), Does::Everything);
}

#[test]
fn the_cargo_teams_registry_keeps_the_contract() {
    let place = PathBuf::from("the_cargo_teams_registry");
    let _guard = paths::init_root(env!("CARGO_TARGET_TMPDIR"), place);
    let registry = RegistryBuilder::new().http_api().http_index().build();
    let token = Token::new(registry.token().to_owned());
    check(registry.index_url().as_str(), &token, Does::Publish);
}

/// A running kellnr; it is ended with this.
struct Kellnr {
    child: Child,
    _directory: tempfile::TempDir,
}

impl Drop for Kellnr {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn kellnr() -> Option<PathBuf> {
    let named = std::env::var_os("KELLNR").map(PathBuf::from);
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search).map(|path| path.join("kellnr"));
    named.or_else(|| found.into_iter().find(|path| path.is_file()))
}

/// The token that kellnr is started with.
const ADMIN: &str = "contract0contract0contract0conte";

fn start(program: &Path) -> (Kellnr, String) {
    // Free a moment ago; kellnr cannot be told to take any.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let directory = tempfile::tempdir().unwrap();
    let port = port.to_string();
    let child = Command::new(program)
        .args(["start", "-d"])
        .arg(directory.path())
        .args(["--local-ip", "127.0.0.1", "-p", &port])
        .args(["--origin-hostname", "127.0.0.1", "--origin-port", &port])
        .args(["--proxy-enabled", "false", "--setup-admin-pwd=contract"])
        .arg(format!("--setup-admin-token={ADMIN}"))
        .current_dir(directory.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let kellnr = Kellnr {
        child,
        _directory: directory,
    };
    let index = format!("sparse+http://127.0.0.1:{port}/api/v1/crates/");
    let began = Instant::now();
    while Registry::open(&index).is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "kellnr does not answer at {index}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    (kellnr, index)
}

#[test]
fn kellnr_keeps_the_contract() {
    let Some(program) = kellnr() else {
        println!("skipped: kellnr is neither on the search path nor named by KELLNR");
        return;
    };
    let (_kellnr, index) = start(&program);
    check(&index, &Token::new(ADMIN.to_owned()), Does::Everything);
}
