//! Sections made of commits, in the styles of real files, to the byte.

use semver::Version;
use stagegate_changelog::{Change, Changelog, ChangelogError, CompareLinks, Release, generate};

const REPOSITORY: &str = "https://github.com/o/r";

fn changes(messages: &[&str]) -> Vec<Change> {
    let change = |(at, message): (usize, &&str)| Change {
        id: format!("{at:040}"),
        message: (*message).to_owned(),
        author: "A. Uthor".to_owned(),
        ..Change::default()
    };
    messages.iter().enumerate().map(change).collect()
}

fn release(version: &Version) -> Release<'_> {
    Release {
        version,
        tag: "v0.2.0",
        previous: Some("v0.1.0"),
        date: "2026-02-02",
        repository: Some(REPOSITORY),
        cliff: None,
    }
}

fn body(messages: &[&str]) -> String {
    let version = Version::new(0, 2, 0);
    generate(&changes(messages), release(&version))
        .unwrap()
        .body
}

/// The file after a release of 0.2.0 that adds a lantern and mends a lamp.
fn inserted(text: &str) -> String {
    let version = Version::new(0, 2, 0);
    let commits = changes(&["fix: mend the lamp", "feat: add a lantern (#7)"]);
    let generated = generate(&commits, release(&version)).unwrap();
    let links = CompareLinks {
        repository: REPOSITORY.to_owned(),
        tag_prefix: "v".to_owned(),
    };
    let changelog = Changelog::parse(text).unwrap();
    let new = changelog.insert(&version, "2026-02-02", &generated, Some(&links));
    let new = new.unwrap();
    // What was made can be read.
    let again = Changelog::parse(&new).unwrap();
    assert!(again.section(&version).is_some(), "{new}");
    new
}

#[test]
fn conventional_types_become_headings() {
    assert_eq!(
        body(&[
            "docs: say more",
            "fix(parser): do not panic on #9 (#12)\n\nCloses #4",
            "feat!: drop the old format",
            "feat: read BOMs",
            "Tidy up the lexer",
            "security: check lengths",
            "chore(release): 0.1.1",
        ]),
        "### Added\n\n- Read BOMs\n\n\
         ### Changed\n\n- **Breaking:** Drop the old format\n- Tidy up the lexer\n\n\
         ### Fixed\n\n- **parser:** Do not panic on [#9](https://github.com/o/r/issues/9) \
         ([#12](https://github.com/o/r/pull/12)) ([#4](https://github.com/o/r/issues/4))\n\n\
         ### Security\n\n- Check lengths"
    );
}

#[test]
fn commits_without_types_are_told_by_their_first_line() {
    assert_eq!(
        body(&[
            "Feature gates for all\n\nA long story.",
            "Release 0.1.1",
            "Mend it"
        ]),
        "### Changed\n\n- Feature gates for all\n- Mend it"
    );
    // Where nothing else happened, the rest is told.
    assert_eq!(body(&["ci: cache"]), "### Changed\n\n- Cache");
    assert_eq!(body(&["chore(release): 0.1.1"]), "");
    assert_eq!(body(&[]), "");
}

const ADDED: &str = "- Add a lantern ([#7](https://github.com/o/r/pull/7))";

fn check(before: &str, want: &str) {
    assert_eq!(inserted(before), want.replace("ADDED", ADDED));
}

#[test]
fn below_an_empty_unreleased() {
    // Keep a Changelog, with its links.
    check(
        "# C\n\n## [Unreleased]\n\n## [0.1.0] - 2026-01-01\n\n- First.\n\n\
         [Unreleased]: https://github.com/o/r/compare/v0.1.0...HEAD\n[0.1.0]: https://github.com/o/r/releases/tag/v0.1.0\n",
        "# C\n\n## [Unreleased]\n\n## [0.2.0] - 2026-02-02\n\n### Added\n\nADDED\n\n### Fixed\n\n- Mend the lamp\n\n\
         ## [0.1.0] - 2026-01-01\n\n- First.\n\n\
         [Unreleased]: https://github.com/o/r/compare/v0.2.0...HEAD\n[0.2.0]: https://github.com/o/r/compare/v0.1.0...v0.2.0\n\
         [0.1.0]: https://github.com/o/r/releases/tag/v0.1.0\n",
    );
    // axum: headings of the first level, a placeholder in the list.
    check(
        "# Unreleased\n\n<!-- - None. -->\n\n# 0.1.0\n\n- **fixed:** First ([#1])\n\n# 0.0.1\n\n- None\n",
        "# Unreleased\n\n<!-- - None. -->\n\n# 0.2.0 - 2026-02-02\n\n## Added\n\nADDED\n\n## Fixed\n\n- Mend the lamp\n\n\
         # 0.1.0\n\n- **fixed:** First ([#1])\n\n# 0.0.1\n\n- None\n",
    );
    // cargo-dist.
    check(
        "# Unreleased\n\n# Version 0.1.0 (2026-01-01)\n\n## Features\n\n- First\n",
        "# Unreleased\n\n# Version 0.2.0 (2026-02-02)\n\n## Added\n\nADDED\n\n## Fixed\n\n- Mend the lamp\n\n\
         # Version 0.1.0 (2026-01-01)\n\n## Features\n\n- First\n",
    );
    // clap: markers, a version to come above it.
    check(
        "## 5.0.0 - TBD\n\n- Later.\n\n<!-- next-header -->\n## [Unreleased] - ReleaseDate\n\n## [0.1.0] - 2026-01-01\n\n### Fixes\n\n- First\n\n\
         <!-- next-url -->\n[Unreleased]: https://github.com/o/r/compare/v0.1.0...HEAD\n",
        "## 5.0.0 - TBD\n\n- Later.\n\n<!-- next-header -->\n## [Unreleased] - ReleaseDate\n\n\
         ## [0.2.0] - 2026-02-02\n\n### Added\n\nADDED\n\n### Fixed\n\n- Mend the lamp\n\n\
         ## [0.1.0] - 2026-01-01\n\n### Fixes\n\n- First\n\n\
         <!-- next-url -->\n[Unreleased]: https://github.com/o/r/compare/v0.2.0...HEAD\n[0.2.0]: https://github.com/o/r/compare/v0.1.0...v0.2.0\n",
    );
    // Alone in its file, without a final newline.
    check(
        "# C\n\n## Unreleased",
        "# C\n\n## Unreleased\n\n## 0.2.0 - 2026-02-02\n\n### Added\n\nADDED\n\n### Fixed\n\n- Mend the lamp\n",
    );
}

#[test]
fn above_the_newest_version_where_nothing_is_unreleased() {
    // time.
    check(
        "# C\n\n---\n\n## 0.1.0 [2026-01-01]\n\n### Added\n\n- First.\n\n## 0.0.9 [2025-01-01]\n\n- Begun.\n",
        "# C\n\n---\n\n## 0.2.0 [2026-02-02]\n\n### Added\n\nADDED\n\n### Fixed\n\n- Mend the lamp\n\n\
         ## 0.1.0 [2026-01-01]\n\n### Added\n\n- First.\n\n## 0.0.9 [2025-01-01]\n\n- Begun.\n",
    );
    // ratatui.
    check(
        "# C\n\n## [0.1.0](https://github.com/o/r/compare/v0.0.9...v0.1.0) - 2026-01-01\n\n* First\n",
        "# C\n\n## [0.2.0](https://github.com/o/r/compare/v0.1.0...v0.2.0) - 2026-02-02\n\n### Added\n\n\
         * Add a lantern ([#7](https://github.com/o/r/pull/7))\n\n### Fixed\n\n* Mend the lamp\n\n\
         ## [0.1.0](https://github.com/o/r/compare/v0.0.9...v0.1.0) - 2026-01-01\n\n* First\n",
    );
    // nextest: front matter, links at the end.
    check(
        "---\ntoc: false\n---\n\n# Changelog\n\n## [0.1.0] - 2026-01-01\n\n### Fixed\n\n- First\n\n[0.1.0]: https://github.com/o/r/releases/tag/v0.1.0\n",
        "---\ntoc: false\n---\n\n# Changelog\n\n## [0.2.0] - 2026-02-02\n\n### Added\n\nADDED\n\n### Fixed\n\n- Mend the lamp\n\n\
         ## [0.1.0] - 2026-01-01\n\n### Fixed\n\n- First\n\n[0.2.0]: https://github.com/o/r/compare/v0.1.0...v0.2.0\n[0.1.0]: https://github.com/o/r/releases/tag/v0.1.0\n",
    );
    // Underlined headings, and no blank lines.
    check(
        "0.1.0 (2026-01-01)\n==================\n- First\n\n0.0.9 (2025-01-01)\n==================\n- Begun\n",
        "0.2.0 (2026-02-02)\n==================\n## Added\nADDED\n\n## Fixed\n- Mend the lamp\n\n\
         0.1.0 (2026-01-01)\n==================\n- First\n\n0.0.9 (2025-01-01)\n==================\n- Begun\n",
    );
    check(
        "Version 0.1.0\r\n---\r\n\r\n- First\r\n",
        "Version 0.2.0 - 2026-02-02\r\n---\r\n\r\n### Added\r\n\r\nADDED\r\n\r\n### Fixed\r\n\r\n- Mend the lamp\r\n\r\n\
         Version 0.1.0\r\n---\r\n\r\n- First\r\n",
    );
    // A fix for an old version goes above that.
    check(
        "## 1.0.0\n\n- New.\n\n## 0.1.0\n\n- Old.\n",
        "## 1.0.0\n\n- New.\n\n## 0.2.0 - 2026-02-02\n\n### Added\n\nADDED\n\n### Fixed\n\n- Mend the lamp\n\n## 0.1.0\n\n- Old.\n",
    );
}

#[test]
fn the_first_section_of_a_file() {
    let bracketed = "## [0.2.0] - 2026-02-02\n\n### Added\n\nADDED\n\n### Fixed\n\n- Mend the lamp\n\n\
                     [0.2.0]: https://github.com/o/r/releases/tag/v0.2.0\n";
    check("# Changelog\n", &format!("# Changelog\n\n{bracketed}"));
    // Among headings that say no version, nobody knows where.
    let version = Version::new(0, 2, 0);
    let generated = generate(&changes(&["feat: x"]), release(&version)).unwrap();
    let strange = Changelog::parse("# C\n\n## [0.1.0 (2026-01-01)](x)\n\n- First\n").unwrap();
    let refused = strange.insert(&version, "2026-02-02", &generated, None);
    assert_eq!(refused, Err(ChangelogError::NoUnreleased));
    // A heading that waits for its text.
    check(
        "# C\n\n## 0.2.0 - TBD\n\n## 0.1.0 - 2026-01-01\n\n- First\n",
        "# C\n\n## 0.2.0 - 2026-02-02\n\n### Added\n\nADDED\n\n### Fixed\n\n- Mend the lamp\n\n## 0.1.0 - 2026-01-01\n\n- First\n",
    );
}

#[test]
fn a_version_that_is_told_already_is_not_told_again() {
    let version = Version::new(0, 2, 0);
    let generated = generate(&changes(&["feat: x"]), release(&version)).unwrap();
    let changelog = Changelog::parse("## 0.2.0 - 2026-01-01\n\n- There.\n").unwrap();
    let refused = changelog.insert(&version, "2026-02-02", &generated, None);
    assert!(matches!(
        refused,
        Err(ChangelogError::VersionExists { line: 1, .. })
    ));
}

#[test]
fn a_configuration_of_the_team_s_own_decides() {
    let version = Version::new(0, 2, 0);
    let cliff = r###"
[changelog]
header = "# Changelog\n"
body = """
{%- macro remote_url() -%}https://github.com/{{ remote.github.owner }}/{{ remote.github.repo }}{%- endmacro -%}
## [{{ version | trim_start_matches(pat="v") }}]({{ self::remote_url() }}/compare/{{ previous.version }}...{{ version }}) - {{ timestamp | date(format="%Y-%m-%d") }}
{% for group, commits in commits | group_by(attribute="group") %}
### {{ group | upper_first }}
{% for commit in commits %}
* {{ commit.message }} by {{ commit.author.name }}{% if commit.remote.pr_number %} in #{{ commit.remote.pr_number }}{% endif %}
{%- endfor %}
{% endfor %}
"""
trim = true
postprocessors = [{ pattern = "lamp", replace = "light" }, { pattern = ".", replace_command = "false" }]

[git]
sort_commits = "newest"
commit_parsers = [
    { message = "^feat", group = "features" },
    { message = "^fix", group = "bug fixes" },
    { message = "^chore", skip = true },
]
"###;
    let release = |cliff| Release {
        cliff: Some(("cliff.toml", cliff)),
        ..release(&version)
    };
    let commits = changes(&["fix: mend the lamp", "chore: x", "feat: add a lantern (#7)"]);
    let generated = generate(&commits, release(cliff)).unwrap();
    assert_eq!(
        generated.body,
        "### Bug fixes\n\n* mend the light by A. Uthor\n\n### Features\n\n* add a lantern (#7) by A. Uthor in #7"
    );
    assert!(generated.left_out[0].contains("`replace_command` in changelog.postprocessors"));
    // The heading is the template's, whatever stood there before.
    let changelog = Changelog::parse("# Changelog\n\n## 0.1.0\n\n- First\n").unwrap();
    let new = changelog.insert(&version, "2026-02-02", &generated, None);
    assert_eq!(
        new.unwrap(),
        "# Changelog\n\n## [0.2.0](https://github.com/o/r/compare/v0.1.0...v0.2.0) - 2026-02-02\n\n\
         ### Bug fixes\n\n* mend the light by A. Uthor\n\n### Features\n\n* add a lantern (#7) by A. Uthor in #7\n\n\
         ## 0.1.0\n\n- First\n"
    );
    // The same again.
    assert_eq!(generate(&commits, release(cliff)).unwrap(), generated);
    let refused = |cliff| generate(&commits, release(cliff)).unwrap_err().to_string();
    let said = refused("[changelog]\nbody = \"{{ get_env(name='TOKEN') }}\"\n");
    assert!(said.starts_with("cliff.toml cannot be used"), "{said}");
    let said = refused("[git]\ncommit_parsers = [{ message = \"(\" }]\n");
    assert!(said.contains("cliff.toml"), "{said}");
    let said = refused("[git\n");
    assert!(said.contains("cliff.toml"), "{said}");
}
