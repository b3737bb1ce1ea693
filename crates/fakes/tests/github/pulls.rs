//! Pull requests: the client against the fake.

use stagegate_fakes::github::TokenKind;
use stagegate_github::{GitHubError, PullDraft};

use crate::{repository, world};

fn draft() -> PullDraft {
    PullDraft {
        title: "Release 1.0.0".to_owned(),
        body: "notes".to_owned(),
        head: "release/1.0.0".to_owned(),
        base: "main".to_owned(),
    }
}

#[test]
fn a_pull_request_is_opened_found_and_changed() {
    let world = world(false, Vec::new());
    let client = world.client("secret");
    let none = client.open_pull_of(&repository(), "release/1.0.0", "main");
    assert_eq!(none.unwrap(), None);
    let nowhere = client.create_pull(&repository(), &draft());
    assert!(
        matches!(nowhere, Err(GitHubError::Invalid { .. })),
        "{nowhere:?}"
    );

    world.branch("release/1.0.0");
    let made = client.create_pull(&repository(), &draft()).unwrap();
    assert_eq!(made.state, "open");
    let found = client.open_pull_of(&repository(), "release/1.0.0", "main");
    assert_eq!(found.unwrap().as_ref(), Some(&made));
    let other = client.open_pull_of(&repository(), "release/1.0.0", "other");
    assert_eq!(other.unwrap(), None);
    let again = client.create_pull(&repository(), &draft());
    assert!(
        matches!(again, Err(GitHubError::Invalid { .. })),
        "{again:?}"
    );

    let changed = client
        .rewrite_pull(&repository(), &made, "Release 1.0.0", "more notes")
        .unwrap();
    assert_eq!(changed.number, made.number);
    assert_eq!(changed.body.as_deref(), Some("more notes"));
    assert_eq!(world.github.pulls().len(), 1);
    let labels = client.label_pull(&repository(), &made, &["release".to_owned()]);
    assert_eq!(labels.unwrap()[0].name, "release");
}

#[test]
fn a_workflows_own_token_opens_one_only_where_that_is_allowed() {
    let world = crate::world_for(TokenKind::Workflow, false, Vec::new());
    let client = world.client("secret");
    world.branch("release/1.0.0");
    let refused = client.create_pull(&repository(), &draft());
    assert!(
        matches!(refused, Err(GitHubError::Refused { status: 403, .. })),
        "{refused:?}"
    );
    world.github.allow_pulls_by_actions();
    client.create_pull(&repository(), &draft()).unwrap();
}

#[test]
fn a_pull_request_is_merged_once_and_says_as_which_commit() {
    let world = world(false, Vec::new());
    let client = world.client("secret");
    for name in ["release/1.0.0", "release/1.1.0"] {
        world.branch(name);
        let head = name.to_owned();
        let draft = PullDraft { head, ..draft() };
        client.create_pull(&repository(), &draft).unwrap();
    }
    let open = client.open_pulls(&repository(), "main").unwrap();
    let numbers: Vec<u64> = open.iter().map(|pull| pull.number).collect();
    let [newer, older] = numbers[..] else {
        panic!("{open:?}")
    };
    assert!(newer > older, "the one that changed last comes first");
    assert!(open.iter().all(|pull| pull.is_from(&repository())));

    let commit = world.github.squash(older).unwrap();
    assert!(world.github.squash(older).is_err());
    client
        .close_pull(&repository(), newer, "not this one")
        .unwrap();
    let closed = client.closed_pulls(&repository(), "main").unwrap();
    let told: Vec<(u64, Option<&str>)> = closed
        .iter()
        .map(|pull| (pull.number, pull.merge_commit_sha.as_deref()))
        .collect();
    assert_eq!(told, [(newer, None), (older, Some(commit.as_str()))]);
    let merged = client.pull(&repository(), older).unwrap();
    assert!(merged.merged_at.is_some());
    assert_eq!(merged.head.branch, "release/1.0.0");
    let again = client.open_pulls(&repository(), "main").unwrap();
    assert_eq!(again, []);
}
