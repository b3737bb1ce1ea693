//! Publishing a version: one request, one of six outcomes.

use std::time::Duration;

use serde_json::Value;

use crate::api::{self, Failure};
use crate::registry::Registry;
use crate::token::Token;

/// What is uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The `NewCrate` document, see [`new_crate`](crate::new_crate()).
    pub metadata: Value,
    /// The `.crate` file.
    pub bytes: Vec<u8>,
}

/// A version that the registry has taken. It may take a while until the index
/// shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// What the registry has to remark, such as unknown categories.
    pub warnings: Vec<String>,
}

/// Why an upload was no success. `package` is name and version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// The registry has this version, with these bytes or with others.
    #[error(
        "cannot upload {package}: the registry has this version already; compare its checksum \
         in the index, and choose a new version if it differs"
    )]
    AlreadyUploaded {
        /// What was uploaded.
        package: String,
    },
    /// Too many uploads; nothing happened.
    #[error("cannot upload {package} yet: {detail}; wait and try again")]
    RateLimited {
        /// What was uploaded.
        package: String,
        /// How long to wait, where the registry says so.
        retry_after: Option<Duration>,
        /// What the registry says.
        detail: String,
    },
    /// The token is missing, wrong, expired, or not enough; nothing happened.
    #[error(
        "not allowed to upload {package}: {detail}; check the token, its scopes and the owners"
    )]
    Unauthorized {
        /// What was uploaded.
        package: String,
        /// What the registry says.
        detail: String,
    },
    /// The registry does not take the package; nothing happened.
    #[error(
        "the registry refused {package} (status {status}): {detail}; mend the package, then try again"
    )]
    Refused {
        /// What was uploaded.
        package: String,
        /// The status of the answer; 200 where a registry puts errors into it.
        status: u16,
        /// What the registry says.
        detail: String,
    },
    /// The request was sent, and nobody can say what became of it.
    #[error(
        "it is not known whether {package} was uploaded: {cause}; \
         look for it in the index before another try"
    )]
    Ambiguous {
        /// What was uploaded.
        package: String,
        /// What happened instead of an answer.
        cause: String,
    },
    /// Nothing was sent.
    #[error(
        "cannot reach the registry to upload {package}: {cause}; check the network, then try again"
    )]
    Unreachable {
        /// What was to be uploaded.
        package: String,
        /// What is in the way.
        cause: String,
    },
}

impl Registry {
    /// Uploads a version. The request is sent once, whatever happens.
    ///
    /// # Errors
    ///
    /// [`UploadError`].
    pub fn upload(&self, token: &Token, package: &Upload) -> Result<Uploaded, UploadError> {
        let name = describe(&package.metadata);
        let unsent = |cause: &str| UploadError::Unreachable {
            package: name.clone(),
            cause: cause.to_owned(),
        };
        let Some(api) = &self.inner.config.api else {
            return Err(unsent(
                "its config.json states no `api`, so it takes no packages",
            ));
        };
        let metadata = seen_from(&self.inner.index, package.metadata.clone());
        let body = body(&metadata, &package.bytes)
            .ok_or_else(|| unsent("the package is larger than 4 GiB"))?;
        let url = format!("{api}/api/v1/crates/new");
        match api::call(self, "PUT", &url, Some(token), &body) {
            Ok(document) => Ok(Uploaded {
                warnings: warnings(&document),
            }),
            Err(failure) => Err(outcome(name, failure)),
        }
    }
}

/// Name and version for people.
fn describe(metadata: &Value) -> String {
    let field = |key: &str| metadata.get(key).and_then(Value::as_str).unwrap_or("?");
    format!("`{}` {}", field("name"), field("vers"))
}

/// A registry does not name itself: a dependency of its own has no `registry`,
/// whatever the manifest says.
fn seen_from(index: &str, mut metadata: Value) -> Value {
    let dependencies = metadata.get_mut("deps").and_then(Value::as_array_mut);
    for dependency in dependencies.into_iter().flatten() {
        if let Some(registry) = dependency.get_mut("registry")
            && registry == index
        {
            *registry = Value::Null;
        }
    }
    metadata
}

/// Length and text of the metadata, length and bytes of the package, the
/// lengths as 32-bit little-endian.
fn body(metadata: &Value, bytes: &[u8]) -> Option<Vec<u8>> {
    let metadata = metadata.to_string();
    let mut body = Vec::with_capacity(8 + metadata.len() + bytes.len());
    for part in [metadata.as_bytes(), bytes] {
        body.extend(u32::try_from(part.len()).ok()?.to_le_bytes());
        body.extend_from_slice(part);
    }
    Some(body)
}

fn outcome(package: String, failure: Failure) -> UploadError {
    match failure {
        Failure::Refused { status, detail } if is_already_uploaded(status, &detail) => {
            UploadError::AlreadyUploaded { package }
        }
        Failure::Refused { status, detail } => UploadError::Refused {
            package,
            status,
            detail,
        },
        Failure::RateLimited {
            retry_after,
            detail,
        } => UploadError::RateLimited {
            package,
            retry_after,
            detail,
        },
        Failure::Unauthorized { detail, .. } => UploadError::Unauthorized { package, detail },
        Failure::Ambiguous { cause } => UploadError::Ambiguous { package, cause },
        Failure::Unreachable { cause } => UploadError::Unreachable { package, cause },
    }
}

/// The protocol has no code for this. crates.io says "crate version `1.0.0` is
/// already uploaded" (status 400, once 200), kellnr "Crate with version already
/// exists", others answer with status 409.
fn is_already_uploaded(status: u16, detail: &str) -> bool {
    let detail = detail.to_lowercase();
    status == 409
        || detail.contains("already uploaded")
        || detail.contains("version already exists")
}

fn warnings(document: &Value) -> Vec<String> {
    let list = |key: &str| {
        let list = document.get("warnings")?.get(key)?.as_array()?;
        Some(list.iter().filter_map(Value::as_str))
    };
    let mut warnings = Vec::new();
    for (key, meaning) in [
        ("invalid_categories", "unknown category: "),
        ("invalid_badges", "unknown badge: "),
        ("other", ""),
    ] {
        let remarks = list(key).into_iter().flatten();
        warnings.extend(remarks.map(|remark| format!("{meaning}{remark}")));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_body_is_framed_as_the_protocol_says() {
        assert_eq!(
            body(&json!({}), &[7, 8, 9]).unwrap(),
            [2, 0, 0, 0, b'{', b'}', 3, 0, 0, 0, 7, 8, 9]
        );
    }

    #[test]
    fn what_registries_say_of_a_version_they_have() {
        for (status, detail) in [
            (400, "crate version `1.0.0` is already uploaded"),
            (200, "crate version `1.0.0` is already uploaded"),
            (400, "ERROR: Crate with version already exists: a-1.0.0"),
            (409, "conflict"),
        ] {
            assert!(is_already_uploaded(status, detail), "{detail}");
        }
        assert!(!is_already_uploaded(400, "missing description"));
    }

    #[test]
    fn warnings_are_told_apart() {
        let document = json!({"warnings": {
            "invalid_categories": ["x"], "invalid_badges": [], "other": ["y"],
        }});
        assert_eq!(warnings(&document), ["unknown category: x", "y"]);
        assert_eq!(warnings(&json!({})), Vec::<String>::new());
    }
}
