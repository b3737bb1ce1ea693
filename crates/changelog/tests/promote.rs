//! Promotion and yank marks on the dialects that real changelogs are written in.

use stagegate_changelog::{Changelog, ChangelogError, CompareLinks, Title};

fn links() -> CompareLinks {
    CompareLinks {
        repository: "https://github.com/o/r".to_owned(),
        tag_prefix: "v".to_owned(),
    }
}

fn promoted(text: &str, links: Option<&CompareLinks>) -> Result<String, ChangelogError> {
    Changelog::parse(text)?.promote(&"1.4.0".parse().unwrap(), "2026-03-14", links)
}

fn check(text: &str, expected: &str) {
    assert_eq!(
        promoted(text, Some(&links())).as_deref(),
        Ok(expected),
        "{text}"
    );
}

fn check_error(text: &str, expected: &ChangelogError) {
    assert_eq!(promoted(text, None).as_ref(), Err(expected), "{text}");
}

#[test]
fn the_standard_form_keeps_its_compare_links() {
    check(
        "# Changelog\n\n## [Unreleased]\n\n### Added\n- a\n\n## [1.3.0] - 2026-01-01\n- b\n\n\
         [unreleased]: https://e.org/o/r/compare/v1.3.0...HEAD\n\
         [1.3.0]: https://e.org/o/r/releases/tag/v1.3.0\n",
        "# Changelog\n\n## [Unreleased]\n\n## [1.4.0] - 2026-03-14\n\n### Added\n- a\n\n\
         ## [1.3.0] - 2026-01-01\n- b\n\n\
         [unreleased]: https://e.org/o/r/compare/v1.4.0...HEAD\n\
         [1.4.0]: https://e.org/o/r/compare/v1.3.0...v1.4.0\n\
         [1.3.0]: https://e.org/o/r/releases/tag/v1.3.0\n",
    );
}

#[test]
fn compare_links_move_on_without_a_repository_address() {
    let text = "## [Unreleased]\n- a\n\n[Unreleased]: https://e.org/x/compare/1.3.0...main";
    assert_eq!(
        promoted(text, None).as_deref(),
        Ok("## [Unreleased]\n\n## [1.4.0] - 2026-03-14\n- a\n\n\
             [Unreleased]: https://e.org/x/compare/1.4.0...main\n\
             [1.4.0]: https://e.org/x/compare/1.3.0...1.4.0")
    );
}

#[test]
fn compare_links_are_created_for_bracketed_headings_only() {
    check(
        "## [Unreleased]\n- a\n\n## [1.3.0] - 2026-01-01\n- b",
        "## [Unreleased]\n\n## [1.4.0] - 2026-03-14\n- a\n\n## [1.3.0] - 2026-01-01\n- b\n\n\
         [Unreleased]: https://github.com/o/r/compare/v1.4.0...HEAD\n\
         [1.4.0]: https://github.com/o/r/compare/v1.3.0...v1.4.0\n",
    );
    check(
        "## Unreleased\n- a\n",
        "## Unreleased\n\n## 1.4.0 - 2026-03-14\n- a\n",
    );
    check(
        "## [Unreleased]\n- a\n",
        "## [Unreleased]\n\n## [1.4.0] - 2026-03-14\n- a\n\n\
         [Unreleased]: https://github.com/o/r/compare/v1.4.0...HEAD\n\
         [1.4.0]: https://github.com/o/r/releases/tag/v1.4.0\n",
    );
}

#[test]
fn a_back_port_is_compared_with_the_version_below_it() {
    check(
        "## [Unreleased]\n- a\n## [2.0.0]\n## [1.3.9]\n- b\n\n[2.0.0]: https://e.org/2\n",
        "## [Unreleased]\n\n## [1.4.0] - 2026-03-14\n- a\n## [2.0.0]\n## [1.3.9]\n- b\n\n\
         [Unreleased]: https://github.com/o/r/compare/v1.4.0...HEAD\n\
         [1.4.0]: https://github.com/o/r/compare/v1.3.9...v1.4.0\n\
         [2.0.0]: https://e.org/2\n",
    );
}

#[test]
fn the_style_of_the_newest_version_is_followed() {
    let style = |heading: &str, expected: &str| {
        check(
            &format!("## Unreleased\n- a\n{heading}\n- b\n"),
            &format!("## Unreleased\n\n{expected}\n- a\n{heading}\n- b\n"),
        );
    };
    style("## v1.3.0 (2026-01-01)", "## v1.4.0 (2026-03-14)");
    style("## 1.3.0 / 2026-01-01 [YANKED]", "## 1.4.0 / 2026-03-14");
    style("## Version 1.3.0", "## Version 1.4.0 - 2026-03-14");
    style("## 1.3.0 — TBD", "## 1.4.0 - 2026-03-14");
    style(
        "## [1.3.0](https://e.org/a) (2026-01-01)",
        "## [1.4.0](https://github.com/o/r/compare/v1.3.0...v1.4.0) (2026-03-14)",
    );
}

#[test]
fn setext_crlf_and_a_byte_order_mark_are_kept() {
    check(
        "\u{feff}Changelog\r\n===\r\n\r\nUnreleased\r\n-----\r\n\r\n- a\r\n\r\n1.3.0\r\n-----\r\n",
        "\u{feff}Changelog\r\n===\r\n\r\nUnreleased\r\n-----\r\n\r\n\
         1.4.0 - 2026-03-14\r\n-----\r\n\r\n- a\r\n\r\n1.3.0\r\n-----\r\n",
    );
}

#[test]
fn headings_in_code_comments_and_front_matter_do_not_count() {
    check(
        "---\n## [Unreleased]\n---\n<!--\n## [Unreleased]\n-->\n## [Unreleased] ##\n\
         ```\n## [Unreleased]\n```\n## 1.3.0\n",
        "---\n## [Unreleased]\n---\n<!--\n## [Unreleased]\n-->\n## [Unreleased] ##\n\n\
         ## 1.4.0 - 2026-03-14 ##\n```\n## [Unreleased]\n```\n## 1.3.0\n",
    );
}

#[test]
fn what_cannot_be_promoted_is_refused_with_its_lines() {
    let none = ChangelogError::NoUnreleased;
    check_error("", &none);
    check_error("# Changelog\n\n## [1.3.0]\n- a\n", &none);
    for body in [
        "",
        "\n### Added\n\n### Fixed\n",
        "\n<!-- one -->\n<!--\n- two\n-->\n",
        "\n-\n* \n---\n",
        "\n[x]: https://e.org\n",
        "\n- <!-- nothing yet -->\n",
    ] {
        check_error(
            &format!("# C\n## [Unreleased]\n{body}"),
            &ChangelogError::EmptyUnreleased { line: 2 },
        );
    }
    check_error(
        "## [Unreleased]\n- a\n## Unreleased\n- b\n",
        &ChangelogError::DuplicateUnreleased {
            first: 1,
            second: 3,
        },
    );
    check_error(
        "## [Unreleased]\n- a\n## v1.4.0\n- b\n",
        &ChangelogError::VersionExists {
            version: "1.4.0".parse().unwrap(),
            line: 3,
        },
    );
    check_error(
        "= Changelog\n\n== [Unreleased]\n\n* a\n",
        &ChangelogError::AsciiDoc {
            line: 1,
            text: "= Changelog".to_owned(),
        },
    );
}

#[test]
fn a_date_must_be_a_date() {
    let changelog = Changelog::parse("## [Unreleased]\n- a\n").unwrap();
    for date in [
        "",
        "2026-3-14",
        "2026-13-01",
        "2026-01-32",
        "2026-01-01 ",
        "TBD",
    ] {
        let result = changelog.promote(&"1.4.0".parse().unwrap(), date, None);
        let date = date.to_owned();
        assert_eq!(result, Err(ChangelogError::BadDate { date }));
    }
}

#[test]
fn errors_name_line_and_remedy() {
    let message = ChangelogError::DuplicateUnreleased {
        first: 3,
        second: 90,
    }
    .to_string();
    for part in ["line 3", "line 90", "merge"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn yank_marks_are_idempotent_and_undone() {
    let yank = |heading: &str, marked: &str| {
        let version = "1.3.0".parse().unwrap();
        let text = format!("## Unreleased\r\n{heading}\r\n- b\r\n");
        let expected = format!("## Unreleased\r\n{marked}\r\n- b\r\n");
        let once = Changelog::parse(&text).unwrap().mark_yanked(&version);
        assert_eq!(once.as_deref(), Ok(expected.as_str()));
        let yanked = Changelog::parse(&expected).unwrap();
        assert!(yanked.section(&version).unwrap().yanked, "{expected}");
        assert_eq!(
            yanked.mark_yanked(&version).as_deref(),
            Ok(expected.as_str())
        );
        assert_eq!(yanked.unmark_yanked(&version).as_deref(), Ok(text.as_str()));
        let clean = Changelog::parse(&text).unwrap();
        assert_eq!(clean.unmark_yanked(&version).as_deref(), Ok(text.as_str()));
    };
    yank(
        "## [1.3.0] - 2026-01-01",
        "## [1.3.0] - 2026-01-01 [YANKED]",
    );
    yank("## v1.3.0 ##", "## v1.3.0 [YANKED] ##");
    yank("## [1.3.0]: lanterns", "## [1.3.0] [YANKED]: lanterns");
    let version = "9.0.0".parse().unwrap();
    assert_eq!(
        Changelog::parse("## [1.0.0]\n")
            .unwrap()
            .mark_yanked(&version),
        Err(ChangelogError::NoSuchVersion { version })
    );
}

#[test]
fn sections_bodies_and_notes() {
    let text = "# Changelog\n\nIntro.\n\n## [Unreleased]\n\n- see [#7]\n\n\
                ## [1.3.0] - 2026-01-01 [YANKED]\n\n### Added\n\n- b\n\n#### 1.2.0 notes\n- c\n\n\
                ## Older releases\n\n- d\n\n[#7]: https://e.org/7\n[1.3.0]: https://e.org/1.3.0\n";
    let changelog = Changelog::parse(text).unwrap();
    let titles: Vec<_> = changelog
        .sections()
        .iter()
        .map(|section| (section.title.clone(), section.line))
        .collect();
    assert_eq!(
        titles,
        [
            (Title::Unreleased, 5),
            (Title::Version("1.3.0".parse().unwrap()), 9),
            (Title::Other("Older releases".to_owned()), 18),
        ]
    );
    let unreleased = changelog.unreleased().unwrap();
    assert_eq!(changelog.body(unreleased), "- see [#7]");
    assert_eq!(
        changelog.notes(unreleased),
        "- see [#7]\n\n[#7]: https://e.org/7"
    );
    let version = changelog.section(&"1.3.0".parse().unwrap()).unwrap();
    assert_eq!(version.date.as_deref(), Some("2026-01-01"));
    assert!(version.yanked);
    assert_eq!(
        changelog.body(version),
        "### Added\n\n- b\n\n#### 1.2.0 notes\n- c"
    );
    assert_eq!(changelog.body(&changelog.sections()[2]), "- d");
}

#[test]
fn a_section_that_is_named_already_gets_its_date() {
    let dated = |heading: &str, expected: &str| {
        let rest = "- a\n\n## 1.3.0 (2026-01-01)\n- b\n";
        check(
            &format!("{heading}\n{rest}"),
            &format!("{expected}\n{rest}"),
        );
    };
    dated("## 1.4.0 - TBD", "## 1.4.0 - 2026-03-14");
    dated("## 1.4.0 (unreleased)", "## 1.4.0 (2026-03-14)");
    dated("## v1.4.0 / YYYY-MM-DD", "## v1.4.0 / 2026-03-14");
    dated("## 1.4.0", "## 1.4.0 (2026-03-14)");
    dated("## 1.4.0: lanterns", "## 1.4.0 (2026-03-14): lanterns");
    dated(
        "## [Unreleased]\n\n## 1.4.0 - TBD",
        "## [Unreleased]\n\n## 1.4.0 - 2026-03-14",
    );
    dated("1.4.0 - TBD\n---", "1.4.0 - 2026-03-14\n---");
    check(
        "## [1.4.0] - TBD\n- a\n\n## [1.3.0] - 2026-01-01\n",
        "## [1.4.0] - 2026-03-14\n- a\n\n## [1.3.0] - 2026-01-01\n\n\
         [1.4.0]: https://github.com/o/r/compare/v1.3.0...v1.4.0\n",
    );
    let version: semver::Version = "1.4.0".parse().unwrap();
    let taken = |line| ChangelogError::VersionExists {
        version: version.clone(),
        line,
    };
    // Dated in words, released and withdrawn, or with other changes above it.
    check_error("## 1.4.0 (May 2024)\n- a\n", &taken(1));
    check_error("## 1.4.0 [YANKED]\n- a\n", &taken(1));
    check_error("## Unreleased\n- a\n## 1.4.0 - TBD\n- b\n", &taken(3));
    check_error("## 1.4.0 - TBD\n- a\n## 1.4.0 - TBD\n- b\n", &taken(3));
    let empty = ChangelogError::EmptyVersion {
        version: version.clone(),
        line: 1,
    };
    check_error("## 1.4.0 - TBD\n\n### Added\n", &empty);
}

#[test]
fn links_within_sections_and_tags_of_one_package() {
    let core = CompareLinks {
        repository: "https://e.org/r".to_owned(),
        tag_prefix: "core2-v".to_owned(),
    };
    let text = "## [Unreleased]\n- see [#7]\n\n[#7]: https://e.org/7\n\n## [1.3.0] - 2026-01-01\n- b\n\n\
                [unreleased]: https://e.org/r/compare/core2-v1.3.0...HEAD\n";
    let expected = "## [Unreleased]\n\n## [1.4.0] - 2026-03-14\n- see [#7]\n\n[#7]: https://e.org/7\n\n\
                    ## [1.3.0] - 2026-01-01\n- b\n\n\
                    [unreleased]: https://e.org/r/compare/core2-v1.4.0...HEAD\n\
                    [1.4.0]: https://e.org/r/compare/core2-v1.3.0...core2-v1.4.0\n";
    assert_eq!(promoted(text, Some(&core)).as_deref(), Ok(expected));
    assert_eq!(promoted(text, None).as_deref(), Ok(expected));
}

#[test]
fn links_are_not_written_into_code() {
    let text = "## [Unreleased]\n- a\n```\n## [1.3.0]\n";
    assert_eq!(
        Changelog::parse(text).unwrap().promote(
            &"1.4.0".parse().unwrap(),
            "2026-03-14",
            Some(&links())
        ),
        Err(ChangelogError::Unclosed { line: 3 })
    );
}

#[test]
fn links_of_every_make_move_on() {
    // The definitions of `[Unreleased]` and of the last version, before and after.
    let check = |last: &str, before: [&str; 2], after: [&str; 3]| {
        let [unreleased, of_last] = before;
        let text = format!(
            "## [Unreleased]\n- a\n\n## [{last}] - 2026-01-01\n- b\n\n## [{}] - 2025-01-01\n- c\n\n[Unreleased]: {unreleased}\n[{last}]: {of_last}\n",
            last.replace("1.3.0", "1.2.0")
        );
        let text = promoted(&text, None).unwrap();
        let label = last.replace("1.3.0", "1.4.0");
        let [unreleased, of_new, of_last] = after;
        let want =
            format!("[Unreleased]: {unreleased}\n[{label}]: {of_new}\n[{last}]: {of_last}\n");
        assert!(text.ends_with(&want), "{text}\nlacks {want}");
    };
    // Codeberg, with two dots and a capital V in labels and headings alike.
    check(
        "V1.3.0",
        [
            "https://codeberg.org/o/r/compare/v1.3.0..main",
            "https://codeberg.org/o/r/compare/v1.2.0..v1.3.0",
        ],
        [
            "https://codeberg.org/o/r/compare/v1.4.0..main",
            "https://codeberg.org/o/r/compare/v1.3.0..v1.4.0",
            "https://codeberg.org/o/r/compare/v1.2.0..v1.3.0",
        ],
    );
    // Bitbucket's newer form: the newer revision first, and a fragment.
    check(
        "1.3.0",
        [
            "https://bitbucket.org/o/r/branches/compare/main%0Dr-1.3.0#diff",
            "https://bitbucket.org/o/r/branches/compare/r-1.3.0%0Dr-1.2.0#diff",
        ],
        [
            "https://bitbucket.org/o/r/branches/compare/main%0Dr-1.4.0#diff",
            "https://bitbucket.org/o/r/branches/compare/r-1.4.0%0Dr-1.3.0#diff",
            "https://bitbucket.org/o/r/branches/compare/r-1.3.0%0Dr-1.2.0#diff",
        ],
    );
    // Azure DevOps, in parameters.
    check(
        "1.3.0",
        [
            "https://dev.azure.com/o/p/_git/r/branchCompare?baseVersion=GTv1.3.0&targetVersion=GBmain",
            "https://dev.azure.com/o/p/_git/r/branchCompare?baseVersion=GTv1.2.0&targetVersion=GTv1.3.0",
        ],
        [
            "https://dev.azure.com/o/p/_git/r/branchCompare?baseVersion=GTv1.4.0&targetVersion=GBmain",
            "https://dev.azure.com/o/p/_git/r/branchCompare?baseVersion=GTv1.3.0&targetVersion=GTv1.4.0",
            "https://dev.azure.com/o/p/_git/r/branchCompare?baseVersion=GTv1.2.0&targetVersion=GTv1.3.0",
        ],
    );
}

#[test]
fn inline_links_are_of_the_make_of_the_last() {
    let check = |before: &str, after: &str| {
        assert_eq!(promoted(before, None).as_deref(), Ok(after), "{before}");
    };
    check(
        "## [Unreleased](https://gitlab.com/o/r/-/compare/v1.3.0...main)\n- a\n\n## [1.3.0](https://gitlab.com/o/r/-/compare/v1.2.0...v1.3.0) - 2026-01-01\n- b\n",
        "## [Unreleased](https://gitlab.com/o/r/-/compare/v1.4.0...main)\n\n## [1.4.0](https://gitlab.com/o/r/-/compare/v1.3.0...v1.4.0) - 2026-03-14\n- a\n\n## [1.3.0](https://gitlab.com/o/r/-/compare/v1.2.0...v1.3.0) - 2026-01-01\n- b\n",
    );
    check(
        "## Unreleased\n- a\n\n## [v1.3.0](https://git.sr.ht/~o/r/refs/v1.3.0)\n- b\n",
        "## Unreleased\n\n## [v1.4.0](https://git.sr.ht/~o/r/refs/v1.4.0) - 2026-03-14\n- a\n\n## [v1.3.0](https://git.sr.ht/~o/r/refs/v1.3.0)\n- b\n",
    );
}

#[test]
fn a_file_that_only_points_elsewhere_has_nothing_to_promote() {
    let check = |text: &str, want: bool| {
        assert_eq!(
            Changelog::parse(text).unwrap().points_elsewhere(),
            want,
            "{text}"
        );
    };
    check(
        "# Changelog\n\nSee [the releases](https://github.com/o/r/releases).\n",
        true,
    );
    check("Moved to <https://example.org/CHANGELOG.html>.\n", true);
    check(
        "# Changelog\n\nIt is [there][log].\n\n[log]: ../../HISTORY.md\n",
        true,
    );
    check("# Changelog\n", false);
    check(
        "# Changelog\n\nThe format is [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).\n",
        false,
    );
    check(
        "See [there](../CHANGELOG.md).\n\n## [Unreleased]\n\n- a\n",
        false,
    );
}
