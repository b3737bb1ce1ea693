//! HTTP/1.1 messages: reads one request from a connection, writes one response.
//!
//! Bodies have a Content-Length; chunked requests are answered with 411, larger ones with
//! 413, and what is no request at all with 400.

use std::io::{self, BufRead, Read, Write};

/// No head of a request is larger.
const LARGEST_HEAD: usize = 16 * 1024;
/// No entry is larger.
const LARGEST_BODY: usize = 64 * 1024;

/// A request, read whole.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// E.g. `GET`.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the client wants the connection kept.
    pub keep_alive: bool,
}

/// A response to be written.
#[derive(Debug, PartialEq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Allow`, for 405.
    pub allow: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came instead of a request.
#[derive(Debug)]
pub enum Broken {
    /// The connection ended, or failed.
    Closed,
    /// Something that must be answered with this, and then closed.
    Answer(Response),
}

impl Response {
    /// Returns a response with a plain text body.
    pub fn text(status: u16, body: &str) -> Response {
        let body = format!("{body}\n").into_bytes();
        Response {
            status,
            content_type: "text/plain; charset=utf-8",
            allow: None,
            body,
        }
    }

    /// Returns a response with a JSON body.
    pub fn json(status: u16, body: String) -> Response {
        let body = body.into_bytes();
        Response {
            status,
            content_type: "application/json",
            allow: None,
            body,
        }
    }

    /// 405, naming what is allowed.
    pub fn method_not_allowed(allow: &'static str) -> Response {
        Response {
            allow: Some(allow),
            ..Response::text(405, "method not allowed")
        }
    }

    /// Writes head and body in one call, so that they travel in one packet.
    ///
    /// # Errors
    /// When the connection fails.
    pub fn write(&self, to: &mut impl Write, keep_alive: bool, head_only: bool) -> io::Result<()> {
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let allow = self
            .allow
            .map_or_else(String::new, |allow| format!("Allow: {allow}\r\n"));
        let mut bytes = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{allow}Connection: {connection}\r\n\r\n",
            self.status,
            reason(self.status),
            self.content_type,
            self.body.len(),
        )
        .into_bytes();
        if !head_only {
            bytes.extend(&self.body);
        }
        to.write_all(&bytes)?;
        to.flush()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        _ => "Internal Server Error",
    }
}

/// Reads one request.
///
/// # Errors
/// [`Broken::Closed`] between requests; [`Broken::Answer`] for what is no request.
pub fn read(from: &mut impl BufRead) -> Result<Request, Broken> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let before = head.len();
        let mut limited = from.take((LARGEST_HEAD - before) as u64);
        limited
            .read_until(b'\n', &mut head)
            .map_err(|_| Broken::Closed)?;
        if head.is_empty() {
            return Err(Broken::Closed);
        }
        if head.len() == before || head.len() >= LARGEST_HEAD {
            return Err(Broken::Answer(Response::text(
                400,
                "the head is cut off or too large",
            )));
        }
    }
    let refuse = |status, why: &str| Broken::Answer(Response::text(status, why));
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed
        .parse(&head)
        .map_err(|error| refuse(400, &error.to_string()))?;
    let field = |name: &str| {
        let header = parsed
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| {
            String::from_utf8_lossy(header.value)
                .trim()
                .to_ascii_lowercase()
        })
    };
    if field("transfer-encoding").is_some() {
        return Err(refuse(411, "send a Content-Length"));
    }
    let length = match field("content-length") {
        None => 0,
        Some(text) => text
            .parse()
            .map_err(|_| refuse(400, "Content-Length is no number"))?,
    };
    if length > LARGEST_BODY {
        return Err(refuse(413, "an entry has 64 KiB at most"));
    }
    let connection = field("connection").unwrap_or_default();
    let keep_alive = match parsed.version {
        Some(1) => connection != "close",
        _ => connection == "keep-alive",
    };
    let target = parsed.path.unwrap_or("/");
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: target.split('?').next().unwrap_or("/").to_owned(),
        body: vec![0; length],
        keep_alive,
    };
    from.read_exact(&mut request.body)
        .map_err(|_| Broken::Closed)?;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_or_answered() {
        let check = |text: &str, expected: Result<(&str, &str, &str, bool), u16>| match (
            read(&mut text.as_bytes()),
            expected,
        ) {
            (Ok(got), Ok((method, path, body, keep_alive))) => {
                let expected = Request {
                    method: method.into(),
                    path: path.into(),
                    body: body.into(),
                    keep_alive,
                };
                assert_eq!(got, expected);
            }
            (Err(Broken::Answer(response)), Err(status)) => assert_eq!(response.status, status),
            (Err(Broken::Closed), Err(0)) => {}
            (got, _) => panic!("{text:?}: {got:?}"),
        };
        check(
            "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n",
            Ok(("GET", "/a", "", true)),
        );
        check(
            "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
            Ok(("GET", "/", "", false)),
        );
        check("GET / HTTP/1.0\r\n\r\n", Ok(("GET", "/", "", false)));
        check(
            "POST /e HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi",
            Ok(("POST", "/e", "hi", true)),
        );
        check("", Err(0));
        check("POST /e HTTP/1.1\r\nContent-Length: 9\r\n\r\nhi", Err(0));
        check("GET / HTTP/1.1\r\nHost", Err(400));
        check("nonsense\r\n\r\n", Err(400));
        check("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", Err(400));
        check("POST / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n", Err(413));
        check(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            Err(411),
        );
        check(
            &format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000)),
            Err(400),
        );
    }

    #[test]
    fn a_response_says_whether_the_connection_stays() {
        let mut bytes = Vec::new();
        Response::text(200, "hi")
            .write(&mut bytes, false, false)
            .unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(
            text.contains("Connection: close\r\n") && text.ends_with("\r\n\r\nhi\n"),
            "{text}"
        );
    }
}
