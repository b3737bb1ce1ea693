//! The version that somebody asked for, and what it comes to.

use std::fmt;
use std::str::FromStr;

use semver::{Prerelease, Version};

use crate::version::BumpKind;

/// A version, for the whole workspace or for one group of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupVersion {
    /// The group; absent where there is only one, or where all that changed are meant.
    pub group: Option<String>,
    /// The version.
    pub version: VersionRequest,
}

/// `1.4.0`, or the next one of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionRequest {
    /// This one.
    Exact(Version),
    /// The next of this kind.
    Next(BumpKind),
    /// What commits and public interfaces call for.
    Auto,
}

/// The next pre-release of `version` under a label such as `rc`: one more than
/// the highest of `known` that has the same numbers and the same label.
///
/// # Errors
/// A label that no pre-release may have, or a version that is a pre-release itself.
pub fn pre_release<'v>(
    version: &Version,
    label: &str,
    known: impl Iterator<Item = &'v Version>,
) -> Result<Version, String> {
    if version.pre != Prerelease::EMPTY {
        return Err(format!(
            "{version} is a pre-release already, so `--pre {label}` says it twice"
        ));
    }
    let numbers = |v: &Version| (v.major, v.minor, v.patch);
    let count = |v: &Version| -> Option<u64> {
        v.pre
            .as_str()
            .strip_prefix(label)?
            .strip_prefix('.')?
            .parse()
            .ok()
    };
    let last = known
        .filter(|v| numbers(v) == numbers(version))
        .filter_map(count)
        .max();
    let text = format!("{label}.{}", last.unwrap_or(0) + 1);
    let pre = Prerelease::new(&text)
        .map_err(|e| format!("`{label}` cannot name a pre-release ({e}); write `rc`, say"))?;
    Ok(Version {
        pre,
        ..version.clone()
    })
}

impl fmt::Display for GroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(group) = &self.group {
            write!(f, "{group}=")?;
        }
        self.version.fmt(f)
    }
}

impl fmt::Display for VersionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VersionRequest::Exact(version) => version.fmt(f),
            VersionRequest::Next(kind) => f.write_str(kind.name()),
            VersionRequest::Auto => f.write_str("auto"),
        }
    }
}

impl FromStr for GroupVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<GroupVersion, String> {
        let (group, version) = match text.split_once('=') {
            None => (None, text),
            Some(("", _)) => return Err(format!("`{text}` names no group before its `=`")),
            Some((group, version)) => (Some(group.to_owned()), version),
        };
        Ok(GroupVersion {
            group,
            version: version.parse()?,
        })
    }
}

impl FromStr for VersionRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<VersionRequest, String> {
        match text {
            "major" => Ok(VersionRequest::Next(BumpKind::Major)),
            "minor" => Ok(VersionRequest::Next(BumpKind::Minor)),
            "patch" => Ok(VersionRequest::Next(BumpKind::Patch)),
            "auto" => Ok(VersionRequest::Auto),
            _ => Version::parse(text)
                .map(VersionRequest::Exact)
                .map_err(|e| {
                    let hint = match text.strip_prefix('v').map(Version::parse) {
                        Some(Ok(plain)) => {
                            format!("; write `{plain}`, the tag's own prefix is configured")
                        }
                        _ => "; write three numbers such as `1.4.0`, or `major`, `minor`, `patch`, `auto`"
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
        let check = |kind: BumpKind, current: &str, want: &str| {
            let got = kind.after(&current.parse().unwrap());
            assert_eq!(got.to_string(), want, "{kind:?} after {current}");
        };
        check(BumpKind::Major, "1.2.3", "2.0.0");
        check(BumpKind::Minor, "1.2.3", "1.3.0");
        check(BumpKind::Patch, "1.2.3", "1.2.4");
        check(BumpKind::Patch, "1.3.0-rc.1", "1.3.0");
        check(BumpKind::Minor, "1.3.0-rc.1", "1.3.0");
        check(BumpKind::Minor, "1.3.1-rc.1", "1.4.0");
        check(BumpKind::Major, "2.0.0-rc.1", "2.0.0");
        check(BumpKind::Major, "1.3.0-rc.1", "2.0.0");
    }

    #[test]
    fn pre_releases_count_up_and_end_in_the_release() {
        let check = |version: &str, label: &str, known: &[&str], want: &str| {
            let known: Vec<Version> = known.iter().map(|v| v.parse().unwrap()).collect();
            let got = pre_release(&version.parse().unwrap(), label, known.iter());
            assert_eq!(got.unwrap().to_string(), want);
        };
        check("1.4.0", "rc", &["1.3.0"], "1.4.0-rc.1");
        check("1.4.0", "rc", &["1.4.0-rc.1"], "1.4.0-rc.2");
        check("1.4.0", "rc", &["1.4.0-rc.9", "1.4.0-rc.10"], "1.4.0-rc.11");
        check("1.4.0", "rc", &["1.4.0-beta.3", "1.5.0-rc.7"], "1.4.0-rc.1");
        let refused = |version: &str, label: &str| {
            pre_release(&version.parse().unwrap(), label, std::iter::empty()).unwrap_err()
        };
        assert!(refused("1.4.0-rc.1", "rc").contains("twice"));
        assert!(refused("1.4.0", "r_c").contains("cannot name a pre-release"));
    }

    #[test]
    fn what_is_no_version_is_told_so() {
        let error = |text: &str| text.parse::<GroupVersion>().unwrap_err();
        assert!(error("v1.2.3").contains("write `1.2.3`"));
        assert!(error("1.2").contains("`major`"));
        assert!(error("core=1.2").contains("`1.2`"));
        assert!(error("=1.2.3").contains("names no group"));
        let wanted = "core=1.2.3".parse::<GroupVersion>().unwrap();
        assert_eq!(wanted.to_string(), "core=1.2.3");
    }
}
