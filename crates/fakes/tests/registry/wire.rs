//! Requests byte by byte: what no client would send, and what comes back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::EntryType;
use toml_edit::DocumentMut;

use crate::fixture::TOKEN;

/// Where identities are exchanged, and tokens given back.
pub(crate) const TOKENS: &str = "/api/v1/trusted_publishing/tokens";

/// A request, as it goes over the wire.
pub(crate) struct Sent {
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

pub(crate) fn call(method: &'static str, path: &'static str) -> Sent {
    Sent {
        method,
        path,
        headers: vec![("User-Agent", "a test of stagegate".to_owned())],
        body: Vec::new(),
    }
}

pub(crate) fn exchange(body: &str) -> Sent {
    let mut sent = call("POST", TOKENS).with_body(body);
    sent.headers
        .push(("Content-Type", "application/json".to_owned()));
    sent
}

impl Sent {
    pub(crate) fn token(mut self, token: Option<&str>) -> Sent {
        self.headers
            .extend(token.map(|token| ("Authorization", token.to_owned())));
        self
    }

    pub(crate) fn with_body(mut self, body: &str) -> Sent {
        self.body = body.as_bytes().to_vec();
        self
    }

    pub(crate) fn nameless(mut self) -> Sent {
        self.headers.clear();
        self
    }

    /// Sends it, and reads whatever comes back, even if not all of it was taken.
    pub(crate) fn send(&self, address: SocketAddr) -> (u16, String) {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.method,
            self.path,
            self.body.len()
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // An early answer makes this fail, and is read all the same.
        let _ = stream.write_all(&self.body);
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while let Result::Ok(count @ 1..) = stream.read(&mut buffer) {
            answer.extend_from_slice(&buffer[..count]);
        }
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (status.unwrap_or(0), body.to_owned())
    }
}

/// An upload, from a good one with changes.
pub(crate) struct Draft {
    name: String,
    version: String,
    token: Option<String>,
    manifest: DocumentMut,
    /// In the place of the manifest above.
    text: Option<String>,
    manifest_name: &'static str,
    entries: Vec<(EntryType, &'static str)>,
    json: Value,
    /// In the place of the document above.
    whole_json: Option<String>,
    archive: Option<Vec<u8>>,
    behind: Vec<u8>,
    body: Option<Vec<u8>>,
}

pub(crate) fn draft(name: &str) -> Draft {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\ndescription = \"d\"\nlicense = \"MIT\"\n"
    );
    Draft {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        token: Some(TOKEN.to_owned()),
        manifest: manifest.parse().unwrap(),
        text: None,
        manifest_name: "Cargo.toml",
        entries: Vec::new(),
        json: json!({"name": name, "vers": "1.0.0"}),
        whole_json: None,
        archive: None,
        behind: Vec::new(),
        body: None,
    }
}

pub(crate) fn features(count: usize) -> String {
    let lines = (0..count).map(|number| format!("f{number} = []\n"));
    format!("[features]\n{}", lines.collect::<String>())
}

pub(crate) fn dependencies(count: usize) -> String {
    let lines = (0..count).map(|number| format!("d{number} = \"1\"\n"));
    format!("[dependencies]\n{}", lines.collect::<String>())
}

impl Draft {
    pub(crate) fn version(mut self, version: &str) -> Draft {
        self.version = version.to_owned();
        self.json["vers"] = json!(version);
        self.set("version", version)
    }

    pub(crate) fn token(mut self, token: Option<&str>) -> Draft {
        self.token = token.map(str::to_owned);
        self
    }

    pub(crate) fn set(mut self, key: &str, text: &str) -> Draft {
        self.manifest["package"][key] = toml_edit::value(text);
        self
    }

    pub(crate) fn list(mut self, key: &str, texts: &[&str]) -> Draft {
        let array: toml_edit::Array = texts.iter().copied().collect();
        self.manifest["package"][key] = toml_edit::value(array);
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Draft {
        self.manifest["package"].as_table_mut().unwrap().remove(key);
        self
    }

    pub(crate) fn raw_field(self, key: &str, value: &str) -> Draft {
        let text = format!("{}{key} = {value}\n", self.manifest);
        self.manifest(&text)
    }

    pub(crate) fn tail(self, tail: &str) -> Draft {
        let text = format!("{}{tail}", self.manifest);
        self.manifest(&text)
    }

    pub(crate) fn dependency(self, line: &str) -> Draft {
        self.tail(&format!("[dependencies]\n{line}\n"))
    }

    pub(crate) fn manifest(mut self, text: &str) -> Draft {
        self.text = Some(text.to_owned());
        self
    }

    pub(crate) fn manifest_as(mut self, name: &'static str) -> Draft {
        self.manifest_name = name;
        self
    }

    pub(crate) fn entry(mut self, kind: EntryType, path: &'static str) -> Draft {
        self.entries.push((kind, path));
        self
    }

    pub(crate) fn json(mut self, key: &str, text: &str) -> Draft {
        self.json[key] = json!(text);
        self
    }

    pub(crate) fn whole_json(mut self, text: &str) -> Draft {
        self.whole_json = Some(text.to_owned());
        self
    }

    pub(crate) fn archive(mut self, bytes: &[u8]) -> Draft {
        self.archive = Some(bytes.to_vec());
        self
    }

    pub(crate) fn behind(mut self, bytes: &[u8]) -> Draft {
        self.behind = bytes.to_vec();
        self
    }

    pub(crate) fn body(mut self, bytes: &[u8]) -> Draft {
        self.body = Some(bytes.to_vec());
        self
    }

    fn packed(&self) -> Vec<u8> {
        let text = self
            .text
            .clone()
            .unwrap_or_else(|| self.manifest.to_string());
        let encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let mut archive = tar::Builder::new(encoder);
        let root = format!("{}-{}", self.name, self.version);
        let manifest = format!("{root}/{}", self.manifest_name);
        let first = (EntryType::Regular, manifest.as_str());
        for (kind, path) in std::iter::once(first).chain(self.entries.iter().copied()) {
            let is_manifest = path.to_lowercase().ends_with("toml") || path == manifest;
            let content = if is_manifest { text.as_str() } else { "" };
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            // As it is: a path that no archive should have must get in here.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            archive.append(&header, content.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }
}

impl From<Draft> for Sent {
    fn from(draft: Draft) -> Sent {
        let json = draft
            .whole_json
            .clone()
            .unwrap_or_else(|| draft.json.to_string());
        // A name or version that is too long for an archive is refused before it is read.
        let is_short = draft.name.len() + draft.version.len() < 80;
        let archive = match &draft.archive {
            Some(archive) => archive.clone(),
            None if is_short => draft.packed(),
            None => Vec::new(),
        };
        let mut body = Vec::new();
        for part in [json.as_bytes(), &archive] {
            body.extend(u32::try_from(part.len()).unwrap().to_le_bytes());
            body.extend_from_slice(part);
        }
        body.extend_from_slice(&draft.behind);
        let mut sent = call("PUT", "/api/v1/crates/new").token(draft.token.as_deref());
        sent.body = draft.body.clone().unwrap_or(body);
        sent
    }
}
