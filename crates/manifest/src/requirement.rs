//! How a requirement follows a version: as far as needed, with its operator
//! and precision.
//!
//! In a package that is released too, a requirement with all three numbers is
//! raised to the new version even where it would accept it as it is (`1.2.0` for
//! 1.2.1): packages that are released together are tested together, so a
//! published one asks for the siblings of its own release. A package that stays
//! keeps whatever accepts the new version. Shorter requirements (`1.2`) say that any will do, and stay while
//! they accept the new version; so do lower bounds (`>=1.2`).

use semver::{Version, VersionReq};

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

/// How the requirement `text` follows its package to `new`; `released` says
/// whether the package that requires it is released along with it.
pub(crate) fn follow(text: &str, new: &Version, released: bool) -> Followed {
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
    let is_exact = numbers.split('.').count() == 3 && !numbers.split('.').any(is_wild);
    let follows = match operator {
        "" | "^" | "~" | "=" => !accepts || (is_exact && released),
        ">=" => !accepts,
        _ if accepts => false,
        _ => return Followed::Unclear,
    };
    if !follows {
        return Followed::Stays;
    }
    let written = if new.pre.is_empty() {
        written_like(numbers, new)
    } else {
        // Only a requirement that spells out a pre-release accepts it.
        without_build(new)
    };
    let end = at + number.len();
    let result = format!("{}{written}{}", &text[..at], &text[end..]);
    let sound = VersionReq::parse(&result).is_ok_and(|requirement| requirement.matches(new));
    match (sound, result == text) {
        (false, _) => Followed::Unclear,
        (true, true) => Followed::Stays,
        (true, false) => Followed::Becomes(result),
    }
}

/// The version with as many numbers, and the same wildcards, as the pattern.
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

    fn check(text: &str, new: &str, expected: Followed) {
        assert_eq!(
            follow(text, &new.parse().unwrap(), true),
            expected,
            "{text} for {new}"
        );
    }

    #[test]
    fn a_package_that_stays_keeps_what_accepts_the_new_version() {
        let stays = |text: &str, new: &str| follow(text, &new.parse().unwrap(), false);
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
