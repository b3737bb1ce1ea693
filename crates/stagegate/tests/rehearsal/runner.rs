//! Inside a runner of GitHub: what it obeys, shows in margins, hands to later steps
//! and puts on a job's page.

use std::process::Command;

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::evidence::read;
use crate::fixture::Fixture;
use crate::process::{Ran, git, run};
use crate::within_a_rehearsal;
use crate::world::World;

/// Files that a runner gives to a step.
struct Step {
    output: Utf8PathBuf,
    summary: Utf8PathBuf,
}

impl Step {
    fn of(world: &World) -> Step {
        let place = world.root().parent().unwrap();
        Step {
            output: place.join("step-output"),
            summary: place.join("step-summary.md"),
        }
    }

    fn run(&self, mut command: Command) -> Ran {
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_OUTPUT", &self.output)
            .env("GITHUB_STEP_SUMMARY", &self.summary);
        run(command)
    }

    fn value(&self, name: &str) -> String {
        let text = read(&self.output);
        let mut found = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .filter(|(known, _)| *known == name);
        found
            .next_back()
            .unwrap_or_else(|| panic!("{name}: {text}"))
            .1
            .to_owned()
    }
}

/// What a runner obeys in a log: its own two forms.
fn obeyed(ran: &Ran) -> Vec<String> {
    let text = ran.words().replace('\r', "\n");
    let is_command = |line: &&str| line.trim_start().starts_with("::") || line.contains("##[");
    text.lines().filter(is_command).map(str::to_owned).collect()
}

#[test]
fn a_gate_points_at_lines_and_nobody_elses_word_is_obeyed() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    let file = fixture.root.join("crates/core/src/lib.rs");
    let text = read(&file);
    let hostile = "\n/// Said to whoever reads a log.\npub const SAID: &str = \"\n::error::hostile\n##[error]hostile\n\";\nfn  ill() {}\n";
    std::fs::write(&file, format!("{text}{hostile}")).unwrap();
    std::fs::write(
        fixture.root.join("LINKS.md"),
        "# A\n\n[b](lost%0A::error::hostile.md)\n",
    )
    .unwrap();
    git(&fixture.root, &["add", "--all"]);
    git(&fixture.root, &["commit", "--quiet", "--message", "Change"]);
    let world = World::without_host(fixture, "gates");
    let step = Step::of(&world);
    let ran = step
        .run(world.command(&["check", "fmt", "links"]))
        .must_end_with(5);

    let obeyed = obeyed(&ran);
    let line = text.lines().count() + 7;
    let format = format!("::error file=crates/core/src/lib.rs,line={line},title=fmt%3A format::");
    let objects = |start: &str| obeyed.iter().filter(|l| l.starts_with(start)).count();
    assert_eq!(objects(&format), 1, "{}", ran.words());
    assert_eq!(
        objects("::error file=LINKS.md,line=3,title=links%3A broken link::"),
        1,
        "{obeyed:?}"
    );
    let ours = ["::group::", "::endgroup::", "::error file=", "::add-mask::"];
    for line in &obeyed {
        assert!(ours.iter().any(|start| line.starts_with(start)), "{line}");
        assert!(!line.starts_with("::error::hostile"), "{line}");
    }
    assert!(ran.words().contains(": :error::hostile"), "{}", ran.words());
    assert_eq!(objects("::group::"), objects("::endgroup::"));
    let token = &world.fakes.registry_token;
    assert_eq!(objects(&format!("::add-mask::{token}")), 1);

    assert_eq!(step.value("ended"), "failed");
    let summary = read(&step.summary);
    for part in [
        "## ❌",
        "```mermaid\ngantt",
        "fmt :crit",
        "### links failed",
    ] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
}

#[test]
fn what_stands_in_the_way_is_annotated() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "gates");
    let step = Step::of(&world);
    std::fs::write(world.root().join("untidy"), "").unwrap();
    let mut command = world.command(&["release", "0.0.1", "--yes"]);
    command.env_remove("CARGO_REGISTRY_TOKEN");
    let ran = step.run(command).must_end_with(3);
    let blockers = obeyed(&ran);
    let annotated = |part: &str| blockers.iter().any(|line| line.contains(part));
    assert!(annotated("::error title=problem::"), "{blockers:?}");
    assert!(annotated("%0A→ "), "{blockers:?}");
    let summary = read(&step.summary);
    assert!(summary.contains("nothing was changed"), "{summary}");
}

#[test]
fn problems_that_know_a_place_are_annotated_there() {
    if within_a_rehearsal() {
        return;
    }
    let fixture = Fixture::new();
    let root = fixture.root.clone();
    let change = |file: &str, from: &str, to: &str| {
        let text = read(&root.join(file));
        assert!(text.contains(from), "{text}");
        std::fs::write(root.join(file), text.replacen(from, to, 1)).unwrap();
    };
    // crates.io takes no keyword of two words.
    change(
        "crates/core/Cargo.toml",
        "keywords.workspace = true",
        "keywords = [\"two words\"]",
    );
    let entries = read(&root.join("CHANGELOG.md"));
    let heading = entries
        .lines()
        .position(|line| line == "## [Unreleased]")
        .unwrap()
        + 1;
    let second = format!("{entries}\n## [Unreleased]\n\n- Again.\n");
    let doubled = second.lines().count() - 2;
    std::fs::write(root.join("CHANGELOG.md"), second).unwrap();
    git(
        &root,
        &["commit", "--quiet", "--all", "--message", "Change"],
    );
    git(&root, &["push", "--quiet", "origin", "main"]);
    let world = World::without_host(fixture, "gates");
    let step = Step::of(&world);
    let ran = step
        .run(world.command(&["release", "0.2.0", "--yes"]))
        .must_end_with(3);
    let obeyed_lines = obeyed(&ran);
    let at = |place: &str| {
        let start = format!("::error {place},title=problem::");
        obeyed_lines
            .iter()
            .filter(|line| line.starts_with(&start))
            .count()
    };
    assert_eq!(
        at("file=crates/core/Cargo.toml,line=1"),
        1,
        "{obeyed_lines:?}"
    );
    assert!(heading < doubled);
    assert_eq!(
        at(&format!("file=CHANGELOG.md,line={doubled}")),
        1,
        "{obeyed_lines:?}"
    );

    // A mistake in the configuration, which is read before there is a plan.
    change("stagegate.toml", "[gates]", "[gats]");
    let config = read(&root.join("stagegate.toml"));
    let line = config
        .lines()
        .position(|line| line.starts_with("[gats]"))
        .unwrap()
        + 1;
    let mut command = crate::process::command(crate::process::STAGEGATE, &root);
    command
        .args(["check", "fmt"])
        .env("GITHUB_WORKSPACE", &root);
    let ran = step.run(command).must_end_with(4);
    let start = format!("::error file=stagegate.toml,line={line},col=2,title=stagegate::");
    let said = obeyed(&ran);
    assert!(said.iter().any(|line| line.starts_with(&start)), "{said:?}");
}

#[test]
fn a_deploy_tells_later_steps_and_the_jobs_page_what_came_of_it() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::start("runner");
    let step = Step::of(&world);
    let ran = step
        .run(world.command(&["deploy", "both", "--yes"]))
        .must_end_with(0);
    assert_eq!(step.value("ended"), "completed");
    assert_eq!(step.value("version"), "0.1.0");
    let hosts: Value = serde_json::from_str(&step.value("hosts")).unwrap();
    assert_eq!(hosts, serde_json::json!(["127.0.0.1"]));
    let summary = read(&step.summary);
    let row = summary
        .lines()
        .find(|line| line.starts_with("| backend.stabilize"))
        .unwrap_or_else(|| panic!("{summary}"));
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let sent: u32 = cells[2].parse().unwrap();
    assert!(sent >= 2 && cells[3] == "0", "{row}");
    assert!(summary.contains("```mermaid\nxychart-beta"), "{summary}");
    let groups = obeyed(&ran);
    assert!(
        groups.contains(&"::group::stabilize".to_owned()),
        "{groups:?}"
    );
}
