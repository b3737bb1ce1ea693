//! Just enough HTTP/1.1 to ask a slot how it is, over a channel of the SSH connection.
//!
//! One request per channel, `Connection: close`, and an answer read to its end. It
//! understands Content-Length, chunked bodies and bodies that end with the connection;
//! it follows no redirect and speaks no TLS: the backend is on the host itself.

use std::fmt;

/// An answer of the backend.
#[derive(Clone, PartialEq)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Body, decoded.
    pub body: Vec<u8>,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "HttpResponse({}, {} bytes)",
            self.status,
            self.body.len()
        )
    }
}

impl HttpResponse {
    /// Returns the string field of a JSON body, e.g. `version`.
    pub(crate) fn json_field(&self, name: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        Some(body.get(name)?.as_str()?.to_owned())
    }
}

/// Returns the bytes of a request that asks for one answer.
pub(crate) fn request(port: u16, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: stagegate/{}\r\n\
         Accept: */*\r\nConnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// Parses a whole response; the error says what is wrong with it.
pub(crate) fn parse(bytes: &[u8]) -> Result<HttpResponse, String> {
    let blank = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(end) = blank else {
        let got = bytes.len();
        return Err(format!(
            "the connection was closed within the head, after {got} bytes"
        ));
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "its head is not text".to_owned())?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| format!("its first line is no HTTP/1 status: {status_line:?}"))?;
    let field = |name: &str| {
        head.split("\r\n").skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let body = &bytes[end + 4..];
    let chunked = field("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
    if chunked {
        return Ok(HttpResponse {
            status,
            body: unchunk(body)?,
        });
    }
    let Some(length) = field("content-length") else {
        return Ok(HttpResponse {
            status,
            body: body.to_vec(),
        });
    };
    let length: usize = length
        .parse()
        .map_err(|_| format!("its Content-Length is {length:?}"))?;
    match body.get(..length) {
        Some(body) => Ok(HttpResponse {
            status,
            body: body.to_vec(),
        }),
        None => Err(format!(
            "its body ended after {} of {length} bytes",
            body.len()
        )),
    }
}

fn unchunk(mut rest: &[u8]) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let broken = || "its chunked body is broken".to_owned();
    loop {
        let line_end = rest
            .windows(2)
            .position(|w| w == b"\r\n")
            .ok_or_else(broken)?;
        let line = std::str::from_utf8(&rest[..line_end]).map_err(|_| broken())?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| broken())?;
        rest = &rest[line_end + 2..];
        if size == 0 {
            return Ok(body);
        }
        body.extend(rest.get(..size).ok_or_else(broken)?);
        rest = rest[size..].strip_prefix(b"\r\n").ok_or_else(broken)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_or_refused() {
        let check = |text: &str, expected: Result<(u16, &str), &str>| match (
            parse(text.as_bytes()),
            expected,
        ) {
            (Ok(answer), Ok((status, body))) => {
                assert_eq!(
                    (answer.status, answer.body.as_slice()),
                    (status, body.as_bytes())
                );
            }
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (got, _) => panic!("{text:?}: {got:?}"),
        };
        check(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore",
            Ok((200, "ok")),
        );
        check("HTTP/1.0 503 Busy\r\n\r\nwait", Ok((503, "wait")));
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n",
            Ok((200, "abcde")),
        );
        check(
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
            Err("after 2 of 9"),
        );
        check("HTTP/1.1 200 OK\r\nContent-Le", Err("within the head"));
        check("", Err("after 0 bytes"));
        check("SSH-2.0-x\r\n\r\n\r\n", Err("no HTTP/1 status"));
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            Err("broken"),
        );
    }

    #[test]
    fn a_version_is_found_in_json() {
        let answer = |body: &str| HttpResponse {
            status: 200,
            body: body.into(),
        };
        assert_eq!(
            answer(r#"{"version":"1.0.0"}"#)
                .json_field("version")
                .as_deref(),
            Some("1.0.0")
        );
        assert_eq!(answer(r#"{"version":1}"#).json_field("version"), None);
        assert_eq!(answer("ok").json_field("version"), None);
    }
}
