//! Programs that hosts build themselves: what is still built here, and what must be true
//! of the remote.

use crate::model::{Build, DeployService};
use crate::tests::*;

fn config(more: &str) -> Config {
    let text = format!(
        "[app]\nname = \"book\"\n[app.backend]\npackage = \"tool\"\nport = 8080\n\
         build = {{ on = \"host\"{more} }}\n[app.frontend]\nbuild = [\"make\"]\ndist = \"dist\"\n\
         [deploy.production]\nhosts = [\"d@a\", \"d@b\"]\n"
    );
    Config::parse("stagegate.toml".into(), &text).unwrap()
}

fn deploy(facts: &Facts, config: &Config, part: Part) -> Result<Plan, Blockers> {
    plan(
        &grouped(facts, config),
        config,
        &Request::Deploy(deploy_of(part)),
    )
}

/// Returns what is built here: the binaries, and whether the bundle is.
fn built_here(plan: &Plan) -> Option<(Vec<String>, bool)> {
    plan.steps.iter().find_map(|step| match &step.action {
        Action::Build(Build {
            binaries, frontend, ..
        }) => {
            let names = binaries.iter().map(|binary| binary.name.clone());
            Some((names.collect(), frontend.is_some()))
        }
        _ => None,
    })
}

#[test]
fn what_hosts_build_is_not_built_here() {
    let config = config("");
    let plan = deploy(&facts(), &config, Part::Backend).unwrap();
    assert_eq!(built_here(&plan), None);
    for host in ["a", "b"] {
        let id = format!("backend.upload@{host}");
        let step = plan.steps.iter().find(|step| step.id == id).unwrap();
        let title = &step.title;
        assert!(
            title.starts_with("build the release from git on"),
            "{title}"
        );
        let Action::DeployService(DeployService { placement, .. }) = &step.action else {
            panic!("a backend's step");
        };
        let there = plan.placement(*placement).unwrap();
        let build = there.app.backend.as_ref().unwrap().build.as_ref().unwrap();
        assert_eq!(build.program, "target/release/tool");
    }
    // The bundle is, as ever.
    let plan = deploy(&facts(), &config, Part::Both).unwrap();
    assert_eq!(built_here(&plan), Some((Vec::new(), true)));
}

#[test]
fn a_release_on_github_holds_the_binary_all_the_same() {
    let config = config("");
    let request = |facts: &Facts| {
        let wanted = ReleaseRequest {
            tagged: false,
            unpublished: false,
            selection: crate::version::Selection::default(),
            if_changed: false,
            handed_on: false,
            versions: vec!["1.1.0".parse().unwrap()],
            pre: None,
            skip: Vec::new(),
            freeze_override: None,
            environment: "production".to_owned(),
        };
        let facts = grouped(facts, &config);
        plan(&facts, &config, &Request::Release(wanted)).unwrap()
    };
    let with = request(&facts());
    assert_eq!(built_here(&with), Some((vec!["tool".to_owned()], true)));
    let without = request(&Facts {
        github: None,
        ..facts()
    });
    assert_eq!(built_here(&without), Some((Vec::new(), true)));
}

#[test]
fn hosts_cannot_fetch_what_is_not_pushed() {
    let standing = |divergence: BranchDivergence| {
        let mut facts = facts();
        let git = facts.git.as_mut().unwrap();
        git.remote.as_mut().unwrap().divergence = divergence;
        facts
    };
    let config = config("");
    for divergence in [BranchDivergence::Ahead, BranchDivergence::Absent] {
        let facts = standing(divergence);
        let blockers = deploy(&facts, &config, Part::Backend).unwrap_err();
        let told = blockers.to_string();
        assert!(told.contains("does not have aaaaaaa"), "{told}");
        // The bundle is built here, and sent.
        deploy(&facts, &config, Part::Frontend).unwrap();
    }
    deploy(&standing(BranchDivergence::Behind), &config, Part::Backend).unwrap();
    // Of another address nothing is known here.
    let elsewhere = self::config(", git = \"https://mirror.example.org/book\"");
    deploy(
        &standing(BranchDivergence::Ahead),
        &elsewhere,
        Part::Backend,
    )
    .unwrap();
}
