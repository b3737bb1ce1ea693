//! The rate limits of crates.io, on a clock that is put forward.

use std::time::Duration;

use stagegate_fakes::registry::{RateLimit, RateLimits};
use stagegate_registry::{Upload, UploadError, YankError};

use crate::fixture::{Fixture, token, upload};

const MINUTE: Duration = Duration::from_secs(60);

fn fixture(change: impl FnOnce(&mut RateLimits)) -> Fixture {
    Fixture::with(|options| {
        let mut limits = RateLimits::crates_io();
        change(&mut limits);
        options.limits = Some(limits);
        options.start = Some("2026-11-20T12:00:00.2Z".parse().unwrap());
    })
}

/// Uploads, and returns the wait that the registry asks for.
fn upload_or_wait(fixture: &Fixture, name: &str, version: &str) -> Option<Duration> {
    match fixture.client().upload(&token(), &upload(name, version)) {
        Ok(_) => None,
        Err(error) => {
            assert!(matches!(error, UploadError::RateLimited { .. }), "{error}");
            Some(error.retry_after().unwrap())
        }
    }
}

#[test]
fn five_new_crates_then_one_in_ten_minutes() {
    let fixture = fixture(|_| {});
    for number in 0..5 {
        let name = format!("demo-{number}");
        assert_eq!(upload_or_wait(&fixture, &name, "1.0.0"), None);
    }
    let wait = upload_or_wait(&fixture, "demo-5", "1.0.0").unwrap();
    assert!(wait > 9 * MINUTE && wait <= 10 * MINUTE, "{wait:?}");
    // New versions have a bucket of their own.
    assert_eq!(upload_or_wait(&fixture, "demo-0", "1.1.0"), None);
    fixture.registry.advance(wait);
    assert_eq!(upload_or_wait(&fixture, "demo-5", "1.0.0"), None);
    assert!(upload_or_wait(&fixture, "demo-6", "1.0.0").is_some());
}

#[test]
fn thirty_new_versions_then_one_in_a_minute() {
    let fixture = fixture(|_| {});
    assert_eq!(upload_or_wait(&fixture, "demo", "0.1.0"), None);
    for number in 0..30 {
        let version = format!("1.{number}.0");
        assert_eq!(upload_or_wait(&fixture, "demo", &version), None, "{number}");
    }
    let wait = upload_or_wait(&fixture, "demo", "2.0.0").unwrap();
    assert!(wait <= MINUTE, "{wait:?}");
    fixture.registry.advance(wait);
    assert_eq!(upload_or_wait(&fixture, "demo", "2.0.0"), None);
}

#[test]
fn an_upload_that_is_refused_costs_as_much() {
    let fixture = fixture(|_| {});
    for _ in 0..5 {
        let broken = Upload {
            bytes: b"no archive".to_vec(),
            ..upload("demo", "1.0.0")
        };
        let error = fixture.client().upload(&token(), &broken).unwrap_err();
        assert!(matches!(error, UploadError::Refused { .. }), "{error}");
    }
    assert!(upload_or_wait(&fixture, "demo", "1.0.0").is_some());
}

#[test]
fn a_hundred_yanks_then_one_in_a_minute() {
    let fixture = fixture(|_| {});
    let client = fixture.client();
    client.upload(&token(), &upload("demo", "1.0.0")).unwrap();
    let version = "1.0.0".parse().unwrap();
    for _ in 0..100 {
        client.yank(&token(), "demo", &version).unwrap();
    }
    let error = client.unyank(&token(), "demo", &version).unwrap_err();
    assert!(matches!(error, YankError::RateLimited { .. }), "{error}");
    assert!(error.is_transient());
    assert!(error.retry_after().unwrap() <= MINUTE);
    fixture.registry.advance(MINUTE);
    client.unyank(&token(), "demo", &version).unwrap();
}

#[test]
fn the_limit_of_a_day_comes_without_a_date_and_with_words() {
    let fixture = fixture(|limits| {
        limits.versions_per_day = Some(2);
        limits.new_versions = RateLimit {
            burst: 30,
            refill: MINUTE,
        };
    });
    let client = fixture.client();
    for version in ["1.0.0", "1.1.0"] {
        client.upload(&token(), &upload("demo", version)).unwrap();
    }
    let error = client
        .upload(&token(), &upload("demo", "1.2.0"))
        .unwrap_err();
    let UploadError::RateLimited {
        retry_after: None,
        detail,
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert!(detail.contains("in the last 24 hours"), "{detail}");
    fixture.registry.advance(24 * 60 * MINUTE);
    client.upload(&token(), &upload("demo", "1.2.0")).unwrap();
}
