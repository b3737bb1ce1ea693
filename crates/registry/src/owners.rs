//! Adding owners to a crate. Adding one again changes nothing.

use std::time::Duration;

use serde_json::json;
use ureq::http::Request;

use crate::access::AccessProblem;
use crate::api::{self, Failure};
use crate::crates_io::response;
use crate::index;
use crate::registry::Registry;
use crate::token::Token;

/// Why somebody was not added as an owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerError {
    /// There is nothing to do.
    #[error("`{owner}` owns `{package}` already")]
    AlreadyOwner {
        /// The crate.
        package: String,
        /// Who.
        owner: String,
    },
    /// The token or the account may not do this; nothing happened.
    #[error("not allowed to add `{owner}` to the owners of `{package}`: {detail}; {}", problem.remedy())]
    Unauthorized {
        /// The crate.
        package: String,
        /// Who.
        owner: String,
        /// What is missing.
        problem: AccessProblem,
        /// What the registry says.
        detail: String,
    },
    /// The registry said no, and would say so again.
    #[error(
        "the registry refused to add `{owner}` to the owners of `{package}` (status {status}): {detail}"
    )]
    Refused {
        /// The crate.
        package: String,
        /// Who.
        owner: String,
        /// The status of the response.
        status: u16,
        /// What the registry says.
        detail: String,
    },
    /// Too many requests; nothing happened.
    #[error("cannot add `{owner}` to the owners of `{package}` yet: {detail}; wait and try again")]
    RateLimited {
        /// The crate.
        package: String,
        /// Who.
        owner: String,
        /// How long to wait, where the registry says so.
        retry_after: Option<Duration>,
        /// What the registry says.
        detail: String,
    },
    /// Nothing was sent, and nothing would be another time.
    #[error("cannot ask the registry to add `{owner}` to the owners of `{package}`: {cause}")]
    Unsendable {
        /// The crate.
        package: String,
        /// Who.
        owner: String,
        /// What is in the way.
        cause: String,
    },
    /// There was no clear response. It is safe to ask again.
    #[error(
        "it is not known whether `{owner}` was added to the owners of `{package}`: {cause}; try again"
    )]
    Unclear {
        /// The crate.
        package: String,
        /// Who.
        owner: String,
        /// What happened instead.
        cause: String,
    },
}

impl Registry {
    /// Adds an owner, and returns what the registry says of it: a user is invited, and a team
    /// owns the crate at once.
    ///
    /// # Errors
    ///
    /// [`OwnerError`].
    pub fn add_owner(&self, token: &Token, name: &str, owner: &str) -> Result<String, OwnerError> {
        let whose = (name.to_owned(), owner.to_owned());
        let sent = self.send_owner(token, name, owner);
        let document = sent.map_err(|failure| outcome(whose, failure))?;
        let message = document.get("msg").and_then(serde_json::Value::as_str);
        Ok(message.unwrap_or("the registry took it").to_owned())
    }

    fn send_owner(
        &self,
        token: &Token,
        name: &str,
        owner: &str,
    ) -> Result<serde_json::Value, Failure> {
        let unsendable = |cause: String| Failure::Unsendable { cause };
        index::check_name(name).map_err(|error| unsendable(error.to_string()))?;
        let Some(api) = &self.inner.config.api else {
            return Err(unsendable("its config.json states no `api`".to_owned()));
        };
        // The name that cargo gives the list; crates.io takes it for `owners`.
        let body = json!({ "users": [owner] }).to_string();
        let request = Request::builder()
            .method("PUT")
            .uri(format!("{api}/api/v1/crates/{name}/owners"))
            .header("Authorization", api::secret_header(token, "")?)
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
            .body(body.as_bytes())
            .map_err(|error| unsendable(error.to_string()))?;
        api::send(self, request, 200)
    }
}

fn outcome((package, owner): (String, String), failure: Failure) -> OwnerError {
    match failure {
        Failure::Refused { status, detail } if response::is_already_owner(status, &detail) => {
            OwnerError::AlreadyOwner { package, owner }
        }
        Failure::Refused { status, detail } => OwnerError::Refused {
            package,
            owner,
            status,
            detail,
        },
        Failure::Unauthorized { status, detail } => OwnerError::Unauthorized {
            problem: response::access_problem(status, &detail).unwrap_or(AccessProblem::Other),
            package,
            owner,
            detail,
        },
        Failure::RateLimited {
            retry_after,
            detail,
        } => OwnerError::RateLimited {
            package,
            owner,
            retry_after,
            detail,
        },
        Failure::Unsendable { cause } => OwnerError::Unsendable {
            package,
            owner,
            cause,
        },
        Failure::ReadOnly { detail: cause }
        | Failure::TimedOut { detail: cause }
        | Failure::Ambiguous { cause }
        | Failure::Unreachable { cause } => OwnerError::Unclear {
            package,
            owner,
            cause,
        },
    }
}
