//! Shapes of workspaces: where members may lie, and who is none.

use crate::fixture::{Fixture, package};

fn names(fixture: &Fixture) -> Vec<String> {
    let workspace = fixture.load().unwrap();
    workspace.packages.into_iter().map(|p| p.name).collect()
}

/// The bumped files' names; cargo still accepts the whole.
fn bumped(fixture: &Fixture, to: &[(&str, &str)]) -> Vec<String> {
    fixture.cargo(&["generate-lockfile", "--offline"]).unwrap();
    let texts = fixture.apply(&fixture.bump(to).unwrap());
    fixture
        .cargo(&["metadata", "--locked", "--offline", "--format-version=1"])
        .unwrap();
    texts.into_keys().collect()
}

#[test]
fn a_root_package_whose_path_dependencies_are_not_listed() {
    let fixture = Fixture::new(&[
        (
            "Cargo.toml",
            &package(
                "top",
                "[workspace]\nmembers = [\"tools\"]\n\
                 [dependencies]\nnear = { path = \"deep/near\", version = \"0.1.0\" }\n",
            ),
        ),
        (
            "deep/near/Cargo.toml",
            &package(
                "near",
                "[dependencies]\nfar = { path = \"../far\", version = \"0.1.0\", optional = true }\n",
            ),
        ),
        ("deep/far/Cargo.toml", &package("far", "")),
        ("tools/Cargo.toml", &package("tools", "publish = false\n")),
    ]);
    assert_eq!(names(&fixture), ["far", "near", "tools", "top"]);
    let order = fixture
        .load()
        .unwrap()
        .publish_order(&["crates-io"])
        .unwrap();
    assert_eq!(order, [["far"], ["near"], ["top"]]);
    let all = [("far", "0.2.0"), ("near", "0.2.0"), ("top", "0.2.0")];
    let want = [
        "Cargo.lock",
        "Cargo.toml",
        "deep/far/Cargo.toml",
        "deep/near/Cargo.toml",
    ];
    assert_eq!(bumped(&fixture, &all), want);
}

#[test]
fn a_member_beside_the_workspace_and_not_below_it() {
    let fixture = Fixture::new(&[
        (
            "ws/Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"../b\"]\n",
        ),
        (
            "ws/a/Cargo.toml",
            &package(
                "a",
                "[dependencies]\nb = { path = \"../../b\", version = \"=0.1.0\" }\n",
            ),
        ),
        ("b/Cargo.toml", &package("b", "workspace = \"../ws\"\n")),
    ])
    .inside("ws");
    assert_eq!(names(&fixture), ["a", "b"]);
    let want = ["../b/Cargo.toml", "Cargo.lock", "a/Cargo.toml"];
    assert_eq!(bumped(&fixture, &[("a", "0.2.0"), ("b", "0.2.0")]), want);
}

/// What is excluded, or a workspace of its own, is depended on by path like
/// anything else from elsewhere: it keeps its version, and so do requirements.
#[test]
fn excluded_packages_and_nested_workspaces_are_no_members() {
    let fixture = Fixture::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\nexclude = [\"crates/out\", \"nested\"]\n",
        ),
        (
            "crates/a/Cargo.toml",
            &package(
                "a",
                "[dependencies]\nout = { path = \"../out\", version = \"0.1.0\" }\n\
                 inner = { path = \"../../nested/inner\", version = \"0.1.0\" }\n\
                 b = { path = \"../b\", version = \"0.1.0\" }\n",
            ),
        ),
        ("crates/b/Cargo.toml", &package("b", "")),
        ("crates/out/Cargo.toml", &package("out", "")),
        (
            "nested/Cargo.toml",
            "[workspace]\nmembers = [\"inner\"]\nresolver = \"3\"\n",
        ),
        ("nested/inner/Cargo.toml", &package("inner", "")),
    ]);
    assert_eq!(names(&fixture), ["a", "b"]);
    fixture.cargo(&["generate-lockfile", "--offline"]).unwrap();
    let lock = std::fs::read_to_string(fixture.root.join("Cargo.lock")).unwrap();
    let texts = fixture.apply(&fixture.bump(&[("a", "0.2.0"), ("b", "0.2.0")]).unwrap());
    let files: Vec<_> = texts.keys().collect();
    assert_eq!(
        files,
        ["Cargo.lock", "crates/a/Cargo.toml", "crates/b/Cargo.toml"]
    );
    let manifest = &texts["crates/a/Cargo.toml"];
    for kept in [
        "../out\", version = \"0.1.0\"",
        "inner\", version = \"0.1.0\"",
    ] {
        assert!(manifest.contains(kept), "{manifest}");
    }
    let entry = |name: &str, version: &str| format!("name = \"{name}\"\nversion = \"{version}\"");
    for (name, version) in [
        ("a", "0.2.0"),
        ("b", "0.2.0"),
        ("inner", "0.1.0"),
        ("out", "0.1.0"),
    ] {
        assert!(lock.contains(&entry(name, "0.1.0")), "{lock}");
        assert!(
            texts["Cargo.lock"].contains(&entry(name, version)),
            "{}",
            texts["Cargo.lock"]
        );
    }
    fixture
        .cargo(&["metadata", "--locked", "--offline", "--format-version=1"])
        .unwrap();
}

#[test]
fn packages_of_another_registry_and_those_whose_version_stays() {
    let needs = "[dependencies]\nours = { path = \"../ours\", version = \"0.1\" }\n\
                 [target.'cfg(unix)'.build-dependencies]\n\
                 renamed = { package = \"ours\", path = \"../ours\", version = \"~0.1.0\", optional = true }\n";
    let fixture = Fixture::new(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"ours\", \"other\", \"stays\"]\n",
        ),
        ("ours/Cargo.toml", &package("ours", "")),
        (
            "other/Cargo.toml",
            &package("other", &format!("publish = [\"other\"]\n{needs}")),
        ),
        (
            "stays/Cargo.toml",
            &package("stays", &format!("publish = false\n{needs}")),
        ),
    ]);
    let workspace = fixture.load().unwrap();
    assert_eq!(workspace.publish_order(&["crates-io"]).unwrap(), [["ours"]]);
    assert!(workspace.package("other").unwrap().publishable_to("other"));
    // 0.1.1 is what all of them accept already: their manifests stay.
    let near = fixture.bump(&[("ours", "0.1.1")]).unwrap();
    let paths: Vec<_> = near.iter().map(|edit| edit.path.as_str()).collect();
    assert_eq!(paths, ["ours/Cargo.toml"]);
    let texts = fixture.apply(&fixture.bump(&[("ours", "0.2.0")]).unwrap());
    for name in ["other", "stays"] {
        let text = &texts[&format!("{name}/Cargo.toml")];
        assert!(
            text.contains("version = \"0.1.0\"\nedition"),
            "its own stays: {text}"
        );
        assert!(text.contains("version = \"0.2\" }"), "{text}");
        assert!(text.contains("version = \"~0.2.0\""), "{text}");
    }
}
