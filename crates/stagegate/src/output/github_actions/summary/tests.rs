//! A summary as a whole, kept as a file that people and Mermaid can read too.

use stagegate_config::stage::Stage;
use stagegate_plan::model::{
    Action, Blocker, CustomCommand, Event, Publish, PublishGithubRelease, Step, TimeBreakdown,
};

use super::*;

fn step(id: &str, stage: Stage, action: Action) -> Step {
    Step {
        id: id.to_owned(),
        stage,
        title: format!("do {id}"),
        parallel_with_previous: false,
        depends_on: Vec::new(),
        after_settled: Vec::new(),
        max_failures: 0,
        irreversible: false,
        action,
    }
}

fn command() -> Action {
    Action::CustomCommand(CustomCommand {
        run: vec!["true".to_owned()],
        probe: None,
        pass_env: Vec::new(),
        env: Vec::new(),
    })
}

/// Returns a release that publishes one crate and ends in a failed deploy, told by somebody
/// hostile.
fn plan() -> Plan {
    let release = r#"{"server": {"api": "https://api.github.com/", "uploads": "https://uploads.github.com/"}, "repository": "o/r", "tag": "v1.1.0"}"#;
    let public = Action::PublishGithubRelease(PublishGithubRelease {
        release: serde_json::from_str(release).unwrap(),
        latest: true,
    });
    let resolve = r#"{"do": "consumer-build", "crates": [], "depth": "lockfile", "docs": "https://docs.rs/"}"#;
    let publish = Action::Publish(Publish {
        package: "shop-core".to_owned(),
        version: "1.0.0".parse().unwrap(),
        registry: None,
    });
    let steps = vec![
        step("test", Stage::Test, command()),
        step("publish shop-core", Stage::Publish, publish),
        step(
            "publish-github-release",
            Stage::PublishGithubRelease,
            public,
        ),
        step("stabilize app1.example.org", Stage::Stabilize, command()),
        step("section: end\nclick", Stage::Verify, command()),
    ];
    let mut plan = Plan {
        cli_args: "1.1.0".to_owned(),
        title: "release 1.1.0 | <script> `x` [a](b)".to_owned(),
        from: Some("1.0.0".parse().unwrap()),
        steps,
        ..Plan::new(
            stagegate_plan::model::RunId::new(stagegate_plan::model::Verb::Release, "1.1.0"),
            "1.1.0".parse().unwrap(),
            "2026-01-02T03:04:05Z".parse().unwrap(),
        )
    };
    let resolve = serde_json::from_str(resolve).unwrap();
    plan.steps.push(step("resolve", Stage::Verify, resolve));
    plan
}

fn record() -> Record {
    let plan = plan();
    let mut record = Record::new(plan.at);
    record.hear(&Event::RunStarted {
        plan: Box::new(plan.clone()),
        done_before: 0,
    });
    let mut at = 0;
    for one in plan.steps.iter().filter(|step| step.id != "resolve") {
        record.hear(&Event::StepStarted {
            step: one.id.clone(),
            stage: one.stage,
            title: one.title.clone(),
            at,
        });
        let (seconds, account) = (1.5, TimeBreakdown::default());
        let id = one.id.clone();
        at += 1500;
        if one.stage == Stage::Stabilize {
            for second in 0..5_u32 {
                record.hear(&Event::Probed {
                    step: id.clone(),
                    at: u64::from(second) * 500,
                    latency: (second < 4).then_some(3.0 + f64::from(second)),
                });
            }
        }
        record.hear(&match one.stage {
            Stage::Verify => Event::StepFailed {
                step: id,
                error: "it failed:\n```\n</details>\n::error::no\n```".to_owned(),
                at,
                seconds,
                time: account,
            },
            _ => Event::StepDone {
                step: id,
                outcome: StepOutcome::Performed,
                evidence: "a | b <b>c</b>\nand more".to_owned(),
                at,
                seconds,
                time: account,
            },
        });
    }
    record.hear(&Event::RunEnded {
        end: RunEnd::Failed,
        next: "fix it, then resume with `cargo xtask release 1.1.0 --resume`".to_owned(),
        seconds: 7.5,
        unrestored: Vec::new(),
    });
    record
}

#[test]
fn a_summary_is_as_it_was_looked_at() {
    let text = summary(&record(), "https://github.com");
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/output/github_actions/summary/sample.md");
    if std::env::var_os("UPDATE_SAMPLES").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, kept, "UPDATE_SAMPLES=1 writes {}", file.display());
}

#[test]
fn later_steps_read_what_came_of_it() {
    let values = super::super::values::values(&record(), "https://github.com/");
    let value = |name: &str| {
        let found = values.iter().find(|(known, _)| *known == name);
        found.unwrap().1.as_str()
    };
    assert_eq!(value("ended"), "failed");
    assert_eq!(value("version"), "1.1.0");
    assert_eq!(value("crates"), "[\"shop-core@1.1.0\"]");
    assert_eq!(
        value("release_url"),
        "https://github.com/o/r/releases/tag/v1.1.0"
    );
    assert_eq!(value("hosts"), "[]");
    assert_eq!(value("tag"), "");
}

#[test]
fn what_stood_in_the_way_is_a_list() {
    let blockers = Blockers(vec![Blocker {
        what: "a is *not*\nb".to_owned(),
        remedy: "<do> it".to_owned(),
        place: None,
    }]);
    let text = of_blockers(&blockers);
    assert!(
        text.ends_with("- a is \\*not\\*<br>b<br>→ &lt;do&gt; it\n"),
        "{text}"
    );
}

#[test]
fn a_fence_is_longer_than_what_it_holds() {
    assert_eq!(block("text", "a ```` b"), "`````text\na ```` b\n`````\n");
}
