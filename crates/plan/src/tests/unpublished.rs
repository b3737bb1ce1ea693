//! Releases of what a registry lacks, whoever began them.

use stagegate_github::Release as GithubRelease;
use stagegate_manifest::sha256_hex;

use crate::facts::TaggedCommit;
use crate::model::{ComparePublished, PackageCrates, UploadAssets};
use crate::tests::*;

/// The workspace's version in the registry, of these packages; no tag anywhere.
fn published(names: &[&str]) -> Facts {
    let mut facts = facts();
    if let Some(Ok(registry)) = &mut facts.registry {
        for name in names {
            let sum = sha256_hex(name.as_bytes());
            let line = serde_json::json!({ "name": name, "vers": "1.0.0", "cksum": sum });
            let known = registry.versions.get_mut(*name).unwrap();
            known.push(serde_json::from_value(line).unwrap());
        }
    }
    if let Ok(git) = &mut facts.git {
        git.tags.clear();
    }
    facts
}

fn unpublished() -> ReleaseRequest {
    ReleaseRequest {
        unpublished: true,
        versions: Vec::new(),
        ..wanted("minor", &[])
    }
}

fn publishes(plan: &Plan) -> String {
    let steps = plan.steps.iter().filter(|s| s.stage == Stage::Publish);
    let names = steps.map(|step| step.id.trim_start_matches("publish:"));
    names.collect::<Vec<_>>().join(" ")
}

fn refused(facts: &Facts, config: &Config) -> String {
    planned(facts, config, unpublished())
        .unwrap_err()
        .to_string()
}

#[test]
fn what_is_missing_is_published_as_it_stands() {
    let plan = planned(
        &published(&["core", "right"]),
        &Config::default(),
        unpublished(),
    )
    .unwrap();
    assert_eq!(publishes(&plan), "left top");
    assert!(plan.edits.is_empty() && plan.cli_args == "1.0.0");
    let ids = ids(&plan);
    for id in [
        "test",
        "commit-object",
        "compare",
        "access",
        "tag",
        "push",
        "draft",
        "verify",
    ] {
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
    assert!(
        !ids.contains(&"bump") && !ids.contains(&"changelog"),
        "{ids:?}"
    );
    for step in &plan.steps {
        match &step.action {
            Action::PackageCrates(PackageCrates { crates, .. }) => {
                assert_eq!(crates, &["left", "top"])
            }
            Action::ComparePublished(ComparePublished { crates, .. }) => {
                assert_eq!(crates, &["core", "right"]);
            }
            // The GitHub release holds the whole version.
            Action::UploadAssets(UploadAssets { crates, .. }) => assert_eq!(crates.len(), 4),
            Action::DraftRelease(draft) => assert!(draft.notes.contains("First."), "{draft:?}"),
            _ => {}
        }
    }
    let first = plan.steps.iter().find(|step| step.irreversible).unwrap();
    assert_eq!(first.id, "publish:left");
    let notes = plan.notes.join("\n");
    let told = "crates-io lacks left, top 1.0.0; it has core, right, which stays as it is";
    assert!(notes.contains(told), "{notes}");
}

#[test]
fn nothing_missing_is_nothing_to_do_and_no_problem() {
    let all = published(&["core", "left", "right", "top"]);
    let plan = planned(&all, &Config::default(), unpublished()).unwrap();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    assert!(plan.notes[0].contains("has 4 packages"), "{:?}", plan.notes);
    // Even where another release could not be made.
    let mut dirty = all;
    dirty.git.as_mut().unwrap().dirty = vec!["x".to_owned()];
    planned(&dirty, &Config::default(), unpublished()).unwrap();
    // A version that only stands between two releases is not a missing one.
    let mut between = published(&[]);
    for package in &mut between.workspace.packages {
        package.version = "1.1.0-dev".parse().unwrap();
    }
    if let Ok(git) = &mut between.git {
        git.tags.insert("v1.0.0".to_owned(), "b".repeat(40));
    }
    let plan = planned(&between, &Config::default(), unpublished()).unwrap();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    let notes = plan.notes.join("\n");
    assert!(
        notes.contains("core 1.1.0-dev stands between releases"),
        "{notes}"
    );
}

#[test]
fn a_registry_that_cannot_be_asked_is_not_taken_for_a_full_one() {
    let mut facts = published(&[]);
    facts.registry = Some(Err(Blocker::new("no answer", "try again")));
    assert!(refused(&facts, &Config::default()).contains("no answer"));
    facts.registry = None;
    let said = refused(&facts, &Config::default());
    assert!(
        said.contains("no package of this workspace may be published"),
        "{said}"
    );
}

#[test]
fn the_commit_is_that_of_the_tag_and_only_one() {
    let tagged = |tag: &str, facts: &mut Facts, commit: &str| {
        let git = facts.git.as_mut().unwrap();
        git.tags.insert(tag.to_owned(), commit.repeat(40));
    };
    // Tagged where it stands.
    let mut here = published(&["core"]);
    tagged("v1.0.0", &mut here, "a");
    planned(&here, &Config::default(), unpublished()).unwrap();
    // Tagged before; the survey lays that commit's files.
    let mut before = published(&["core"]);
    tagged("v1.0.0", &mut before, "b");
    before.tagged = Some(TaggedCommit {
        tag: "v1.0.0".to_owned(),
        commit: "b".repeat(40),
        is_in_branch: true,
    });
    let plan = planned(&before, &Config::default(), unpublished()).unwrap();
    assert!(!ids(&plan).contains(&"test"), "{:?}", ids(&plan));
    let object = plan.steps.iter().find(|s| s.id == "commit-object").unwrap();
    let Action::CreateCommitObject(object) = &object.action else {
        panic!("{object:?}")
    };
    assert_eq!(object.parent, "b".repeat(40));
    before.tagged.as_mut().unwrap().is_in_branch = false;
    let said = refused(&before, &Config::default());
    assert!(
        said.contains("not in the history of what is checked out"),
        "{said}"
    );
    // At the remote only.
    let mut afar = published(&["core"]);
    let remote = afar.git.as_mut().unwrap().remote.as_mut().unwrap();
    remote.tags.insert("v1.0.0".to_owned(), "b".repeat(40));
    let said = refused(&afar, &Config::default());
    assert!(said.contains("git fetch origin tag v1.0.0"), "{said}");
    // Of two groups, one is tagged elsewhere.
    let config: Config =
        toml_edit::de::from_str("[release]\nversioning = \"independent\"\n").unwrap();
    let mut two = published(&["left", "right"]);
    tagged("core-v1.0.0", &mut two, "b");
    let said = refused(&two, &config);
    assert!(
        said.contains("top from aaaaaaaaaaaa; core from bbbbbbbbbbbb"),
        "{said}"
    );
    assert!(said.contains("--package"), "{said}");
}

#[test]
fn a_public_github_release_stays_and_a_draft_is_gone_on_with() {
    let steps = |draft: Option<bool>| {
        let mut facts = published(&["core"]);
        if let (Some(Ok(github)), Some(draft)) = (&mut facts.github, draft) {
            github.releases.push(GithubRelease {
                id: 1,
                tag_name: "v1.0.0".to_owned(),
                name: None,
                body: None,
                draft,
                prerelease: false,
                immutable: false,
                html_url: String::new(),
                assets: Vec::new(),
            });
        }
        let plan = planned(&facts, &Config::default(), unpublished()).unwrap();
        let ids: Vec<String> = plan.steps.iter().map(|step| step.id.clone()).collect();
        ["draft", "assets", "publish-github-release", "verify"]
            .map(|id| ids.iter().any(|known| known == id))
    };
    assert_eq!(steps(None), [true; 4]);
    assert_eq!(steps(Some(true)), [true; 4]);
    assert_eq!(steps(Some(false)), [false, false, false, true]);
}

#[test]
fn a_step_of_a_team_at_a_stage_that_is_done_is_left_out_and_told() {
    let config: Config = toml_edit::de::from_str(
        "[[step]]\nrun = [\"announce\"]\nafter = \"publish\"\n\n[[step]]\nrun = [\"warm\"]\nafter = \"deploy-backend\"\n",
    )
    .unwrap();
    let plan = planned(&published(&["core"]), &config, unpublished()).unwrap();
    assert!(ids(&plan).contains(&"step:announce"), "{:?}", ids(&plan));
    let notes = plan.notes.join("\n");
    assert!(
        notes.contains("`warm` is placed at the stage deploy-backend"),
        "{notes}"
    );
}
