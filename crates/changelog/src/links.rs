//! Compare links at the foot of a changelog: `[1.4.0]: …/compare/v1.3.0...v1.4.0`.
//!
//! An existing `[Unreleased]` link is the pattern for the new one, so that
//! other forges and odd tags keep working; only where there is none, links are
//! created from a repository address.

use std::ops::Range;

use semver::Version;

use crate::changelog::Changelog;
use crate::error::ChangelogError;
use crate::markdown::{self, LineKind};
use crate::title::Title;

/// Where the links of a new release point to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompareLinks {
    /// Address of the repository, `https://github.com/owner/name`, without a
    /// slash at the end.
    pub repository: String,
    /// What precedes the version in a tag: `v` for `v1.4.0`.
    pub tag_prefix: String,
}

/// A link reference definition in the text.
pub(crate) struct Definition<'t> {
    line: Range<usize>,
    pub(crate) label: &'t str,
    destination: &'t str,
    /// Bytes of the destination.
    range: Range<usize>,
}

/// An address that compares two revisions, in its parts: `…/compare/FROM...TO`, with two
/// dots, or as Bitbucket has it, with the newer one first (`…/compare/TO..FROM`, or
/// `TO%0DFROM`).
struct Compare<'t> {
    base: &'t str,
    from: &'t str,
    separator: &'static str,
    to: &'t str,
    /// A query or a fragment.
    rest: &'t str,
    newer_first: bool,
}

/// What stands between two revisions; three dots before two, which they begin with.
const SEPARATORS: [&str; 4] = ["...", "..", "%0D", "%0d"];

impl<'t> Compare<'t> {
    fn parse(destination: &'t str) -> Option<Compare<'t>> {
        let at = destination.rfind("/compare/")? + "/compare/".len();
        let end = destination[at..]
            .find(['#', '?'])
            .map_or(destination.len(), |end| at + end);
        let revisions = &destination[at..end];
        let mut separators = SEPARATORS.into_iter();
        let (left, separator, right) = separators.find_map(|separator| {
            let (left, right) = revisions.split_once(separator)?;
            Some((left, separator, right))
        })?;
        let versions = (version_in(left), version_in(right));
        let newer_first = match &versions {
            (None, Some(_)) => true,
            (Some((_, left)), Some((_, right))) => left > right,
            _ => false,
        };
        let (from, to) = if newer_first {
            (right, left)
        } else {
            (left, right)
        };
        Some(Compare {
            base: &destination[..at],
            from,
            separator,
            to,
            rest: &destination[end..],
            newer_first,
        })
    }

    /// Returns what precedes the version in the tag of `from`.
    fn tag_prefix(&self) -> Option<&'t str> {
        version_in(self.from).map(|(prefix, _)| prefix)
    }

    /// Returns the address of the same make for other revisions.
    fn between(&self, from: &str, to: &str) -> String {
        let Compare {
            base,
            separator,
            rest,
            ..
        } = self;
        let (left, right) = if self.newer_first {
            (to, from)
        } else {
            (from, to)
        };
        format!("{base}{left}{separator}{right}{rest}")
    }
}

/// Returns the version that a tag ends with, and what precedes it.
fn version_in(tag: &str) -> Option<(&str, Version)> {
    let digits = tag.match_indices(|c: char| c.is_ascii_digit());
    // The name of a package in a tag, `core2-v1.4.0`, may have digits too.
    digits.map(|(at, _)| at).find_map(|at| {
        let version = Version::parse(&tag[at..]).ok()?;
        Some((&tag[..at], version))
    })
}

/// Returns an address with other versions in the place of those that it names; nothing where it
/// does not name the first.
fn renamed(address: &str, versions: [(&Version, &Version); 2]) -> Option<String> {
    let [(named, _), _] = versions;
    if !names(address, named) {
        return None;
    }
    // Both at once: the new text of one may be the old text of the other.
    let mut result = String::new();
    let mut rest = address;
    while !rest.is_empty() {
        let found = versions.iter().find_map(|(old, new)| {
            let after = rest.strip_prefix(&old.to_string())?;
            let whole =
                !result.ends_with(|c: char| c.is_ascii_digit() || c == '.') && !continues(after);
            whole.then_some((after, new))
        });
        match found {
            Some((after, new)) => {
                result.push_str(&new.to_string());
                rest = after;
            }
            None => {
                let next = rest.chars().next().map_or(rest.len(), char::len_utf8);
                result.push_str(&rest[..next]);
                rest = &rest[next..];
            }
        }
    }
    Some(result)
}

fn names(address: &str, version: &Version) -> bool {
    let version = version.to_string();
    let mut found = address.match_indices(&version);
    found.any(|(at, _)| {
        !address[..at].ends_with(|c: char| c.is_ascii_digit() || c == '.')
            && !continues(&address[at + version.len()..])
    })
}

/// Returns whether a version goes on in a text that follows it: `1.0.0` in `1.0.01` or `1.0.0.1`.
fn continues(after: &str) -> bool {
    let mut chars = after.chars();
    match chars.next() {
        Some('.') => chars.next().is_some_and(|c| c.is_ascii_digit()),
        Some(c) => c.is_ascii_digit(),
        None => false,
    }
}

/// Returns the edits that give `version` its link, under the label that its heading has, and move
/// the one of `[Unreleased]`.
pub(crate) fn edits(
    changelog: &Changelog,
    (version, label): (&Version, &str),
    links: Option<&CompareLinks>,
    end_of_line: &str,
) -> Result<Vec<(Range<usize>, String)>, ChangelogError> {
    let definitions = definitions(changelog);
    let find = |label: &str| {
        definitions
            .iter()
            .find(|definition| definition.label.eq_ignore_ascii_case(label))
    };
    if find(label).is_some() {
        return Ok(Vec::new());
    }
    let named = (version, label);
    match (find("unreleased"), links) {
        (Some(unreleased), _) => {
            let moved = move_on(
                changelog,
                &definitions,
                unreleased,
                named,
                links,
                end_of_line,
            );
            Ok(moved.unwrap_or_default())
        }
        (None, Some(links)) => {
            let created = create(changelog, &definitions, named, links, end_of_line)?;
            Ok(vec![created])
        }
        (None, None) => Ok(Vec::new()),
    }
}

/// Returns the destination that an inline link of the new version's heading gets: one of the same
/// make as that of the version before.
pub(crate) fn inline_destination(
    changelog: &Changelog,
    version: &Version,
    pattern: Option<&str>,
    links: Option<&CompareLinks>,
) -> Option<String> {
    let pattern = pattern.map(|link| link.trim_start_matches('(').trim_end_matches(')'));
    pattern
        .and_then(|pattern| like_the_last(changelog, version, pattern))
        .or_else(|| Some(destination(changelog, version, links?)))
}

/// Returns what an inline link of the fresh `[Unreleased]` becomes, if it is to move on.
pub(crate) fn moved_inline(changelog: &Changelog, version: &Version, link: &str) -> Option<String> {
    let address = link.trim_start_matches('(').trim_end_matches(')');
    let last = previous(changelog, version)?;
    let moved = match Compare::parse(address) {
        Some(compare) => {
            let tag = format!("{}{version}", compare.tag_prefix()?);
            compare.between(&tag, compare.to)
        }
        None => renamed(address, [(last, version), (last, version)])?,
    };
    Some(format!("({moved})"))
}

/// Returns the address for `version` that is to the last version's as that is to the one before.
fn like_the_last(changelog: &Changelog, version: &Version, last: &str) -> Option<String> {
    let newest = previous(changelog, version)?;
    let older = previous(changelog, newest).unwrap_or(newest);
    if let Some(compare) = Compare::parse(last)
        && let Some((prefix, to)) = version_in(compare.to)
        && to == *newest
    {
        return Some(compare.between(compare.to, &format!("{prefix}{version}")));
    }
    renamed(last, [(newest, version), (older, newest)])
}

/// Returns the destination that GitHub has.
pub(crate) fn destination(
    changelog: &Changelog,
    version: &Version,
    links: &CompareLinks,
) -> String {
    let CompareLinks {
        repository,
        tag_prefix,
    } = links;
    match previous(changelog, version) {
        Some(from) => {
            format!("{repository}/compare/{tag_prefix}{from}...{tag_prefix}{version}")
        }
        None => format!("{repository}/releases/tag/{tag_prefix}{version}"),
    }
}

fn move_on(
    changelog: &Changelog,
    definitions: &[Definition<'_>],
    unreleased: &Definition<'_>,
    (version, label): (&Version, &str),
    links: Option<&CompareLinks>,
    end_of_line: &str,
) -> Option<Vec<(Range<usize>, String)>> {
    let compare = Compare::parse(unreleased.destination);
    let prefix = links
        .map(|links| links.tag_prefix.as_str())
        .or_else(|| compare.as_ref().and_then(Compare::tag_prefix));
    let mut edits = Vec::new();
    let destination = match (&compare, prefix) {
        (Some(compare), Some(prefix)) => {
            let tag = format!("{prefix}{version}");
            let moved = compare.between(&tag, compare.to);
            edits.push((unreleased.range.clone(), moved));
            compare.between(compare.from, &tag)
        }
        // Of another make: what it says of the last version holds for the new one.
        _ => {
            let last = previous(changelog, version)?;
            let of_last = definitions.iter().find(|definition| {
                let label = definition.label.trim_start_matches(['v', 'V']);
                Version::parse(label).is_ok_and(|version| version == *last)
            });
            let moved = renamed(unreleased.destination, [(last, version), (last, version)]);
            edits.extend(moved.map(|moved| (unreleased.range.clone(), moved)));
            of_last
                .and_then(|last| like_the_last(changelog, version, last.destination))
                .or_else(|| Some(destination(changelog, version, links?)))?
        }
    };
    let at = unreleased.line.end;
    let mut line = format!("[{label}]: {destination}{end_of_line}");
    if !changelog.text[..at].ends_with('\n') {
        // The last line of a text without a final newline stays without one.
        line = format!("{end_of_line}{}", line.trim_end());
    }
    edits.push((at..at, line));
    Some(edits)
}

fn create(
    changelog: &Changelog,
    definitions: &[Definition<'_>],
    (version, label): (&Version, &str),
    links: &CompareLinks,
    end_of_line: &str,
) -> Result<(Range<usize>, String), ChangelogError> {
    let CompareLinks {
        repository,
        tag_prefix,
    } = links;
    let destination = destination(changelog, version, links);
    let mut lines = format!("[{label}]: {destination}{end_of_line}");
    if changelog.unreleased().is_some() {
        let compare = format!("{repository}/compare/{tag_prefix}{version}...HEAD");
        lines = format!("[Unreleased]: {compare}{end_of_line}{lines}");
    }
    let newest = definitions.iter().find(|definition| {
        definition.line.start >= changelog.tail
            && Version::parse(definition.label.trim_start_matches('v')).is_ok()
    });
    if let Some(newest) = newest {
        return Ok((newest.line.start..newest.line.start, lines));
    }
    if let Some(line) = changelog.open {
        return Err(ChangelogError::Unclosed { line });
    }
    let text = &changelog.text;
    let mut before = String::new();
    if !text.ends_with('\n') {
        before.push_str(end_of_line);
    }
    let has_tail = changelog.tail < text.len();
    if !has_tail && !text.ends_with("\n\n") && !text.ends_with("\n\r\n") {
        before.push_str(end_of_line);
    }
    Ok((text.len()..text.len(), before + &lines))
}

/// Returns the greatest version below `version` that has a section.
fn previous<'c>(changelog: &'c Changelog, version: &Version) -> Option<&'c Version> {
    changelog
        .sections()
        .iter()
        .filter_map(|section| match &section.title {
            Title::Version(other) if other < version => Some(other),
            _ => None,
        })
        .max()
}

pub(crate) fn definitions(changelog: &Changelog) -> Vec<Definition<'_>> {
    changelog
        .lines
        .iter()
        .filter(|line| line.kind == LineKind::Definition)
        .filter_map(|line| {
            let content = &changelog.text[line.content.clone()];
            let (label, destination) = markdown::definition(content)?;
            let label_end = content.find("]:")?;
            let start = line.content.start + label_end + content[label_end..].find(destination)?;
            Some(Definition {
                line: line.content.start..line.end,
                label,
                destination,
                range: start..start + destination.len(),
            })
        })
        .collect()
}
