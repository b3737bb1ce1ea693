//! The members' entries in `Cargo.lock`.
//!
//! Cargo regenerates the file when it does not fit, but not under `--locked`,
//! and only by asking the registry. So the few lines that a bump changes are
//! changed here, as cargo would write them: also where a member shares its
//! name with a package from a registry, and the order of the two changes.

use std::collections::BTreeMap;
use std::ops::Range;

use camino::Utf8Path;
use semver::Version;
use toml_edit::{Document, Item, Table};

use crate::bump::BumpError;
use crate::edit::Splice;
use crate::span::{replace_string, string_content};

/// A package in the lockfile.
struct Entry<'d> {
    name: &'d str,
    version: &'d str,
    is_member: bool,
    table: &'d Table,
    /// Bytes from its header to the next one.
    block: Range<usize>,
}

/// Returns the splices that give the members their new versions. `to` maps a name to the version
/// before and after.
pub(crate) fn bump(
    path: &Utf8Path,
    text: &str,
    to: &BTreeMap<&str, (&Version, &Version)>,
) -> Result<Vec<Splice>, BumpError> {
    let document = Document::parse(text).map_err(|error| BumpError::Syntax {
        path: path.to_owned(),
        detail: error.to_string(),
    })?;
    let entries = entries(text, &document);
    let mut splices = Vec::new();
    for (name, (old, new)) in to {
        let Some(member) = member(&entries, name, old) else {
            continue;
        };
        let new = new.to_string();
        let is_same = |e: &&Entry<'_>| e.name == *name && e.version == new && !e.is_member;
        if entries.iter().any(|entry| is_same(&entry)) {
            return Err(BumpError::LockedTwice {
                path: path.to_owned(),
                name: (*name).to_owned(),
                version: new,
            });
        }
        let item = member.table.get("version");
        splices.extend(item.and_then(|item| replace_string(text, item, &new)));
        let qualified = format!("{name} {}", member.version);
        for entry in &entries {
            splices.extend(dependency(text, entry.table, &qualified, name, &new));
        }
    }
    splices.sort_by_key(|splice| splice.start);
    for name in to.keys() {
        reorder(text, &entries, name, &mut splices);
    }
    Ok(splices)
}

fn entries<'d>(text: &str, document: &'d Document<&str>) -> Vec<Entry<'d>> {
    // Every table ends where the next one begins, whatever that one is.
    let mut headers: Vec<(usize, bool)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') {
            headers.push((at, line.starts_with("[[package]]")));
        }
        at += line.len();
    }
    let ends = headers.iter().skip(1).map(|(at, _)| *at).chain([at]);
    let blocks = headers
        .iter()
        .zip(ends)
        .filter(|((_, is_package), _)| *is_package)
        .map(|((start, _), end)| *start..end);
    let tables = document
        .get("package")
        .and_then(Item::as_array_of_tables)
        .into_iter()
        .flat_map(|tables| tables.iter());
    let string = |table: &'d Table, key: &str| table.get(key).and_then(Item::as_str);
    tables
        .zip(blocks)
        .filter_map(|(table, block)| {
            Some(Entry {
                name: string(table, "name")?,
                version: string(table, "version")?,
                is_member: !table.contains_key("source"),
                table,
                block,
            })
        })
        .collect()
}

/// Returns the entry of a member: the one of its version, or the only one of its name in a lockfile
/// that lags behind.
fn member<'e, 'd>(entries: &'e [Entry<'d>], name: &str, old: &Version) -> Option<&'e Entry<'d>> {
    let old = old.to_string();
    let mut named = entries.iter().filter(|e| e.name == name && e.is_member);
    let first = named.next()?;
    let others: Vec<_> = named.collect();
    if first.version == old || others.is_empty() {
        return Some(first);
    }
    others.into_iter().find(|entry| entry.version == old)
}

/// Returns the splice for a dependency on `NAME VERSION`, as cargo writes it where the name alone
/// is ambiguous.
fn dependency(text: &str, table: &Table, qualified: &str, name: &str, new: &str) -> Option<Splice> {
    let list = table.get("dependencies")?.as_array()?;
    let value = list
        .iter()
        .find(|value| value.as_str() == Some(qualified))?;
    let range = string_content(text, &Item::Value(value.clone()))?;
    let replacement = format!("{name} {new}");
    (text[range.clone()] != replacement).then_some(Splice {
        start: range.start,
        end: range.end,
        text: replacement,
    })
}

/// Puts packages in order. Cargo sorts them by name and version: where several share a name, a new
/// version may change their order.
fn reorder(text: &str, entries: &[Entry<'_>], name: &str, splices: &mut Vec<Splice>) {
    let run: Vec<_> = entries.iter().filter(|entry| entry.name == name).collect();
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return;
    };
    let region = first.block.start..last.block.end;
    // Cargo keeps them together; where somebody has not, they stay as they are.
    if run
        .windows(2)
        .any(|pair| pair[0].block.end != pair[1].block.start)
    {
        return;
    }
    let mut blocks: Vec<(Option<Version>, String)> = run
        .iter()
        .map(|entry| {
            let block = edited(text, entry.block.clone(), splices);
            (block_version(&block), block)
        })
        .collect();
    if blocks.is_sorted_by(|a, b| a.0 <= b.0) {
        return;
    }
    blocks.sort_by(|a, b| a.0.cmp(&b.0));
    // Blocks are parted by a blank line, which the last one of a file lacks.
    let gap = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let last_has_gap = text[region.clone()].ends_with(&format!("{gap}{gap}"));
    let mut sorted = String::new();
    for (_, block) in &blocks {
        sorted.push_str(block.trim_end());
        sorted.push_str(gap);
        sorted.push_str(gap);
    }
    if !last_has_gap {
        sorted.truncate(sorted.len() - gap.len());
    }
    splices.retain(|splice| !region.contains(&splice.start));
    splices.push(Splice {
        start: region.start,
        end: region.end,
        text: sorted,
    });
    splices.sort_by_key(|splice| splice.start);
}

/// Returns the text of a range after the splices in it.
fn edited(text: &str, range: Range<usize>, splices: &[Splice]) -> String {
    let mut result = String::new();
    let mut at = range.start;
    for splice in splices.iter().filter(|s| range.contains(&s.start)) {
        result.push_str(&text[at..splice.start]);
        result.push_str(&splice.text);
        at = splice.end;
    }
    result.push_str(&text[at..range.end]);
    result
}

fn block_version(block: &str) -> Option<Version> {
    let line = block.lines().find_map(|l| l.strip_prefix("version = "))?;
    Version::parse(line.trim().trim_matches('"')).ok()
}
