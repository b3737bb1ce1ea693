//! The backend: a thread per connection, keep-alive, and the guestbook's few routes.
//!
//! A kept-alive connection is given up after [`LONGEST_CONNECTION`], and announces it
//! with `Connection: close`: so a busy client moves to the release that has taken over,
//! without losing a request.

use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::message::{self, Broken, Request, Response};
use crate::store::{Store, json_string};
use crate::{COMMIT, VERSION, files};

/// A connection is closed with the first answer after this time.
pub const LONGEST_CONNECTION: Duration = Duration::from_secs(2);
/// A connection without a request is closed after this time.
const LONGEST_SILENCE: Duration = Duration::from_secs(75);
/// How long the answer to `/slow` takes.
const SLOW: Duration = Duration::from_secs(5);

/// The guestbook, as its routes need it.
#[derive(Debug)]
pub struct Guestbook {
    /// The entries.
    pub store: Store,
    /// Where the bundle is, if this backend serves it.
    pub frontend: Option<PathBuf>,
}

/// Serves connections until the process ends.
///
/// # Errors
/// When the listener fails.
pub fn serve(listener: &TcpListener, guestbook: Guestbook) -> std::io::Result<()> {
    let guestbook = Arc::new(guestbook);
    loop {
        // A connection that is gone before it is accepted is no failure of the listener.
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        let guestbook = Arc::clone(&guestbook);
        std::thread::Builder::new().spawn(move || converse(&stream, &guestbook))?;
    }
}

pub(crate) fn converse(stream: &TcpStream, guestbook: &Guestbook) {
    let options = stream
        .set_nodelay(true)
        .and(stream.set_read_timeout(Some(LONGEST_SILENCE)));
    if options.is_err() {
        return;
    }
    let began = Instant::now();
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        // A proxy may send it on a connection that has carried other requests before.
        #[cfg(feature = "echo")]
        if crate::echo::is_asked(&mut reader) {
            return crate::echo::converse(reader, stream);
        }
        let request = match message::read(&mut reader) {
            Ok(request) => request,
            Err(Broken::Closed) => return,
            Err(Broken::Answer(response)) => {
                // The connection is given up either way.
                drop(response.write(&mut writer, false, false));
                return;
            }
        };
        let keep = request.keep_alive && began.elapsed() < LONGEST_CONNECTION;
        let response = guestbook.answer(&request);
        let head_only = request.method == "HEAD";
        if response.write(&mut writer, keep, head_only).is_err() || !keep {
            return;
        }
    }
}

impl Guestbook {
    /// Returns the response to a request.
    pub fn answer(&self, request: &Request) -> Response {
        match (request.path.as_str(), request.method.as_str()) {
            ("/health", "GET" | "HEAD") => health(),
            ("/version", "GET" | "HEAD") => Response::text(200, VERSION),
            ("/slow", "GET" | "HEAD") => slow(),
            ("/entries", "GET" | "HEAD") => self.entries(),
            ("/entries", "POST") => self.sign(&request.body),
            ("/entries", _) => Response::method_not_allowed("GET, HEAD, POST"),
            (path, "GET" | "HEAD") => self
                .frontend
                .as_ref()
                .and_then(|root| files::serve(root, path))
                .unwrap_or_else(|| Response::text(404, "there is nothing here")),
            _ => Response::method_not_allowed("GET, HEAD"),
        }
    }

    fn entries(&self) -> Response {
        match self.store.entries() {
            Ok(entries) => Response::json(200, entries),
            Err(error) => broken_store(&error),
        }
    }

    fn sign(&self, body: &[u8]) -> Response {
        let text = std::str::from_utf8(body)
            .ok()
            .map(str::trim)
            .filter(|text| !text.is_empty());
        let Some(text) = text else {
            return Response::text(400, "an entry is text, and not empty");
        };
        match self.store.append(text) {
            Ok(()) => Response::json(201, format!("{{\"entry\":{}}}", json_string(text))),
            Err(error) => broken_store(&error),
        }
    }
}

/// Answers a request that is under way for long, and then succeeds.
fn slow() -> Response {
    std::thread::sleep(SLOW);
    Response::text(200, VERSION)
}

fn health() -> Response {
    let commit = COMMIT.map_or_else(|| "null".to_owned(), json_string);
    let version = json_string(VERSION);
    Response::json(
        200,
        format!(r#"{{"status":"ok","version":{version},"commit":{commit}}}"#),
    )
}

/// `<3>` is the journal's sign for an error.
fn broken_store(error: &std::io::Error) -> Response {
    eprintln!("<3>the store cannot be used: {error}");
    Response::text(500, "the store cannot be used")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn guestbook(name: &str) -> (Guestbook, PathBuf) {
        let path = std::env::temp_dir().join(format!("guestbook-{name}-{}", std::process::id()));
        drop(std::fs::remove_file(&path));
        let address = format!("file:{}", path.display());
        Store::migrate(&address).unwrap();
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("frontend/src");
        let store = Store::open(&address).unwrap();
        (
            Guestbook {
                store,
                frontend: Some(root),
            },
            path,
        )
    }

    #[test]
    fn routes_answer_as_they_should() {
        let (guestbook, path) = guestbook("routes");
        let check = |method: &str, path: &str, body: &str, status: u16, part: &str| {
            let request = Request {
                method: method.into(),
                path: path.into(),
                body: body.into(),
                keep_alive: true,
            };
            let response = guestbook.answer(&request);
            let text = String::from_utf8_lossy(&response.body).into_owned();
            assert_eq!(response.status, status, "{method} {path}: {text}");
            assert!(text.contains(part), "{method} {path}: {text}");
        };
        check(
            "GET",
            "/health",
            "",
            200,
            &format!("\"version\":\"{VERSION}\""),
        );
        check("GET", "/version", "", 200, VERSION);
        check("GET", "/entries", "", 200, "[]");
        check("POST", "/entries", "hello", 201, "hello");
        check("GET", "/entries", "", 200, "[\"hello\"]");
        check("POST", "/entries", " \n", 400, "not empty");
        check("DELETE", "/entries", "", 405, "not allowed");
        check("POST", "/health", "", 405, "not allowed");
        check("GET", "/", "", 200, "<!doctype html>");
        check("GET", "/nowhere", "", 404, "nothing here");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_connection_serves_several_requests_and_then_closes() {
        let (guestbook, path) = guestbook("connection");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let serving = std::thread::spawn(move || converse(&server, &guestbook));
        client
            .write_all(
                b"GET /version HTTP/1.1\r\n\r\nPOST /entries HTTP/1.1\r\nContent-Length: 2\r\n\r\n\
                  hiGET /entries HTTP/1.1\r\nConnection: close\r\n\r\n",
            )
            .unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        serving.join().unwrap();
        assert_eq!(text.matches("HTTP/1.1 20").count(), 3, "{text}");
        assert!(text.ends_with("[\"hi\"]"), "{text}");
        std::fs::remove_file(path).unwrap();
    }
}
