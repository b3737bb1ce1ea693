//! What an upload says of its package: the `NewCrate` document.

use std::collections::BTreeMap;

use semver::Version;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::refusal::Refusal;

/// The document; a field that is not in it is refused rather than ignored.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCrate {
    pub(crate) name: String,
    pub(crate) vers: String,
    pub(crate) deps: Vec<NewDependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    #[serde(default, rename = "authors")]
    _authors: Vec<String>,
    pub(crate) description: Option<String>,
    pub(crate) documentation: Option<String>,
    pub(crate) homepage: Option<String>,
    #[serde(rename = "readme")]
    _readme: Option<String>,
    #[serde(rename = "readme_file")]
    _readme_file: Option<String>,
    #[serde(default)]
    pub(crate) keywords: Vec<String>,
    #[serde(default)]
    pub(crate) categories: Vec<String>,
    pub(crate) license: Option<String>,
    pub(crate) license_file: Option<String>,
    pub(crate) repository: Option<String>,
    #[serde(default, rename = "badges")]
    _badges: Map<String, Value>,
    pub(crate) links: Option<String>,
    pub(crate) rust_version: Option<String>,
}

/// A dependency in the document.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDependency {
    pub(crate) optional: bool,
    pub(crate) default_features: bool,
    pub(crate) name: String,
    pub(crate) features: Vec<String>,
    pub(crate) version_req: String,
    pub(crate) target: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) registry: Option<String>,
    pub(crate) explicit_name_in_toml: Option<String>,
}

/// The kinds of dependencies that the protocol knows.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// An upload in its parts.
#[derive(Debug, Clone)]
pub(crate) struct NewUpload {
    pub(crate) metadata: NewCrate,
    pub(crate) version: Version,
    pub(crate) bytes: Vec<u8>,
}

impl NewUpload {
    /// Takes the body of an upload apart: both parts behind their lengths.
    pub(crate) fn parse(body: &[u8]) -> Result<NewUpload, Refusal> {
        let (document, rest) = part(body, "metadata")?;
        let (bytes, rest) = part(rest, "tarball")?;
        if !rest.is_empty() {
            return Err(Refusal::bad_request(format!(
                "invalid upload request: {} bytes behind the tarball",
                rest.len()
            )));
        }
        let metadata: NewCrate = serde_json::from_slice(document)
            .map_err(|error| Refusal::bad_request(format!("invalid upload request: {error}")))?;
        let version = Version::parse(&metadata.vers).map_err(|_| {
            Refusal::bad_request(format!(
                "\"{}\" is an invalid semver version",
                metadata.vers
            ))
        })?;
        Ok(NewUpload {
            metadata,
            version,
            bytes: bytes.to_vec(),
        })
    }

    /// The line that the index gets.
    pub(crate) fn index_line(&self, checksum: &str) -> Value {
        let metadata = &self.metadata;
        // Older cargos cannot read these, and look into `features` only.
        let is_new = |enables: &[String]| {
            enables
                .iter()
                .any(|e| e.starts_with("dep:") || e.contains("?/"))
        };
        let (new, old): (BTreeMap<_, _>, BTreeMap<_, _>) = metadata
            .features
            .iter()
            .partition(|(_, enables)| is_new(enables));
        let deps: Vec<Value> = metadata.deps.iter().map(NewDependency::index).collect();
        let mut line = json!({
            "name": metadata.name,
            "vers": metadata.vers,
            "deps": deps,
            "cksum": checksum,
            "features": old,
            "yanked": false,
        });
        if !new.is_empty() {
            line["features2"] = json!(new);
            line["v"] = json!(2);
        }
        if let Some(links) = &metadata.links {
            line["links"] = json!(links);
        }
        if let Some(rust_version) = &metadata.rust_version {
            line["rust_version"] = json!(rust_version);
        }
        line
    }
}

impl NewDependency {
    fn index(&self) -> Value {
        let mut dependency = json!({
            "name": self.explicit_name_in_toml.as_ref().unwrap_or(&self.name),
            "req": self.version_req,
            "features": self.features,
            "optional": self.optional,
            "default_features": self.default_features,
            "target": self.target,
            "kind": match self.kind {
                Kind::Normal => "normal",
                Kind::Build => "build",
                Kind::Dev => "dev",
            },
        });
        if self.explicit_name_in_toml.is_some() {
            dependency["package"] = json!(self.name);
        }
        dependency
    }
}

fn part<'b>(body: &'b [u8], what: &str) -> Result<(&'b [u8], &'b [u8]), Refusal> {
    let invalid = |length: &dyn std::fmt::Display| {
        Refusal::bad_request(format!(
            "invalid {what} length for remaining payload: {length}"
        ))
    };
    let (length, rest) = body
        .split_first_chunk::<4>()
        .ok_or_else(|| invalid(&"none"))?;
    let length = u32::from_le_bytes(*length);
    let end = usize::try_from(length).map_err(|_| invalid(&length))?;
    if end > rest.len() {
        return Err(invalid(&length));
    }
    Ok(rest.split_at(end))
}
