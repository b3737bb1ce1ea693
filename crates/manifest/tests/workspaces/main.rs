//! Real workspaces through the real cargo: graph, order, rules and bumps.

mod fixture;
mod shapes;

use std::path::Path;

use camino::Utf8Path;
use stagegate_manifest::{
    BumpError, MetadataProblem, OrderError, Workspace, WorkspaceError, metadata_problems,
};

use fixture::{Fixture, ROOT, package};

#[test]
fn edges_of_every_kind_decide_the_order() {
    let fixture = Fixture::new(&[
        ROOT,
        (
            "core/Cargo.toml",
            &package(
                "core-lib",
                "[dev-dependencies]\ntop = { path = \"../top\" }\n",
            ),
        ),
        ("build/Cargo.toml", &package("builder", "")),
        (
            "mid/Cargo.toml",
            &package(
                "mid",
                "[target.'cfg(windows)'.dependencies]\n\
                 renamed = { package = \"core-lib\", path = \"../core\", version = \"0.1\", optional = true }\n",
            ),
        ),
        (
            "top/Cargo.toml",
            &package(
                "top",
                "[dependencies]\nmid = { path = \"../mid\", version = \"0.1.0\" }\n\
                 [build-dependencies]\nbuilder = { path = \"./../build\", version = \"0.1.0\" }\n",
            ),
        ),
        (
            "app/Cargo.toml",
            &package(
                "app",
                "publish = false\n[dependencies]\ntop = { path = \"../top\" }\n",
            ),
        ),
    ]);
    let workspace = fixture.load().unwrap();
    assert_eq!(workspace.root, fixture.root);
    assert_eq!(workspace.target_directory, fixture.root.join("target"));
    // Without a list in `publish`, cargo takes a package to any registry.
    for registry in ["crates-io", "other"] {
        assert_eq!(
            workspace.publish_order(&[registry]).unwrap(),
            [vec!["builder", "core-lib"], vec!["mid"], vec!["top"]]
        );
    }
    let core = workspace.package("core-lib").unwrap();
    assert!(!core.internal[0].is_published());
    assert_eq!(metadata_problems(core), []);
}

/// serde, serde_core and serde_derive in small.
#[test]
fn development_dependencies_give_way_in_a_circle_and_only_there() {
    let fixture = Fixture::new(&[
        ROOT,
        (
            "a/Cargo.toml",
            &package(
                "a",
                "[dependencies]\nb = { path = \"../b\", version = \"0.1\" }\n",
            ),
        ),
        (
            "b/Cargo.toml",
            &package(
                "b",
                "[dev-dependencies]\na = { path = \"../a\", version = \"0.1\" }\n\
                 c = { path = \"../c\", version = \"0.1\" }\n",
            ),
        ),
        ("c/Cargo.toml", &package("c", "")),
    ]);
    let order = fixture
        .load()
        .unwrap()
        .publish_order(&["crates-io"])
        .unwrap();
    assert_eq!(order, [["c"], ["b"], ["a"]]);
}

#[test]
fn what_has_no_order_is_said_all_at_once() {
    let fixture = Fixture::new(&[
        ROOT,
        (
            "a/Cargo.toml",
            &package(
                "a",
                "[dependencies]\nb = { path = \"../b\", version = \"0.1\" }\n",
            ),
        ),
        (
            "b/Cargo.toml",
            &package(
                "b",
                "[build-dependencies]\na = { path = \"../a\", version = \"0.1\" }\n",
            ),
        ),
        (
            "c/Cargo.toml",
            &package(
                "c",
                "[build-dependencies]\nhidden = { path = \"../hidden\", version = \"0.1\" }\n",
            ),
        ),
        (
            "hidden/Cargo.toml",
            &package("hidden", "publish = [\"other\"]\n"),
        ),
    ]);
    let workspace = fixture.load().unwrap();
    let errors = workspace.publish_order(&["crates-io"]).unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(matches!(
        &errors[0],
        OrderError::Unpublishable { dependent, dependency, .. }
            if dependent == "c" && dependency == "hidden"
    ));
    let message = errors[0].to_string();
    for part in [
        "c/Cargo.toml",
        "hidden/Cargo.toml",
        "build dependency",
        "crates-io",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(matches!(&errors[1], OrderError::Cycle { packages } if packages == &["a", "b"]));
}

#[test]
fn broken_rules_are_named() {
    let fixture = Fixture::new(&[
        (
            "Cargo.toml",
            "[package]\nname = \"bad\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         homepage = \"example.org\"\n\
         keywords = [\"a\", \"b\", \"c\", \"d\", \"e e\", \"twenty-one-characters\"]\n\
         [dependencies]\nany = \"*\"\nnear = { path = \"near\" }\n[workspace]\n",
        ),
        ("near/Cargo.toml", &package("near", "")),
    ]);
    let workspace = fixture.load().unwrap();
    let problems = metadata_problems(workspace.package("bad").unwrap());
    let keyword = |keyword: &str| MetadataProblem::Keyword {
        keyword: keyword.to_owned(),
    };
    assert_eq!(
        problems,
        [
            MetadataProblem::NoDescription,
            MetadataProblem::NoLicense,
            MetadataProblem::TooManyKeywords { count: 6 },
            keyword("e e"),
            keyword("twenty-one-characters"),
            MetadataProblem::Wildcard {
                dependency: "any".to_owned()
            },
            MetadataProblem::NoVersion {
                dependency: "near".to_owned()
            },
            MetadataProblem::Address {
                field: "homepage",
                value: "example.org".to_owned()
            },
        ]
    );
}

#[test]
fn every_way_to_state_a_version_is_bumped() {
    let root = "\u{feff}[workspace]\r\nresolver = \"3\"\r\nmembers = [\"crates/*\"]\r\n\r\n\
        [workspace.package]\r\nversion   =  '0.1.0'   # the version of all\r\n\r\n\
        [workspace.dependencies]\r\nuno = { package = \"one\", path = \"crates/one\", version = \"0.1.0\" } # pinned\r\n\
        two.path = \"crates/two\"\r\ntwo.version = \"=0.1.0\"\r\n";
    let two = "package.name = \"two\" # odd\npackage.version.workspace = true\npackage.edition = \"2021\"\n\n\
        [dependencies]\nuno.workspace = true\n\n\
        [build-dependencies.uno]\npath = \"../one\"\npackage = \"one\"\nversion = \"~0.1.0\"\n\n\
        [target.\"cfg(unix)\".dev-dependencies]\n\
        'uno' = { version = '''^0.1''', path = '../../crates/one', package = \"one\" }";
    let fixture = Fixture::new(&[
        ("Cargo.toml", root),
        (
            "crates/one/Cargo.toml",
            "[package]\nname = \"one\"\nversion = { workspace = true }\nedition = \"2021\"\n",
        ),
        ("crates/two/Cargo.toml", two),
        (
            "crates/own/Cargo.toml",
            "[package]\nname = \"own\"\nversion = \"7.0.0\"\nedition = \"2021\"\n\
             [dependencies]\ntwo = { workspace = true }\n",
        ),
    ]);
    fixture.cargo(&["generate-lockfile", "--offline"]).unwrap();
    let lock = std::fs::read_to_string(fixture.root.join("Cargo.lock")).unwrap();
    let edits = fixture.bump(&[("one", "0.2.0"), ("two", "0.2.0")]).unwrap();
    let texts = fixture.apply(&edits);
    let files: Vec<_> = texts.keys().collect();
    assert_eq!(files, ["Cargo.lock", "Cargo.toml", "crates/two/Cargo.toml"]);
    assert_eq!(texts["Cargo.toml"], root.replace("0.1.0", "0.2.0"));
    assert_eq!(texts["crates/two/Cargo.toml"], two.replace("0.1", "0.2"));
    assert_eq!(texts["Cargo.lock"], lock.replace("0.1.0", "0.2.0"));
    fixture
        .cargo(&["metadata", "--locked", "--offline", "--format-version=1"])
        .unwrap();
    let workspace = fixture.load().unwrap();
    for (name, version) in [("one", "0.2.0"), ("two", "0.2.0"), ("own", "7.0.0")] {
        assert_eq!(
            workspace.package(name).unwrap().version.to_string(),
            version
        );
    }
    assert_eq!(
        fixture.bump(&[("one", "0.2.0"), ("two", "0.2.0")]).unwrap(),
        []
    );
}

#[test]
fn a_shared_version_cannot_part() {
    let inherits = |name: &str| {
        format!("[package]\nname = \"{name}\"\nversion.workspace = true\nedition = \"2021\"\n")
    };
    let fixture = Fixture::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"b\"]\n[workspace.package]\nversion = \"1.0.0\"\n",
        ),
        ("a/Cargo.toml", &inherits("a")),
        ("b/Cargo.toml", &inherits("b")),
    ]);
    for to in [&[("a", "1.1.0")][..], &[("a", "1.1.0"), ("b", "1.2.0")]] {
        let error = fixture.bump(to).unwrap_err();
        assert!(matches!(error, BumpError::SharedVersion { .. }), "{error}");
        assert!(error.to_string().contains("a, b"), "{error}");
    }
}

#[test]
fn what_cannot_be_bumped_names_file_and_line() {
    let fixture = Fixture::new(&[
        ROOT,
        ("a/Cargo.toml", &package("a", "")),
        (
            "b/Cargo.toml",
            &package(
                "b",
                "[dependencies]\na = { path = \"../a\", version = \">=0.1, <0.2\" }\n",
            ),
        ),
    ]);
    let error = fixture.bump(&[("a", "0.2.0")]).unwrap_err().to_string();
    for part in ["b/Cargo.toml, line 8", ">=0.1, <0.2", "0.2.0"] {
        assert!(error.contains(part), "{error}");
    }
    let error = fixture.bump(&[("zz", "0.2.0")]).unwrap_err();
    assert!(matches!(error, BumpError::NoSuchPackage { .. }), "{error}");
}

#[test]
fn a_member_that_shares_its_name_with_a_registry_package() {
    // No registry is asked: the lockfile is edited as text.
    let fixture = Fixture::new(&[ROOT, ("a/Cargo.toml", &package("a", ""))]);
    let entry = |name: &str, version: &str, rest: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{rest}")
    };
    let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    let user = |dependency: &str| {
        entry(
            "b",
            "1.0.0",
            &format!("dependencies = [\n \"{dependency}\",\n]\n"),
        )
    };
    let lock = |entries: &[String]| format!("version = 4\n\n{}", entries.join("\n"));
    std::fs::write(
        fixture.root.join("Cargo.lock"),
        lock(&[
            entry("a", "0.1.0", ""),
            entry("a", "0.1.5", registry),
            user("a 0.1.0"),
        ]),
    )
    .unwrap();
    let edits = fixture.bump(&[("a", "0.2.0")]).unwrap();
    assert_eq!(
        fixture.apply(&edits)["Cargo.lock"],
        lock(&[
            entry("a", "0.1.5", registry),
            entry("a", "0.2.0", ""),
            user("a 0.2.0")
        ])
    );
    let error = fixture.bump(&[("a", "0.1.5")]).unwrap_err();
    assert!(matches!(error, BumpError::LockedTwice { .. }), "{error}");
}

#[test]
fn a_manifest_that_cargo_refuses_is_shown_with_its_words() {
    let fixture = Fixture::new(&[("Cargo.toml", "[package]\nname = 1\n")]);
    let error = fixture.load().unwrap_err().to_string();
    assert!(
        error.contains("Cargo.toml") && error.contains("invalid type"),
        "{error}"
    );
    let error = Workspace::load(
        Path::new("/nonexistent/cargo"),
        Utf8Path::new("Cargo.toml"),
        &|_| {},
    )
    .unwrap_err();
    assert!(matches!(error, WorkspaceError::Start { .. }), "{error}");
}
