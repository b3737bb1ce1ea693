//! What responses mean, whoever gives them: statuses, and errors in the body of a success.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;
use stagegate_registry::crates_io::Rule;
use stagegate_registry::{AccessProblem, Registry, Token, Trial, Upload, UploadError, YankError};

/// Opens a registry that gives every write the same response.
fn registry(status: &str, headers: &str, body: &str) -> Registry {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let length = body.len();
    let response = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            // What is sent here is small: it comes with the head, or just after it.
            stream
                .set_read_timeout(Some(Duration::from_millis(100)))
                .unwrap();
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                request.extend_from_slice(&buffer[..count]);
                if request.starts_with(b"GET") {
                    break;
                }
            }
            let config =
                json!({"dl": "http://localhost", "api": format!("http://localhost:{port}")})
                    .to_string();
            let length = config.len();
            let _ = if request.starts_with(b"GET") {
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{config}"
                )
            } else {
                stream.write_all(response.as_bytes())
            };
        }
    });
    Registry::open(&format!("sparse+http://localhost:{port}/")).unwrap()
}

fn token() -> Token {
    Token::new("cio".to_owned())
}

fn upload(status: &str, headers: &str, body: &str) -> UploadError {
    let package = Upload {
        metadata: json!({"name": "demo", "vers": "1.0.0"}),
        bytes: b"x".to_vec(),
    };
    registry(status, headers, body)
        .upload(&token(), &package)
        .unwrap_err()
}

fn yank(status: &str, body: &str) -> YankError {
    registry(status, "", body)
        .yank(&token(), "demo", &"1.0.0".parse().unwrap())
        .unwrap_err()
}

fn errors(detail: &str) -> String {
    json!({"errors": [{"detail": detail}]}).to_string()
}

#[test]
fn errors_in_a_success_are_a_refusal() {
    let refused = upload(
        "200 OK",
        "",
        &errors("cannot upload a crate with a reserved name"),
    );
    assert!(
        matches!(
            refused,
            UploadError::Refused {
                status: 200,
                rule: Some(Rule::ReservedName),
                ..
            }
        ),
        "{refused:?}"
    );
    let there = upload(
        "200 OK",
        "",
        &errors("crate version `1.0.0` is already uploaded"),
    );
    assert!(
        matches!(there, UploadError::AlreadyUploaded { .. }),
        "{there:?}"
    );
    let access = upload("200 OK", "", &errors("authentication failed"));
    assert_eq!(access.access_problem(), Some(AccessProblem::UnknownToken));
    let unheard_of = upload("200 OK", "", &errors("not on a Friday"));
    assert!(
        matches!(unheard_of, UploadError::Refused { rule: None, .. }),
        "{unheard_of:?}"
    );
    assert!(unheard_of.to_string().contains("not on a Friday"));
}

#[test]
fn what_the_package_causes_is_told_from_what_the_moment_causes() {
    let package = upload(
        "400 Bad Request",
        "",
        &errors("\"x y\" is an invalid keyword"),
    );
    assert!(!package.is_transient(), "{package:?}");
    let limited = upload(
        "429 Too Many Requests",
        "retry-after: 7\r\n",
        &errors("slow down"),
    );
    assert_eq!(limited.retry_after(), Some(Duration::from_secs(7)));
    let undated = upload("429 Too Many Requests", "", &errors("enough for today"));
    assert!(undated.is_transient() && undated.retry_after().is_none());
    assert!(undated.to_string().contains("enough for today"));
    let read_only = upload(
        "503 Service Unavailable",
        "",
        &errors("crates.io is currently in read-only mode."),
    );
    assert!(
        matches!(read_only, UploadError::ReadOnly { .. }),
        "{read_only:?}"
    );
    assert!(read_only.is_transient() && !read_only.is_ambiguous());
    let gateway = upload("503 Service Unavailable", "", "<html>");
    assert!(gateway.is_ambiguous(), "{gateway:?}");
    let slow = upload("408 Request Timeout", "", "");
    assert!(matches!(slow, UploadError::TimedOut { .. }), "{slow:?}");
    assert!(slow.is_ambiguous() && slow.is_transient());
    let deleted = upload(
        "400 Bad Request",
        "",
        &errors(
            "A crate with the name `demo` was recently deleted. Reuse of this name will be \
             available after 2026-12-01T10:00:00Z.",
        ),
    );
    let UploadError::Refused { free_again, .. } = &deleted else {
        panic!("{deleted:?}");
    };
    assert_eq!(*free_again, Some("2026-12-01T10:00:00Z".parse().unwrap()));
    assert!(!deleted.is_transient());
}

#[test]
fn a_yank_knows_what_passes() {
    for (status, body) in [
        (
            "503 Service Unavailable",
            errors("crates.io is currently in read-only mode."),
        ),
        ("502 Bad Gateway", String::new()),
        ("408 Request Timeout", String::new()),
        ("429 Too Many Requests", errors("slow down")),
    ] {
        let error = yank(status, &body);
        assert!(error.is_transient(), "{status}: {error:?}");
    }
    for (status, body) in [
        ("404 Not Found", errors("crate `demo` does not exist")),
        (
            "403 Forbidden",
            errors("must already be an owner to yank or unyank"),
        ),
        ("400 Bad Request", errors("no")),
    ] {
        let error = yank(status, &body);
        assert!(!error.is_transient(), "{status}: {error:?}");
    }
    let broken = registry("200 OK", "", "{}").yank(
        &Token::new("line\nbreak".to_owned()),
        "demo",
        &"1.0.0".parse().unwrap(),
    );
    assert!(
        matches!(&broken, Err(error @ YankError::Unsendable { .. }) if !error.is_transient()),
        "{broken:?}"
    );
}

#[test]
fn a_trial_at_another_registry_tells_no_more_than_it_knows() {
    let try_at = |status: &str, detail: &str| {
        let version = "1.0.0".parse().unwrap();
        registry(status, "", &errors(detail)).try_upload(Some(&token()), "demo", &version)
    };
    let accepted = try_at("400 Bad Request", "invalid tarball length");
    assert_eq!(accepted, Trial::Accepted);
    let unknown = try_at("400 Bad Request", "unexpected end of body");
    assert!(matches!(unknown, Trial::Unknown { .. }), "{unknown:?}");
    let refused = try_at("403 Forbidden", "words of another registry");
    let Trial::Refused(error) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.access_problem(), Some(AccessProblem::Other));
}
