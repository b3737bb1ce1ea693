//! Trying a token, or a name, with an upload that cannot publish anything.
//!
//! crates.io checks an upload in a fixed order: metadata, name, version and deleted names,
//! then token and scope, trusted publishing, the e-mail address, and the rate limit; only
//! after that it reads the archive (`src/controllers/krate/publish.rs`, 2026-08-21). A request
//! that ends behind its metadata therefore tells how far an upload would get, and there is
//! nothing in it to publish. There is no other way to learn the scopes of a token, or for
//! which crates a token of trusted publishing is valid.

use semver::Version;
use serde_json::json;

use crate::api::{self, Failure};
use crate::crates_io::response;
use crate::registry::Registry;
use crate::token::Token;
use crate::upload::{self, UploadError};

/// How far an upload would get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// Token and account may upload this version.
    Accepted,
    /// The registry said no, for the reason that an upload would be refused for.
    Refused(UploadError),
    /// The registry says something that only an upload would explain, as others than
    /// crates.io may.
    Unknown {
        /// What it says.
        detail: String,
    },
}

impl Registry {
    /// Tries whether this version may be uploaded, without a package.
    ///
    /// Without a token nothing is charged, and crates.io tells no more than whether the name
    /// was deleted lately ([`Rule::RecentlyDeleted`](crate::crates_io::Rule)); the expected
    /// outcome is a refusal for [`AccessProblem::NoToken`](crate::AccessProblem). A token of
    /// trusted publishing is charged nothing either. A personal token is charged one upload
    /// of its rate limit: one of 30 for a crate that exists, but one of 5 for a new one, which
    /// takes ten minutes to come back; so new crates are not tried with one.
    pub fn try_upload(&self, token: Option<&Token>, name: &str, version: &Version) -> Trial {
        let package = format!("`{name}` {version}");
        let refused = |failure| Trial::Refused(upload::outcome(package.clone(), failure));
        let Some(api) = &self.inner.config.api else {
            let cause = "its config.json states no `api`, so it takes no packages".to_owned();
            return refused(Failure::Unsendable { cause });
        };
        let metadata = json!({ "name": name, "vers": version.to_string() }).to_string();
        let mut body = Vec::with_capacity(4 + metadata.len());
        let length = u32::try_from(metadata.len()).expect("a name and a version are short");
        body.extend(length.to_le_bytes());
        body.extend(metadata.as_bytes());
        let url = format!("{api}/api/v1/crates/new");
        match api::call(self, "PUT", &url, token, &body) {
            Err(Failure::Refused { status, detail })
                if response::got_to_archive(status, &detail) =>
            {
                Trial::Accepted
            }
            // A refusal that names no rule is about what this request lacks.
            Err(Failure::Refused { status, detail })
                if response::rule(status, &detail).is_none() =>
            {
                Trial::Unknown { detail }
            }
            Err(failure) => refused(failure),
            Ok(document) => Trial::Unknown {
                detail: document.to_string(),
            },
        }
    }
}
