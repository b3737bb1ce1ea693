//! Who owns a crate: users who accept, teams at once, and who may change that.

use stagegate_fakes::registry::{Account, ApiToken, Scope, Team};
use stagegate_registry::{AccessProblem, OwnerError, Registry, RegistryError, Token};

use crate::fixture::{Fixture, TOKEN, token, upload};

const TEAM: &str = "github:makers:releases";
const BOB: &str = "cioBobBobBobBobBobBobBobBobBobBobBo";
const EVE: &str = "cioEveEveEveEveEveEveEveEveEveEveEv";

/// A registry where `demo` is there; bob is in the team of the fixture's user, and eve is not.
fn fixture() -> (Fixture, Registry) {
    let fixture = Fixture::with(|options| {
        options.accounts.push(Account::new("bob", BOB));
        options.accounts.push(Account::new("Eve", EVE));
        options.accounts.push(Account::without_token("carol"));
        let team = |login: &str, members: &[&str]| Team {
            login: login.to_owned(),
            members: members.iter().map(|&name| name.to_owned()).collect(),
        };
        options.teams.push(team(TEAM, &["rehearsal", "bob"]));
        options.teams.push(team("github:others:all", &["Eve"]));
    });
    let client = fixture.client();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    (fixture, client)
}

fn of(secret: &str) -> Token {
    Token::new(secret.to_owned())
}

#[test]
fn a_user_is_invited_and_a_team_owns_at_once() {
    let (fixture, client) = fixture();
    let said = client.add_owner(&token(), "demo", "carol").unwrap();
    assert_eq!(
        said,
        "Crates.io user carol has been invited to be an owner of crate demo"
    );
    let said = client
        .add_owner(&token(), "demo", "crates.io:CAROL")
        .unwrap();
    assert_eq!(
        said,
        "Crates.io user carol already has a pending invitation to be an owner of crate demo"
    );
    let said = client.add_owner(&token(), "demo", TEAM).unwrap();
    assert_eq!(
        said,
        format!("team {TEAM} has been added as an owner of crate demo")
    );
    assert_eq!(client.owners(None, "demo").unwrap(), ["rehearsal", TEAM]);
    fixture.registry.accept_invitation("demo", "carol");
    assert_eq!(
        client.owners(None, "demo").unwrap(),
        ["rehearsal", "carol", TEAM]
    );
    assert_eq!(fixture.registry.invited("demo"), [""; 0]);
    for owner in ["carol", TEAM, "Rehearsal"] {
        let again = client.add_owner(&token(), "demo", owner).unwrap_err();
        assert!(
            matches!(again, OwnerError::AlreadyOwner { .. }),
            "{again:?}"
        );
    }
}

#[test]
fn a_member_of_an_owning_team_publishes_and_changes_no_owners() {
    let (_fixture, client) = fixture();
    client
        .upload(&of(BOB), &upload("demo", "1.1.0"))
        .unwrap_err();
    client.add_owner(&token(), "demo", TEAM).unwrap();
    client.upload(&of(BOB), &upload("demo", "1.1.0")).unwrap();
    client
        .yank(&of(BOB), "demo", &"1.1.0".parse().unwrap())
        .unwrap();
    let problem = |secret: &str, owner: &str| match client.add_owner(&of(secret), "demo", owner) {
        Err(OwnerError::Unauthorized { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(BOB, "carol"), AccessProblem::NotPersonally);
    assert_eq!(problem(EVE, "carol"), AccessProblem::NotOwner);
    assert_eq!(
        problem(TOKEN, "github:others:all"),
        AccessProblem::NotInTeam
    );
}

#[test]
fn what_cannot_own_a_crate_is_refused_and_nothing_of_the_request_is_done() {
    let (fixture, client) = fixture();
    let check = |owner: &str, says: &str| {
        let refused = client.add_owner(&token(), "demo", owner);
        let Err(OwnerError::Refused {
            status: 400,
            detail,
            ..
        }) = refused
        else {
            panic!("{refused:?}")
        };
        assert!(detail.starts_with(says), "{owner}: {detail}");
    };
    check("nobody", "could not find user with login `nobody`");
    check(
        "crates.io:nobody",
        "could not find crates.io user with username `nobody`",
    );
    check(
        "github:makers:none",
        "could not find the github team makers/none. Make sure",
    );
    check(
        "github:ma.kers:x",
        "organization cannot contain special characters like .",
    );
    check(
        "github:makers",
        "unsupported user prefix: expected crates.io:username",
    );
    check(
        "gitlab:makers:x",
        "unknown organization handler, only 'github:org:team'",
    );
    check("github:makers:", "owner login components must not be empty");
    check(
        "github:a:b:c",
        "owner logins must have at most three components",
    );
    // One name of several is wrong.
    let body = r#"{"users":["carol","nobody"]}"#;
    assert_eq!(put(&fixture, Some(TOKEN), body), 400);
    assert_eq!(fixture.registry.invited("demo"), [""; 0]);
    let eleven = format!("{{\"owners\":[{}\"x\"]}}", "\"x\",".repeat(10));
    assert_eq!(put(&fixture, None, &eleven), 400, "before anybody is asked");
    assert_eq!(put(&fixture, None, r#"{"owners":[]}"#), 403);
    assert_eq!(put(&fixture, Some(TOKEN), "{}"), 422);
}

/// The status of a request that the client does not send.
fn put(fixture: &Fixture, token: Option<&str>, body: &str) -> u16 {
    let address = fixture.registry.address();
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.build().into();
    let mut request = agent
        .put(format!("http://{address}/api/v1/crates/demo/owners"))
        .header("User-Agent", "a test (of this repository)")
        .header("Content-Type", "application/json");
    if let Some(token) = token {
        request = request.header("Authorization", token);
    }
    request.send(body).unwrap().status().as_u16()
}

#[test]
fn a_token_changes_owners_only_with_the_scope_for_it() {
    let fixture = Fixture::with(|options| {
        let mut bob = Account::new("bob", BOB);
        bob.tokens = vec![
            ApiToken {
                scopes: Some(vec![Scope::PublishNew, Scope::PublishUpdate, Scope::Yank]),
                ..ApiToken::new(BOB)
            },
            ApiToken {
                scopes: Some(vec![Scope::ChangeOwners]),
                ..ApiToken::new(EVE)
            },
        ];
        options.accounts.push(bob);
    });
    let client = fixture.client();
    client.upload(&of(BOB), &upload("own", "1.0.0")).unwrap();
    let problem = |token: &Token, name: &str| match client.add_owner(token, name, "rehearsal") {
        Err(OwnerError::Unauthorized { problem, .. }) => Some(problem),
        Ok(_) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(&of(BOB), "own"), Some(AccessProblem::Scope));
    assert_eq!(problem(&of(EVE), "own"), None);
    // A workflow's token is none of a person's, and says so as any unknown one does.
    let lease = format!("cio_tp_{}", "a".repeat(32));
    assert_eq!(
        problem(&of(&lease), "own"),
        Some(AccessProblem::UnknownToken)
    );
    let refused = client.add_owner(&of(EVE), "nowhere", "rehearsal");
    assert!(
        matches!(refused, Err(OwnerError::Refused { status: 404, .. })),
        "{refused:?}"
    );
    let listed = client.owners(None, "nowhere");
    assert!(
        matches!(listed, Err(RegistryError::NoSuchPackage { .. })),
        "{listed:?}"
    );
}
