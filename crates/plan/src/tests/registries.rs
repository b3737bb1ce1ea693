//! A release to several registries: each package goes where its manifest lets it, and its
//! siblings come from where the manifests say.

use crate::model::{CheckAccess, ConsumerBuild, PackageCrates, Publish, VerifyRelease};
use crate::request::YankRequest;
use crate::tests::*;

const COMPANY: &str = "sparse+https://company.example/";

fn config() -> Config {
    toml_edit::de::from_str("[registry]\nalso = [\"company\"]\n").unwrap()
}

/// Facts with a registry of the company's, which has nothing yet; `lists` are `publish` lists, and
/// `from_company` the dependents that name it for their siblings.
fn facts_of(lists: &[(&str, &[&str])], from_company: &[&str]) -> Facts {
    let mut facts = facts();
    let Some(Ok(main)) = &facts.registry else {
        panic!("the registry was asked")
    };
    let mut company = main.clone();
    company.name = "company".to_owned();
    company.index = COMPANY.to_owned();
    company.token = Ok(TokenPlaces {
        trusted: false,
        plain: Some("CARGO_REGISTRIES_COMPANY_TOKEN".to_owned()),
    });
    facts.more_registries.push(Ok(company));
    for package in &mut facts.workspace.packages {
        if let Some((_, list)) = lists.iter().find(|(name, _)| *name == package.name) {
            package.metadata.publish = Some(list.iter().map(|&name| name.to_owned()).collect());
        }
        if from_company.contains(&package.name.as_str()) {
            for dependency in &mut package.internal {
                dependency.registry = Some(COMPANY.trim_end_matches('/').to_owned());
            }
        }
    }
    facts
}

fn release_of(facts: &Facts) -> Result<Plan, String> {
    planned(facts, &config(), wanted("1.1.0", &[])).map_err(|blockers| blockers.to_string())
}

fn uploads(plan: &Plan) -> Vec<&str> {
    let steps = plan.steps.iter().filter(|s| s.stage == Stage::Publish);
    steps.map(|step| step.id.as_str()).collect()
}

#[test]
fn each_crate_goes_to_both_and_waits_where_its_siblings_come_from() {
    let plan = release_of(&facts_of(&[], &[])).unwrap();
    let want = [
        "publish:core",
        "publish:core@company",
        "publish:left",
        "publish:left@company",
        "publish:right",
        "publish:right@company",
        "publish:top",
        "publish:top@company",
    ];
    assert_eq!(uploads(&plan), want);
    let step = |id: &str| plan.steps.iter().find(|step| step.id == id).unwrap();
    // The company's copy takes its siblings from crates.io, as its manifest says.
    assert_eq!(step("publish:left").depends_on, ["publish:core"]);
    let both = ["publish:core", "publish:core@company"];
    assert_eq!(step("publish:left@company").depends_on, both);
    assert_eq!(
        step("publish:left@company").title,
        "publish left 1.1.0 to company"
    );
    let irreversible = plan.steps.iter().filter(|step| step.irreversible);
    assert_eq!(irreversible.count(), 1);
    assert!(step("publish:core").irreversible);
    let mut asked = Vec::new();
    for step in &plan.steps {
        match &step.action {
            Action::CheckAccess(CheckAccess { uploads, registry }) => {
                asked.push((step.id.clone(), uploads.len(), registry.clone()));
            }
            Action::VerifyRelease(VerifyRelease {
                crates, elsewhere, ..
            }) => {
                assert_eq!((crates.len(), elsewhere["company"].len()), (4, 4));
            }
            Action::ConsumerBuild(ConsumerBuild { docs, registry, .. }) => {
                assert_eq!(docs.is_some(), registry.is_none(), "docs.rs is crates.io's");
            }
            _ => {}
        }
    }
    let company = Some("company".to_owned());
    let want = [
        ("access".to_owned(), 4, None),
        ("access@company".to_owned(), 4, company),
    ];
    assert_eq!(asked, want);
    let ids = ids(&plan);
    assert!(ids.contains(&"fresh-project@company"), "{ids:?}");
    let notes = plan.notes.join("\n");
    for want in [
        "new on company: core, left, right, top",
        "the token for company comes from CARGO_REGISTRIES_COMPANY_TOKEN",
        "4 crates to publish by 8 uploads",
        "on company, left, right, top will take siblings from crates-io",
    ] {
        assert!(notes.contains(want), "{notes}");
    }
}

#[test]
fn a_publish_list_is_followed_in_each_registry() {
    let lists: [(&str, &[&str]); 2] = [("top", &["company"]), ("core", &["crates-io"])];
    let plan = release_of(&facts_of(&lists, &[])).unwrap();
    let want = [
        "publish:core",
        "publish:left",
        "publish:left@company",
        "publish:right",
        "publish:right@company",
        "publish:top@company",
    ];
    assert_eq!(uploads(&plan), want);
    let package = plan.steps.iter().find_map(|step| match &step.action {
        Action::PackageCrates(package) => Some(package),
        _ => None,
    });
    let PackageCrates {
        crates,
        elsewhere,
        only_elsewhere,
    } = package.unwrap();
    assert_eq!(crates.len(), 4);
    assert_eq!(elsewhere["company"], ["left", "right", "top"]);
    assert_eq!(only_elsewhere, &["top"]);
    let mut versions = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Publish(Publish { version, .. }) => Some(version.to_string()),
        _ => None,
    });
    assert!(versions.all(|version| version == "1.1.0"));
}

#[test]
fn what_no_registry_could_resolve_is_a_problem() {
    // crates.io takes nothing that depends on another registry.
    let refused = release_of(&facts_of(&[], &["left"])).unwrap_err();
    let want = "published to crates-io, left would take its sibling core from another registry";
    assert!(refused.contains(want), "{refused}");
    assert!(refused.starts_with("1 problem"), "{refused}");
    // What goes to the company alone may.
    let all: [(&str, &[&str]); 4] = [
        ("core", &["company"]),
        ("left", &["company"]),
        ("right", &["company"]),
        ("top", &["company"]),
    ];
    let plan = release_of(&facts_of(&all, &["left", "right", "top"])).unwrap();
    assert!(uploads(&plan).iter().all(|id| id.ends_with("@company")));
    let first = plan.steps.iter().find(|step| step.irreversible).unwrap();
    assert_eq!(first.id, "publish:core@company");
    // A sibling that is not where it would be looked for.
    let refused = release_of(&facts_of(&all[..1], &[])).unwrap_err();
    let want = "published to company, left would take its sibling core from crates.io";
    assert!(refused.contains(want), "{refused}");
    // One that is looked for where it never goes.
    let apart: [(&str, &[&str]); 2] = [("core", &["crates-io"]), ("left", &["company"])];
    let refused = release_of(&facts_of(&apart, &["left"])).unwrap_err();
    let want = "left would take its sibling core from company, and core does not go there";
    assert!(refused.contains(want), "{refused}");
    // A registry that gets nothing.
    let none: [(&str, &[&str]); 4] = all.map(|(name, _)| (name, &["crates-io"] as &[&str]));
    let refused = release_of(&facts_of(&none, &[])).unwrap_err();
    assert!(refused.contains("may be published to company"), "{refused}");
}

#[test]
fn each_registry_has_its_own_problems() {
    let mut facts = facts_of(&[], &[]);
    let Some(Ok(company)) = facts.more_registries.first_mut() else {
        panic!("the registry was asked")
    };
    company.token = Err(Blocker::new("no token for company", "set one"));
    let line = serde_json::json!({ "name": "left", "vers": "1.1.0", "cksum": "00" });
    let there = serde_json::from_value(line).unwrap();
    company.versions.insert("left".to_owned(), vec![there]);
    let refused = release_of(&facts).unwrap_err();
    for want in ["no token for company", "already published on company: left"] {
        assert!(refused.contains(want), "{refused}");
    }
    facts.more_registries = vec![Err(Blocker::new("company is silent", "wait"))];
    let refused = release_of(&facts).unwrap_err();
    assert!(refused.contains("company is silent"), "{refused}");
}

#[test]
fn what_one_registry_lacks_goes_there_alone() {
    let mut facts = facts_of(&[], &[]);
    if let Ok(git) = &mut facts.git {
        git.tags.clear();
    }
    let Some(Ok(main)) = &mut facts.registry else {
        panic!("the registry was asked")
    };
    for (name, known) in &mut main.versions {
        let line = serde_json::json!({ "name": name, "vers": "1.0.0", "cksum": "00" });
        known.push(serde_json::from_value(line).unwrap());
    }
    let request = ReleaseRequest {
        unpublished: true,
        versions: Vec::new(),
        ..wanted("minor", &[])
    };
    let plan = planned(&facts, &config(), request).unwrap();
    assert!(uploads(&plan).iter().all(|id| id.ends_with("@company")));
    assert_eq!(uploads(&plan).len(), 4);
    // crates.io packages them, as it is where they go first.
    let ids = ids(&plan);
    assert!(
        ids.contains(&"compare") && !ids.contains(&"compare@company"),
        "{ids:?}"
    );
    assert!(
        ids.contains(&"access@company") && !ids.contains(&"access"),
        "{ids:?}"
    );
}

#[test]
fn a_yank_takes_a_version_from_every_registry_that_has_it() {
    let mut facts = facts_of(&[], &[]);
    let mut add = |at: usize, name: &str| {
        let registry = match at {
            0 => facts.registry.as_mut().unwrap().as_mut().unwrap(),
            _ => facts.more_registries[0].as_mut().unwrap(),
        };
        let line = serde_json::json!({ "name": name, "vers": "1.0.0", "cksum": "00" });
        let there = serde_json::from_value(line).unwrap();
        registry.versions.insert(name.to_owned(), vec![there]);
    };
    add(0, "core");
    add(0, "left");
    add(1, "core");
    let request = Request::Yank(YankRequest {
        version: Version::new(1, 0, 0),
        crates: Vec::new(),
        reason: None,
        undo: false,
    });
    let plan = plan(&grouped(&facts, &config()), &config(), &request).unwrap();
    let yanks: Vec<&str> = ids(&plan)
        .into_iter()
        .filter(|id| id.starts_with("yank:"))
        .collect();
    assert_eq!(yanks, ["yank:left", "yank:core", "yank:core@company"]);
}
