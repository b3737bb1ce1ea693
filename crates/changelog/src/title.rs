//! The words of a section's heading: which version, which date, yanked or not.
//!
//! Dialects in use: `[1.2.3] - 2024-01-02`, `v1.2.3 (2024-01-02)`,
//! `[1.2.3](https://…) - 2024-01-02 [YANKED]`, `Version 1.2.3`, `1.2.3 / TBD`,
//! `[Unreleased] - ReleaseDate`. A heading that only mentions a version
//! (`1.2.3 migration guide`) is none of a version.

use std::ops::Range;

use semver::Version;

/// What a section is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Title {
    /// Changes that no release contains yet.
    Unreleased,
    /// The changes of one version.
    Version(Version),
    /// Any other heading of the same level as the versions, as written.
    Other(String),
}

/// The parts of a title that speaks of a version or of unreleased changes.
/// Ranges are relative to the title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) title: Title,
    /// The version number (without a `v`), or the word `Unreleased`.
    pub(crate) name: Range<usize>,
    pub(crate) date: Option<Range<usize>>,
    /// The mark with the blanks before it.
    pub(crate) yanked: Option<Range<usize>>,
    /// `(destination)` of an inline link.
    pub(crate) inline_link: Option<Range<usize>>,
    pub(crate) bracketed: bool,
    /// Where the name with its brackets and link ends.
    pub(crate) name_end: usize,
    /// Nothing in the heading is a date, however written.
    pub(crate) undated: bool,
}

/// Reads a title, or `None` if it speaks neither of a version nor of
/// unreleased changes.
pub(crate) fn parse(title: &str) -> Option<Parts> {
    let start = name_start(title);
    let bracketed = title[..start].contains('[');
    let word = title[start..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+')))
        .map_or(&title[start..], |end| &title[start..start + end]);
    let (kind, name) = if word.eq_ignore_ascii_case("unreleased") {
        (Title::Unreleased, start..start + word.len())
    } else {
        let digits = word.trim_start_matches(['v', 'V']);
        if word.len() - digits.len() > 1 {
            return None;
        }
        let end = start + word.len();
        (
            Title::Version(Version::parse(digits).ok()?),
            end - digits.len()..end,
        )
    };
    let mut after = name.end;
    if bracketed {
        after += title[after..].strip_prefix(']').map(|_| 1)?;
    }
    let inline_link = inline_link(title, after).filter(|_| bracketed);
    let rest = inline_link.as_ref().map_or(after, |link| link.end);
    if !is_heading_remark(&title[rest..]) {
        return None;
    }
    Some(Parts {
        title: kind,
        name,
        date: iso_date(&title[rest..]).map(|at| rest + at.start..rest + at.end),
        yanked: yanked(&title[rest..]).map(|at| rest + at.start..rest + at.end),
        inline_link,
        bracketed,
        name_end: rest,
        undated: !has_year(&title[rest..]),
    })
}

/// Returns where the version or the word `Unreleased` (with a `v`) starts.
fn name_start(title: &str) -> usize {
    let mut start = 0;
    for word in ["version ", "release "] {
        if title
            .get(..word.len())
            .is_some_and(|t| t.eq_ignore_ascii_case(word))
        {
            start = word.len();
        }
    }
    if title[start..].starts_with('[') {
        start += 1;
    }
    start
}

fn inline_link(title: &str, at: usize) -> Option<Range<usize>> {
    let rest = title[at..].strip_prefix('(')?;
    rest.contains("://").then_some(())?;
    rest.find(')').map(|close| at..at + close + 2)
}

/// Returns what may follow a version in its heading: nothing, a separator, or a date.
fn is_heading_remark(rest: &str) -> bool {
    let text = rest.trim_start();
    if text.is_empty() || text.starts_with(['-', '–', '—', '/', '(', ':', ',', '[', '|']) {
        return true;
    }
    rest.starts_with(char::is_whitespace) && has_year(text)
}

/// Returns whether four digits stand together, as in every way to write a date.
fn has_year(text: &str) -> bool {
    let year = |digits: &[u8]| digits.iter().all(u8::is_ascii_digit);
    text.as_bytes().windows(4).any(year)
}

/// Words that stand where the date will be. Longer ones come first.
const PLACEHOLDERS: [&str; 11] = [
    "to be determined",
    "in development",
    "to be released",
    "not released",
    "releasedate",
    "xxxx-xx-xx",
    "yyyy-mm-dd",
    "unreleased",
    "upcoming",
    "tba",
    "tbd",
];

/// Returns the word of a heading's remark that stands for a date to come.
pub(crate) fn placeholder(remark: &str) -> Option<Range<usize>> {
    let lower = remark.to_ascii_lowercase();
    let is_word = |at: &Range<usize>| {
        let before = lower[..at.start].chars().next_back();
        let after = lower[at.end..].chars().next();
        let part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !part(before) && !part(after)
    };
    PLACEHOLDERS
        .iter()
        .filter_map(|word| lower.find(word).map(|at| at..at + word.len()))
        .find(is_word)
}

/// Returns the first `YYYY-MM-DD`.
pub(crate) fn iso_date(text: &str) -> Option<Range<usize>> {
    let is_date = |bytes: &[u8]| {
        bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    };
    let at = text.as_bytes().windows(10).position(is_date)?;
    Some(at..at + 10)
}

/// Returns the yanked mark, in brackets or not, with the blanks before it.
fn yanked(text: &str) -> Option<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let (at, length) = ["[yanked]", "(yanked)", "yanked"]
        .iter()
        .find_map(|mark| lower.find(mark).map(|at| (at, mark.len())))?;
    Some(text[..at].trim_end().len()..at + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(title: &str, version: &str, date: Option<&str>, is_yanked: bool) {
        let parts = parse(title).unwrap_or_else(|| panic!("not understood: {title}"));
        assert_eq!(
            parts.title,
            Title::Version(version.parse().unwrap()),
            "{title}"
        );
        assert_eq!(&title[parts.name], version, "{title}");
        assert_eq!(parts.date.map(|at| &title[at]), date, "{title}");
        assert_eq!(parts.yanked.is_some(), is_yanked, "{title}");
    }

    #[test]
    fn dialects_of_version_headings() {
        let day = Some("2024-01-02");
        check("[1.2.3] - 2024-01-02", "1.2.3", day, false);
        check("1.2.3", "1.2.3", None, false);
        check("v1.2.3 (2024-01-02)", "1.2.3", day, false);
        check("Version 1.2.3 / 2024-01-02", "1.2.3", day, false);
        check("[v1.2.3-rc.1+b5] — 2024-01-02", "1.2.3-rc.1+b5", day, false);
        check("[1.2.3] - TBD", "1.2.3", None, false);
        check("1.2.3 (February 2nd, 2024)", "1.2.3", None, false);
        check("1.2.3 February 2024", "1.2.3", None, false);
        check("[1.2.3] - 2024-01-02 [YANKED]", "1.2.3", day, true);
        check("[1.2.3] (yanked)", "1.2.3", None, true);
        check(
            "[1.2.3](https://e.org/compare/v1...v2) (2024-01-02)",
            "1.2.3",
            day,
            false,
        );
    }

    #[test]
    fn a_date_to_come() {
        let check = |remark: &str, want: Option<&str>| {
            assert_eq!(placeholder(remark).map(|at| &remark[at]), want, "{remark}");
        };
        check(" - TBD", Some("TBD"));
        check(" (unreleased)", Some("unreleased"));
        check(" / YYYY-MM-DD", Some("YYYY-MM-DD"));
        check(" - ReleaseDate", Some("ReleaseDate"));
        check(" - outbdone", None);
        check("", None);
        for (title, undated) in [
            ("1.2.3 - TBD", true),
            ("1.2.3", true),
            ("1.2.3 - May 2024", false),
        ] {
            assert_eq!(parse(title).map(|p| p.undated), Some(undated), "{title}");
        }
    }

    #[test]
    fn unreleased_in_its_forms() {
        for title in [
            "[Unreleased]",
            "Unreleased",
            "UNRELEASED",
            "[Unreleased](https://e.org/x)",
            "[Unreleased] - ReleaseDate",
            "Unreleased (2.0)",
        ] {
            let parts = parse(title).unwrap_or_else(|| panic!("not understood: {title}"));
            assert_eq!(parts.title, Title::Unreleased, "{title}");
        }
    }

    #[test]
    fn other_headings_are_left_alone() {
        for title in [
            "Added",
            "1.2.3 migration guide",
            "1.2",
            "Unreleased changes of others",
            "[1.2.3",
            "vv1.2.3",
            "",
            "Ünreleased",
        ] {
            assert_eq!(parse(title), None, "{title}");
        }
    }
}
