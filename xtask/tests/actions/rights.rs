//! Who may do what, asserted on the parsed files: no linter and no local runner
//! enforces permissions, environments or concurrency.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::variants::Variants;
use crate::{files, root};

/// The workflows of a checkout by their names.
fn parsed(checkout: &Path) -> BTreeMap<String, Value> {
    let parse = |file: &std::path::PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        let value: Value =
            serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{file:?}: {e}"));
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        (name, value)
    };
    files(checkout).iter().map(parse).collect()
}

fn every() -> Vec<(String, BTreeMap<String, Value>)> {
    let variants = Variants::write();
    let written = variants.checkouts().into_iter();
    let mut all: Vec<_> = written
        .map(|(name, checkout)| (name.to_owned(), parsed(&checkout)))
        .collect();
    all.push(("this repository".to_owned(), parsed(&root())));
    all
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().unwrap().iter()
}

fn steps(job: &Value) -> &[Value] {
    job["steps"].as_array().unwrap()
}

/// The name of a job's environment; empty where it has none.
fn environment(job: &Value) -> &str {
    let named = job["environment"].as_str();
    named
        .or_else(|| job["environment"]["name"].as_str())
        .unwrap_or_default()
}

/// Every text below a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_job_has_the_least_of_rights() {
    for (configuration, workflows) in every() {
        for (name, workflow) in &workflows {
            assert_eq!(
                workflow["permissions"],
                serde_json::json!({}),
                "{configuration}/{name}"
            );
            for (id, job) in jobs(workflow) {
                let place = format!("{configuration}/{name}/{id}");
                let rights = job["permissions"]
                    .as_object()
                    .unwrap_or_else(|| panic!("{place}"));
                let writing: Vec<&str> = rights
                    .iter()
                    .filter(|(_, level)| *level == "write")
                    .map(|(right, _)| right.as_str())
                    .collect();
                let publishes = name == "release" && id == "publish";
                match (name.as_str(), id.as_str()) {
                    ("release", "publish") => {
                        assert!(writing.contains(&"contents"), "{place}");
                        assert!(writing.contains(&"id-token"), "{place}");
                    }
                    ("rollback", "yank") => assert_eq!(writing, ["contents"], "{place}"),
                    _ => assert!(writing.is_empty(), "{place}: {writing:?}"),
                }
                assert_eq!(publishes, writing.contains(&"id-token"), "{place}");
                assert!(job["timeout-minutes"].is_u64(), "{place} may run for ever");
            }
        }
    }
}

#[test]
fn secrets_are_known_only_where_an_environment_guards_them() {
    for (configuration, workflows) in every() {
        for (name, workflow) in &workflows {
            for (id, job) in jobs(workflow) {
                let place = format!("{configuration}/{name}/{id}");
                let knows = |secret: &str| texts(job).iter().any(|text| text.contains(secret));
                if knows("secrets.") {
                    assert!(!environment(job).is_empty(), "{place} has no environment");
                }
                if knows("secrets.DEPLOY_KEY") {
                    assert_ne!(environment(job), "release", "{place}");
                    assert!(knows("ssh-add -q -"), "{place}");
                }
                if knows("secrets.CARGO_REGISTR") {
                    assert_eq!(environment(job), "release", "{place}");
                }
                for step in steps(job) {
                    let condition = step["if"].as_str().unwrap_or_default();
                    assert!(!condition.contains("secrets"), "{place}: {condition}");
                    let run = step["run"].as_str().unwrap_or_default();
                    assert!(!run.contains("${{"), "{place}: {run}");
                }
            }
        }
    }
}

#[test]
fn runs_that_change_one_environment_never_meet() {
    for (configuration, workflows) in every() {
        let concurrency = |name: &str| workflows.get(name).map(|w| &w["concurrency"]);
        let changing = ["release", "deploy", "rollback"];
        for name in changing {
            let Some(concurrency) = concurrency(name) else {
                continue;
            };
            assert_eq!(
                concurrency["cancel-in-progress"], false,
                "{configuration}/{name}"
            );
            // One waiting run is all that GitHub keeps otherwise.
            assert_eq!(concurrency["queue"], "max", "{configuration}/{name}");
        }
        let group = |name: &str| concurrency(name)?["group"].as_str().map(str::to_owned);
        let release = group("release").unwrap();
        let (Some(deploy), Some(rollback)) = (group("deploy"), group("rollback")) else {
            continue;
        };
        // A rollback waits for nobody's approval; on the hosts, their leases decide.
        let waits = deploy.replace("stagegate-", "stagegate-rollback-");
        assert_eq!(rollback, waits, "{configuration}");
        // A closed pull request that releases nothing is nobody's neighbour.
        let (condition, group) = release.split_once(" && '").unwrap();
        assert_eq!(
            condition,
            "${{ (github.event_name != 'pull_request' || startsWith(github.head_ref, 'release/'))",
            "{configuration}"
        );
        let usual = group.strip_suffix("' || github.run_id }}").unwrap();
        let usual = usual.strip_prefix("stagegate-").unwrap();
        let same = format!("stagegate-${{{{ inputs.environment || '{usual}' }}}}");
        assert_eq!(deploy, same, "{configuration}");
    }
}

#[test]
fn what_only_asks_hosts_is_no_deployment() {
    for (configuration, workflows) in every() {
        for (name, workflow) in &workflows {
            for (id, job) in jobs(workflow) {
                let place = format!("{configuration}/{name}/{id}");
                let asks = [("release", "plan"), ("deploy", "decide")]
                    .contains(&(name.as_str(), id.as_str()));
                let deploys = !environment(job).is_empty() && !asks;
                if deploys {
                    assert!(job["environment"].is_string(), "{place}");
                } else if !environment(job).is_empty() {
                    assert_eq!(job["environment"]["deployment"], false, "{place}");
                }
            }
        }
    }
}

#[test]
fn a_fork_checks_its_changes_and_does_nothing_else() {
    let variants = Variants::write();
    let workflows = parsed(&variants.checkout("ours-alone"));
    for (name, workflow) in &workflows {
        for (id, job) in jobs(workflow) {
            let place = format!("{name}/{id}");
            let condition = job["if"].as_str().unwrap_or_default();
            let here = "github.repository == 'example/shop'";
            let first = job["needs"].as_array().is_none_or(Vec::is_empty);
            match name.as_str() {
                "ci" => {
                    let weekly = format!("github.event_name != 'schedule' || {here}");
                    assert!(condition.contains(&weekly), "{place}: {condition}");
                }
                // What needs another job is skipped with it.
                _ if first || condition.contains("!cancelled()") => {
                    assert!(condition.contains(here), "{place}: {condition}");
                }
                _ => {}
            }
        }
    }
    // Without a name in stagegate.toml nobody can tell a fork from what it is a fork of.
    for workflow in parsed(&variants.checkout("app")).values() {
        for (id, job) in jobs(workflow) {
            let condition = job["if"].as_str().unwrap_or_default();
            assert!(!condition.contains("github.repository =="), "{id}");
        }
    }
}

#[test]
fn the_teams_own_secrets_reach_the_steps_that_need_them() {
    let variants = Variants::write();
    let workflows = parsed(&variants.checkout("ours-alone"));
    let env = |name: &str, job: &str, step: &str| {
        let steps = steps(&workflows[name]["jobs"][job]).iter();
        let mut found = steps.filter(|one| one["name"] == step);
        found
            .next()
            .unwrap_or_else(|| panic!("{name}/{job}/{step}"))["env"]
            .clone()
    };
    for (name, job, step, pushes) in [
        ("release", "publish", "Publish", true),
        (
            "release",
            "deploy",
            "Deploy, backend first, and see what users now get",
            false,
        ),
        ("deploy", "deploy", "Deploy", false),
        ("rollback", "rollback", "Roll back", false),
        ("rollback", "yank", "Yank", true),
    ] {
        let env = env(name, job, step);
        for secret in ["RELEASE_WEBHOOK", "ANNOUNCE_KEY"] {
            assert_eq!(
                env[secret],
                format!("${{{{ secrets.{secret} }}}}"),
                "{name}/{job}"
            );
        }
        // The token of the team's own is for what is pushed, and not for what reads.
        let token = match pushes {
            true => "${{ secrets.PUSH_TOKEN || github.token }}",
            false => "${{ github.token }}",
        };
        assert_eq!(env["GITHUB_TOKEN"], token, "{name}/{job}");
    }
    // A job that builds is told none of them.
    for job in ["gates", "build"] {
        let text = workflows["release"]["jobs"][job].to_string();
        assert!(!text.contains("secrets."), "{job}");
    }
}

#[test]
fn a_release_hands_its_plan_from_job_to_job() {
    let workflows = parsed(&root());
    let jobs: BTreeMap<&str, &Value> = jobs(&workflows["release"])
        .map(|(id, job)| (id.as_str(), job))
        .collect();
    let needs = |id: &str| -> Vec<&str> {
        let needs = jobs[id]["needs"].as_array();
        needs
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    assert_eq!(needs("gates"), ["plan"]);
    assert_eq!(needs("build"), ["gates"]);
    assert_eq!(needs("publish"), ["gates", "build"]);
    assert_eq!(needs("deploy"), ["publish"]);
    for (id, job) in &jobs {
        let uses = |action: &str| {
            let used = steps(job).iter().filter_map(|step| step["uses"].as_str());
            used.filter(|uses| uses.starts_with(action)).count()
        };
        assert_eq!(
            uses("actions/download-artifact@"),
            1,
            "{id} takes the plan up"
        );
        assert_eq!(uses("actions/upload-artifact@"), 1, "{id} hands it on");
        assert_eq!(
            uses("actions/cache@"),
            0,
            "{id} builds from nothing that is kept"
        );
        let plans = texts(job)
            .iter()
            .filter(|text| text.contains("--resume-or-start"))
            .count();
        assert_eq!(plans, usize::from(*id == "plan"), "{id}");
    }
    let hosts = |id: &&str| {
        texts(jobs[id])
            .iter()
            .any(|text| text.contains("DEPLOY_KEY"))
    };
    let asking: Vec<&str> = jobs.keys().copied().filter(hosts).collect();
    assert_eq!(
        asking,
        ["deploy", "plan"],
        "hosts are asked before anything is published"
    );
}

#[test]
fn each_target_is_built_by_the_runner_that_is_named_for_it() {
    let variants = Variants::write();
    let release = |variant: &str| {
        parsed(&variants.checkout(variant))
            .remove("release")
            .unwrap()
    };
    let texts_of = |job: &Value| texts(job).join("\n");
    for (variant, deploys) in [("targets", true), ("targets-only", false)] {
        let release = release(variant);
        let build = &release["jobs"]["build"];
        assert_eq!(build["runs-on"], "${{ matrix.runner }}", "{variant}");
        let wanted = serde_json::json!([
            {"step": "build", "runner": "ubuntu-24.04"},
            {"step": "build:aarch64-unknown-linux-gnu", "target": "aarch64-unknown-linux-gnu", "runner": "ubuntu-24.04-arm"},
            {"step": "build:x86_64-unknown-linux-gnu", "target": "x86_64-unknown-linux-gnu", "runner": "ubuntu-24.04"},
        ]);
        assert_eq!(build["strategy"]["matrix"]["include"], wanted, "{variant}");
        assert_eq!(build["strategy"]["fail-fast"], false, "{variant}");
        // GitHub takes no artifact with a colon in its name.
        let handed_on = texts_of(build);
        assert!(
            handed_on.contains("state-3-${{ matrix.target || matrix.step }}"),
            "{handed_on}"
        );
        let publish = &release["jobs"]["publish"];
        assert_eq!(
            publish["needs"],
            serde_json::json!(["gates", "build"]),
            "{variant}"
        );
        let until = if deploys {
            "--until publish-github-release"
        } else {
            "--until verify"
        };
        assert!(texts_of(publish).contains(until), "{variant}");
        assert_eq!(release["jobs"]["deploy"].is_object(), deploys, "{variant}");
    }
    let build = &release("app")["jobs"]["build"];
    assert_eq!(
        build["strategy"],
        serde_json::json!({"matrix": {"step": ["build"]}})
    );
    assert!(!texts_of(build).contains("rustup target"), "{build}");
}

#[test]
fn a_branch_can_require_one_job() {
    for (configuration, workflows) in every() {
        let ci = &workflows["ci"];
        let passed = &ci["jobs"]["passed"];
        let needs: Vec<&str> = passed["needs"].as_array().map_or(Vec::new(), |needs| {
            needs.iter().filter_map(Value::as_str).collect()
        });
        for (id, _) in jobs(ci).filter(|(id, _)| *id != "passed") {
            assert!(
                needs.contains(&id.as_str()),
                "{configuration}: {id} is not required"
            );
        }
        let condition = passed["if"].as_str().unwrap();
        let alone = condition == "${{ always() }}";
        let here = condition.starts_with("${{ always() && (github.event_name != 'schedule' ||");
        assert!(alone || here, "{configuration}: {condition}");
    }
}

#[test]
fn only_a_merged_pull_request_of_ours_releases() {
    for (configuration, workflows) in every() {
        let release = &workflows["release"];
        let begins = &release["on"]["pull_request"];
        assert_eq!(
            begins["types"],
            serde_json::json!(["closed"]),
            "{configuration}"
        );
        let condition = release["jobs"]["plan"]["if"].as_str().unwrap();
        for part in [
            "github.event.pull_request.merged &&",
            "startsWith(github.head_ref, 'release/')",
            "head.repo.full_name == github.repository",
        ] {
            assert!(condition.contains(part), "{configuration}: {condition}");
        }
        // Every other job needs the plan, at first or second hand.
        for (id, job) in jobs(release).filter(|(id, _)| *id != "plan") {
            assert!(job["needs"].is_array(), "{configuration}: {id}");
            let condition = job["if"].as_str().unwrap_or_default();
            assert!(!condition.contains("always()"), "{configuration}: {id}");
        }
        let tags = &release["on"]["push"]["tags"];
        let wanted = configuration == "odd";
        assert_eq!(tags.is_array(), wanted, "{configuration}: {tags}");
    }
}
