//! What earlier releases have left behind: conventions are learned from it.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use stagegate_manifest::Package;

/// What is known of earlier releases.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Tags, here and at the remote.
    pub tags: BTreeSet<String>,
    /// Versions in the registry by package; absent where the registry was not asked.
    pub published: Option<BTreeMap<String, Vec<Version>>>,
}

impl Evidence {
    /// Returns the versions of a package in the registry, where that was asked.
    pub fn versions_of(&self, package: &str) -> Option<&[Version]> {
        let versions = self.published.as_ref()?.get(package)?;
        Some(versions)
    }

    /// Returns whether a package is published at the version that it has: a name alone may be
    /// somebody else's.
    pub fn is_published(&self, package: &Package) -> bool {
        let known = self.versions_of(&package.name).unwrap_or_default();
        known
            .iter()
            .any(|version| version.cmp_precedence(&package.version).is_eq())
    }
}

/// How many releases show a habit.
const SHOWN: usize = 5;

/// Returns whether two packages were released together, by the versions that each had; `None`
/// where there is too little to tell.
pub(crate) fn moved_together(one: &[Version], other: &[Version]) -> Option<bool> {
    let begin = one.iter().min()?.max(other.iter().min()?);
    let last = |of: &[Version]| {
        let mut last: Vec<Version> = of.iter().filter(|v| *v >= begin).cloned().collect();
        last.sort_by(|a, b| b.cmp(a));
        last.dedup();
        last.truncate(SHOWN);
        last
    };
    let (one, other) = (last(one), last(other));
    if one.len().max(other.len()) < 2 {
        return None;
    }
    let shared = one.iter().filter(|version| other.contains(version)).count();
    // One release that only one of them had is no habit.
    Some(shared + 1 >= one.len().max(other.len()) && shared >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_with_the_same_last_versions_moved_together() {
        let versions = |list: &str| -> Vec<Version> {
            list.split_whitespace()
                .map(|v| v.parse().unwrap())
                .collect()
        };
        let check = |one: &str, other: &str, want: Option<bool>| {
            assert_eq!(
                moved_together(&versions(one), &versions(other)),
                want,
                "{one} | {other}"
            );
        };
        // serde_core began with serde 1.0.220.
        check(
            "1.0.218 1.0.219 1.0.220 1.0.221 1.0.222",
            "1.0.220 1.0.221 1.0.222",
            Some(true),
        );
        check("0.1.0 0.2.0 0.3.0", "0.3.0", None);
        check("1.0.0", "1.0.0", None);
        check("", "1.0.0", None);
        check("0.1.0 0.1.1 0.1.2 1.0.0", "0.1.0 0.5.0 1.0.0", Some(false));
        // One was released once without the other.
        check("1.0.0 1.1.0 1.2.0", "1.0.0 1.1.0 1.1.1 1.2.0", Some(true));
    }
}
