//! A refusal that comes before an upload is read, through the whole client: it is the
//! outcome, at once, however large the package is.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use stagegate_fakes::registry::{Account, RateLimits, RegistryOptions};
use stagegate_registry::{AccessProblem, Token, Upload, UploadError};

use crate::fixture::{Fixture, metadata, token, upload};

/// Five megabytes behind good metadata. The fake would refuse them as an archive, and never
/// gets that far.
fn large(name: &str) -> Upload {
    Upload {
        bytes: vec![7; 5 << 20],
        ..upload(name, "1.0.0")
    }
}

/// Uploads, and takes care that the outcome comes at once and from one request.
fn check(fixture: &Fixture, token: &Token, name: &str, status: u16) -> UploadError {
    let client = fixture.client();
    let before = fixture.writes().len();
    let began = Instant::now();
    let error = client.upload(token, &large(name)).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1), "{error}");
    let writes = fixture.writes();
    assert_eq!(writes.len(), before + 1, "{writes:?}");
    assert_eq!(writes[before].1, Some(status), "{error}");
    assert!(!error.is_ambiguous(), "{error}");
    error
}

/// The fake itself: who sends the metadata alone, and promises five megabytes, hears the
/// answer at once, and the connection is closed.
#[test]
fn the_fake_answers_and_closes_with_the_body_unread() {
    let fixture = Fixture::new();
    let metadata = metadata("demo", "1.0.0").to_string();
    let length = 5 << 20;
    let mut request = format!(
        "PUT /api/v1/crates/new HTTP/1.1\r\nHost: x\r\nUser-Agent: a test of stagegate\r\n\
         Authorization: cioWrong\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.extend(u32::try_from(metadata.len()).unwrap().to_le_bytes());
    request.extend(metadata.as_bytes());
    let mut stream = TcpStream::connect(fixture.registry.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    stream.write_all(&request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("authentication failed"), "{answer}");
}

#[test]
fn a_wrong_token() {
    let fixture = Fixture::new();
    let wrong = Token::new("cioNotTheSecretNotTheSecretNotTheSe".to_owned());
    let error = check(&fixture, &wrong, "demo", 403);
    assert_eq!(error.access_problem(), Some(AccessProblem::UnknownToken));
    let foreign = Token::new("not-a-token-of-crates-io".to_owned());
    let error = check(&fixture, &foreign, "demo", 401);
    assert_eq!(error.access_problem(), Some(AccessProblem::UnknownToken));
}

#[test]
fn an_account_without_a_verified_address() {
    let secret = "cioUnverifiedUnverifiedUnverifiedUn";
    let fixture = Fixture::with(|options: &mut RegistryOptions| {
        options.accounts.push(Account {
            has_verified_email: false,
            ..Account::new("newcomer", secret)
        });
    });
    let error = check(&fixture, &Token::new(secret.to_owned()), "demo", 400);
    assert_eq!(error.access_problem(), Some(AccessProblem::UnverifiedEmail));
    assert!(error.to_string().contains("verify the e-mail"), "{error}");
}

#[test]
fn a_rate_limit() {
    let fixture = Fixture::with(|options| options.limits = Some(RateLimits::crates_io()));
    let client = fixture.client();
    for number in 0..5 {
        let package = upload(&format!("demo-{number}"), "1.0.0");
        client.upload(&token(), &package).unwrap();
    }
    let error = check(&fixture, &token(), "demo-6", 429);
    let wait = error.retry_after().unwrap();
    let about = Duration::from_secs(500)..=Duration::from_secs(600);
    assert!(about.contains(&wait), "{wait:?}");
    assert!(error.to_string().contains("too many new crates"), "{error}");
}

#[test]
fn a_package_that_is_too_large() {
    let fixture = Fixture::new();
    let client = fixture.client();
    let package = Upload {
        bytes: vec![7; (10 << 20) + 1],
        ..upload("demo", "1.0.0")
    };
    let error = client.upload(&token(), &package).unwrap_err();
    assert!(
        matches!(error, UploadError::Refused { status: 413, .. }),
        "{error}"
    );
}
