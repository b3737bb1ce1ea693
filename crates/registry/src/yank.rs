//! Yanking a version, and taking that back. Both may be repeated.

use std::time::Duration;

use semver::Version;

use crate::access::AccessProblem;
use crate::api::{self, Failure};
use crate::crates_io::response;
use crate::index;
use crate::registry::Registry;
use crate::token::Token;

/// Why a version was not yanked or un-yanked. `package` is name and version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum YankError {
    /// The registry has no such version.
    #[error(
        "cannot change {package}: the registry does not have it ({detail}); check name and version"
    )]
    NotFound {
        /// What was asked for.
        package: String,
        /// What the registry says.
        detail: String,
    },
    /// Too many requests; nothing happened.
    #[error("cannot change {package} yet: {detail}; wait and try again")]
    RateLimited {
        /// What was asked for.
        package: String,
        /// How long to wait, where the registry says so.
        retry_after: Option<Duration>,
        /// What the registry says.
        detail: String,
    },
    /// The token or the account may not do this; nothing happened.
    #[error("not allowed to change {package}: {detail}; {}", problem.remedy())]
    Unauthorized {
        /// What was asked for.
        package: String,
        /// What is missing.
        problem: AccessProblem,
        /// What the registry says.
        detail: String,
    },
    /// The registry said no.
    #[error(
        "the registry refused to change {package} (status {status}): {detail}; do what it says, then try again"
    )]
    Refused {
        /// What was asked for.
        package: String,
        /// The status of the response.
        status: u16,
        /// What the registry says.
        detail: String,
    },
    /// The registry takes no changes for now; nothing happened.
    #[error("the registry takes no changes for now, {package} neither: {detail}")]
    ReadOnly {
        /// What was asked for.
        package: String,
        /// What the registry says.
        detail: String,
    },
    /// The request was sent, and nobody can say what became of it. It is safe
    /// to send it again.
    #[error(
        "it is not known whether {package} was changed: {cause}; look into the index, or try again"
    )]
    Ambiguous {
        /// What was asked for.
        package: String,
        /// What happened instead of a response.
        cause: String,
    },
    /// Nothing was sent.
    #[error(
        "cannot reach the registry to change {package}: {cause}; check the network, then try again"
    )]
    Unreachable {
        /// What was asked for.
        package: String,
        /// What is in the way.
        cause: String,
    },
    /// Nothing was sent, and nothing would be another time.
    #[error("cannot ask the registry to change {package}: {cause}; correct that first")]
    Unsendable {
        /// What was asked for.
        package: String,
        /// What is in the way.
        cause: String,
    },
}

impl YankError {
    /// Returns whether the same request may well succeed later. Yanking may be repeated, so
    /// nothing need be looked at in between.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            YankError::RateLimited { .. }
                | YankError::ReadOnly { .. }
                | YankError::Ambiguous { .. }
                | YankError::Unreachable { .. }
        )
    }

    /// Returns how long to wait before another try, where the registry says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            YankError::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Registry {
    /// Marks a version as not to be chosen any more. Yanking a yanked version
    /// is a success.
    ///
    /// # Errors
    ///
    /// [`YankError`].
    pub fn yank(&self, token: &Token, name: &str, version: &Version) -> Result<(), YankError> {
        self.change(token, name, version, "DELETE", "yank")
    }

    /// Takes a yank back. Un-yanking a version that is not yanked is a success.
    ///
    /// # Errors
    ///
    /// [`YankError`].
    pub fn unyank(&self, token: &Token, name: &str, version: &Version) -> Result<(), YankError> {
        self.change(token, name, version, "PUT", "unyank")
    }

    fn change(
        &self,
        token: &Token,
        name: &str,
        version: &Version,
        method: &str,
        action: &str,
    ) -> Result<(), YankError> {
        let package = format!("`{name}` {version}");
        let unsent = |cause: String| YankError::Unsendable {
            package: package.clone(),
            cause,
        };
        index::check_name(name).map_err(|error| unsent(error.to_string()))?;
        let Some(api) = &self.inner.config.api else {
            return Err(unsent("its config.json states no `api`".to_owned()));
        };
        let url = format!("{api}/api/v1/crates/{name}/{version}/{action}");
        match api::call(self, method, &url, Some(token), &[]) {
            Ok(_) => Ok(()),
            Err(failure) => Err(outcome(package, failure)),
        }
    }
}

fn outcome(package: String, failure: Failure) -> YankError {
    match failure {
        Failure::Refused {
            status: 404,
            detail,
        } => YankError::NotFound { package, detail },
        Failure::Refused { status, detail } => YankError::Refused {
            package,
            status,
            detail,
        },
        Failure::RateLimited {
            retry_after,
            detail,
        } => YankError::RateLimited {
            package,
            retry_after,
            detail,
        },
        Failure::Unauthorized { status, detail } => YankError::Unauthorized {
            package,
            problem: response::access_problem(status, &detail).unwrap_or(AccessProblem::Other),
            detail,
        },
        Failure::ReadOnly { detail } => YankError::ReadOnly { package, detail },
        // A yank has no body to wait for: it is the gateway that gave up.
        Failure::TimedOut { detail } => YankError::Ambiguous {
            package,
            cause: format!("status 408: {detail}"),
        },
        Failure::Ambiguous { cause } => YankError::Ambiguous { package, cause },
        Failure::Unreachable { cause } => YankError::Unreachable { package, cause },
        Failure::Unsendable { cause } => YankError::Unsendable { package, cause },
    }
}
