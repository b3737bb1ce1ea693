//! `[[release.replace]]` and the team's templates.

use stagegate_config::schema::Config;

use crate::facts::Facts;
use crate::model::{Action, Blockers, Plan};
use crate::tests::{facts, planned, wanted};

fn with(file: &str, text: &str) -> Facts {
    let mut facts = facts();
    facts.files.insert(file.into(), text.as_bytes().to_vec());
    facts
}

fn release(facts: &Facts, text: &str, version: &str) -> Result<Plan, Blockers> {
    let config: Config = toml_edit::de::from_str(text).unwrap();
    planned(facts, &config, wanted(version, &[]))
}

fn after(plan: &Plan, file: &str, before: &str) -> Option<String> {
    let mut edits = plan.edits.iter().filter(|edit| edit.path == file);
    let edit = edits.next()?;
    assert!(edits.next().is_none(), "each file once");
    Some(String::from_utf8(edit.apply(before.as_bytes()).unwrap()).unwrap())
}

#[test]
fn what_else_names_the_version_is_replaced() {
    let readme = "# core\n\ncore = \"1.0.0\"\nleft = \"1.0.0\"\n$1 {x}\n";
    let facts = with("README.md", readme);
    let text = r#"
        [[release.replace]]
        file = "README.md"
        search = '^(core|left) = "[^"]+"$'
        replace = '${1} = "{version}"'
        exactly = 2

        [[release.replace]]
        file = "README.md"
        search = '= "{version}"'
        replace = '= "{version}" # {name} {tag} {date}, was {previous}, $$1 {y}'
        max = 2
    "#;
    let plan = release(&facts, text, "1.1.0").unwrap();
    let line = "= \"1.1.0\" # workspace v1.1.0 2026-02-02, was 1.0.0, $1 {y}";
    let want = format!("# core\n\ncore {line}\nleft {line}\n$1 {{x}}\n");
    assert_eq!(after(&plan, "README.md", readme), Some(want));
    // A candidate leaves them alone unless it is asked not to.
    let plan = release(&facts, text, "1.1.0-rc.1").unwrap();
    assert_eq!(after(&plan, "README.md", readme), None);
    let both = text.replace("file =", "prerelease = true\nfile =");
    let plan = release(&facts, &both, "1.1.0-rc.1").unwrap();
    assert!(
        after(&plan, "README.md", readme)
            .unwrap()
            .contains("core = \"1.1.0-rc.1\" #")
    );
}

#[test]
fn a_replacement_works_on_what_the_release_has_written() {
    let changelog = crate::tests::CHANGELOG;
    let text = r###"
        [[release.replace]]
        file = "CHANGELOG.md"
        search = "## \\[{version}\\] - {date}"
        replace = "$0\n\nReleased as {tag}."

        [[release.replace]]
        file = "core/Cargo.toml"
        search = 'version = "{version}"'
        replace = 'version = "{version}" # released'
    "###;
    let facts = facts();
    let plan = release(&facts, text, "1.1.0").unwrap();
    let new = after(&plan, "CHANGELOG.md", changelog).unwrap();
    assert!(
        new.contains("## [1.1.0] - 2026-02-02\n\nReleased as v1.1.0.\n\n- Something"),
        "{new}"
    );
    let manifest = crate::tests::manifest("core", &[]);
    let new = after(&plan, "core/Cargo.toml", &manifest).unwrap();
    assert!(new.contains("version = \"1.1.0\" # released"), "{new}");
}

#[test]
fn too_few_or_too_many_matches_are_a_problem() {
    let facts = with("a.md", "1.0.0 1.0.0\n");
    let refused = |rest: &str| {
        let text =
            format!("[[release.replace]]\nfile = \"a.md\"\nreplace = \"{{version}}\"\n{rest}\n");
        release(&facts, &text, "1.1.0")
            .map(drop)
            .map_err(|e| e.to_string())
    };
    let check = |rest: &str, want: &str| {
        let said = refused(rest).unwrap_err();
        assert!(said.contains(want), "{said}\nlacks {want:?}");
    };
    check(
        "search = 'x'",
        "`x` matches 0 times in a.md, and there must be at least 1",
    );
    check(
        "search = '{previous}'\nexactly = 1",
        "`{previous}` matches 2 times in a.md, and there must be exactly 1",
    );
    check("search = '{previous}'\nmax = 1", "there must be exactly 1");
    check(
        "search = '{previous}'\nmin = 3\nmax = 4",
        "there must be 3 to 4",
    );
    refused("search = 'x'\nmin = 0").unwrap();
    refused("search = '{previous}'\npackage = \"core\"").unwrap();
    check(
        "search = '{previous}'\npackage = \"gone\"",
        "`gone` is no package",
    );
    let missing = "[[release.replace]]\nfile = \"b.md\"\nsearch = \"x\"\nreplace = \"y\"\n";
    let said = release(&facts, missing, "1.1.0").unwrap_err().to_string();
    assert!(said.contains("b.md is not there"), "{said}");
}

const TEMPLATES: &str = r#"
    [release]
    message = "build: {version} of {name} on {date} ({previous})"

    [release.templates]
    tag_message = "{tag}\n\n{notes}\n\nOf {name}, {notes }"
    release_name = "{name} {version}"
    release_header = "Since {previous}:"
    release_footer = "Made on {date}."
    pull_request_title = "Please release {version}"
    pull_request_body = "{notes}\n\nMerge it, {tag} follows."
    pull_request_labels = ["release", "v{version}"]
"#;

#[test]
fn tags_releases_and_commits_say_what_the_team_wants() {
    let plan = release(&facts(), TEMPLATES, "1.1.0").unwrap();
    let said = plan.steps.iter().filter_map(|step| match &step.action {
        Action::CreateCommitObject(object) => Some(object.message.clone()),
        Action::CreateTag(tag) => Some(tag.message.clone()),
        Action::DraftRelease(draft) => Some(format!("{}: {}", draft.name, draft.notes)),
        _ => None,
    });
    let said: Vec<String> = said.collect();
    assert_eq!(
        said,
        [
            "build: 1.1.0 of workspace on 2026-02-02 (1.0.0)",
            "v1.1.0\n\n- Something new.\n\nOf workspace, {notes }",
            "workspace 1.1.0: Since 1.0.0:\n\n- Something new.\n\nMade on 2026-02-02.",
        ]
    );
}

#[test]
fn a_pull_request_says_what_the_team_wants() {
    let config: Config = toml_edit::de::from_str(TEMPLATES).unwrap();
    let request = crate::request::Request::Prepare(wanted("1.1.0", &[]));
    let facts = crate::tests::grouped(&facts(), &config);
    let plan = crate::planner::plan(&facts, &config, &request).unwrap();
    let proposal = plan.steps.iter().find_map(|step| match &step.action {
        Action::OpenPullRequest(proposal) => Some(proposal.clone()),
        _ => None,
    });
    let proposal = proposal.unwrap();
    assert_eq!(proposal.title, "Please release 1.1.0");
    assert_eq!(
        proposal.body,
        "## workspace 1.1.0 (from 1.0.0)\n\n- Something new.\n\nMerge it, v1.1.0 follows."
    );
    assert_eq!(proposal.labels, ["release", "v1.1.0"]);
}

#[test]
fn a_release_commit_is_signed_off_where_that_is_the_habit() {
    let message = |text: &str, subjects: &[(&str, bool)]| {
        let mut facts = facts();
        if let Ok(git) = &mut facts.git {
            git.subjects = subjects.iter().map(|(s, _)| (*s).to_owned()).collect();
            let signed = subjects.iter().filter(|(_, signed)| *signed);
            git.signed_off = signed.map(|(s, _)| (*s).to_owned()).collect();
        }
        let plan = release(&facts, text, "1.1.0").unwrap();
        let object = plan.steps.iter().find_map(|step| match &step.action {
            Action::CreateCommitObject(object) => Some(object.message.clone()),
            _ => None,
        });
        object.unwrap()
    };
    let signed = "Release 1.1.0\n\nSigned-off-by: N <n@example.org>";
    assert_eq!(message("", &[("a", true), ("b", false)]), "Release 1.1.0");
    assert_eq!(message("", &[("a", true), ("b", true)]), signed);
    let last = [("a", false), ("Release 1.0.0 (#7)", true)];
    assert_eq!(message("", &last), signed);
    let last = [("a", true), ("Release 1.0.0", false)];
    assert_eq!(message("", &last), "Release 1.1.0");
    assert_eq!(message("[release]\nsign_off = true\n", &last), signed);
    assert_eq!(
        message("[release]\nsign_off = false\n", &[("a", true)]),
        "Release 1.1.0"
    );
}
