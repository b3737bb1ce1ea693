//! Tokens for the identities of workflow runs: what they are good for, how long,
//! and what is asked of the identity.

use std::collections::HashMap;
use std::time::Duration;

use stagegate_fakes::identity::{Claims, FakeRunner, IdentityKey};
use stagegate_fakes::registry::{RegistryFault, TrustedPublisher};
use stagegate_github::{IdentityError, IdentitySource};
use stagegate_registry::{Registry, Token, TrustedError, UploadError, YankError};

use crate::world::{World, token, upload};

const REPOSITORY: &str = "owner/name";
const HALF_AN_HOUR: Duration = Duration::from_secs(1800);

fn key() -> IdentityKey {
    IdentityKey(b"a key of this test".to_vec())
}

/// A registry that trusts a repository's workflow and knows the crate `demo`.
fn world() -> (World, Registry) {
    let world = World::with(|options| {
        options.trusted = Some(TrustedPublisher {
            key: key(),
            repository: REPOSITORY.to_owned(),
            lifetime: HALF_AN_HOUR,
        });
    });
    let client = world.client();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    (world, client)
}

/// A good identity, with a change.
fn identity(client: &Registry, change: impl FnOnce(&mut Claims)) -> Token {
    let mut claims = Claims {
        iss: "the test".to_owned(),
        aud: client.audience().unwrap(),
        jti: "one".to_owned(),
        repository: REPOSITORY.to_owned(),
        exp: u64::MAX,
    };
    change(&mut claims);
    Token::new(key().sign(&claims))
}

#[test]
fn a_token_of_an_identity_uploads_new_versions_and_nothing_else() {
    let (world, client) = world();
    let trusted = client.exchange(&identity(&client, |_| {})).unwrap();
    client.upload(&trusted, &upload("demo", "1.1.0")).unwrap();
    let new = client
        .upload(&trusted, &upload("new", "1.0.0"))
        .unwrap_err();
    assert!(matches!(new, UploadError::Unauthorized { .. }), "{new}");
    assert!(new.to_string().contains("creating new crates"), "{new}");
    let version = "1.0.0".parse().unwrap();
    for answer in [
        client.yank(&trusted, "demo", &version),
        client.unyank(&trusted, "demo", &version),
    ] {
        let error = answer.unwrap_err();
        assert!(matches!(error, YankError::Unauthorized { .. }), "{error}");
    }
    assert_eq!(client.versions("new").unwrap(), []);
    assert!(!client.versions("demo").unwrap()[0].yanked);

    client.revoke(&trusted).unwrap();
    let gone = client
        .upload(&trusted, &upload("demo", "1.2.0"))
        .unwrap_err();
    assert!(matches!(gone, UploadError::Unauthorized { .. }), "{gone}");
    let twice = client.revoke(&trusted).unwrap_err();
    assert!(matches!(twice, TrustedError::Refused { .. }), "{twice}");
    assert_eq!(world.registry.trusted_tokens(), (1, 0));
}

#[test]
fn a_token_of_an_identity_ends_after_half_an_hour() {
    let (world, client) = world();
    let first = client.exchange(&identity(&client, |_| {})).unwrap();
    world
        .registry
        .advance(HALF_AN_HOUR - Duration::from_secs(60));
    client.upload(&first, &upload("demo", "1.1.0")).unwrap();
    world.registry.advance(Duration::from_secs(60));
    let late = client.upload(&first, &upload("demo", "1.2.0")).unwrap_err();
    assert!(matches!(late, UploadError::Unauthorized { .. }), "{late}");
    let another = identity(&client, |claims| claims.jti = "two".to_owned());
    let second = client.exchange(&another).unwrap();
    client.upload(&second, &upload("demo", "1.2.0")).unwrap();
}

#[test]
fn an_identity_is_good_once_and_for_one_registry() {
    let (world, client) = world();
    let check = |identity: &Token, want: &str| {
        let error = client.exchange(identity).unwrap_err();
        assert!(matches!(error, TrustedError::Refused { .. }), "{error}");
        assert!(error.to_string().contains(want), "{error}");
    };
    client.exchange(&identity(&client, |_| {})).unwrap();
    check(&identity(&client, |_| {}), "already been used");
    let decode = "Failed to decode JWT";
    check(
        &identity(&client, |claims| claims.aud = "crates.io".to_owned()),
        decode,
    );
    check(&identity(&client, |claims| claims.exp = 1), decode);
    check(&Token::new("no.web.token".to_owned()), decode);
    let foreign = identity(&client, |claims| {
        claims.repository = "somebody/else".to_owned();
        claims.jti = "three".to_owned();
    });
    check(&foreign, "No Trusted Publishing config");
    assert_eq!(world.registry.trusted_tokens().0, 1);
}

#[test]
fn a_registry_without_trusted_publishing_says_so() {
    let world = World::new();
    let client = world.client();
    let error = client.exchange(&identity(&client, |_| {})).unwrap_err();
    assert!(matches!(error, TrustedError::Unsupported { .. }), "{error}");
}

#[test]
fn a_runner_gives_identities_that_the_registry_takes() {
    let (world, client) = world();
    let runner = FakeRunner::start(world.runtime.handle(), key(), REPOSITORY).unwrap();
    let mut variables: HashMap<_, _> = runner.variables().into();
    let find = |variables: &HashMap<&str, String>| {
        IdentitySource::find(&|name| variables.get(name).cloned())
            .unwrap()
            .unwrap()
    };
    let source = find(&variables);
    let audience = client.audience().unwrap();
    for version in ["1.1.0", "1.2.0"] {
        let identity = source.request(&audience).unwrap();
        assert!(!format!("{identity:?}").contains(identity.expose()));
        let token = client.exchange(&Token::new(identity.expose().to_owned()));
        client
            .upload(&token.unwrap(), &upload("demo", version))
            .unwrap();
    }
    variables.insert("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "wrong-secret".to_owned());
    let error = find(&variables).request(&audience).unwrap_err();
    assert!(
        matches!(error, IdentityError::Refused { status: 401, .. }),
        "{error}"
    );
    assert!(
        !format!("{error} {error:?}").contains("wrong-secret"),
        "{error}"
    );
}

#[test]
fn a_token_that_runs_out_mid_way_is_refused_from_then_on() {
    let (world, client) = world();
    let trusted = client.exchange(&identity(&client, |_| {})).unwrap();
    world
        .registry
        .add_faults([RegistryFault::TokenExpires { times: 1 }]);
    for _ in 0..2 {
        let error = client.upload(&trusted, &upload("demo", "1.1.0"));
        assert!(
            matches!(error, Err(UploadError::Unauthorized { .. })),
            "{error:?}"
        );
    }
    client.upload(&token(), &upload("demo", "1.1.0")).unwrap();
}
