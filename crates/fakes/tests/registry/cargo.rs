//! The real cargo publishes to the fake, and builds against it.

use std::process::Command;

use stagegate_fakes::registry::Account;
use stagegate_registry::{Upload, new_crate};

use crate::fixture::{Fixture, TOKEN, token, upload};

/// A cargo that knows only the fake: its home is empty, and nothing but
/// loopback addresses is named to it.
struct Cargo<'w> {
    fixture: &'w Fixture,
    home: tempfile::TempDir,
    directory: tempfile::TempDir,
}

impl<'w> Cargo<'w> {
    fn new(fixture: &'w Fixture) -> Cargo<'w> {
        Cargo {
            fixture,
            home: tempfile::tempdir().unwrap(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes a library and its manifest.
    fn package(&self, name: &str, version: &str, rest: &str, library: &str) {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n\
             description = \"d\"\nlicense = \"MIT\"\n{rest}"
        );
        self.write(&format!("{name}/Cargo.toml"), &manifest);
        self.write(&format!("{name}/src/lib.rs"), library);
    }

    /// Runs cargo in a package with the fake as a named registry, or in the
    /// place of crates.io; its words if it fails.
    fn run(&self, package: &str, replace: bool, arguments: &[&str]) -> Result<(), String> {
        let index = self.fixture.registry.index();
        let mut command = Command::new(env!("CARGO"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_") || name.to_lowercase().ends_with("_proxy") {
                command.env_remove(name.as_ref());
            }
        }
        command
            .current_dir(self.directory.path().join(package))
            .env("CARGO_HOME", self.home.path())
            .env("CARGO_TARGET_DIR", self.directory.path().join("target"))
            .env("CARGO_REGISTRIES_FAKE_TOKEN", TOKEN)
            .args(["--config", &format!("registries.fake.index='{index}'")]);
        if replace {
            let source = format!("source.fake.registry='{index}'");
            command.args(["--config", "source.crates-io.replace-with='fake'"]);
            command.args(["--config", &source]);
        }
        let output = command.args(arguments).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        output
            .status
            .success()
            .then_some(())
            .ok_or_else(|| format!("cargo {arguments:?}: {words}"))
    }

    /// A package as `cargo metadata` describes it.
    fn described(&self, package: &str) -> cargo_metadata::Package {
        let index = self.fixture.registry.index();
        let metadata = cargo_metadata::MetadataCommand::new()
            .cargo_path(env!("CARGO"))
            .manifest_path(self.path(package).join("Cargo.toml"))
            .env("CARGO_REGISTRIES_FAKE_INDEX", index)
            .no_deps()
            .exec()
            .unwrap();
        metadata.packages.into_iter().next().unwrap()
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.directory.path().join(path)
    }
}

#[test]
fn cargo_publishes_to_it_and_builds_against_it() {
    let fixture = Fixture::new();
    let cargo = Cargo::new(&fixture);
    let publish = ["publish", "--registry", "fake", "--allow-dirty"];
    cargo.package(
        "base-lib",
        "1.0.0",
        "[features]\nextra = []\n",
        "pub fn answer() -> u32 { 42 }\n",
    );
    cargo.run("base-lib", false, &publish).unwrap();
    cargo.package(
        "upper-lib",
        "0.3.0",
        "[dependencies]\nbase = { package = \"base-lib\", version = \"1\", registry = \"fake\", features = [\"extra\"] }\n",
        "pub fn twice() -> u32 { 2 * base::answer() }\n",
    );
    cargo.run("upper-lib", false, &publish).unwrap();
    cargo.package(
        "user",
        "0.1.0",
        "[dependencies]\nupper-lib = { version = \"0.3\", registry = \"fake\" }\n",
        "#[test]\nfn sum() { assert_eq!(upper_lib::twice(), 84); }\n",
    );
    let fresh = Cargo {
        home: tempfile::tempdir().unwrap(),
        ..cargo
    };
    fresh.run("user", false, &["test"]).unwrap();
    let lock = std::fs::read_to_string(fresh.path("user/Cargo.lock")).unwrap();
    let client = fixture.client();
    for name in ["base-lib", "upper-lib"] {
        let versions = client.versions(name).unwrap();
        assert!(lock.contains(&versions[0].cksum), "{name}: {lock}");
    }
}

#[test]
fn cargo_adds_owners_as_the_client_does() {
    let fixture = Fixture::with(|options| {
        options.accounts.push(Account::without_token("bob"));
    });
    let cargo = Cargo::new(&fixture);
    let client = fixture.client();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    // cargo wants to be in some directory.
    cargo.package("user", "0.1.0", "", "");
    let add = |login: &str| {
        let words = ["owner", "--registry", "fake", "--add", login, "demo"];
        cargo.run("user", false, &words)
    };
    add("bob").unwrap();
    assert_eq!(fixture.registry.invited("demo"), ["bob"]);
    let refused = add("nobody").unwrap_err();
    assert!(
        refused.contains("could not find user with login"),
        "{refused}"
    );
}

#[test]
fn packages_that_the_client_uploads_build_in_the_place_of_crates_io() {
    let fixture = Fixture::new();
    let cargo = Cargo::new(&fixture);
    cargo.package("lower", "1.0.0", "", "pub const ONE: u32 = 1;\n");
    cargo.package(
        "middle",
        "2.0.0",
        "[dependencies]\nlower = { path = \"../lower\", version = \"1.0.0\", optional = true }\n\
         [dev-dependencies]\nlower = { path = \"../lower\" }\n\
         [features]\nmore = [\"dep:lower\"]\n",
        "#[cfg(feature = \"more\")]\npub use lower::ONE;\n",
    );
    let client = fixture.client();
    for name in ["lower", "middle"] {
        // Packaging looks the siblings up in the registry, here the fake.
        cargo
            .run(name, true, &["package", "--allow-dirty"])
            .unwrap();
        let version = if name == "lower" { "1.0.0" } else { "2.0.0" };
        let file = cargo.path(&format!("target/package/{name}-{version}.crate"));
        let upload = Upload {
            metadata: new_crate(&cargo.described(name), None, "crates-io"),
            bytes: std::fs::read(file).unwrap(),
        };
        client.upload(&token(), &upload).unwrap();
    }
    cargo.package(
        "user",
        "0.1.0",
        "[dependencies]\nmiddle = { version = \"2\", features = [\"more\"] }\n",
        "#[test]\nfn one() { assert_eq!(middle::ONE, 1); }\n",
    );
    cargo.run("user", true, &["test"]).unwrap();

    client
        .yank(&token(), "middle", &"2.0.0".parse().unwrap())
        .unwrap();
    std::fs::remove_file(cargo.path("user/Cargo.lock")).unwrap();
    let words = cargo.run("user", true, &["check"]).unwrap_err();
    assert!(
        words.contains("middle") && words.contains("yanked"),
        "{words}"
    );
}

/// Uploads what the package of the next test depends on.
fn fill(fixture: &Fixture) {
    let client = fixture.client();
    for name in [
        "plain", "optional", "renamed", "platform", "building", "testing",
    ] {
        client.upload(&token(), &upload(name, "1.0.0")).unwrap();
    }
}

#[test]
fn an_upload_by_the_client_is_the_one_of_cargo() {
    let fixture = Fixture::new();
    fill(&fixture);
    let cargo = Cargo::new(&fixture);
    let on = |name: &str, rest: &str| {
        format!("{name} = {{ version = \"1.0\", registry = \"fake\"{rest} }}\n")
    };
    let manifest = format!(
        "rust-version = \"1.70\"\nlinks = \"native\"\nbuild = \"build.rs\"\n\
         [features]\ndefault = [\"more\"]\nmore = [\"dep:other\", \"plain\"]\nempty = []\n\
         [dependencies]\n{}{}{}[target.'cfg(unix)'.dependencies]\n{}\
         [build-dependencies]\n{}[dev-dependencies]\n{}own = {{ path = \"../own\" }}\n",
        on("plain", ", optional = true"),
        on("optional", ", optional = true, default-features = false"),
        on("other", ", optional = true, package = \"renamed\""),
        on("platform", ", features = []"),
        on("building", ""),
        on("testing", ""),
    );
    cargo.package("whole", "1.2.3", &manifest, "");
    cargo.write("whole/build.rs", "fn main() {}\n");
    cargo.package("own", "0.0.0", "", "");
    let publish = [
        "publish",
        "--registry",
        "fake",
        "--allow-dirty",
        "--no-verify",
    ];
    cargo.run("whole", false, &publish).unwrap();

    // Cargo's own document, as it was sent, is the one that the client sends.
    let sent = fixture.registry.uploads().pop().unwrap();
    let other = Fixture::new();
    fill(&other);
    let mut metadata = new_crate(&cargo.described("whole"), None, "fake");
    for dependency in metadata["deps"].as_array_mut().unwrap() {
        assert_eq!(dependency["registry"], fixture.registry.index());
        dependency["registry"] = other.registry.index().into();
    }
    let bytes = fixture.file("crates/whole/whole-1.2.3.crate").unwrap();
    let package = Upload { metadata, bytes };
    other.client().upload(&token(), &package).unwrap();
    let mut ours = other.registry.uploads().pop().unwrap();
    // Cargo leaves out what is not there, and has an order of its own.
    let order = |document: &mut serde_json::Value| {
        let dependencies = document["deps"].as_array_mut().unwrap();
        for dependency in dependencies.iter_mut() {
            let members = dependency.as_object_mut().unwrap();
            members.retain(|name, value| name == "target" || !value.is_null());
        }
        dependencies.sort_by_key(|one| (one["name"].to_string(), one["kind"].to_string()));
    };
    let mut sent = sent;
    order(&mut sent);
    order(&mut ours);
    assert_eq!(ours, sent);
    let line =
        |fixture: &Fixture| String::from_utf8(fixture.file("index/wh/ol/whole").unwrap()).unwrap();
    assert_eq!(line(&other), line(&fixture));
}
