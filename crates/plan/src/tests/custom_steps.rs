//! A team's own steps: where they stand, what they are told, and what changes the commit.

use stagegate_config::schema::Config;

use crate::facts::Facts;
use crate::model::{Action, CustomCommand, Plan};
use crate::request::{ReleaseRequest, Request};
use crate::tests::{facts, grouped, ids, planned, wanted};

const STEPS: &str = r#"
    [[step]]
    before = "commit"
    name = "generate"
    run = ["make", "{version}", "{previous}", "{name}", "{tag}"]

    [[step]]
    before = "commit"
    name = "note"
    each = "package"
    run = ["note", "{name}"]

    [[step]]
    after = "publish"
    name = "announce"
    each = "package"
    run = ["say", "{name}", "{version}"]
    probe = ["said", "{name}"]
"#;

fn config(text: &str) -> Config {
    toml_edit::de::from_str(text).unwrap()
}

fn command<'p>(plan: &'p Plan, id: &str) -> &'p CustomCommand {
    let step = plan.steps.iter().find(|step| step.id == id);
    match &step
        .unwrap_or_else(|| panic!("no {id} in {:?}", ids(plan)))
        .action
    {
        Action::CustomCommand(command) => command,
        Action::ChangeTree(change) => &change.command,
        other => panic!("{other:?}"),
    }
}

fn value<'c>(command: &'c CustomCommand, name: &str) -> Option<&'c str> {
    let found = command.env.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn steps_are_told_what_is_released() {
    let plan = planned(&facts(), &config(STEPS), wanted("1.1.0", &[])).unwrap();
    let generate = command(&plan, "step:generate");
    assert_eq!(
        generate.run,
        ["make", "1.1.0", "1.0.0", "workspace", "v1.1.0"]
    );
    assert_eq!(value(generate, "STAGEGATE_VERSION"), Some("1.1.0"));
    assert_eq!(value(generate, "STAGEGATE_PREVIOUS_VERSION"), Some("1.0.0"));
    assert_eq!(value(generate, "STAGEGATE_TAG"), Some("v1.1.0"));
    assert_eq!(value(generate, "STAGEGATE_PACKAGE"), None);
    let top = command(&plan, "step:announce:top");
    assert_eq!(top.run, ["say", "top", "1.1.0"]);
    assert_eq!(
        top.probe.as_deref(),
        Some(&["said".to_owned(), "top".to_owned()][..])
    );
    assert_eq!(value(top, "STAGEGATE_PACKAGE"), Some("top"));
}

#[test]
fn what_changes_the_commit_runs_before_it_is_made() {
    let plan = planned(&facts(), &config(STEPS), wanted("1.1.0", &[])).unwrap();
    let ids = ids(&plan);
    let at = |id: &str| ids.iter().position(|known| *known == id).unwrap();
    let want = [
        "changelog",
        "step:generate",
        "step:note:core",
        "step:note:left",
        "step:note:right",
        "step:note:top",
        "step:note:tool",
        "commit-object",
    ];
    assert_eq!(ids[at("changelog")..=at("commit-object")], want);
    let after: Vec<&str> = ids[at("publish:top") + 1..][..5].to_vec();
    assert_eq!(after[0], "step:announce:core");
    // Each begins with what the one before has left, and the commit holds the last.
    let mut left = None;
    for step in &plan.steps {
        match &step.action {
            Action::ChangeTree(change) => {
                assert_eq!(change.after, left);
                left = Some(change.reference.clone());
            }
            Action::CreateCommitObject(object) => assert_eq!(object.files, left),
            _ => {}
        }
    }
    assert_eq!(
        left.as_deref(),
        Some("refs/stagegate/release-1.1.0-files-6")
    );
}

#[test]
fn what_is_tagged_already_is_not_changed_and_a_pull_request_is() {
    let config = config(STEPS);
    let changes = |plan: &Plan| {
        let of_tree = |action: &Action| matches!(action, Action::ChangeTree(_));
        plan.steps.iter().any(|step| of_tree(&step.action))
    };
    let mut tagged: Facts = facts();
    if let Ok(git) = &mut tagged.git {
        git.tags.clear();
        git.tags.insert("v1.0.0".to_owned(), git.head.clone());
    }
    let request = ReleaseRequest {
        tagged: true,
        ..wanted("1.0.0", &[])
    };
    tagged.changelogs.clear();
    let plan = planned(&tagged, &config, request).unwrap();
    assert!(!changes(&plan), "{:?}", ids(&plan));
    let request = Request::Prepare(wanted("1.1.0", &[]));
    let plan = crate::planner::plan(&grouped(&facts(), &config), &config, &request).unwrap();
    assert!(changes(&plan), "{:?}", ids(&plan));
}
