//! What can go wrong while a registry is only read.

use std::time::Duration;

use semver::Version;

/// Why a registry could not be read. Reading changes nothing: any of these may
/// be tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The index is not given as a sparse index.
    #[error(
        "`{index}` is no sparse index; give it as `sparse+https://…/`, \
         as in cargo's configuration under `[registries]`"
    )]
    NotSparse {
        /// What was given.
        index: String,
    },
    /// The name cannot be one of a package.
    #[error("`{name}` cannot be a package of a registry; check the name")]
    BadName {
        /// What was given.
        name: String,
    },
    /// The request cannot be sent, this time or another.
    #[error("{url} cannot be asked: {cause}; correct that first")]
    Unsendable {
        /// What was to be asked.
        url: String,
        /// What is in the way.
        cause: String,
    },
    /// There was no response.
    #[error("no response from {url}: {cause}; check the network and the address, then try again")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What happened instead.
        cause: String,
    },
    /// The registry wants a token, or another one.
    #[error("{url} was refused ({status}): {detail}; check the registry's token")]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// The status of the response.
        status: u16,
        /// What the registry says.
        detail: String,
    },
    /// The registry asks for patience.
    #[error("{url} was asked for too often: {detail}; wait and try again")]
    RateLimited {
        /// What was asked for.
        url: String,
        /// How long to wait, where the registry says so.
        retry_after: Option<Duration>,
        /// What the registry says.
        detail: String,
    },
    /// Any other response than the one asked for.
    #[error(
        "{url} responded with status {status}: {detail}; check the address, or try again later"
    )]
    Status {
        /// What was asked for.
        url: String,
        /// The status of the response.
        status: u16,
        /// What the registry says.
        detail: String,
    },
    /// The response is not what the protocol says.
    #[error(
        "{url} is not what a cargo registry responds with: {detail}; check the address of the index"
    )]
    Malformed {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The package is not in the registry.
    #[error("the registry has no package `{name}`; check the name")]
    NoSuchPackage {
        /// The package.
        name: String,
    },
    /// The version is not in the index.
    #[error(
        "the index has no `{name}` {version}; check the version, \
         or wait if it was published a moment ago"
    )]
    NoSuchVersion {
        /// The package.
        name: String,
        /// The version.
        version: Version,
    },
    /// What was downloaded is not what the index says.
    #[error(
        "`{name}` {version} has SHA-256 {found}, but the index says {expected}; \
         do not use it, and report it to the registry"
    )]
    Checksum {
        /// The package.
        name: String,
        /// The version.
        version: Version,
        /// SHA-256 in the index, in hex.
        expected: String,
        /// SHA-256 of what came, in hex.
        found: String,
    },
    /// The registry takes no requests but reads of its index.
    #[error(
        "the registry at {index} has no web API (its config.json has no `api`); use another one"
    )]
    NoApi {
        /// The index.
        index: String,
    },
}

impl RegistryError {
    /// Returns whether another try may well succeed.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            RegistryError::Unreachable { .. }
                | RegistryError::RateLimited { .. }
                | RegistryError::Status {
                    status: 408 | 500..,
                    ..
                }
        )
    }

    /// Returns how long to wait before another try, where the registry says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            RegistryError::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_stays() {
        let url = || "https://e.org/".to_owned();
        let status = |status| RegistryError::Status {
            url: url(),
            status,
            detail: "d".to_owned(),
        };
        assert!(status(503).is_transient());
        assert!(!status(400).is_transient());
        let wait = Some(Duration::from_secs(3));
        let limited = RegistryError::RateLimited {
            url: url(),
            retry_after: wait,
            detail: "d".to_owned(),
        };
        assert!(limited.is_transient());
        assert_eq!(limited.retry_after(), wait);
        let name = "x".to_owned();
        assert!(!RegistryError::NoSuchPackage { name }.is_transient());
    }
}
