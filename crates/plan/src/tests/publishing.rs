//! What goes to the registry, in which order, with which token, and what is told before; and what is taken back.

use stagegate_registry::crates_io::PackageMetadata;

use crate::request::YankRequest;
use crate::tests::*;

#[test]
fn a_crate_waits_for_its_own_dependencies_only() {
    let plan = release(&facts(), "1.1.0", &[]).unwrap();
    let needs = |id: &str| {
        let step = plan.steps.iter().find(|s| s.id == id).unwrap();
        step.depends_on.join(" ")
    };
    assert_eq!(needs("publish:core"), "");
    assert_eq!(needs("publish:left"), "publish:core");
    assert_eq!(needs("publish:right"), "publish:core");
    assert_eq!(needs("publish:top"), "publish:left publish:right");
}

/// Returns the same facts with another source of tokens, and `core` known already.
fn with_tokens(trusted: bool, plain: Option<&str>, known: &[&str]) -> Facts {
    let mut facts = facts();
    let registry = facts.registry.as_mut().unwrap().as_mut().unwrap();
    registry.token = Ok(TokenPlaces {
        trusted,
        plain: plain.map(str::to_owned),
    });
    for name in known {
        let line = serde_json::json!({ "name": name, "vers": "1.0.0", "cksum": "00" });
        let version = serde_json::from_value(line).unwrap();
        registry.versions.insert((*name).to_owned(), vec![version]);
    }
    facts
}

#[test]
fn an_identity_alone_cannot_publish_a_new_crate() {
    let blockers = |facts: &Facts| release(facts, "1.1.0", &[]).map_err(|b| b.to_string());
    let some = blockers(&with_tokens(true, None, &["core", "left"])).unwrap_err();
    assert!(some.contains("right, top"), "{some}");
    assert!(some.contains("CARGO_REGISTRY_TOKEN"), "{some}");
    let all = ["core", "left", "right", "top"];
    assert!(blockers(&with_tokens(true, None, &all)).is_ok());
    assert!(blockers(&with_tokens(true, Some("X"), &[])).is_ok());
}

#[test]
fn what_publishing_takes_is_told_before_the_question() {
    let notes = |facts: &Facts| release(facts, "1.1.0", &[]).unwrap().notes.join("\n");
    let told = notes(&with_tokens(true, Some("X"), &["core"]));
    for want in [
        "new on crates-io: left, right, top",
        "comes from the workflow's identity, else from X",
        "4 crates to publish, at most 3 one after the other",
        "11266 KiB of tracked files before packing; the largest crate is top with 11264 KiB",
        "top may be more than the 10 MiB packed",
    ] {
        assert!(told.contains(want), "{told}");
    }
    assert!(!told.contains("of waiting"), "{told}");
}

/// crates.io refuses such packages since 2024 (400), at the upload.
#[test]
fn what_crates_io_would_refuse_is_a_problem_of_the_plan() {
    let refused = |change: &dyn Fn(&mut PackageMetadata), want: &str| {
        let mut facts = facts();
        let Some(Ok(registry)) = &mut facts.registry else {
            panic!("the registry was asked")
        };
        registry.categories = Some(["algorithms".to_owned()].into());
        // `core` is a name that crates.io keeps to itself.
        let left = facts.workspace.package("left").unwrap();
        let mut metadata = PackageMetadata::new(&left.metadata, None);
        change(&mut metadata);
        registry.packages.insert("left".to_owned(), metadata);
        let text = match release(&facts, "minor", &[]) {
            Ok(_) => String::new(),
            Err(blockers) => blockers.to_string(),
        };
        assert!(
            text.contains(want) && text.is_empty() == want.is_empty(),
            "{want}: {text}"
        );
    };
    refused(&|_| {}, "");
    refused(
        &|it| it.categories = vec!["algorithm".to_owned()],
        "`algorithm`",
    );
    refused(
        &|it| it.license = Some("Proprietary".to_owned()),
        "Proprietary",
    );
    refused(&|it| it.description = Some("x".repeat(1001)), "1000");
    refused(&|it| it.homepage = Some("https:/x".to_owned()), "https:/x");
    refused(&|it| it.metadata_bytes = Some(2 << 20), "readme");
}

#[test]
fn dependents_are_yanked_first_and_given_back_last() {
    let order = |undo: bool| {
        let mut facts = facts();
        if let Some(Ok(registry)) = &mut facts.registry {
            for (name, versions) in &mut registry.versions {
                let there = serde_json::json!({ "name": name, "vers": "1.0.0", "deps": [], "cksum": "", "features": {}, "yanked": undo });
                versions.push(serde_json::from_value(there).unwrap());
            }
        }
        let request = YankRequest {
            version: Version::new(1, 0, 0),
            crates: Vec::new(),
            reason: None,
            undo,
        };
        let facts = grouped(&facts, &Config::default());
        let plan = plan(&facts, &Config::default(), &Request::Yank(request)).unwrap();
        plan.steps
            .iter()
            .filter_map(|s| s.id.strip_prefix("yank:").map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let back = order(true);
    assert_eq!(
        (
            back.first().unwrap().as_str(),
            back.last().unwrap().as_str()
        ),
        ("core", "top")
    );
    let gone = order(false);
    assert_eq!(
        (
            gone.first().unwrap().as_str(),
            gone.last().unwrap().as_str()
        ),
        ("top", "core")
    );
}

#[test]
fn a_company_registry_gets_what_any_registry_may_have_and_siblings_come_from_it() {
    let config = |name: &str| {
        let text = format!("[registry]\nname = \"{name}\"\n");
        Config::parse("stagegate.toml".into(), &text).unwrap()
    };
    let request = |config: &Config, facts: &Facts| {
        let made = plan(
            &grouped(facts, config),
            config,
            &Request::Release(wanted("1.1.0", &[])),
        );
        made.map_err(|blockers| blockers.to_string())
    };
    let of_company = |facts: &mut Facts| {
        let registry = facts.registry.as_mut().unwrap().as_mut().unwrap();
        registry.name = "company".to_owned();
        registry.index = "sparse+https://company.example/".to_owned();
    };
    let mut wrong = facts();
    of_company(&mut wrong);
    let wrong = request(&config("company"), &wrong).unwrap_err();
    let want = "published to company, left would take its sibling core from crates.io";
    assert!(wrong.contains(want), "{wrong}");
    assert!(wrong.contains("write `registry = \"company\"`"), "{wrong}");
    let mut right = facts();
    for package in &mut right.workspace.packages {
        package
            .internal
            .iter_mut()
            .for_each(|d| d.registry = Some("sparse+https://company.example".to_owned()));
    }
    of_company(&mut right);
    let made = request(&config("company"), &right).unwrap();
    assert!(made.steps.iter().any(|step| step.id == "publish:top"));

    // What is only for one registry is never "released" to none.
    for package in &mut right.workspace.packages {
        package.metadata.publish = Some(vec!["company".to_owned()]);
    }
    let nothing = request(&config("crates-io"), &right).unwrap_err();
    let want = "nothing of this workspace may be published to crates-io";
    assert!(nothing.contains(want), "{nothing}");
    assert!(nothing.contains("`name = \"company\"`"), "{nothing}");
    // An app that is published nowhere is released all the same.
    for package in &mut right.workspace.packages {
        package.metadata.publish = Some(Vec::new());
    }
    let app = request(&config("crates-io"), &right);
    assert!(!app.is_err_and(|why| why.contains("may be published")));
}

/// Facts in which `core` is known and owned by somebody, and a configuration with owners.
fn with_owners(owners: &str) -> (Facts, Config) {
    let mut facts = with_tokens(false, Some("X"), &["core"]);
    let registry = facts.registry.as_mut().unwrap().as_mut().unwrap();
    let known = vec!["Alice".to_owned()];
    registry.owners.insert("core".to_owned(), Ok(known));
    let text = format!("[registry]\nowners = [{owners}]\n");
    (facts, toml_edit::de::from_str(&text).unwrap())
}

#[test]
fn crates_that_are_new_get_their_owners_once_all_are_published() {
    let (facts, config) = with_owners("\"alice\", \"github:o:team\"");
    let plan = planned(&facts, &config, wanted("1.1.0", &[])).unwrap();
    let of_publish: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| step.stage == Stage::Publish)
        .map(|step| step.id.as_str())
        .collect();
    let published = [
        "publish:core",
        "publish:left",
        "publish:right",
        "publish:top",
    ];
    let owned = ["owners:left", "owners:right", "owners:top"];
    assert_eq!(of_publish, [&published[..], &owned[..]].concat());
    let first = plan.steps.iter().find(|s| s.id == "owners:left").unwrap();
    assert!(!first.parallel_with_previous, "after every upload");
    let notes = plan.notes.join("\n");
    for want in [
        "alice, github:o:team to own left, right, top, once published",
        "`change-owners`",
        "core is not owned by github:o:team",
    ] {
        assert!(notes.contains(want), "{notes}");
    }
    // Nobody is named.
    let (facts, config) = with_owners("");
    let plan = planned(&facts, &config, wanted("1.1.0", &[])).unwrap();
    assert!(!ids(&plan).iter().any(|id| id.starts_with("owners:")));
}

#[test]
fn an_owner_that_crates_io_cannot_have_is_a_problem_before_the_crate_is_there() {
    let (facts, config) = with_owners("\"gitlab:o:team\", \"github:team\", \"bob\"");
    let refused = planned(&facts, &config, wanted("1.1.0", &[])).unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains("`gitlab:o:team` in `registry.owners`"),
        "{refused}"
    );
    assert!(
        refused.contains("`github:team` in `registry.owners`"),
        "{refused}"
    );
    assert!(refused.starts_with("2 problems"), "{refused}");
}
