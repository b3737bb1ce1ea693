//! Pull requests: the client against the fake.

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
}
