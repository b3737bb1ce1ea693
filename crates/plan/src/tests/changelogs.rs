//! Where a release's notes come from, and which files say them.

use camino::Utf8PathBuf;
use stagegate_config::schema::Config;

use crate::facts::{ChangelogFacts, CommitFacts, Facts, History};
use crate::model::{Action, Blocker, Blockers, Plan};
use crate::tests::{changelog, facts, planned, wanted};

const EMPTY: &str = "# Changelog\n\n## [Unreleased]\n\n## [1.0.0] - 2026-01-01\n\n- First.\n";

fn config(text: &str) -> Config {
    toml_edit::de::from_str(text).unwrap()
}

/// Facts with these commits, newest first, each of one package.
pub(crate) fn with_commits(commits: &[(&str, &str)]) -> Facts {
    let mut facts = facts();
    let commit = |(package, message): &(&str, &str)| CommitFacts {
        id: "c".repeat(40),
        message: (*message).to_owned(),
        packages: [(*package).to_owned()].into(),
        ..CommitFacts::default()
    };
    let history = History {
        since: Some("v1.0.0".to_owned()),
        commits: commits.iter().map(commit).collect(),
    };
    facts.history.insert("workspace".to_owned(), history);
    facts
}

fn add(facts: &mut Facts, file: &str, text: &str) {
    let found = ChangelogFacts {
        file: file.into(),
        text: Ok(text.to_owned()),
    };
    facts.changelogs.insert(Utf8PathBuf::from(file), found);
}

fn release(facts: &Facts, text: &str, version: &str) -> Result<Plan, Blockers> {
    planned(facts, &config(text), wanted(version, &[]))
}

/// Returns a file after the release, where it changes.
fn after(plan: &Plan, file: &str, before: &str) -> Option<String> {
    let edit = plan.edits.iter().find(|edit| edit.path == file)?;
    Some(String::from_utf8(edit.apply(before.as_bytes()).unwrap()).unwrap())
}

/// Returns what the GitHub release says.
fn notes(plan: &Plan) -> String {
    let draft = plan.steps.iter().find_map(|step| match &step.action {
        Action::DraftRelease(draft) => Some(draft.notes.clone()),
        _ => None,
    });
    draft.unwrap()
}

#[test]
fn what_nobody_has_written_is_told_from_the_commits() {
    let mut facts = with_commits(&[
        ("core", "fix: do not panic (#12)"),
        ("left", "feat: read BOMs"),
    ]);
    facts.changelogs = changelog(EMPTY);
    let plan = release(&facts, "", "1.1.0").unwrap();
    let said = "### Added\n\n- Read BOMs\n\n### Fixed\n\n- Do not panic ([#12](https://github.com/o/r/pull/12))";
    assert_eq!(notes(&plan), said);
    let new = after(&plan, "CHANGELOG.md", EMPTY).unwrap();
    let want = format!(
        "# Changelog\n\n## [Unreleased]\n\n## [1.1.0] - 2026-02-02\n\n{said}\n\n## [1.0.0]"
    );
    assert!(new.starts_with(&want), "{new}");
    assert_eq!(
        release(&facts, "", "1.1.0").unwrap().digest(),
        plan.digest()
    );
    // What people wrote goes before it, unless they want it otherwise.
    facts.changelogs = changelog(crate::tests::CHANGELOG);
    let plan = release(&facts, "", "1.1.0").unwrap();
    assert_eq!(notes(&plan), "- Something new.");
    let said = release(
        &facts,
        "[release]\nchangelog_mode = \"generate\"\n",
        "1.1.0",
    );
    let said = said.unwrap_err().to_string();
    assert!(
        said.contains("`[Unreleased]` section at line 3 has text"),
        "{said}"
    );
}

#[test]
fn without_commits_somebody_has_to_write() {
    let mut facts = with_commits(&[]);
    facts.changelogs = changelog(EMPTY);
    let said = release(&facts, "", "1.1.0").unwrap_err().to_string();
    assert!(
        said.contains("CHANGELOG.md: the `[Unreleased]` section at line 3 is empty"),
        "{said}"
    );
    let mut facts = with_commits(&[("core", "feat: x")]);
    facts.changelogs = changelog(EMPTY);
    let promote = "[release]\nchangelog_mode = \"promote\"\n";
    let said = release(&facts, promote, "1.1.0").unwrap_err().to_string();
    assert!(said.contains("is empty"), "{said}");
    // Commits that are not here are not no commits.
    facts.history_gap = Some(Blocker::new("v1.0.0 is not here", "fetch it"));
    let said = release(&facts, "", "1.1.0").unwrap_err().to_string();
    assert!(
        said.starts_with("1 problem") && said.contains("not here"),
        "{said}"
    );
}

#[test]
fn a_package_s_own_changelog_tells_its_own_commits() {
    let mut facts = with_commits(&[("core", "fix: mend"), ("left", "feat: a lantern")]);
    facts.changelogs.clear();
    let text = "# 1.0.0\n\n- First\n";
    for package in ["core", "left", "right"] {
        add(&mut facts, &format!("{package}/CHANGELOG.md"), text);
    }
    let plan = release(&facts, "", "1.1.0").unwrap();
    let log = |package: &str| after(&plan, &format!("{package}/CHANGELOG.md"), text);
    let core = "# 1.1.0 - 2026-02-02\n\n## Fixed\n\n- Mend\n\n# 1.0.0\n\n- First\n";
    assert_eq!(log("core").as_deref(), Some(core));
    assert!(log("left").unwrap().contains("- A lantern\n"));
    // Nothing happened to it: nothing is said, and nothing is in the way.
    assert_eq!(log("right"), None);
    assert_eq!(
        notes(&plan),
        "### Fixed\n\n- Mend\n\n### left\n\n### Added\n\n- A lantern"
    );
}

#[test]
fn what_happened_to_packages_without_a_changelog_is_told_too() {
    let mut facts = with_commits(&[("left", "feat: a lantern")]);
    facts.changelogs.clear();
    add(&mut facts, "core/CHANGELOG.md", "## 1.0.0\n\n- First\n");
    let plan = release(&facts, "", "1.1.0").unwrap();
    assert_eq!(notes(&plan), "### Added\n\n- A lantern");
    assert_eq!(after(&plan, "core/CHANGELOG.md", ""), None);
    // With nothing at all to say, somebody has to.
    let mut facts = with_commits(&[]);
    facts.changelogs.clear();
    add(&mut facts, "core/CHANGELOG.md", "## 1.0.0\n\n- First\n");
    let said = release(&facts, "", "1.1.0").unwrap_err().to_string();
    assert!(
        said.contains("core/CHANGELOG.md: the changelog has no `[Unreleased]`"),
        "{said}"
    );
}

#[test]
fn what_is_told_of_the_whole_is_not_told_of_its_packages_again() {
    let mut facts = with_commits(&[("core", "fix: mend"), ("left", "feat: a lantern")]);
    facts.changelogs = changelog(EMPTY);
    add(&mut facts, "core/CHANGELOG.md", "## 1.0.0\n\n- First\n");
    let plan = release(&facts, "", "1.1.0").unwrap();
    let said = "### Added\n\n- A lantern\n\n### Fixed\n\n- Mend";
    assert_eq!(notes(&plan), said);
    assert!(after(&plan, "core/CHANGELOG.md", "## 1.0.0\n\n- First\n").is_some());
    // People read it before it is written.
    let shown =
        "the notes of 1.1.0 are generated from its commits:\n    ### Added\n\n    - A lantern";
    assert!(
        plan.notes.iter().any(|note| note.starts_with(shown)),
        "{:?}",
        plan.notes
    );
}

#[test]
fn without_a_file_the_release_still_says_something() {
    let mut facts = with_commits(&[("core", "feat: a lantern")]);
    facts.changelogs.clear();
    let plan = release(&facts, "", "1.1.0").unwrap();
    assert_eq!(notes(&plan), "### Added\n\n- A lantern");
    facts.changelogs = changelog(crate::tests::CHANGELOG);
    let plan = release(&facts, "[release]\nchangelog_mode = \"off\"\n", "1.1.0").unwrap();
    assert_eq!(notes(&plan), "### Added\n\n- A lantern");
    assert_eq!(after(&plan, "CHANGELOG.md", crate::tests::CHANGELOG), None);
    // By group, too.
    let own = "[release.group.all]\ncrates = [\"*\"]\nchangelog_mode = \"off\"\nchangelog = \"CHANGELOG.md\"\ntag = \"v{version}\"\n";
    let plan = release(&facts, own, "all=1.1.0").unwrap();
    assert_eq!(after(&plan, "CHANGELOG.md", crate::tests::CHANGELOG), None);
}

#[test]
fn ascii_doc_is_left_to_its_authors() {
    let mut facts = with_commits(&[("core", "feat: a lantern")]);
    facts.changelogs = changelog("= Changelog\n\n== Unreleased changes (release date TBD)\n");
    let plan = release(&facts, "", "1.1.0").unwrap();
    assert_eq!(notes(&plan), "### Added\n\n- A lantern");
    assert!(
        plan.notes
            .iter()
            .any(|n| n.contains("CHANGELOG.md is AsciiDoc")),
        "{:?}",
        plan.notes
    );
}

#[test]
fn a_candidate_has_a_section_where_that_is_the_habit() {
    let mut facts = with_commits(&[("core", "feat: a lantern")]);
    facts.changelogs = changelog(EMPTY);
    let plan = release(&facts, "", "1.1.0-rc.1").unwrap();
    assert_eq!(notes(&plan), "### Added\n\n- A lantern");
    assert_eq!(after(&plan, "CHANGELOG.md", EMPTY), None);
    let sqlx = "# Changelog\n\n## 1.0.0-alpha.1 - 2026-01-01\n\n* First\n";
    facts.changelogs = changelog(sqlx);
    let plan = release(&facts, "", "1.1.0-rc.1").unwrap();
    let new = after(&plan, "CHANGELOG.md", sqlx).unwrap();
    let want =
        "# Changelog\n\n## 1.1.0-rc.1 - 2026-02-02\n\n### Added\n\n* A lantern\n\n## 1.0.0-alpha.1";
    assert!(new.starts_with(want), "{new}");
}

#[test]
fn the_repository_s_own_cliff_toml_decides() {
    let mut facts = with_commits(&[("core", "feat: a lantern"), ("left", "fix: x")]);
    facts.changelogs = changelog("# C\n\n## 1.0.0\n\n- First\n");
    let cliff = "[changelog]\nbody = \"\"\"\n## {{ version }}\n{% for commit in commits %}\n* {{ commit.message }}{% endfor %}\"\"\"\ntrim = true\n";
    facts.cliff = Some(("cliff.toml".into(), cliff.to_owned()));
    let plan = release(&facts, "", "1.1.0").unwrap();
    assert_eq!(notes(&plan), "* x\n* a lantern");
    facts.cliff = Some((
        "cliff.toml".into(),
        "[changelog]\nbody = \"{{ nothing\"\n".to_owned(),
    ));
    let said = release(&facts, "", "1.1.0").unwrap_err().to_string();
    assert!(said.contains("cliff.toml cannot be used"), "{said}");
}
