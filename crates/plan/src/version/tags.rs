//! The form of each group's tags, from the tags that exist.
//!
//! A tag with a package's name in it is that package's. One without a name belongs to the
//! group whose versions continue it: to `time` 0.3.55 and not to `time-core` 0.1.9 the tag
//! `v0.3.55`. The form of the highest version decides how the next tag is written; older
//! forms still say what was released. Dates and moving tags are no versions.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::version::groups::WORKSPACE;

/// Forms with a package's name.
const NAMED: [&str; 8] = [
    "{name}-v{version}",
    "{name}-{version}",
    "{name}/v{version}",
    "{name}/{version}",
    "{name}@{version}",
    "{name}@v{version}",
    "{name}_v{version}",
    "{name}_{version}",
];

/// Forms without one.
const PLAIN: [&str; 8] = [
    "v{version}",
    "{version}",
    "release-v{version}",
    "release-{version}",
    "release/v{version}",
    "release/{version}",
    "version-{version}",
    "V{version}",
];

/// Releases that show a habit.
const SHOWN: usize = 15;

/// A group whose tags are looked for.
#[derive(Clone, Debug)]
pub(crate) struct Tagged<'a> {
    /// The group's name, and those of its packages.
    pub(crate) names: Vec<&'a str>,
    /// The version it has.
    pub(crate) version: &'a Version,
}

/// What a group's tags are like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagHabit {
    /// The forms of the last release's tags, names filled in; the first is the group's own,
    /// and more there are where each package has its own.
    pub(crate) forms: Vec<String>,
    /// The first of them before a name was filled in.
    pub(crate) general: String,
    /// Forms of earlier releases.
    pub(crate) older: Vec<String>,
    /// How many of the last releases have a tag of the first form, and how many these are.
    pub(crate) seen: (usize, usize),
}

/// A form that has tags, and the versions in them.
struct Found {
    general: &'static str,
    form: String,
    is_named: bool,
    versions: BTreeSet<Version>,
}

/// Returns the version in a tag of this form.
pub(crate) fn version_in(form: &str, tag: &str) -> Option<Version> {
    let (before, after) = form.split_once("{version}")?;
    let version = tag.strip_prefix(before)?.strip_suffix(after)?;
    Version::parse(version).ok()
}

fn found(general: &'static str, name: Option<&str>, tags: &BTreeSet<String>) -> Option<Found> {
    let form = general.replace("{name}", name.unwrap_or_default());
    let versions: BTreeSet<Version> = tags
        .iter()
        .filter_map(|tag| version_in(&form, tag))
        .collect();
    (!versions.is_empty()).then_some(Found {
        general,
        form,
        is_named: name.is_some(),
        versions,
    })
}

/// Returns the versions in the tags that name a package.
pub(crate) fn versions_of(name: &str, tags: &BTreeSet<String>) -> Vec<Version> {
    let all = NAMED
        .iter()
        .filter_map(|form| found(form, Some(name), tags));
    let versions: BTreeSet<Version> = all.flat_map(|found| found.versions).collect();
    versions.into_iter().collect()
}

/// Returns the versions in tags without a name.
pub(crate) fn plain_versions(tags: &BTreeSet<String>) -> BTreeSet<Version> {
    let all = PLAIN.iter().filter_map(|form| found(form, None, tags));
    all.flat_map(|found| found.versions).collect()
}

/// Returns the habit of each group, in their order; nothing for those without a tag.
pub(crate) fn habits(groups: &[Tagged<'_>], tags: &BTreeSet<String>) -> Vec<Option<TagHabit>> {
    let named: Vec<Vec<Found>> = groups
        .iter()
        .map(|group| {
            let names: BTreeSet<&str> = group.names.iter().copied().collect();
            let forms = names
                .into_iter()
                .flat_map(|name| NAMED.iter().map(move |form| (form, name)));
            forms
                .filter_map(|(form, name)| found(form, Some(name), tags))
                .collect()
        })
        .collect();
    let owners = plain_owners(groups, &named, tags);
    let goes_on = owners.len() == 1 && goes_on(owners[0], groups, &named, tags);
    let each = groups.iter().zip(named).enumerate();
    each.map(|(at, (group, mut found_here))| {
        if owners.contains(&at) {
            let plain = PLAIN.iter().filter_map(|form| found(form, None, tags));
            found_here.extend(plain);
        }
        let mut habit = habit(group, found_here, groups.len() > 1)?;
        if !goes_on && !habit.general.contains("{name}") {
            // One tag was of all that now have their own; none of them goes on with it.
            let plain = std::mem::take(&mut habit.forms);
            habit.older.extend(plain);
        }
        Some(habit)
    })
    .collect()
}

/// Returns whether a group goes on with tags without a name, as far as one of several may: it is
/// the one that the others are called after, or all others have tags with names, or there is more
/// than one such tag.
fn goes_on(
    owner: usize,
    groups: &[Tagged<'_>],
    named: &[Vec<Found>],
    tags: &BTreeSet<String>,
) -> bool {
    let name = |at: usize| groups[at].names.first().copied().unwrap_or_default();
    let mut others = (0..groups.len()).filter(|at| *at != owner).peekable();
    let is_first =
        name(owner) == WORKSPACE || others.clone().all(|at| name(at).starts_with(name(owner)));
    others.peek().is_none()
        || is_first
        || others.all(|at| !named[at].is_empty())
        || plain_versions(tags).len() > 1
}

/// Returns the group that tags without a name belong to: the one whose versions continue them, as
/// closely as any. Several, where nothing tells them apart.
fn plain_owners(
    groups: &[Tagged<'_>],
    named: &[Vec<Found>],
    tags: &BTreeSet<String>,
) -> Vec<usize> {
    if let [_] = groups {
        return vec![0];
    }
    let plain = plain_versions(tags);
    let top = groups.iter().map(|group| group.version).max();
    let Some(last) = top.and_then(|top| plain.range(..=top).next_back()) else {
        return Vec::new();
    };
    let line = |version: &Version| match version.major {
        0 => (0, version.minor),
        major => (major, 0),
    };
    let mut closest: Vec<((bool, &Version), usize)> = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let first = named[at].iter().filter_map(|found| found.versions.first());
        let latest = named[at].iter().filter_map(|found| found.versions.last());
        // Tags with its name came after those without, or before, or there are none.
        let next = match latest.max() {
            Some(latest) if latest >= last => first.min().unwrap_or(group.version),
            _ => group.version,
        };
        let distance = (line(next) != line(last), next);
        if next < last || closest.first().is_some_and(|(least, _)| distance > *least) {
            continue;
        }
        closest.retain(|(least, _)| *least == distance);
        closest.push((distance, at));
    }
    let closest: Vec<usize> = closest.into_iter().map(|(_, at)| at).collect();
    let name = |at: usize| groups[at].names.first().copied().unwrap_or_default();
    let whole = closest.iter().find(|at| name(**at) == WORKSPACE);
    let first = whole.or_else(|| {
        let extended = |at: &&usize| closest.iter().all(|o| name(*o).starts_with(name(**at)));
        closest.iter().find(extended)
    });
    first.map_or_else(|| closest.clone(), |at| vec![*at])
}

fn habit(group: &Tagged<'_>, found: Vec<Found>, several: bool) -> Option<TagHabit> {
    // A branch for fixes has tags above its own version; they are of other branches.
    let upto = |found: &Found| found.versions.range(..=group.version).next_back().cloned();
    let last = found.iter().filter_map(upto).max();
    let last = last.or_else(|| {
        let named = found.iter().filter(|found| found.is_named);
        named
            .filter_map(|found| found.versions.last().cloned())
            .max()
    })?;
    let (mut current, mut older): (Vec<Found>, Vec<Found>) = found
        .into_iter()
        .partition(|found| found.versions.contains(&last));
    if several && current.iter().any(|found| found.is_named) {
        // Where there are others, a name tells more than a version that all may have had.
        older.extend(current.extract_if(.., |found| !found.is_named));
    }
    // The group's own is the one without a name, or the one that is used most.
    current.sort_by_key(|found| {
        let is_groups = group
            .names
            .first()
            .is_some_and(|name| found.form == found.general.replace("{name}", name));
        (
            found.is_named,
            !is_groups,
            std::cmp::Reverse(found.versions.len()),
            found.form.len(),
        )
    });
    let all: BTreeSet<&Version> = current
        .iter()
        .chain(&older)
        .flat_map(|found| &found.versions)
        .collect();
    let shown: Vec<&&Version> = all.iter().rev().take(SHOWN).collect();
    let first = current.first()?;
    let seen = shown
        .iter()
        .filter(|v| first.versions.contains(**v))
        .count();
    Some(TagHabit {
        general: first.general.to_owned(),
        seen: (seen, shown.len()),
        forms: one_a_name(&current),
        older: older.into_iter().map(|found| found.form).collect(),
    })
}

/// Returns the forms that go on: of one name, or of none, only the first.
fn one_a_name(current: &[Found]) -> Vec<String> {
    let name_in = |form: &str| {
        let rest = form.replace("{version}", "");
        let rest = rest.trim_end_matches('v');
        rest.trim_end_matches(['-', '/', '@', '_']).to_owned()
    };
    let mut forms: Vec<String> = Vec::new();
    let mut plain = false;
    for found in current {
        let name = name_in(&found.form);
        let again = forms.iter().any(|form| name_in(form) == name);
        if (found.is_named && !again) || (!found.is_named && !plain) {
            forms.push(found.form.clone());
        }
        plain |= !found.is_named;
    }
    forms
}

/// Returns what is said of the habits: one line for each form.
pub(crate) fn notes<'a>(
    habits: impl Iterator<Item = (&'a str, &'a TagHabit)>,
    several: bool,
) -> Vec<String> {
    let mut by_form: BTreeMap<&str, (Vec<&str>, usize, usize)> = BTreeMap::new();
    for (name, habit) in habits {
        let entry = by_form.entry(&habit.general).or_default();
        entry.0.push(name);
        entry.1 += habit.seen.0;
        entry.2 += habit.seen.1;
    }
    let note = |(form, (names, seen, of)): (&str, (Vec<&str>, usize, usize))| {
        let whose = match several {
            true => format!(" ({})", names.join(", ")),
            false => String::new(),
        };
        format!("learned: tags `{form}`{whose}: {seen} of the last {of}")
    };
    by_form.into_iter().map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `groups` are `name version`, or `name+member+member version`; what is wanted are the
    /// form of each and its older ones.
    fn check(groups: &[&str], tags: &str, want: &[&str]) {
        let versions: Vec<Version> = groups
            .iter()
            .map(|group| group.split_once(' ').unwrap().1.parse().unwrap())
            .collect();
        let tagged: Vec<Tagged<'_>> = groups
            .iter()
            .zip(&versions)
            .map(|(group, version)| Tagged {
                names: group.split_once(' ').unwrap().0.split('+').collect(),
                version,
            })
            .collect();
        let tags: BTreeSet<String> = tags.split_whitespace().map(str::to_owned).collect();
        let said: Vec<String> = habits(&tagged, &tags)
            .into_iter()
            .map(|habit| match habit {
                None => "none".to_owned(),
                Some(habit) => {
                    let older = habit.older.iter().map(|form| format!(" after {form}"));
                    format!(
                        "{}{} {}/{}",
                        habit.forms.join(" "),
                        older.collect::<String>(),
                        habit.seen.0,
                        habit.seen.1
                    )
                }
            })
            .collect();
        assert_eq!(said, want, "{groups:?} {tags:?}");
    }

    #[test]
    fn a_name_in_the_tag_says_whose_it_is() {
        // axum
        check(
            &[
                "axum 0.8.9",
                "axum-core 0.5.6",
                "axum-extra 0.12.6",
                "axum-macros 0.5.1",
            ],
            "v0.3.4 v0.4.0 axum-debug-v0.3.3 axum-v0.4.1 axum-v0.8.8 axum-v0.8.9 axum-core-v0.5.6 \
             axum-extra-v0.12.6 axum-macros-v0.5.1",
            &[
                "axum-v{version} after v{version} 3/5",
                "axum-core-v{version} 1/1",
                "axum-extra-v{version} 1/1",
                "axum-macros-v{version} 1/1",
            ],
        );
        // nextest; quick-junit has left, and internal-test was never published.
        check(
            &["cargo-nextest 0.9.143", "nextest-runner 0.122.1"],
            "cargo-nextest-0.9.142 cargo-nextest-0.9.143 nextest-runner-0.122.1 quick-junit-0.3.0",
            &[
                "cargo-nextest-{version} 2/2",
                "nextest-runner-{version} 1/1",
            ],
        );
        // A name that is the beginning of another.
        check(
            &["core 1.0.0", "core-1 2.0.0"],
            "core/v1.0.0 core-1/v2.0.0",
            &["core/v{version} 1/1", "core-1/v{version} 1/1"],
        );
        check(
            &["a 1.0.0", "b 1.0.0"],
            "a@1.0.0",
            &["a@{version} 1/1", "none"],
        );
    }

    #[test]
    fn a_tag_without_a_name_belongs_to_whose_versions_continue_it() {
        // time: its 0.2.32 is also what time-macros has.
        check(
            &["time 0.3.55", "time-core 0.1.9", "time-macros 0.2.32"],
            "0.1.40 0.1.41 v0.1.42 v0.2.0 v0.2.32 v0.3.54 v0.3.55",
            &["v{version} after {version} 5/7", "none", "none"],
        );
        // clap, with its three that share a version.
        check(
            &[
                "clap+clap_builder+clap_derive 4.6.6",
                "clap_complete 4.6.9",
                "clap_lex 1.1.0",
                "clap_mangen 0.3.3",
            ],
            "v4.6.5 v4.6.6 clap_complete-v4.6.9 clap_lex-v1.1.0 clap_mangen-v0.3.3 v3.2.25",
            &[
                "v{version} 3/3",
                "clap_complete-v{version} 1/1",
                "clap_lex-v{version} 1/1",
                "clap_mangen-v{version} 1/1",
            ],
        );
        // ratatui changed over; a new member has nothing yet.
        check(
            &[
                "ratatui 0.30.2",
                "ratatui-core 0.1.2",
                "ratatui-macros 0.7.1",
            ],
            "v0.29.0 v0.30.0-alpha.1 ratatui-v0.30.0 ratatui-v0.30.2 ratatui-core-v0.1.2",
            &[
                "ratatui-v{version} after v{version} 2/4",
                "ratatui-core-v{version} 1/1",
                "none",
            ],
        );
    }

    #[test]
    fn what_was_of_all_goes_on_with_none_of_several() {
        check(
            &["core 1.0.0", "left 1.0.0", "right 0.9.0"],
            "v1.0.0",
            &[" after v{version} 1/1", " after v{version} 1/1", "none"],
        );
        check(
            &["core 0.1.0", "left 0.2.0"],
            "v0.1.0 core-v0.1.0 left-v0.2.0",
            &[
                "core-v{version} after v{version} 1/1",
                "left-v{version} 1/1",
            ],
        );
        // One of them happens to stand where all were.
        check(
            &["core 0.1.0", "left 0.2.0"],
            "v0.1.0",
            &[" after v{version} 1/1", "none"],
        );
    }

    #[test]
    fn the_highest_version_decides_and_what_is_no_version_does_not_count() {
        let check_one = |version: &str, tags: &str, want: &str| {
            check(&[&format!("one {version}")], tags, &[want]);
        };
        // cargo-release
        check_one(
            "1.1.5",
            "0.24.0 cargo-release-0.25.0 v1.1.4 v1.1.5",
            "v{version} after {version} 2/3",
        );
        // coreutils, with a tag that moves
        check_one("0.9.0", "0.8.0 0.9.0 latest-commit", "{version} 2/2");
        // rust-analyzer
        check_one("0.3.6", "2026-08-01 2026-08-08 nightly", "none");
        check_one("0.4.2-dev", "v0.4.0 v0.4.1", "v{version} 2/2");
        // A branch for fixes.
        check_one("1.2.3", "v1.2.3 2.0.0", "v{version} after {version} 1/2");
        check_one("1.0.0", "release-1.0.0", "release-{version} 1/1");
        check_one("1.0.0", "", "none");
    }

    #[test]
    fn each_package_of_a_group_may_have_its_own_tag() {
        check(
            &["workspace+one+one-macros 1.1.0"],
            "one-v1.0.0 one-macros-v1.0.0 one-v1.1.0 one-macros-v1.1.0",
            &["one-v{version} one-macros-v{version} 2/2"],
        );
        // sqlx: a name that is used no more.
        check(
            &["workspace+sqlx+sqlx-cli 0.9.0-alpha.1"],
            "sqlx-cli-v0.1.0-beta.1 v0.8.6 v0.9.0-alpha.1",
            &["v{version} after sqlx-cli-v{version} 2/3"],
        );
    }

    #[test]
    fn one_line_says_what_a_form_rests_on() {
        let habit = |general: &str, seen| TagHabit {
            general: general.to_owned(),
            seen,
            ..TagHabit::default()
        };
        let (first, second) = (
            habit("{name}-v{version}", (4, 5)),
            habit("{name}-v{version}", (3, 3)),
        );
        let notes = notes([("a", &first), ("b", &second)].into_iter(), true);
        assert_eq!(
            notes,
            ["learned: tags `{name}-v{version}` (a, b): 7 of the last 8"]
        );
    }
}
