//! Tokens for the identities of workflow runs: what they are good for, how long,
//! and what is asked of the identity.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use stagegate_fakes::identity::{Claims, FakeRunner, IdentityKey};
use stagegate_fakes::registry::{RegistryFault, TrustConfig, TrustedCrates, TrustedPublisher};
use stagegate_github::{IdentityError, IdentitySource};
use stagegate_registry::{
    AccessProblem, Coverage, Registry, Token, TrustProblem, TrustedError, UploadError, YankError,
};

use crate::fixture::{Fixture, token, upload};

const REPOSITORY: &str = "owner/name";
const HALF_AN_HOUR: Duration = Duration::from_secs(1800);

fn key() -> IdentityKey {
    IdentityKey::github()
}

/// A registry that trusts a repository's workflow for every crate, and knows `demo`.
fn fixture() -> (Fixture, Registry) {
    fixture_with(TrustConfig::new(REPOSITORY, TrustedCrates::Every))
}

/// A registry that knows `demo` and `other`, and trusts as it is told.
fn fixture_with(config: TrustConfig) -> (Fixture, Registry) {
    let fixture = Fixture::with(|options| {
        options.trusted = Some(TrustedPublisher {
            key: key(),
            configs: vec![config],
            lifetime: HALF_AN_HOUR,
        });
    });
    let client = fixture.client();
    for name in ["demo", "other"] {
        client.upload(&token(), &upload(name, "1.0.0")).unwrap();
    }
    (fixture, client)
}

/// A good identity, with a change.
fn identity(client: &Registry, change: impl FnOnce(&mut Claims)) -> Token {
    let mut claims = Claims::new(REPOSITORY, &client.audience().unwrap(), "one");
    change(&mut claims);
    Token::new(key().sign(&claims))
}

#[test]
fn a_lease_knows_for_which_crates_it_is_valid_before_anything_is_sent() {
    let only_demo = TrustedCrates::Named(vec!["demo".to_owned()]);
    let (fixture, client) = fixture_with(TrustConfig::new(REPOSITORY, only_demo));
    let lease = client
        .lease(&identity(&client, |_| {}), Timestamp::now())
        .unwrap();
    let version = "1.1.0".parse().unwrap();
    for name in ["demo", "other", "new"] {
        assert_eq!(lease.coverage(name), Coverage::Unknown);
    }
    assert_eq!(client.coverage(&lease, "demo", &version), Coverage::Covered);
    for name in ["other", "new"] {
        assert_eq!(
            client.coverage(&lease, name, &version),
            Coverage::NotCovered
        );
    }
    let asked = fixture.writes().len();
    client.coverage(&lease, "demo", &version);
    assert_eq!(
        fixture.writes().len(),
        asked,
        "what is known is not asked again"
    );
    // Nothing was published by asking, and nothing was used up.
    assert_eq!(client.versions("demo").unwrap().len(), 1);
    client
        .upload_leased(&lease, "demo", &upload("demo", "1.1.0"))
        .unwrap();
    let error = client
        .upload_leased(&lease, "other", &upload("other", "1.1.0"))
        .unwrap_err();
    assert_eq!(error.access_problem(), Some(AccessProblem::NotCovered));
    assert!(error.access_problem().unwrap().is_limit_of_lease());
    // The lease is still good for what it covers.
    assert!(lease.is_good(Timestamp::now(), Duration::ZERO));
    client
        .upload_leased(&lease, "demo", &upload("demo", "1.2.0"))
        .unwrap();
    client.upload(&token(), &upload("other", "1.1.0")).unwrap();
}

#[test]
fn an_upload_tells_a_lease_what_it_covers() {
    let only_demo = TrustedCrates::Named(vec!["demo".to_owned()]);
    let (_world, client) = fixture_with(TrustConfig::new(REPOSITORY, only_demo));
    let lease = client
        .lease(&identity(&client, |_| {}), Timestamp::now())
        .unwrap();
    for (name, expected) in [("demo", Coverage::Covered), ("other", Coverage::NotCovered)] {
        let result = client.upload_leased(&lease, name, &upload(name, "1.1.0"));
        assert_eq!(result.is_ok(), expected == Coverage::Covered, "{result:?}");
        assert_eq!(lease.coverage(name), expected);
    }
}

#[test]
fn a_lease_that_is_refused_is_given_back() {
    let (fixture, client) = fixture();
    let lease = client
        .lease(&identity(&client, |_| {}), Timestamp::now())
        .unwrap();
    assert_eq!(fixture.registry.trusted_tokens(), (1, 1));
    fixture.registry.advance(HALF_AN_HOUR);
    let error = client
        .upload_leased(&lease, "demo", &upload("demo", "1.1.0"))
        .unwrap_err();
    assert_eq!(error.access_problem(), Some(AccessProblem::LeaseEnded));
    assert!(!lease.is_good(Timestamp::now(), Duration::ZERO));
    assert_eq!(fixture.registry.trusted_tokens(), (1, 0));
}

#[test]
fn a_lease_is_renewed_before_it_ends() {
    let since = Timestamp::UNIX_EPOCH;
    let lease = stagegate_registry::Lease::new(Token::new("t".to_owned()), since);
    let margin = Duration::from_secs(300);
    for (minutes, expected) in [(0, true), (24, true), (25, false), (90, false), (-10, true)] {
        let now = since + jiff::SignedDuration::from_mins(minutes);
        assert_eq!(lease.is_good(now, margin), expected, "{minutes} minutes");
    }
}

#[test]
fn what_an_identity_lacks_is_told_apart() {
    let (fixture, client) = fixture_with(TrustConfig {
        environment: Some("release".to_owned()),
        ..TrustConfig::new(REPOSITORY, TrustedCrates::Every)
    });
    let mut number = 0;
    let mut check = |change: &dyn Fn(&mut Claims), expected: TrustProblem, text: &str| {
        number += 1;
        let identity = identity(&client, |claims| {
            claims.jti = format!("identity {number}");
            claims.environment = Some("Release".to_owned());
            change(claims);
        });
        let error = client.exchange(&identity).unwrap_err();
        let TrustedError::Refused {
            problem, detail, ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(*problem, expected, "{detail}");
        assert!(detail.contains(text), "{detail}");
    };
    check(
        &|claims| claims.repository = "owner/another".to_owned(),
        TrustProblem::Repository,
        "No Trusted Publishing config found for repository `owner/another`.",
    );
    check(
        &|claims| claims.repository_owner_id = "66".to_owned(),
        TrustProblem::Owner,
        "Expected owner IDs: 65",
    );
    check(
        &|claims| {
            claims.workflow_ref = "owner/name/.github/workflows/ci.yml@refs/heads/main".to_owned();
        },
        TrustProblem::Workflow,
        "workflow filename `ci.yml` in the JWT. Expected workflow filenames: `release.yml`",
    );
    check(
        &|claims| claims.environment = None,
        TrustProblem::Environment,
        "requires an environment, but the JWT does not specify one. Expected environments: `release`",
    );
    check(
        &|claims| claims.environment = Some("staging".to_owned()),
        TrustProblem::Environment,
        "does not match the environment `staging`",
    );
    for event in ["pull_request_target", "workflow_run"] {
        check(
            &|claims| claims.event_name = event.to_owned(),
            TrustProblem::Event,
            event,
        );
    }
    check(
        &|claims| claims.workflow_ref = "odd".to_owned(),
        TrustProblem::Other,
        "Unexpected `workflow_ref` value",
    );
    check(
        &|claims| claims.iss = "https://gitlab.example.org".to_owned(),
        TrustProblem::Identity,
        "Unsupported JWT issuer: https://gitlab.example.org",
    );
    check(
        &|claims| claims.iat = u64::MAX / 2,
        TrustProblem::Identity,
        "Failed to decode JWT",
    );
    for (id, text) in [
        (None, "Missing JWT key ID"),
        (Some("2"), "Invalid JWT key ID"),
    ] {
        let claims = Claims::new(REPOSITORY, &client.audience().unwrap(), "keys");
        let error = client
            .exchange(&Token::new(key().sign_with(id, &claims)))
            .unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(fixture.registry.trusted_tokens().0, 0);
}

#[test]
fn a_token_of_an_identity_uploads_new_versions_and_nothing_else() {
    let (fixture, client) = fixture();
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
    // Giving back what is gone is no failure; a token of a person is none of these.
    client.revoke(&trusted).unwrap();
    let personal = client.revoke(&token()).unwrap_err();
    assert!(
        matches!(personal, TrustedError::Refused { status: 401, .. }),
        "{personal}"
    );
    assert_eq!(fixture.registry.trusted_tokens(), (1, 0));
}

#[test]
fn a_token_of_an_identity_ends_after_half_an_hour() {
    let (fixture, client) = fixture();
    let first = client.exchange(&identity(&client, |_| {})).unwrap();
    fixture
        .registry
        .advance(HALF_AN_HOUR - Duration::from_secs(60));
    client.upload(&first, &upload("demo", "1.1.0")).unwrap();
    fixture.registry.advance(Duration::from_secs(60));
    let late = client.upload(&first, &upload("demo", "1.2.0")).unwrap_err();
    assert!(matches!(late, UploadError::Unauthorized { .. }), "{late}");
    let another = identity(&client, |claims| claims.jti = "two".to_owned());
    let second = client.exchange(&another).unwrap();
    client.upload(&second, &upload("demo", "1.2.0")).unwrap();
}

#[test]
fn an_identity_is_good_once_and_for_one_registry() {
    let (fixture, client) = fixture();
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
    assert_eq!(fixture.registry.trusted_tokens().0, 1);
}

#[test]
fn a_registry_without_trusted_publishing_says_so() {
    let fixture = Fixture::new();
    let client = fixture.client();
    let error = client.exchange(&identity(&client, |_| {})).unwrap_err();
    assert!(matches!(error, TrustedError::Unsupported { .. }), "{error}");
}

#[test]
fn a_runner_gives_identities_that_the_registry_takes() {
    let (fixture, client) = fixture();
    let runner = FakeRunner::start(fixture.runtime.handle(), key(), REPOSITORY).unwrap();
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
    let (fixture, client) = fixture();
    let trusted = client.exchange(&identity(&client, |_| {})).unwrap();
    fixture
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
