//! The version that somebody asked for, and what it comes to.

use std::fmt;
use std::str::FromStr;

use semver::{Prerelease, Version};

/// `1.4.0`, or the next one of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionRequest {
    /// This one.
    Exact(Version),
    /// `x + 1 . 0 . 0`
    Major,
    /// `x . y + 1 . 0`
    Minor,
    /// `x . y . z + 1`; a pre-release becomes its release.
    Patch,
}

impl VersionRequest {
    /// The version it comes to, after `current`.
    pub fn resolve(&self, current: &Version) -> Version {
        let next = |major, minor, patch| Version::new(major, minor, patch);
        match self {
            VersionRequest::Exact(version) => version.clone(),
            VersionRequest::Major => next(current.major + 1, 0, 0),
            VersionRequest::Minor => next(current.major, current.minor + 1, 0),
            VersionRequest::Patch if current.pre != Prerelease::EMPTY => {
                next(current.major, current.minor, current.patch)
            }
            VersionRequest::Patch => next(current.major, current.minor, current.patch + 1),
        }
    }
}

impl fmt::Display for VersionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VersionRequest::Exact(version) => version.fmt(f),
            VersionRequest::Major => f.write_str("major"),
            VersionRequest::Minor => f.write_str("minor"),
            VersionRequest::Patch => f.write_str("patch"),
        }
    }
}

impl FromStr for VersionRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<VersionRequest, String> {
        match text {
            "major" => Ok(VersionRequest::Major),
            "minor" => Ok(VersionRequest::Minor),
            "patch" => Ok(VersionRequest::Patch),
            _ => Version::parse(text)
                .map(VersionRequest::Exact)
                .map_err(|e| {
                    let hint = match text.strip_prefix('v').map(Version::parse) {
                        Some(Ok(plain)) => {
                            format!("; write `{plain}`, the tag's prefix is added by itself")
                        }
                        _ => "; write a version such as 1.4.0, or `major`, `minor` or `patch`"
                            .to_owned(),
                    };
                    format!("`{text}` is not a semantic version ({e}){hint}")
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_version_of_a_kind() {
        let check = |wanted: &str, current: &str, want: &str| {
            let got = wanted
                .parse::<VersionRequest>()
                .unwrap()
                .resolve(&current.parse().unwrap());
            assert_eq!(got.to_string(), want, "{wanted} after {current}");
        };
        check("major", "1.2.3", "2.0.0");
        check("minor", "1.2.3", "1.3.0");
        check("patch", "1.2.3", "1.2.4");
        check("patch", "1.3.0-rc.1", "1.3.0");
        check("0.4.0-rc.1", "0.3.0", "0.4.0-rc.1");
    }

    #[test]
    fn what_is_no_version_is_told_so() {
        let error = |text: &str| text.parse::<VersionRequest>().unwrap_err();
        assert!(error("v1.2.3").contains("write `1.2.3`"));
        assert!(error("1.2").contains("`major`"));
    }
}
