//! What the repositories of others are like: candidates, first versions, a history that is
//! not all here, crates that have left, lockfiles of other workspaces, and messages.

use semver::Version;
use stagegate_config::schema::Config;
use stagegate_config::stage::Stage;

use crate::facts::{Facts, History, OtherDependency, OtherWorkspace};
use crate::model::{Action, Blockers, CreateCommitObject, Plan};
use crate::request::{ReleaseRequest, Request, YankRequest};
use crate::tests::{facts, grouped, planned, wanted};

const INDEPENDENT: &str = "[release]\nversioning = \"independent\"\n";

fn config(text: &str) -> Config {
    toml_edit::de::from_str(text).unwrap()
}

fn release(facts: &Facts, text: &str, words: &str) -> Result<Plan, Blockers> {
    let (words, pre) = match words.split_once(" --pre ") {
        Some((words, label)) => (words, Some(label.to_owned())),
        None => (words, None),
    };
    let request = ReleaseRequest {
        pre,
        ..wanted(words, &[Stage::Changelog])
    };
    planned(facts, &config(text), request)
}

/// Facts in which every crate is published, with these versions in their manifests.
fn at(versions: &[(&str, &str)]) -> Facts {
    let mut facts = facts();
    for (name, version) in versions {
        let package = facts
            .workspace
            .packages
            .iter_mut()
            .find(|p| p.name == *name);
        package.unwrap().version = version.parse().unwrap();
        let text = facts
            .files
            .get_mut(camino::Utf8Path::new(&format!("{name}/Cargo.toml")));
        let text = text.unwrap();
        let changed = String::from_utf8(text.clone())
            .unwrap()
            .replacen("1.0.0", version, 1);
        *text = changed.into_bytes();
    }
    if let Some(Ok(registry)) = &mut facts.registry {
        for (name, known) in &mut registry.versions {
            let there = serde_json::json!({ "name": name, "vers": "1.0.0", "deps": [], "cksum": "", "features": {} });
            known.push(serde_json::from_value(there).unwrap());
        }
    }
    facts
}

fn nothing_changed(facts: &mut Facts, names: &[&str]) {
    for name in names {
        let history = History {
            since: Some("v".to_owned()),
            commits: Vec::new(),
        };
        facts.history.insert((*name).to_owned(), history);
    }
}

fn versions(plan: &Plan) -> String {
    let versions = plan.versions.iter().map(|(name, v)| format!("{name} {v}"));
    versions.collect::<Vec<_>>().join(", ")
}

#[test]
fn what_follows_a_candidate_is_one() {
    let check = |there: &[(&str, &str)], words: &str, want: &str| {
        let plan = release(&at(there), INDEPENDENT, words).unwrap();
        assert_eq!(versions(&plan), want, "{words}");
    };
    let all = "core 2.0.0-rc.1, left 1.0.1-rc.1, right 1.0.1-rc.1, top 1.0.1-rc.1";
    check(&[], "core=2.0.0-rc.1", all);
    check(&[], "core=major --pre rc", all);
    // One that is a candidate already goes on under its own label.
    let beta = [("top", "1.1.0-beta.2")];
    check(
        &beta,
        "left=2.0.0-alpha.1",
        "left 2.0.0-alpha.1, top 1.1.0-beta.3",
    );
    // And does not become a release because what it needs does.
    check(&beta, "left=2.0.0", "left 2.0.0, top 1.1.0-beta.3");
}

#[test]
fn no_release_comes_to_require_a_candidate() {
    let refused = |words: &str| {
        release(&at(&[]), INDEPENDENT, words)
            .unwrap_err()
            .to_string()
    };
    let said = refused("core=1.1.0-rc.1 left=1.1.0 right=1.1.0-rc.1");
    assert!(
        said.contains("left 1.1.0 is a release and would require core 1.1.0-rc.1"),
        "{said}"
    );
    assert!(!said.contains("right 1.1.0-rc.1 is"), "{said}");
    let said = refused("left=2.0.0-beta.1 top=2.0.0");
    assert!(said.contains("top 2.0.0 is a release"), "{said}");
}

#[test]
fn a_candidate_becomes_the_release_without_a_change() {
    let mut facts = at(&[("left", "1.1.0-rc.2")]);
    nothing_changed(&mut facts, &["core", "left", "right", "top"]);
    let check = |words: &str, want: &str| {
        let plan = release(&facts, INDEPENDENT, words).unwrap();
        assert_eq!(versions(&plan), want, "{words}");
    };
    check("minor", "left 1.1.0");
    check("auto", "left 1.1.0");
    // Another candidate is made of a change.
    let none = release(&facts, INDEPENDENT, "minor --pre rc").unwrap_err();
    assert!(none.to_string().contains("nothing has changed"), "{none}");
}

#[test]
fn build_metadata_stays_with_the_version() {
    let facts = at(&[("core", "1.0.0+z.1")]);
    let check = |words: &str, want: &str| {
        let plan = release(&facts, INDEPENDENT, words).unwrap();
        assert_eq!(plan.versions["core"].to_string(), want);
    };
    check("core=patch", "1.0.1+z.1");
    check("core=1.2.0+z.2", "1.2.0+z.2");
    let taken = release(&facts, INDEPENDENT, "core=1.0.0+z.2").unwrap_err();
    assert!(taken.to_string().contains("already published"), "{taken}");
}

#[test]
fn what_is_new_has_its_first_version_and_stops_nobody() {
    let mut facts = at(&[("right", "0.1.0")]);
    nothing_changed(&mut facts, &["core", "left", "top"]);
    let new = History {
        since: None,
        commits: Vec::new(),
    };
    facts.history.insert("right".to_owned(), new);
    if let Some(Ok(registry)) = &mut facts.registry {
        registry.versions.insert("right".to_owned(), Vec::new());
    }
    for words in ["auto", "minor"] {
        let plan = release(&facts, INDEPENDENT, words).unwrap();
        assert_eq!(versions(&plan), "right 0.1.0, top 1.0.1", "{words}");
    }
}

#[test]
fn a_history_that_is_not_all_here_is_not_read_as_new() {
    let mut facts = at(&[]);
    facts.history_gap = Some(crate::model::Blocker::new("v1.0.0 is not here", "fetch it"));
    for words in ["auto", "minor", "core=auto"] {
        let said = release(&facts, INDEPENDENT, words).unwrap_err().to_string();
        assert!(
            said.starts_with("1 problem found") && said.contains("not here"),
            "{said}"
        );
    }
    // A version that is named needs no history.
    release(&facts, INDEPENDENT, "core=1.1.0").unwrap();
}

#[test]
fn commits_are_called_as_the_team_calls_them() {
    let message = |text: &str, subjects: &[&str]| {
        let mut facts = at(&[]);
        if let Ok(git) = &mut facts.git {
            git.subjects = subjects.iter().map(|&s| s.to_owned()).collect();
        }
        let plan = release(&facts, text, "1.1.0").unwrap();
        let object = plan.steps.iter().find_map(|step| match &step.action {
            Action::CreateCommitObject(CreateCommitObject { message, .. }) => Some(message.clone()),
            _ => None,
        });
        object.unwrap()
    };
    assert_eq!(message("", &["Parse BOMs", "Begin"]), "Release 1.1.0");
    assert_eq!(
        message("", &["fix: a", "feat(x)!: b"]),
        "chore(release): 1.1.0"
    );
    assert_eq!(
        message("", &["fix: a", "Release v1.0.0 (#7)"]),
        "Release v1.1.0"
    );
    assert_eq!(
        message("", &["a", "chore: release 1.0.0"]),
        "chore: release 1.1.0"
    );
    // Of two versions nobody can tell which is meant.
    assert_eq!(
        message("", &["Release core 1.0.0 and left 1.0.0"]),
        "Release 1.1.0"
    );
    let configured = "[release]\nmessage = \"build: version {version} [skip ci]\"\n";
    assert_eq!(
        message(configured, &["fix: a"]),
        "build: version 1.1.0 [skip ci]"
    );
}

#[test]
fn lockfiles_of_other_workspaces_follow_or_are_named() {
    let lock = "version = 4\n\n[[package]]\nname = \"core\"\nversion = \"1.0.0\"\n\n\
        [[package]]\nname = \"left\"\nversion = \"1.0.0\"\ndependencies = [\n \"core\",\n]\n";
    let other = |file: &str, requirement: Option<&str>| OtherWorkspace {
        lockfile: file.into(),
        text: lock.to_owned(),
        needs: vec![OtherDependency {
            manifest: file.replace(".lock", ".toml").into(),
            name: "left".to_owned(),
            requirement: requirement.map(str::to_owned),
        }],
    };
    let mut facts = at(&[]);
    facts.other_workspaces = vec![
        other("fuzz/Cargo.lock", None),
        other("../examples/Cargo.lock", Some("1.0")),
        other("bench/Cargo.lock", Some("=1.0.0")),
    ];
    let plan = release(&facts, "", "1.1.0").unwrap();
    let edited: Vec<_> = plan
        .edits
        .iter()
        .filter(|edit| edit.path.as_str().ends_with(".lock"))
        .collect();
    let paths: Vec<&str> = edited.iter().map(|edit| edit.path.as_str()).collect();
    assert_eq!(paths, ["fuzz/Cargo.lock", "../examples/Cargo.lock"]);
    // What is reached through others is locked there too.
    let fuzz = String::from_utf8(edited[0].apply(lock.as_bytes()).unwrap()).unwrap();
    assert_eq!(fuzz.matches("version = \"1.1.0\"").count(), 2, "{fuzz}");
    let note = "bench/Cargo.toml requires left =1.0.0, which 1.1.0 is not";
    assert!(
        plan.notes.iter().any(|n| n.contains(note)),
        "{:?}",
        plan.notes
    );
}

#[test]
fn what_has_left_the_workspace_can_be_yanked() {
    let yank = |crates: &[&str]| {
        let mut facts = at(&[]);
        if let Some(Ok(registry)) = &mut facts.registry {
            for (name, version) in [("gone", "1.0.0"), ("other", "3.0.0")] {
                let there = serde_json::json!({ "name": name, "vers": version, "deps": [], "cksum": "", "features": {} });
                registry.versions.insert(
                    name.to_owned(),
                    vec![serde_json::from_value(there).unwrap()],
                );
            }
        }
        let config = config("");
        let request = Request::Yank(YankRequest {
            version: Version::new(1, 0, 0),
            crates: crates.iter().map(|&name| name.to_owned()).collect(),
            reason: None,
            undo: false,
        });
        let plan = crate::planner::plan(&grouped(&facts, &config), &config, &request)?;
        let steps = plan.steps.iter().filter_map(|step| match &step.action {
            Action::Yank(yank) => Some(yank.package.clone()),
            _ => None,
        });
        Ok::<_, Blockers>(steps.collect::<Vec<_>>())
    };
    assert_eq!(yank(&["gone"]).unwrap(), ["gone"]);
    assert_eq!(yank(&["gone", "left"]).unwrap(), ["gone", "left"]);
    let said = yank(&["other"]).unwrap_err().to_string();
    assert!(said.contains("`other` is no package"), "{said}");
}
