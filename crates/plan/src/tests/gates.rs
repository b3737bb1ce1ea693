//! Which gates a plan has, with what, and beside which.

use crate::model::{CheckMsrv, Step};
use crate::tests::*;

/// Returns the plan of a release with these lines in `[gates]`.
fn gated(facts: &Facts, version: &str, gates: &str) -> Plan {
    let text = format!("[gates]\n{gates}");
    let config = Config::parse("stagegate.toml".into(), &text).unwrap();
    planned(facts, &config, wanted(version, &[])).unwrap()
}

fn steps(plan: &Plan) -> Vec<(&str, bool)> {
    let gates = plan
        .steps
        .iter()
        .filter(|s| s.action.gate_level().is_some());
    gates
        .map(|s| (s.id.as_str(), s.parallel_with_previous))
        .collect()
}

/// Returns facts in which every package is a library, states its Rust, and 1.0.0 of two is
/// published.
fn libraries() -> Facts {
    let mut facts = facts();
    for package in &mut facts.workspace.packages {
        let target = serde_json::json!([{
            "name": package.name, "kind": ["lib"], "crate_types": ["lib"], "src_path": "/w/lib.rs",
        }]);
        package.metadata.targets = serde_json::from_value(target).unwrap();
        let newer = package.name == "top";
        package.metadata.rust_version =
            Some(if newer { "1.90.0" } else { "1.85.0" }.parse().unwrap());
    }
    if let Some(Ok(registry)) = &mut facts.registry {
        for name in ["core", "left"] {
            let published = serde_json::json!({ "name": name, "vers": "1.0.0", "cksum": "" });
            let published = serde_json::from_value(published).unwrap();
            registry.versions.insert(name.to_owned(), vec![published]);
        }
    }
    facts
}

fn tag(facts: &mut Facts, tags: &[&str]) {
    let git = facts.git.as_mut().unwrap();
    git.tags = tags
        .iter()
        .map(|tag| (tag.to_string(), "b".repeat(40)))
        .collect();
}

#[test]
fn what_needs_no_build_goes_first_and_side_by_side() {
    let all = gated(
        &libraries(),
        "minor",
        "outdated = \"warn\"\nsemver = \"deny\"",
    );
    let want = [
        ("fmt", false),
        ("audit", true),
        ("outdated", true),
        ("links", true),
        ("secrets", true),
        ("clippy", false),
        ("test", false),
        ("doc", false),
        ("msrv", true),
        ("semver", true),
    ];
    assert_eq!(steps(&all), want);
    let few = "fmt = \"off\"\naudit = \"off\"\nclippy = \"off\"\ntest = \"off\"\ndoc = \"off\"";
    let want = [("links", false), ("secrets", true), ("msrv", false)];
    assert_eq!(steps(&gated(&libraries(), "minor", few)), want);
    // Where no version is stated there is nothing to hold it to.
    assert!(!steps(&gated(&facts(), "minor", "")).contains(&("msrv", true)));
}

#[test]
fn the_interface_is_compared_with_the_release_before() {
    let check = |tags: &[&str], version: &str, want: Option<(&str, &str)>| {
        let mut facts = libraries();
        tag(&mut facts, tags);
        let plan = gated(&facts, version, "semver = { args = [\"--color=never\"] }");
        let step: Option<&Step> = plan.steps.iter().find(|s| s.stage == Stage::Semver);
        let args = step.map(|step| match &step.action {
            Action::RunGate(gate) => gate.args.join(" "),
            other => panic!("{other:?}"),
        });
        let want = want.map(|(baseline, kind)| {
            format!(
                "semver-checks --baseline-rev {baseline} --release-type {kind} \
                 --package core --package left --color=never"
            )
        });
        assert_eq!(args, want, "{tags:?} {version}");
        plan.notes.join("\n")
    };
    let several = ["v0.9.0", "v1.0.0", "v1.1.0-rc.1", "nightly"];
    let notes = check(&several, "1.1.0", Some(("v1.0.0", "minor")));
    assert!(
        notes.contains("not published at 1.0.0") && notes.contains("right, top"),
        "{notes}"
    );
    check(&several, "1.0.1", Some(("v1.0.0", "patch")));
    check(&several, "2.0.0", Some(("v1.0.0", "major")));
    let notes = check(&["nightly"], "1.1.0", None);
    assert!(
        notes.contains("no release before 1.1.0 is tagged"),
        "{notes}"
    );
}

#[test]
fn each_stated_version_is_checked_with_its_packages() {
    let plan = gated(&libraries(), "minor", "msrv = \"deny\"");
    let step = plan.steps.iter().find(|s| s.stage == Stage::Msrv).unwrap();
    let Action::CheckMsrv(CheckMsrv { stated, .. }) = &step.action else {
        panic!("{step:?}")
    };
    let stated: Vec<String> = stated
        .iter()
        .map(|(version, packages)| format!("{version}: {}", packages.join(" ")))
        .collect();
    assert_eq!(stated, ["1.85.0: core left right tool", "1.90.0: top"]);
}
