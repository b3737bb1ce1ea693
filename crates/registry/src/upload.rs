//! Publishing a version: one request, one typed outcome.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::access::AccessProblem;
use crate::api::{self, Failure};
use crate::crates_io::{Rule, response};
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
    /// What the registry has to remark. crates.io remarks nothing any more.
    pub warnings: Vec<String>,
}

/// Why an upload was no success. `package` is name and version.
///
/// | outcome | what happened | what to do |
/// | --- | --- | --- |
/// | `AlreadyUploaded` | nothing | compare the checksum in the index: ours, or another's |
/// | `RateLimited` | nothing | wait for `retry_after`; back off where there is none |
/// | `Unauthorized` | nothing | see [`AccessProblem::remedy`]; another token may do |
/// | `Refused` | nothing | the same bytes are refused again: fix the package, release the next version |
/// | `ReadOnly` | nothing | wait, then try again |
/// | `TimedOut`, `Ambiguous` | nobody can say | look into the index before another try |
/// | `Unreachable` | nothing was sent | try again |
/// | `Unsendable` | nothing was sent | correct what the cause names |
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
    /// There were too many uploads; nothing happened.
    #[error("cannot upload {package} yet: {detail}; wait and try again")]
    RateLimited {
        /// What was uploaded.
        package: String,
        /// How long to wait, where the registry says so. crates.io's limit for the versions
        /// of one crate in a day comes without.
        retry_after: Option<Duration>,
        /// What the registry says.
        detail: String,
    },
    /// The token or the account may not do this; nothing happened.
    #[error("not allowed to upload {package}: {detail}; {}", problem.remedy())]
    Unauthorized {
        /// What was uploaded.
        package: String,
        /// What is missing.
        problem: AccessProblem,
        /// What the registry says.
        detail: String,
    },
    /// The registry does not take the package; nothing happened, and the same bytes would be
    /// refused again.
    #[error(
        "the registry refused {package} (status {status}): {detail}; fix the package and \
         release it as the next version"
    )]
    Refused {
        /// What was uploaded.
        package: String,
        /// The status of the response; 200 where a registry puts errors into it.
        status: u16,
        /// The rule of crates.io that it is about, where its words are known.
        rule: Option<Rule>,
        /// When the name is free again, for [`Rule::RecentlyDeleted`].
        free_again: Option<Timestamp>,
        /// What the registry says.
        detail: String,
    },
    /// The registry takes no uploads for now; nothing happened.
    #[error("the registry takes no uploads for now, {package} neither: {detail}")]
    ReadOnly {
        /// What was uploaded.
        package: String,
        /// What the registry says.
        detail: String,
    },
    /// The registry stopped waiting for the rest of the upload (status 408). Nobody can say
    /// whether it was too late.
    #[error(
        "the registry stopped waiting for {package} ({detail}), for crates.io gives an upload \
         30 s; look for it in the index, then try again over a faster connection or with a \
         smaller package"
    )]
    TimedOut {
        /// What was uploaded.
        package: String,
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
        /// What happened instead of a response.
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
    /// Nothing was sent, and nothing would be another time.
    #[error("cannot send {package} to the registry: {cause}; correct that first")]
    Unsendable {
        /// What was to be uploaded.
        package: String,
        /// What is in the way.
        cause: String,
    },
}

impl UploadError {
    /// Returns whether the same upload may well succeed soon. Where
    /// [`UploadError::is_ambiguous`] holds as well, the index comes first. A name that was
    /// deleted lately is free too late for that: [`UploadError::Refused`] says when.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            UploadError::RateLimited { .. }
                | UploadError::ReadOnly { .. }
                | UploadError::TimedOut { .. }
                | UploadError::Ambiguous { .. }
                | UploadError::Unreachable { .. }
        )
    }

    /// Returns whether the version may have been published all the same.
    pub fn is_ambiguous(&self) -> bool {
        matches!(
            self,
            UploadError::TimedOut { .. } | UploadError::Ambiguous { .. }
        )
    }

    /// Returns how long to wait before another try, where the registry says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            UploadError::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns why token or account may not upload.
    pub fn access_problem(&self) -> Option<AccessProblem> {
        match self {
            UploadError::Unauthorized { problem, .. } => Some(*problem),
            _ => None,
        }
    }
}

impl Registry {
    /// Uploads a version. The request is sent once, whatever happens.
    ///
    /// # Errors
    ///
    /// [`UploadError`].
    pub fn upload(&self, token: &Token, package: &Upload) -> Result<Uploaded, UploadError> {
        let name = describe(&package.metadata);
        let unsent = |cause: &str| UploadError::Unsendable {
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

/// Returns name and version for people.
pub(crate) fn describe(metadata: &Value) -> String {
    let field = |key: &str| metadata.get(key).and_then(Value::as_str).unwrap_or("?");
    format!("`{}` {}", field("name"), field("vers"))
}

/// Takes the registry's own name off its dependencies: one of its own has no `registry`,
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

/// Frames length and text of the metadata, length and bytes of the package, the
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

pub(crate) fn outcome(package: String, failure: Failure) -> UploadError {
    match failure {
        Failure::Refused { status, detail } if response::is_already_uploaded(status, &detail) => {
            UploadError::AlreadyUploaded { package }
        }
        Failure::Refused { status, detail } => UploadError::Refused {
            package,
            status,
            rule: response::rule(status, &detail),
            free_again: response::free_again(&detail),
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
        Failure::Unauthorized { status, detail } => UploadError::Unauthorized {
            package,
            problem: response::access_problem(status, &detail).unwrap_or(AccessProblem::Other),
            detail,
        },
        Failure::ReadOnly { detail } => UploadError::ReadOnly { package, detail },
        Failure::TimedOut { detail } => UploadError::TimedOut { package, detail },
        Failure::Ambiguous { cause } => UploadError::Ambiguous { package, cause },
        Failure::Unreachable { cause } => UploadError::Unreachable { package, cause },
        Failure::Unsendable { cause } => UploadError::Unsendable { package, cause },
    }
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
    fn warnings_are_told_apart() {
        let document = json!({"warnings": {
            "invalid_categories": ["x"], "invalid_badges": [], "other": ["y"],
        }});
        assert_eq!(warnings(&document), ["unknown category: x", "y"]);
        assert_eq!(warnings(&json!({})), Vec::<String>::new());
    }
}
