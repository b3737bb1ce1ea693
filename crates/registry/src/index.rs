//! The index: where the file of a package is, and what its lines say.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::error::RegistryError;

/// One line of a package's index file: a published version.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct IndexVersion {
    /// The package, as it was first published.
    pub name: String,
    /// The version.
    pub vers: Version,
    /// SHA-256 of the `.crate` file, in lower-case hex.
    pub cksum: String,
    /// Whether the version was yanked.
    #[serde(default)]
    pub yanked: bool,
    /// What it depends on.
    #[serde(default)]
    pub deps: Vec<IndexDependency>,
    /// The native library it links to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<String>,
    /// The oldest Rust it says it builds with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rust_version: Option<String>,
}

/// A dependency in the index.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct IndexDependency {
    /// The name it has in the dependent's manifest.
    pub name: String,
    /// The requirement.
    pub req: String,
    /// `normal`, `build` or `dev`; none in old lines means `normal`.
    #[serde(default)]
    pub kind: Option<String>,
    /// The platform it is for, if not for all.
    #[serde(default)]
    pub target: Option<String>,
    /// Whether a feature has to ask for it.
    #[serde(default)]
    pub optional: bool,
    /// The index it comes from, if not from the same one.
    #[serde(default)]
    pub registry: Option<String>,
    /// Its own name, where it is renamed.
    #[serde(default)]
    pub package: Option<String>,
}

/// Checks that a registry can have a package of this name, so that it may stand in
/// an address.
pub(crate) fn check_name(name: &str) -> Result<(), RegistryError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        return Err(RegistryError::BadName {
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// Returns the directory of a package in the index, by the rule of the Cargo book. The
/// name is plain ASCII.
pub(crate) fn prefix(name: &str) -> String {
    match name.len() {
        1 => "1".to_owned(),
        2 => "2".to_owned(),
        3 => format!("3/{}", &name[..1]),
        _ => format!("{}/{}", &name[..2], &name[2..4]),
    }
}

/// Returns the path of a package's file in the index.
pub(crate) fn path(name: &str) -> String {
    let name = name.to_lowercase();
    format!("{}/{name}", prefix(&name))
}

/// Reads the versions in an index file. A line of a newer format than this one is
/// read as far as its fields are known.
pub(crate) fn parse(url: &str, text: &[u8]) -> Result<Vec<IndexVersion>, RegistryError> {
    text.split(|&byte| byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|error| RegistryError::Malformed {
                url: url.to_owned(),
                detail: format!("line {}: {error}", at + 1),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_by_length_of_the_name() {
        let check = |name: &str, expected: &str| assert_eq!(path(name), expected);
        check("a", "1/a");
        check("ab", "2/ab");
        check("abc", "3/a/abc");
        check("MyCrate", "my/cr/mycrate");
        for name in ["", "a/b", "..", "ünï", "a b"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn lines_of_old_and_new_formats() {
        let text =
            b"{\"name\":\"a\",\"vers\":\"0.1.0\",\"deps\":[{\"name\":\"b\",\"req\":\"^1\"}],\
            \"cksum\":\"00\",\"features\":{},\"yanked\":true}\n\
            {\"name\":\"a\",\"vers\":\"0.2.0+b\",\"deps\":[],\"cksum\":\"11\",\"features\":{},\
            \"features2\":{},\"v\":2,\"pubtime\":\"2026-01-01T00:00:00Z\"}\n";
        let versions = parse("u", text).unwrap();
        assert!(versions[0].yanked && !versions[1].yanked);
        assert_eq!(versions[0].deps[0].kind, None);
        assert_eq!(versions[1].vers.to_string(), "0.2.0+b");
        let error = parse("u", b"\n<html>").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
