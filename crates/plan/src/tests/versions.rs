//! Groups, what moves along, and what is refused.

use stagegate_config::schema::Config;

use crate::facts::{CommitFacts, Facts, History};
use crate::model::{Blockers, Plan};
use crate::request::ReleaseRequest;
use crate::tests::{facts, ids, learned, planned, wanted};
use crate::version::{ApiChange, Selection};

fn config(text: &str) -> Config {
    toml_edit::de::from_str(text).unwrap()
}

fn release(facts: &Facts, config: &Config, words: &str) -> Result<Plan, Blockers> {
    let (words, pre) = match words.split_once(" --pre ") {
        Some((words, label)) => (words, Some(label.to_owned())),
        None => (words, None),
    };
    let request = ReleaseRequest {
        pre,
        ..wanted(words, &[stagegate_config::stage::Stage::Changelog])
    };
    planned(facts, config, request)
}

/// Facts in which every crate is published as it stands.
fn published() -> Facts {
    let mut facts = facts();
    if let Some(Ok(registry)) = &mut facts.registry {
        for (name, versions) in &mut registry.versions {
            let there = serde_json::json!({ "name": name, "vers": "1.0.0", "deps": [], "cksum": "", "features": {} });
            versions.push(serde_json::from_value(there).unwrap());
        }
    }
    facts
}

const INDEPENDENT: &str = "[release]\nversioning = \"independent\"\n";

#[test]
fn a_workspace_falls_into_groups() {
    let check = |text: &str, want: &[(&str, &str, &[&str])]| {
        let facts = facts();
        let found = learned(&facts, &config(text), &Selection::default()).unwrap();
        let found: Vec<_> = found
            .groups
            .iter()
            .map(|g| {
                (
                    g.name.as_str(),
                    g.tag.as_str(),
                    g.members.iter().map(String::as_str).collect::<Vec<_>>(),
                )
            })
            .collect();
        let want: Vec<_> = want.iter().map(|(a, b, c)| (*a, *b, c.to_vec())).collect();
        assert_eq!(found, want, "{text}");
    };
    let all = ["core", "left", "right", "tool", "top"];
    check("", &[("workspace", "v{version}", &all)]);
    check(
        "[release]\ntag = \"{name}/{version}\"\n",
        &[("workspace", "workspace/{version}", &all)],
    );
    check(
        INDEPENDENT,
        &[
            ("core", "core-v{version}", &["core"]),
            ("left", "left-v{version}", &["left"]),
            ("right", "right-v{version}", &["right"]),
            ("top", "top-v{version}", &["top"]),
        ],
    );
    check(
        "[release.group.sides]\ncrates = [\"left\", \"r*\"]\ntag = \"sides-{version}\"\n",
        &[
            ("sides", "sides-{version}", &["left", "right"]),
            ("workspace", "v{version}", &["core", "tool", "top"]),
        ],
    );
}

#[test]
fn a_group_that_cannot_be_is_told_so() {
    let refused = |text: &str| {
        let facts = facts();
        learned(&facts, &config(text), &Selection::default())
            .unwrap_err()
            .what
    };
    assert!(
        refused("[release.group.a]\ncrates = [\"lift\"]\n")
            .contains("`lift` in [release.group.a] fits no package")
    );
    let twice = "[release.group.a]\ncrates = [\"left\"]\n[release.group.b]\ncrates = [\"l*\"]\n";
    assert!(refused(twice).contains("`left` is named by [release.group.b] and by another"));
    let same = "[release.group.a]\ncrates = [\"left\"]\ntag = \"v{version}\"\n";
    assert!(refused(same).contains("the same tags, `v{version}`"));
    assert!(refused("[release.group.a]\ncrates = []\n").contains("has no packages"));
}

#[test]
fn what_would_not_accept_a_new_version_moves_along() {
    let config = config(INDEPENDENT);
    let versions = |words: &str| {
        let plan = release(&published(), &config, words).unwrap();
        let versions = plan.versions.iter().map(|(name, v)| format!("{name} {v}"));
        (
            plan.run_id.to_string(),
            versions.collect::<Vec<_>>().join(", "),
        )
    };
    assert_eq!(
        versions("core=patch"),
        ("release-core=1.0.1".to_owned(), "core 1.0.1".to_owned())
    );
    let all = "core 2.0.0, left 1.0.1, right 1.0.1";
    assert_eq!(
        versions("core=major"),
        ("release-core=2.0.0".to_owned(), all.to_owned())
    );
    // A pre-release is accepted by nobody who does not ask for it.
    let rc = "core 1.1.0-rc.1, left 1.0.1-rc.1, right 1.0.1-rc.1, top 1.0.1-rc.1";
    assert_eq!(versions("core=minor --pre rc").1, rc);
    let both = versions("core=1.1.0 top=1.2.0");
    assert_eq!(
        both,
        (
            "release-core=1.1.0,top=1.2.0".to_owned(),
            "core 1.1.0, top 1.2.0".to_owned()
        )
    );
}

#[test]
fn each_group_has_its_tag_and_draft_and_only_its_crates_are_published() {
    let plan = release(&published(), &config(INDEPENDENT), "left=1.1.0 right=1.0.1").unwrap();
    let ids = ids(&plan);
    for id in [
        "tag:left",
        "tag:right",
        "draft:left",
        "assets:right",
        "publish-github-release:left",
        "publish:left",
    ] {
        assert!(ids.contains(&id), "{ids:?} lacks {id}");
    }
    assert!(
        !ids.iter()
            .any(|id| *id == "publish:core" || *id == "publish:top")
    );
    assert_eq!(
        (plan.cli_args.as_str(), plan.title.as_str()),
        ("left=1.1.0 right=1.0.1", "release left 1.1.0, right 1.0.1")
    );
}

#[test]
fn only_what_changed_moves_without_being_named() {
    let config = config(INDEPENDENT);
    let mut facts = published();
    let history = |commits: &[&str]| History {
        since: Some("v".to_owned()),
        commits: commits
            .iter()
            .map(|m| CommitFacts {
                id: "c".repeat(40),
                message: (*m).to_owned(),
                ..CommitFacts::default()
            })
            .collect(),
    };
    for (name, commits) in [
        ("core", &["fix: a", "feat: b"][..]),
        ("left", &[]),
        ("right", &["docs: c"]),
        ("top", &[]),
    ] {
        facts.history.insert(name.to_owned(), history(commits));
    }
    let versions = |facts: &Facts, words: &str| {
        release(facts, &config, words)
            .unwrap()
            .versions
            .into_iter()
            .map(|(n, v)| format!("{n} {v}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(versions(&facts, "patch"), ["core 1.0.1", "right 1.0.1"]);
    // Documentation calls for no release; the interface may know better.
    assert_eq!(versions(&facts, "auto"), ["core 1.1.0"]);
    facts
        .interfaces
        .insert("core".to_owned(), Ok(ApiChange::Broken));
    assert_eq!(
        versions(&facts, "auto"),
        ["core 2.0.0", "left 1.0.1", "right 1.0.1"]
    );
    let plan = release(&facts, &config, "auto").unwrap();
    assert!(
        plan.notes
            .iter()
            .any(|n| n.contains("core 1.0.0 -> 2.0.0: major: the public interface")),
        "{:?}",
        plan.notes
    );
    facts.history.clear();
    facts.interfaces.clear();
    facts.history.insert("core".to_owned(), history(&[]));
    let nothing = release(
        &facts,
        &self::config("[release.group.core]\ncrates = [\"core\"]\n"),
        "core=auto",
    );
    assert!(
        nothing
            .unwrap_err()
            .to_string()
            .contains("nothing has changed")
    );
}
