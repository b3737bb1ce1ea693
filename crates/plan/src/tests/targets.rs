//! What is built for other machines than this one.

use crate::tests::*;

const APP: &str = "[app]\nname = \"book\"\n[app.backend]\npackage = \"tool\"\nbinary = \"book\"\nport = 8080\n\
                   [app.frontend]\nbuild = [\"make\"]\ndist = \"dist\"\n";

const TARGETS: &str = "[release]\ntargets = { \"x86_64-unknown-linux-musl\" = \"ubuntu-24.04\", \"aarch64-unknown-linux-gnu\" = \"ubuntu-24.04-arm\" }\n";

const WANTED: [&str; 2] = ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl"];

fn release(text: &str, facts: &Facts) -> Result<Plan, Blockers> {
    let config = Config::parse("stagegate.toml".into(), text).unwrap();
    let skip = [Stage::DeployBackend, Stage::DeployFrontend];
    planned(facts, &config, wanted("1.1.0", &skip))
}

#[test]
fn each_target_is_a_build_of_its_own_and_attached_in_place_of_the_deployed_one() {
    let plan = release(&format!("{TARGETS}{APP}"), &facts()).unwrap();
    let mut built = Vec::new();
    for step in plan.steps.iter().filter(|s| s.stage == Stage::Build) {
        match &step.action {
            Action::Build {
                binaries,
                frontend,
                target,
                ..
            } => {
                assert_eq!(binaries[0].name, "book", "{}", step.title);
                let of = target.as_deref().unwrap_or("here");
                built.push((step.id.as_str(), frontend.is_some(), of));
            }
            Action::Sbom { targets, .. } => assert_eq!(targets, &WANTED),
            other => panic!("{other:?}"),
        }
    }
    let want = [
        ("build", true, "here"),
        ("build:aarch64-unknown-linux-gnu", false, WANTED[0]),
        ("build:x86_64-unknown-linux-musl", false, WANTED[1]),
    ];
    assert_eq!(built, want);
    let assets = plan.steps.iter().find(|s| s.id == "assets").unwrap();
    assert!(assets.title.contains(" 2 binaries,"), "{}", assets.title);
    let Action::Assets {
        binaries, targets, ..
    } = &assets.action
    else {
        panic!("{assets:?}");
    };
    assert_eq!(
        (&binaries[..], &targets[..]),
        (&["book".to_owned()][..], &WANTED.map(str::to_owned)[..])
    );
}

#[test]
fn a_frontend_that_is_a_service_is_attached_too() {
    let (app, _) = APP.split_once("[app.frontend]").unwrap();
    let service = "[app.frontend.service]\npackage = \"tool\"\nbinary = \"web\"\nport = 9090\n";
    let plan = release(&format!("{TARGETS}{app}{service}"), &facts()).unwrap();
    let both = ["book", "web"];
    for id in ["build", "build:x86_64-unknown-linux-musl"] {
        let build = plan.steps.iter().find(|step| step.id == id).unwrap();
        let Action::Build { binaries, .. } = &build.action else {
            panic!("{build:?}");
        };
        let built: Vec<&str> = binaries.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(built, both, "{id}");
    }
    let assets = plan.steps.iter().find(|s| s.id == "assets").unwrap();
    assert!(assets.title.contains(" 4 binaries,"), "{}", assets.title);
    let Action::Assets { binaries, .. } = &assets.action else {
        panic!("{assets:?}");
    };
    assert_eq!(binaries[..], both);
    let sbom = plan.steps.iter().find_map(|step| match &step.action {
        Action::Sbom { packages, .. } => Some(packages),
        _ => None,
    });
    let tools = sbom.unwrap().iter().filter(|name| *name == "tool").count();
    assert_eq!(tools, 1, "{sbom:?}");
}

#[test]
fn where_no_target_is_named_nothing_is_said_of_any() {
    let plan = release(APP, &facts()).unwrap();
    let builds: Vec<&str> = ids(&plan)
        .into_iter()
        .filter(|id| id.starts_with("build"))
        .collect();
    assert_eq!(builds, ["build"]);
    let text = serde_json::to_string(&plan).unwrap();
    assert!(
        !text.contains("\"target\":null") && !text.contains("\"targets\""),
        "{text}"
    );
    // Nor where there is no release to attach it to.
    let facts = Facts {
        github: None,
        ..facts()
    };
    let plan = release(&format!("{TARGETS}{APP}"), &facts).unwrap();
    assert!(!ids(&plan).iter().any(|id| id.starts_with("build:")));
}

#[test]
fn a_target_that_this_machine_cannot_build_for_is_in_the_way() {
    let blocker = Blocker::new("not installed", "rustup target add");
    let facts = Facts {
        targets: BTreeMap::from([
            (WANTED[0].to_owned(), Err(blocker.clone())),
            (WANTED[1].to_owned(), Ok(())),
        ]),
        ..facts()
    };
    let Blockers(blockers) = release(&format!("{TARGETS}{APP}"), &facts).unwrap_err();
    assert_eq!(blockers, [blocker]);
}
