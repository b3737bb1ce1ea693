//! A response that comes before the upload is sent to its end is the upload's outcome.
//!
//! The server here does what crates.io does: it reads the head of the request, responds, and
//! closes the connection with most of the body unread.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use stagegate_registry::{AccessProblem, Registry, Timeouts, Token, Upload, UploadError};

/// Larger than all buffers between two ends of a connection.
const BODY: usize = 5 << 20;

const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\n";
const LIMITED: &str = "HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\n\
    date: Fri, 20 Nov 2026 12:00:00 GMT\r\nretry-after: Fri, 20 Nov 2026 12:10:00 GMT\r\n";
const BAD_REQUEST: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n";
const TOO_LARGE: &str = "HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\n";

/// What happens to the connection behind the early response.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Closes,
    /// It stays open, and nothing more is read.
    Stalls,
}

/// Serves `config.json`, then responds to uploads without reading them.
fn serve<S: Read>(
    mut stream: S,
    send: fn(&mut S, &[u8]) -> std::io::Result<()>,
    base: &str,
    response: &str,
    end: End,
) {
    let mut head = Vec::new();
    let mut reader = BufReader::with_capacity(1024, &mut stream);
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    if head.starts_with(b"GET") {
        let config = json!({"dl": base, "api": base}).to_string();
        let length = config.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{config}"
        );
        let _ = send(&mut stream, head.as_bytes());
        return;
    }
    let _ = send(&mut stream, response.as_bytes());
    if end == End::Stalls {
        std::thread::sleep(Duration::from_secs(5));
    }
}

fn response(head: &str, detail: &str) -> String {
    let body = json!({"errors": [{"detail": detail}]}).to_string();
    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
}

/// Starts a plain server; its threads end with the process.
fn start(response: String, end: End) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let response = response.clone();
            let base = format!("http://localhost:{port}");
            let send = |stream: &mut TcpStream, bytes: &[u8]| stream.write_all(bytes);
            std::thread::spawn(move || serve(stream, send, &base, &response, end));
        }
    });
    format!("sparse+http://localhost:{port}/")
}

fn upload() -> Upload {
    Upload {
        metadata: json!({"name": "demo", "vers": "1.0.0"}),
        bytes: vec![7; BODY],
    }
}

/// Uploads to a server that responds early, and returns the outcome.
fn check(head: &str, detail: &str) -> UploadError {
    let client = Registry::open(&start(response(head, detail), End::Closes)).unwrap();
    let began = Instant::now();
    let error = client
        .upload(&Token::new("cio".to_owned()), &upload())
        .unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1), "{error}");
    assert!(error.to_string().contains(detail), "{error}");
    assert!(!error.is_ambiguous(), "{error}");
    error
}

#[test]
fn a_refused_token_is_told_before_the_body_is_read() {
    let error = check(FORBIDDEN, "authentication failed");
    assert_eq!(error.access_problem(), Some(AccessProblem::UnknownToken));
}

#[test]
fn a_rate_limit_is_told_before_the_body_is_read() {
    let error = check(LIMITED, "You have published too many new crates");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(600)));
    assert!(error.is_transient());
}

#[test]
fn an_unverified_address_is_told_before_the_body_is_read() {
    let error = check(BAD_REQUEST, "A verified email address is required");
    assert_eq!(error.access_problem(), Some(AccessProblem::UnverifiedEmail));
}

#[test]
fn a_package_that_is_too_large_is_told_before_the_body_is_read() {
    let error = check(TOO_LARGE, "max upload size is: 10485760");
    assert!(
        matches!(error, UploadError::Refused { status: 413, .. }),
        "{error}"
    );
}

#[test]
fn a_connection_that_is_closed_without_a_response_stays_ambiguous() {
    let client = Registry::open(&start(String::new(), End::Closes)).unwrap();
    let error = client
        .upload(&Token::new("cio".to_owned()), &upload())
        .unwrap_err();
    assert!(error.is_ambiguous(), "{error:?}");
}

#[test]
fn a_response_counts_when_the_registry_reads_no_further_and_does_not_close() {
    let index = start(response(FORBIDDEN, "authentication failed"), End::Stalls);
    let timeouts = Timeouts {
        response: Duration::from_secs(1),
        ..Timeouts::default()
    };
    let client = Registry::open_with(&index, timeouts).unwrap();
    let error = client
        .upload(&Token::new("cio".to_owned()), &upload())
        .unwrap_err();
    assert_eq!(
        error.access_problem(),
        Some(AccessProblem::UnknownToken),
        "{error}"
    );
}

/// Set for the child process that trusts the authority of this test.
const CHILD: &str = "STAGEGATE_TEST_TLS_INDEX";

#[test]
fn the_same_holds_over_tls_with_the_certificates_of_the_machine() {
    if let Ok(index) = std::env::var(CHILD) {
        let client = Registry::open(&index).unwrap();
        let error = client
            .upload(&Token::new("cio".to_owned()), &upload())
            .unwrap_err();
        assert_eq!(
            error.access_problem(),
            Some(AccessProblem::UnknownToken),
            "{error}"
        );
        return;
    }
    let index = start_tls(response(FORBIDDEN, "authentication failed"));
    // Whom nobody has told to trust the authority does not.
    let stranger = Registry::open(&index).unwrap_err();
    assert!(stranger.to_string().contains("certificate"), "{stranger}");
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_same_holds_over_tls_with_the_certificates_of_the_machine",
        ])
        .env(CHILD, &index)
        .env("SSL_CERT_FILE", format!("{directory}/authority.pem"))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{words}");
    assert!(words.contains("1 passed"), "{words}");
}

type Tls = rustls::StreamOwned<rustls::ServerConnection, TcpStream>;

fn start_tls(response: String) -> String {
    use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
    let certificate = CertificateDer::from(include_bytes!("tls/server.der").as_slice());
    let key = PrivatePkcs8KeyDer::from(include_bytes!("tls/server-key.der").as_slice());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, response) = (Arc::clone(&config), response.clone());
            // As servers do: what Nagle's algorithm holds back is lost when the connection
            // is closed with data unread.
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || {
                let Ok(connection) = rustls::ServerConnection::new(config) else {
                    return;
                };
                // Its own way to write would read as well, and fill its buffers.
                let send = |tls: &mut Tls, bytes: &[u8]| {
                    tls.conn.writer().write_all(bytes)?;
                    while tls.conn.wants_write() {
                        tls.conn.write_tls(&mut tls.sock)?;
                    }
                    Ok(())
                };
                let base = format!("https://localhost:{port}");
                serve(
                    Tls::new(connection, stream),
                    send,
                    &base,
                    &response,
                    End::Closes,
                );
            });
        }
    });
    format!("sparse+https://localhost:{port}/")
}
