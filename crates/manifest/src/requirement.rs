//! How a requirement follows a version: as far as needed, with its operator
//! and precision.
//!
//! In a package that is released too, a requirement that names the sibling's current
//! version is raised to the new one even where it would accept it as it is (`1.2.0` for
//! 1.2.1, `1.2` for 1.3.0): packages that are released together are tested together, so a
//! published one asks for the siblings of its own release. One that names an older version
//! (`4.0.0` of a sibling at 4.6.6) says that any will do since, and stays while it accepts
//! the new version; so do lower bounds (`>=1.2`), and what a package requires that stays
//! itself.

use semver::{Version, VersionReq};

/// When a requirement on a sibling follows the sibling's new version, in a package that is
/// released too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequirementPolicy {
    /// If it names the current version.
    Learn,
    /// Always, but for wildcards and bounds that accept the new version.
    Follow,
    /// If it no longer accepts the new version.
    AsNeeded,
}

/// A package's version before and after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) from: &'a Version,
    pub(crate) to: &'a Version,
}

/// What becomes of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Followed {
    /// It stays as it is.
    Stays,
    /// It becomes this text.
    Becomes(String),
    /// It does not accept the new version, and how to change it is not for a
    /// program to say: a range such as `>=1.2, <1.4`.
    Unclear,
}

/// Lets the requirement `text` follow its package to its new version; `policy` is absent
/// where the package that requires it is not released along with it.
pub(crate) fn follow(
    text: &str,
    Change { from, to: new }: Change<'_>,
    policy: Option<RequirementPolicy>,
) -> Followed {
    let Ok(parsed) = VersionReq::parse(text) else {
        return Followed::Unclear;
    };
    let accepts = parsed.matches(new);
    if text.contains(',') {
        return if accepts {
            Followed::Stays
        } else {
            Followed::Unclear
        };
    }
    let number = text
        .trim()
        .trim_start_matches(['^', '~', '=', '<', '>', ' ']);
    let at = text.find(number).unwrap_or(0);
    let operator = text[..at].trim();
    let numbers = number.split(['-', '+']).next().unwrap_or_default();
    let is_wild = |part: &str| matches!(part, "*" | "x" | "X");
    let is_raised = match policy {
        Some(RequirementPolicy::Follow) => !numbers.split('.').any(is_wild),
        Some(RequirementPolicy::Learn) => number == written(numbers, from),
        Some(RequirementPolicy::AsNeeded) | None => false,
    };
    let follows = match operator {
        "" | "^" | "~" | "=" => !accepts || is_raised,
        ">=" => !accepts,
        _ if accepts => false,
        _ => return Followed::Unclear,
    };
    if !follows {
        return Followed::Stays;
    }
    let end = at + number.len();
    let result = format!("{}{}{}", &text[..at], written(numbers, new), &text[end..]);
    let sound = VersionReq::parse(&result).is_ok_and(|requirement| requirement.matches(new));
    match (sound, result == text) {
        (false, _) => Followed::Unclear,
        (true, true) => Followed::Stays,
        (true, false) => Followed::Becomes(result),
    }
}

/// Returns how a requirement with these numbers would name a version. Only one that spells out
/// a pre-release accepts it.
fn written(numbers: &str, version: &Version) -> String {
    match version.pre.is_empty() {
        true => written_like(numbers, version),
        false => without_build(version),
    }
}

/// Returns the version with as many numbers, and the same wildcards, as the pattern.
fn written_like(pattern: &str, version: &Version) -> String {
    let numbers = [version.major, version.minor, version.patch];
    let parts: Vec<String> = pattern
        .split('.')
        .zip(numbers)
        .map(|(part, number)| match part {
            "*" | "x" | "X" => part.to_owned(),
            _ => number.to_string(),
        })
        .collect();
    parts.join(".")
}

/// Requirements ignore build metadata, and cargo warns of it.
fn without_build(version: &Version) -> String {
    let mut version = version.clone();
    version.build = semver::BuildMetadata::EMPTY;
    version.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(text: &str, from: &str, to: &str, policy: Option<RequirementPolicy>) -> Followed {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let change = Change {
            from: &from,
            to: &to,
        };
        follow(text, change, policy)
    }

    fn check(text: &str, new: &str, expected: Followed) {
        let got = followed(text, "1.2.0", new, Some(RequirementPolicy::Follow));
        assert_eq!(got, expected, "{text} for {new}");
    }

    #[test]
    fn what_names_the_current_version_follows_and_what_is_wider_stays() {
        let learned = |text: &str, from: &str, to: &str, expected: Followed| {
            let got = followed(text, from, to, Some(RequirementPolicy::Learn));
            assert_eq!(got, expected, "{text} from {from} to {to}");
        };
        // clap_complete requires clap
        learned("4.0.0", "4.6.6", "4.7.0", Followed::Stays);
        learned("4.0.0", "4.6.6", "5.0.0", becomes("5.0.0"));
        // clap requires clap_builder
        learned("=4.6.6", "4.6.6", "4.7.0", becomes("=4.7.0"));
        learned("0.5.6", "0.5.6", "0.5.7", becomes("0.5.7"));
        learned("1.2", "1.2.3", "1.3.0", becomes("1.3"));
        learned("1.1", "1.2.3", "1.3.0", Followed::Stays);
        learned("1", "1.2.3", "1.3.0", Followed::Stays);
        learned("1.2.*", "1.2.3", "1.3.0", becomes("1.3.*"));
        learned("0.9.0-alpha.1", "0.9.0-alpha.1", "0.9.0", becomes("0.9.0"));
        learned("0.4.2-dev", "0.4.2-dev", "0.4.2", becomes("0.4.2"));
        learned(">=1.2.3", "1.2.3", "1.3.0", Followed::Stays);
        let as_needed =
            |text: &str, to: &str| followed(text, "1.2.0", to, Some(RequirementPolicy::AsNeeded));
        assert_eq!(as_needed("1.2.0", "1.3.0"), Followed::Stays);
        assert_eq!(as_needed("1.2.0", "2.0.0"), becomes("2.0.0"));
    }

    #[test]
    fn a_package_that_stays_keeps_what_accepts_the_new_version() {
        let stays = |text: &str, new: &str| followed(text, "1.2.0", new, None);
        assert_eq!(stays("1.2.0", "1.2.1"), Followed::Stays);
        assert_eq!(stays("1.2.0", "2.0.0"), becomes("2.0.0"));
        assert_eq!(stays("=1.2.0", "1.2.1"), becomes("=1.2.1"));
    }

    fn becomes(text: &str) -> Followed {
        Followed::Becomes(text.to_owned())
    }

    #[test]
    fn full_requirements_are_raised() {
        check("1.2.0", "1.2.1", becomes("1.2.1"));
        check("^1.2.0", "2.0.0", becomes("^2.0.0"));
        check("~1.2.0", "1.3.0", becomes("~1.3.0"));
        check("=1.2.0", "1.3.0", becomes("=1.3.0"));
        check("= 1.2.0", "1.3.0", becomes("= 1.3.0"));
        check("1.2.0", "1.3.0-rc.1", becomes("1.3.0-rc.1"));
        check("1.3.0-rc.1", "1.3.0", becomes("1.3.0"));
        check("=1.3.0-rc.1", "1.3.0-rc.2+b7", becomes("=1.3.0-rc.2"));
        check("1.2.1", "1.2.1", Followed::Stays);
    }

    #[test]
    fn short_requirements_move_only_if_they_must() {
        check("^1.2", "1.2.1", Followed::Stays);
        check("1", "1.9.0", Followed::Stays);
        check("1", "2.1.0", becomes("2"));
        check("0.2", "0.3.0", becomes("0.3"));
        check("~1.2", "1.3.0", becomes("~1.3"));
        check("=1.2", "1.2.7", Followed::Stays);
        check("=1.2", "1.3.0", becomes("=1.3"));
        check("1.2", "1.3.0-rc.1", becomes("1.3.0-rc.1"));
        check("1.*", "1.3.0", Followed::Stays);
        check("1.*", "2.3.0", becomes("2.*"));
        check("*", "2.3.0", Followed::Stays);
    }

    #[test]
    fn bounds_and_ranges() {
        check(">=1.2", "2.0.0", Followed::Stays);
        check(">=1.2.0", "1.1.0", becomes(">=1.1.0"));
        check(">=1.2, <2", "1.4.0", Followed::Stays);
        check(">=1.2, <2", "2.0.0", Followed::Unclear);
        check("<2", "2.0.0", Followed::Unclear);
        check(">1.2", "1.4.0", Followed::Stays);
    }
}
