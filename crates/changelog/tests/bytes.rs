//! Every byte that a promotion does not have to change stays: on generated
//! texts, and on the changelogs of the dependencies that cargo has unpacked.

use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::Config;
use stagegate_changelog::{
    Change, Changelog, ChangelogError, CompareLinks, Release, Section, Title, generate,
};

/// Promotes, and checks the result by its lines: all lines of the text are
/// still there, in order, but the heading and the link of `[Unreleased]`.
fn check(text: &str, changelog: &Changelog, unreleased: &Section, links: Option<&CompareLinks>) {
    let version = "9999.4.0".parse().unwrap();
    let promoted = changelog
        .promote(&version, "2026-03-14", links)
        .expect("the unreleased section is not empty");
    let mut lines = promoted.split_inclusive('\n');
    let mut lost = Vec::new();
    for line in text.split_inclusive('\n') {
        let mut rest = lines.clone();
        if rest.any(|new| new.trim_end_matches(['\r', '\n']) == line.trim_end_matches(['\r', '\n']))
        {
            lines = rest;
        } else {
            lost.push(line);
        }
    }
    let is_link = |line: &&str| line.to_lowercase().contains("[unreleased]:");
    assert!(lost.iter().all(is_link), "lost: {lost:?}");
    assert!(lost.len() <= 1, "lost: {lost:?}");

    let again = Changelog::parse(&promoted).expect("the result is a changelog");
    let fresh = again.unreleased().expect("there is a fresh section");
    assert_eq!(again.body(fresh), "");
    assert_eq!(fresh.line, unreleased.line);
    let released = again.section(&version).expect("the version has a section");
    assert_eq!(again.body(released), changelog.body(unreleased));
    assert_eq!(released.date.as_deref(), Some("2026-03-14"));
    assert_eq!(again.sections().len(), changelog.sections().len() + 1);
    assert_eq!(
        promoted.starts_with('\u{feff}'),
        text.starts_with('\u{feff}')
    );
    let crlf = |text: &str| text.matches("\r\n").count();
    let lf_only = |text: &str| text.matches('\n').count() - crlf(text);
    if lf_only(text) == 0 {
        assert_eq!(lf_only(&promoted), 0);
    }
    if crlf(text) == 0 {
        assert_eq!(crlf(&promoted), 0);
    }
}

/// Puts a generated section into a changelog: nothing of the text is lost, and the section
/// is found again.
fn inserted(changelog: &Changelog, path: &std::path::Path) {
    let version: semver::Version = "9999.4.0".parse().unwrap();
    let change = Change {
        message: "feat: a lantern".to_owned(),
        ..Change::default()
    };
    let release = Release {
        version: &version,
        tag: "v9999.4.0",
        previous: None,
        date: "2026-03-14",
        repository: None,
        cliff: None,
    };
    let generated = generate(&[change], release).unwrap();
    let new = match changelog.insert(&version, "2026-03-14", &generated, None) {
        Ok(new) => new,
        Err(ChangelogError::Unclosed { .. }) => return,
        Err(ChangelogError::NoUnreleased) if changelog.sections().is_empty() => return,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let mut lines = new.lines();
    let is_moved = |line: &str| line.to_lowercase().contains("[unreleased]");
    for line in changelog.text().lines().filter(|line| !is_moved(line)) {
        assert!(
            lines.any(|new| new == line),
            "{} has lost {line:?}",
            path.display()
        );
    }
    let again = Changelog::parse(&new).unwrap();
    let there = again.section(&version);
    let there = there.unwrap_or_else(|| panic!("{}: {new}", path.display()));
    assert_eq!(
        there.date.as_deref(),
        Some("2026-03-14"),
        "{}",
        path.display()
    );
    assert!(
        again.body(there).contains(" A lantern"),
        "{}",
        path.display()
    );
    let versions = |changelog: &Changelog| {
        let sections = changelog.sections().iter();
        let is_version = |section: &&Section| matches!(section.title, Title::Version(_));
        sections.filter(is_version).count()
    };
    let want = versions(changelog) + 1;
    assert_eq!(versions(&again), want, "{}", path.display());
}

fn links() -> CompareLinks {
    CompareLinks {
        repository: "https://github.com/o/r".to_owned(),
        tag_prefix: "v".to_owned(),
    }
}

fn block() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "- item",
        "  - nested `## [1.0.0]`",
        "prose [link] text",
        "### Added",
        "",
        "```\n## [Unreleased]\n```",
        "~~~~\n## [7.7.7]\n~~~\n~~~~",
        "- ```\n  ## [Unreleased]\n  ```",
        "<!-- ## [Unreleased] -->",
        "<!--\n## [Unreleased]\n-->",
        "[link]: https://e.org/x",
        "\ttabs \u{a0} and ünïcode",
        "> quoted",
        "trailing blanks   ",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn generated_changelogs(
        bom in any::<bool>(),
        crlf in any::<bool>(),
        final_newline in any::<bool>(),
        intro in prop::collection::vec(block(), 0..4),
        changes in prop::collection::vec(block(), 0..6),
        older in prop::collection::vec(block(), 0..6),
        heading in prop::sample::select(vec![
            "## [Unreleased]", "## Unreleased", "Unreleased\n---", "## [Unreleased] - ReleaseDate ##",
        ]),
        version in prop::sample::select(vec![
            "## [1.3.0] - 2026-01-01", "## v1.3.0 (2026-01-01)", "1.3.0\n-----", "## [1.3.0] - TBD",
        ]),
        foot in prop::sample::select(vec![
            "", "\n[Unreleased]: https://e.org/compare/v1.3.0...HEAD", "\n[1.3.0]: https://e.org/1.3.0",
        ]),
        with_links in any::<bool>(),
    ) {
        let mut text = format!(
            "# Changelog\n\n{}\n\n{heading}\n\n{}\n- sure\n\n{version}\n\n{}\n{foot}",
            intro.join("\n"), changes.join("\n"), older.join("\n"),
        );
        if final_newline {
            text.push('\n');
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if bom {
            text.insert(0, '\u{feff}');
        }
        let links = links();
        let changelog = Changelog::parse(&text).unwrap();
        let unreleased = changelog.unreleased().expect("the heading is found");
        check(&text, &changelog, unreleased, with_links.then_some(&links));
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "[\\x{feff}a#=\\-`~<!>\\[\\]:. \t\r\n0-9vU]{0,200}") {
        if let Ok(changelog) = Changelog::parse(&text) {
            for section in changelog.sections() {
                changelog.body(section);
                changelog.notes(section);
            }
        }
    }
}

/// The changelogs that cargo has unpacked; none where there is no such directory.
fn corpus() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let list = |directory: PathBuf| {
        std::fs::read_dir(directory)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    home.map(|home| list(home.join("registry/src")))
        .into_iter()
        .flatten()
        .flat_map(list)
        .map(|package| package.join("CHANGELOG.md"))
        .filter(|path| path.is_file())
        .collect()
}

#[test]
fn changelogs_of_real_crates() {
    let (mut seen, mut sections, mut promoted) = (0, 0, 0);
    for path in corpus() {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        seen += 1;
        let changelog = match Changelog::parse(&text) {
            Ok(changelog) => changelog,
            Err(error) => {
                println!("{}: {error}", path.display());
                continue;
            }
        };
        assert_eq!(changelog.text(), text);
        let versions = changelog.sections().iter().filter_map(|s| match &s.title {
            Title::Version(version) => Some(version),
            _ => None,
        });
        sections += versions.clone().count();
        for version in versions.take(3) {
            let marked = changelog.mark_yanked(version).unwrap();
            let yanked = Changelog::parse(&marked).unwrap();
            assert!(
                yanked.section(version).unwrap().yanked,
                "{path:?} {version}"
            );
        }
        inserted(&changelog, &path);
        let Some(first) = changelog.sections().first() else {
            println!("{}: no version heading", path.display());
            continue;
        };
        let text = match changelog.unreleased() {
            Some(unreleased) if changelog.body(unreleased).contains("- ") => text,
            Some(_) => continue,
            None => with_unreleased(&text, first.line),
        };
        let changelog = Changelog::parse(&text).unwrap();
        let unreleased = changelog.unreleased().unwrap();
        check(&text, &changelog, unreleased, Some(&links()));
        promoted += 1;
    }
    println!("{seen} changelogs, {sections} versions, {promoted} promoted");
}

/// The text with unreleased changes above the heading in this line.
fn with_unreleased(text: &str, line: usize) -> String {
    let crlf = text.contains("\r\n");
    let section = "## [Unreleased]\n\n- changed\n\n";
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let section = if crlf {
        section.replace('\n', "\r\n")
    } else {
        section.to_owned()
    };
    lines.insert(line - 1, &section);
    lines.concat()
}
