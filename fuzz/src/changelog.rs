//! A changelog: reading never panics, and an edit changes what it is for.

use semver::Version;
use stagegate_changelog::{Changelog, CompareLinks, Title};

/// Reads, promotes, yanks and un-yanks.
pub fn check(text: &str) {
    let Ok(changelog) = Changelog::parse(text) else {
        return;
    };
    assert_eq!(changelog.text(), text);
    for section in changelog.sections() {
        assert!(
            changelog
                .notes(section)
                .starts_with(changelog.body(section))
        );
    }
    let versions = changelog.sections().iter().filter_map(|s| match &s.title {
        Title::Version(version) => Some(version.clone()),
        _ => None,
    });
    for version in versions.take(4).collect::<Vec<_>>() {
        yank(&changelog, &version);
    }
    let links = CompareLinks {
        repository: "https://github.com/o/r".to_owned(),
        tag_prefix: "v".to_owned(),
    };
    promote(&changelog, None);
    promote(&changelog, Some(&links));
}

/// A mark is there once, and its removal gives the text back.
fn yank(changelog: &Changelog, version: &Version) {
    let text = changelog.text();
    let marked = changelog
        .mark_yanked(version)
        .expect("the version has a section");
    let again = Changelog::parse(&marked).expect("a mark makes no other file of it");
    let section = again.section(version).expect("the section is still there");
    assert!(section.yanked, "{marked:?}");
    assert_eq!(again.mark_yanked(version).as_deref(), Ok(marked.as_str()));
    assert_eq!(again.sections().len(), changelog.sections().len());
    if !changelog.section(version).is_some_and(|s| s.yanked) {
        assert_eq!(again.unmark_yanked(version).as_deref(), Ok(text));
    }
}

/// The changes stand under the version, every line is still there and in order,
/// and the new file is promoted no second time without new changes.
fn promote(changelog: &Changelog, links: Option<&CompareLinks>) {
    let version = Version::new(9999, 4, 0);
    let Ok(promoted) = changelog.promote(&version, "2026-03-14", links) else {
        return;
    };
    let again = Changelog::parse(&promoted).expect("the result is a changelog");
    let released = again.section(&version).expect("the version has a section");
    assert_eq!(released.date.as_deref(), Some("2026-03-14"), "{promoted:?}");
    if let Ok(before) = changelog.coming(&version) {
        if before.title == Title::Unreleased {
            let fresh = again.unreleased().expect("there is a fresh section");
            assert_eq!(without_links(again.body(fresh)), "", "{promoted:?}");
        }
        let (new, old) = (again.body(released), changelog.body(before));
        assert_eq!(without_links(new), without_links(old), "{promoted:?}");
    }
    kept(changelog.text(), &promoted);
    let next = Version::new(9999, 5, 0);
    if again.section(&next).is_none() {
        let second = again.promote(&next, "2026-03-15", links);
        assert!(second.is_err(), "nothing new is promoted: {second:?}");
    }
}

/// A body without the links that a promotion writes: they stand where the one of
/// `[Unreleased]` does, wherever that is.
fn without_links(body: &str) -> String {
    let is_link = |line: &&str| {
        let line = line.trim_start().to_lowercase();
        line.starts_with("[unreleased]:") || line.starts_with("[9999.4.0]:")
    };
    let lines: Vec<&str> = body.lines().filter(|line| !is_link(line)).collect();
    lines.join("\n").trim().to_owned()
}

/// Every line of the text is in the result, in order, but for two at most: the
/// link of `[Unreleased]`, which moves on, and a heading that gets its date.
fn kept(text: &str, result: &str) {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.split_inclusive('\n');
        lines
            .map(|line| line.trim_end_matches(['\r', '\n']).to_owned())
            .collect()
    };
    let (before, after) = (lines(text), lines(result));
    let common = common(&before, &after);
    assert!(common + 2 >= before.len(), "{text:?} became {result:?}");
}

/// The length of the longest common subsequence.
fn common(one: &[String], other: &[String]) -> usize {
    let mut lengths = vec![0; other.len() + 1];
    for line in one {
        let mut diagonal = 0;
        for (at, candidate) in other.iter().enumerate() {
            let above = lengths[at + 1];
            lengths[at + 1] = match line == candidate {
                true => diagonal + 1,
                false => above.max(lengths[at]),
            };
            diagonal = above;
        }
    }
    lengths[other.len()]
}
