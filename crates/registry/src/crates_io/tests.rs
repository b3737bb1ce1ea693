//! Each rule, with what just passes and what just does not.

use super::*;

fn good() -> PackageMetadata {
    PackageMetadata {
        name: "good-name".to_owned(),
        version: "1.0.0".to_owned(),
        description: Some("A package".to_owned()),
        license: Some("MIT OR Apache-2.0".to_owned()),
        ..PackageMetadata::default()
    }
}

/// Returns the rules that a package with this change breaks.
fn broken(change: impl FnOnce(&mut PackageMetadata)) -> Vec<Rule> {
    problems(None, change)
        .into_iter()
        .map(|problem| problem.rule)
        .collect()
}

fn problems(
    published_name: Option<&str>,
    change: impl FnOnce(&mut PackageMetadata),
) -> Vec<Problem> {
    let categories = CATEGORIES.map(str::to_owned).into();
    let mut package = good();
    change(&mut package);
    let known = Known {
        categories: &categories,
        published_name,
    };
    check(&package, known)
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn dependency(name: &str, requirement: &str) -> DependencyMetadata {
    DependencyMetadata {
        name: name.to_owned(),
        requirement: requirement.to_owned(),
        ..DependencyMetadata::default()
    }
}

#[test]
fn a_good_package_breaks_no_rule() {
    assert_eq!(broken(|_| {}), []);
    assert_eq!(broken(|p| p.name = "a".repeat(64)), []);
    assert_eq!(broken(|p| p.description = text(&"d".repeat(1000))), []);
    // crates.io takes it, so it is not for this check to refuse.
    assert_eq!(broken(|p| p.description = text(" ")), []);
    assert_eq!(broken(|p| p.keywords = vec!["k".repeat(20)]), []);
    let many = |p: &mut PackageMetadata| {
        p.features = (0..300).map(|i| (format!("f{i}"), Vec::new())).collect();
        p.dependencies = (0..500)
            .map(|i| dependency(&format!("d{i}"), "1"))
            .collect();
        p.metadata_bytes = Some(MAX_METADATA);
        p.packed_bytes = Some(MAX_PACKED);
        p.unpacked_bytes = Some(MAX_UNPACKED);
    };
    assert_eq!(broken(many), []);
    for license in ["MIT/Apache-2.0", "GPL-3.0+", "MIT OR (Apache-2.0 AND MIT)"] {
        assert_eq!(broken(|p| p.license = text(license)), [], "{license}");
    }
    let by_file = |p: &mut PackageMetadata| {
        p.license = None;
        p.license_file = text("LICENSE");
    };
    assert_eq!(broken(by_file), []);
}

#[test]
fn names_and_versions() {
    for name in ["1bau", "bau.x", "", "_x"] {
        assert_eq!(broken(|p| p.name = name.to_owned()), [Rule::Name], "{name}");
    }
    assert_eq!(broken(|p| p.name = "b".repeat(65)), [Rule::Name]);
    for name in ["test", "std", "nul", "LPT0", "proc-macro"] {
        let rules = broken(|p| p.name = name.to_owned());
        assert_eq!(rules, [Rule::ReservedName], "{name}");
    }
    assert_eq!(broken(|p| p.version = "1.0".to_owned()), [Rule::Version]);
    let long = format!("1.0.0-{}", "a".repeat(145));
    assert_eq!(broken(|p| p.version = long), [Rule::Version]);
    for version in ["^1.70", "1.70-nightly"] {
        let rules = broken(|p| p.rust_version = text(version));
        assert_eq!(rules, [Rule::RustVersion], "{version}");
    }
    assert_eq!(broken(|p| p.rust_version = text("1.70")), []);
}

#[test]
fn a_crate_keeps_its_spelling() {
    for published in ["good_name", "Good-Name"] {
        let found = problems(Some(published), |_| {});
        assert_eq!(found.len(), 1, "{published}");
        assert_eq!(found[0].rule, Rule::Spelling);
        assert!(found[0].remedy.contains(published), "{found:?}");
    }
    assert_eq!(problems(Some("good-name"), |_| {}), []);
}

#[test]
fn texts_and_addresses() {
    assert_eq!(broken(|p| p.description = None), [Rule::Description]);
    assert_eq!(broken(|p| p.description = text("")), [Rule::Description]);
    let long = "é".repeat(501);
    assert_eq!(
        broken(|p| p.description = Some(long)),
        [Rule::DescriptionLength]
    );
    assert_eq!(broken(|p| p.license = None), [Rule::License]);
    for license in [
        "Proprietary",
        "BSD",
        "apache 2.0",
        "MIT or Apache-2.0 or",
        " ",
    ] {
        let rules = broken(|p| p.license = text(license));
        assert_eq!(rules, [Rule::LicenseExpression], "{license}");
    }
    let blank = problems(None, |p| {
        p.license = text(" ");
        p.license_file = text("LICENSE");
    });
    assert_eq!(blank.len(), 1);
    assert!(blank[0].remedy.contains("remove `license`"), "{blank:?}");
    for address in [
        "ftp://x.org",
        "https:/x.org",
        "HTTPS://x.org",
        "https://",
        "https://x y.org",
        "https://x.org:99999",
        "",
        "git@e.org:o/r",
    ] {
        assert_eq!(
            broken(|p| p.homepage = text(address)),
            [Rule::Url],
            "{address}"
        );
        assert_eq!(broken(|p| p.repository = text(address)), [Rule::Url]);
        assert_eq!(broken(|p| p.documentation = text(address)), [Rule::Url]);
    }
}

#[test]
fn labels() {
    let list = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let six = list(&["a", "b", "c", "d", "e", "f"]);
    assert_eq!(broken(|p| p.keywords = six), [Rule::KeywordCount]);
    for keyword in ["a b", "", "_x", "kkkkkkkkkkkkkkkkkkkkk"] {
        let rules = broken(|p| p.keywords = list(&[keyword]));
        assert_eq!(rules, [Rule::Keyword], "{keyword}");
    }
    let six = list(&["science", "os", "gui", "wasm", "email", "config"]);
    assert_eq!(broken(|p| p.categories = six), [Rule::CategoryCount]);
    let found = problems(None, |p| {
        p.categories = list(&["no-such-thing", "Algorithms"])
    });
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|p| p.rule == Rule::UnknownCategory));
    assert!(found[1].remedy.contains("`algorithms`"), "{found:?}");
    assert_eq!(
        broken(|p| p.categories = list(&["science::robotics", "finance"])),
        []
    );
}

#[test]
fn features() {
    let named = |name: &str| {
        let name = name.to_owned();
        broken(|p| drop(p.features.insert(name, Vec::new())))
    };
    for name in ["a b", "-x", "", "a/b"] {
        assert_eq!(named(name), [Rule::FeatureName], "{name}");
    }
    for name in ["1x", "_x", "ünï", "c++", "v1.2-rc"] {
        assert_eq!(named(name), [], "{name}");
    }
    let enabling =
        |enabled: Vec<String>| broken(|p| drop(p.features.insert("f".to_owned(), enabled)));
    assert_eq!(
        enabling(vec!["dep:x".into(), "x?/y".into(), "x/y".into()]),
        []
    );
    assert_eq!(enabling(vec!["dep:1x".into()]), [Rule::DependencyName]);
    assert_eq!(enabling(vec!["x/a b".into()]), [Rule::FeatureName]);
    let many: Vec<String> = (0..301).map(|i| format!("f{i}")).collect();
    assert_eq!(enabling(many.clone()), [Rule::FeatureEnables]);
    let count = broken(|p| p.features = many.into_iter().map(|f| (f, Vec::new())).collect());
    assert_eq!(count, [Rule::FeatureCount]);
}

#[test]
fn dependencies() {
    let with = |one: DependencyMetadata| broken(|p| p.dependencies = vec![one]);
    assert_eq!(with(dependency("any", "*")), [Rule::DependencyRequirement]);
    assert_eq!(
        with(dependency("odd", "one")),
        [Rule::DependencyRequirement]
    );
    assert_eq!(with(dependency("1x", "1")), [Rule::DependencyName]);
    let renamed = |name: &str| DependencyMetadata {
        rename: Some(name.to_owned()),
        ..dependency("plain", "1")
    };
    assert_eq!(with(renamed(&"d".repeat(65))), [Rule::DependencyName]);
    assert_eq!(with(renamed("_private")), []);
    let elsewhere = DependencyMetadata {
        registry: text("sparse+https://e.org/"),
        ..dependency("far", "1")
    };
    assert_eq!(with(elsewhere), [Rule::DependencyRegistry]);
    let many = (0..501)
        .map(|i| dependency(&format!("d{i}"), "1"))
        .collect();
    assert_eq!(broken(|p| p.dependencies = many), [Rule::DependencyCount]);
}

#[test]
fn sizes() {
    assert_eq!(
        broken(|p| p.metadata_bytes = Some(MAX_METADATA + 1)),
        [Rule::MetadataSize]
    );
    assert_eq!(
        broken(|p| p.packed_bytes = Some(MAX_PACKED + 1)),
        [Rule::PackedSize]
    );
    assert_eq!(
        broken(|p| p.unpacked_bytes = Some(MAX_UNPACKED + 1)),
        [Rule::UnpackedSize]
    );
}

#[test]
fn all_problems_come_at_once() {
    let rules = broken(|p| {
        p.description = None;
        p.license = None;
        p.homepage = text("x");
        p.keywords = vec![String::new()];
    });
    assert_eq!(
        rules,
        [Rule::Description, Rule::License, Rule::Url, Rule::Keyword]
    );
}

#[test]
fn the_metadata_of_an_upload_is_measured_with_its_readme() {
    let package: Package = serde_json::from_value(serde_json::json!({
        "name": "mine", "version": "1.2.3", "id": "x", "source": null, "dependencies": [],
        "targets": [], "features": {}, "manifest_path": "/w/Cargo.toml",
    }))
    .unwrap();
    let bytes = |readme: usize| {
        let metadata = PackageMetadata::new(&package, Some("r".repeat(readme)));
        metadata.metadata_bytes.unwrap()
    };
    assert_eq!(bytes(2000) - bytes(1000), 1000);
}
