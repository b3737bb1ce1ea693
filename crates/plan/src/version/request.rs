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

/// Returns the next pre-release of `version` under a label such as `rc`: one more than the highest
/// of `known` that has the same numbers and the same label, written as those are (`rc.2`, `rc2`,
/// `rc-2`).
///
/// # Errors
/// A label that no pre-release may have, a version that is a pre-release itself, and a
/// number that would sort below the last one (`rc10` below `rc9`).
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
    let labelled = known.filter_map(|v| Some((v, Numbered::parse(v.pre.as_str(), label)?)));
    let (same, others): (Vec<_>, Vec<_>) =
        labelled.partition(|(v, _)| numbers(v) == numbers(version));
    // Where there is none of these numbers, the others show how they are written.
    let latest = |of: &[(&'v Version, Numbered)]| {
        let latest = of.iter().max_by(|(a, _), (b, _)| a.cmp(b));
        latest.map(|(_, numbered)| numbered.clone())
    };
    let style = latest(&same)
        .or_else(|| latest(&others))
        .unwrap_or_default();
    let last = same.iter().map(|(_, numbered)| numbered.count).max();
    let text = style.write(label, last.unwrap_or(0) + 1);
    let pre = Prerelease::new(&text)
        .map_err(|e| format!("`{label}` cannot name a pre-release ({e}); write `rc`, say"))?;
    let next = Version {
        pre,
        ..version.clone()
    };
    match same.iter().map(|(v, _)| *v).max() {
        Some(last) if next.cmp_precedence(last).is_le() => Err(format!(
            "{next} would sort below {last}: a number that follows its label without a dot is compared letter by letter"
        )),
        _ => Ok(next),
    }
}

/// Returns the label of a pre-release: the word that its name begins with.
pub(crate) fn label_of(version: &Version) -> Option<&str> {
    let end = version.pre.find(|c: char| !c.is_ascii_alphabetic());
    let label = &version.pre.as_str()[..end.unwrap_or(version.pre.len())];
    (!label.is_empty()).then_some(label)
}

/// How a pre-release is numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Numbered {
    /// What stands between the label and the number.
    separator: &'static str,
    /// Digits, with the zeros that lead.
    width: usize,
    count: u64,
}

impl Default for Numbered {
    fn default() -> Numbered {
        Numbered {
            separator: ".",
            width: 1,
            count: 0,
        }
    }
}

impl Numbered {
    fn parse(pre: &str, label: &str) -> Option<Numbered> {
        let rest = pre.strip_prefix(label)?;
        let separators = [".", "-", ""].into_iter();
        separators
            .filter_map(|separator| Some((separator, rest.strip_prefix(separator)?)))
            .find_map(|(separator, digits)| {
                Some(Numbered {
                    separator,
                    width: digits.len(),
                    count: digits.parse().ok()?,
                })
            })
    }

    fn write(&self, label: &str, count: u64) -> String {
        // A number of its own may have no zeros before it; without a dot they keep the order.
        let width = if self.separator == "." { 1 } else { self.width };
        format!("{label}{}{count:0width$}", self.separator)
    }
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
        // As it is the habit, in this version or in the ones before.
        check("1.4.0", "rc", &["1.4.0-rc1", "1.4.0-rc2"], "1.4.0-rc3");
        check("1.4.0", "beta", &["1.4.0-beta-1"], "1.4.0-beta-2");
        check("1.4.0", "rc", &["1.4.0-rc09"], "1.4.0-rc10");
        check("1.4.0", "rc", &["1.3.0-rc2", "1.3.0"], "1.4.0-rc1");
        check("1.4.0", "rc", &["1.4.0-rc", "1.4.0-rc.1"], "1.4.0-rc.2");
        let known = ["1.4.0-rc9".parse().unwrap()];
        let error = pre_release(&"1.4.0".parse().unwrap(), "rc", known.iter()).unwrap_err();
        assert!(
            error.contains("1.4.0-rc10 would sort below 1.4.0-rc9"),
            "{error}"
        );
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
