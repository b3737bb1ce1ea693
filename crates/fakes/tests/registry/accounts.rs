//! Who may do what: accounts, scopes, owners, and crates that trust workflows alone.

use std::time::Duration;

use jiff::Timestamp;
use stagegate_fakes::registry::{Account, AccountLock, ApiToken, DeletedCrate, RateLimits, Scope};
use stagegate_registry::crates_io::Rule;
use stagegate_registry::{AccessProblem, Registry, Token, Trial, UploadError, YankError};

use crate::fixture::{Fixture, token, upload};

const SECRET: &str = "cioBobBobBobBobBobBobBobBobBobBobBo";

/// A fixture where `demo` is there, and bob has this token.
fn fixture(change: impl FnOnce(&mut Account)) -> (Fixture, Registry) {
    let mut bob = Account::new("bob", SECRET);
    change(&mut bob);
    let fixture = Fixture::with(|options| {
        options.accounts.push(bob);
        options.owners.push((
            "shared".to_owned(),
            vec!["rehearsal".to_owned(), "bob".to_owned()],
        ));
        options.limits = Some(RateLimits::crates_io());
    });
    let client = fixture.client();
    for name in ["demo", "shared"] {
        client.upload(&token(), &upload(name, "1.0.0")).unwrap();
    }
    (fixture, client)
}

fn bob() -> Token {
    Token::new(SECRET.to_owned())
}

/// What keeps bob from uploading a version.
fn problem(client: &Registry, name: &str, version: &str) -> Option<AccessProblem> {
    let result = client.upload(&bob(), &upload(name, version));
    result.err().map(|error| {
        error
            .access_problem()
            .unwrap_or_else(|| panic!("{error:?}"))
    })
}

#[test]
fn an_account_publishes_what_it_owns() {
    let (fixture, client) = fixture(|_| {});
    assert_eq!(problem(&client, "own", "1.0.0"), None);
    assert_eq!(problem(&client, "own", "1.1.0"), None);
    assert_eq!(problem(&client, "shared", "1.1.0"), None);
    assert_eq!(
        problem(&client, "demo", "1.1.0"),
        Some(AccessProblem::NotOwner)
    );
    assert_eq!(client.owners(None, "own").unwrap(), ["bob"]);
    assert_eq!(client.owners(None, "shared").unwrap(), ["rehearsal", "bob"]);
    let yank = client.yank(&bob(), "demo", &"1.0.0".parse().unwrap());
    assert!(
        matches!(
            yank,
            Err(YankError::Unauthorized {
                problem: AccessProblem::NotOwner,
                ..
            })
        ),
        "{yank:?}"
    );
    drop(fixture);
}

#[test]
fn a_token_does_what_its_scopes_say() {
    let only = |scope: Scope, crates: &[&str]| {
        let crates = crates.iter().map(|name| (*name).to_owned()).collect();
        move |bob: &mut Account| {
            bob.tokens = vec![ApiToken {
                scopes: Some(vec![scope]),
                crates,
                ..ApiToken::new(SECRET)
            }];
        }
    };
    let scope = Some(AccessProblem::Scope);
    let (_world, client) = fixture(only(Scope::PublishUpdate, &[]));
    assert_eq!(problem(&client, "shared", "1.1.0"), None);
    assert_eq!(problem(&client, "own", "1.0.0"), scope);
    let yank = client.yank(&bob(), "shared", &"1.0.0".parse().unwrap());
    assert!(
        matches!(
            yank,
            Err(YankError::Unauthorized {
                problem: AccessProblem::Scope,
                ..
            })
        ),
        "{yank:?}"
    );
    let (_world, client) = fixture(only(Scope::PublishNew, &["own-*"]));
    assert_eq!(problem(&client, "own-a", "1.0.0"), None);
    assert_eq!(problem(&client, "other", "1.0.0"), scope);
    assert_eq!(problem(&client, "own-a", "1.1.0"), scope);
    let (_world, client) = fixture(only(Scope::Yank, &[]));
    assert_eq!(problem(&client, "shared", "1.1.0"), scope);
    client
        .yank(&bob(), "shared", &"1.0.0".parse().unwrap())
        .unwrap();
}

#[test]
fn a_token_ends_by_the_clock() {
    let minute = Duration::from_secs(60);
    let end = Timestamp::now() + minute;
    let (fixture, client) = fixture(|bob| bob.tokens[0].expires = Some(end));
    assert_eq!(problem(&client, "shared", "1.1.0"), None);
    fixture.registry.advance(minute);
    assert_eq!(
        problem(&client, "shared", "1.2.0"),
        Some(AccessProblem::UnknownToken)
    );
}

#[test]
fn a_locked_account_is_told_why() {
    let lock = |until| {
        move |bob: &mut Account| {
            bob.lock = Some(AccountLock {
                reason: "spam".to_owned(),
                until,
            });
        }
    };
    let later = Timestamp::now() + Duration::from_secs(3600);
    for until in [None, Some(later)] {
        let (_world, client) = fixture(lock(until));
        let error = client
            .upload(&bob(), &upload("shared", "1.1.0"))
            .unwrap_err();
        assert_eq!(error.access_problem(), Some(AccessProblem::AccountLocked));
        assert!(error.to_string().contains("Reason: spam"), "{error}");
    }
    let (_world, client) = fixture(lock(Some(Timestamp::UNIX_EPOCH)));
    assert_eq!(problem(&client, "shared", "1.1.0"), None);
}

#[test]
fn a_crate_that_trusts_workflows_alone_says_so_before_and_after() {
    let fixture = Fixture::with(|options| options.trusted_only.push("demo".to_owned()));
    let client = fixture.client();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    let error = client
        .upload(&token(), &upload("demo", "1.1.0"))
        .unwrap_err();
    assert_eq!(
        error.access_problem(),
        Some(AccessProblem::TrustedPublishingOnly)
    );
    let info = client.crate_info(None, "demo").unwrap().unwrap();
    assert_eq!(info.trusted_publishing_only, Some(true));
    client.upload(&token(), &upload("other", "1.0.0")).unwrap();
    let info = client.crate_info(None, "other").unwrap().unwrap();
    assert_eq!(info.trusted_publishing_only, Some(false));
}

#[test]
fn a_crate_is_found_by_any_spelling() {
    let fixture = Fixture::new();
    let client = fixture.client();
    client
        .upload(&token(), &upload("Demo-Crate", "1.0.0"))
        .unwrap();
    for asked in ["Demo-Crate", "demo-crate", "demo_crate", "DEMO_CRATE"] {
        let info = client.crate_info(None, asked).unwrap().unwrap();
        assert_eq!(info.name, "Demo-Crate", "{asked}");
    }
    assert_eq!(client.crate_info(None, "demo").unwrap(), None);
    // The index of another spelling is another file.
    assert_eq!(client.versions("demo_crate").unwrap(), []);
}

#[test]
fn an_upload_is_tried_without_a_package() {
    let (fixture, client) = fixture(|bob| bob.has_verified_email = false);
    let version = "2.0.0".parse().unwrap();
    let tried = |token: &Token, name: &str| client.try_upload(Some(token), name, &version);
    assert_eq!(tried(&token(), "demo"), Trial::Accepted);
    assert_eq!(tried(&token(), "new-one"), Trial::Accepted);
    let access = |trial: Trial| match trial {
        Trial::Refused(error) => error.access_problem(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        access(tried(&bob(), "demo")),
        Some(AccessProblem::UnverifiedEmail)
    );
    let wrong = Token::new("cioNotTheSecretNotTheSecretNotTheSe".to_owned());
    assert_eq!(
        access(tried(&wrong, "demo")),
        Some(AccessProblem::UnknownToken)
    );
    assert_eq!(
        access(client.try_upload(None, "demo", &version)),
        Some(AccessProblem::NoToken)
    );
    assert_eq!(client.versions("demo").unwrap().len(), 1);
    assert_eq!(client.versions("new-one").unwrap(), []);
    assert_eq!(fixture.registry.uploads().len(), 2);
}

#[test]
fn a_name_that_was_deleted_is_told_without_a_token() {
    let free = "2026-11-21T12:00:00Z".parse().unwrap();
    let fixture = Fixture::with(|options| {
        options.start = Some("2026-11-20T12:00:00Z".parse().unwrap());
        options.deleted.push(DeletedCrate {
            name: "gone-crate".to_owned(),
            available_at: free,
        });
    });
    let client = fixture.client();
    let version = "1.0.0".parse().unwrap();
    // Nobody else tells: for all others the crate is one that never was.
    assert_eq!(client.crate_info(None, "gone_crate").unwrap(), None);
    let trial = client.try_upload(None, "gone_crate", &version);
    let Trial::Refused(UploadError::Refused {
        rule: Some(Rule::RecentlyDeleted),
        free_again: Some(told),
        ..
    }) = trial
    else {
        panic!("{trial:?}");
    };
    assert_eq!(told, free);
    fixture.registry.advance(Duration::from_secs(24 * 3600));
    client
        .upload(&token(), &upload("gone-crate", "1.0.0"))
        .unwrap();
}
