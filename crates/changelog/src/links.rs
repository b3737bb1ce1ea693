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

/// A `…/compare/FROM...TO` address in its parts.
struct Compare<'t> {
    base: &'t str,
    from: &'t str,
    to: &'t str,
}

impl<'t> Compare<'t> {
    fn parse(destination: &'t str) -> Option<Compare<'t>> {
        let at = destination.rfind("/compare/")? + "/compare/".len();
        let (from, to) = destination[at..].split_once("...")?;
        Some(Compare {
            base: &destination[..at],
            from,
            to,
        })
    }

    /// What precedes the version in the tag of `from`.
    fn tag_prefix(&self) -> Option<&'t str> {
        let digits = self.from.match_indices(|c: char| c.is_ascii_digit());
        // The name of a package in a tag, `core2-v1.4.0`, may have digits too.
        digits
            .map(|(at, _)| at)
            .find(|&at| Version::parse(&self.from[at..]).is_ok())
            .map(|at| &self.from[..at])
    }
}

/// The edits that give `version` its link and move the one of `[Unreleased]`.
pub(crate) fn edits(
    changelog: &Changelog,
    version: &Version,
    links: Option<&CompareLinks>,
    end_of_line: &str,
) -> Result<Vec<(Range<usize>, String)>, ChangelogError> {
    let definitions = definitions(changelog);
    let find = |label: &str| {
        definitions
            .iter()
            .find(|definition| definition.label.eq_ignore_ascii_case(label))
    };
    if find(&version.to_string()).is_some() {
        return Ok(Vec::new());
    }
    match (find("unreleased"), links) {
        (Some(unreleased), _) => {
            Ok(move_on(changelog, unreleased, version, links, end_of_line).unwrap_or_default())
        }
        (None, Some(links)) => {
            let created = create(changelog, &definitions, version, links, end_of_line)?;
            Ok(vec![created])
        }
        (None, None) => Ok(Vec::new()),
    }
}

/// The destination that an inline link of the new version's heading gets.
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
    unreleased: &Definition<'_>,
    version: &Version,
    links: Option<&CompareLinks>,
    end_of_line: &str,
) -> Option<Vec<(Range<usize>, String)>> {
    let compare = Compare::parse(unreleased.destination);
    let prefix = links
        .map(|links| links.tag_prefix.as_str())
        .or_else(|| compare.as_ref().and_then(Compare::tag_prefix));
    let mut edits = Vec::new();
    let destination = match (compare, prefix) {
        (Some(Compare { base, from, to }), Some(prefix)) => {
            edits.push((
                unreleased.range.clone(),
                format!("{base}{prefix}{version}...{to}"),
            ));
            format!("{base}{from}...{prefix}{version}")
        }
        _ => destination(changelog, version, links?),
    };
    let at = unreleased.line.end;
    let mut line = format!("[{version}]: {destination}{end_of_line}");
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
    version: &Version,
    links: &CompareLinks,
    end_of_line: &str,
) -> Result<(Range<usize>, String), ChangelogError> {
    let CompareLinks {
        repository,
        tag_prefix,
    } = links;
    let destination = destination(changelog, version, links);
    let mut lines = format!("[{version}]: {destination}{end_of_line}");
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

/// The greatest version below `version` that has a section.
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
