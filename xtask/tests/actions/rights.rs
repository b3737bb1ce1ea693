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

/// Whether a step fetches dependencies, and does nothing else.
fn fetches(step: &Value) -> bool {
    step["run"] == "exec cargo fetch --locked"
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
                    ("release", "pull-request") => {
                        assert_eq!(writing, ["contents", "pull-requests"], "{place}");
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
                // Everything but the step that fetches, which runs nobody's code.
                let rest = steps(job).iter().filter(|step| !fetches(step));
                let rest: Vec<&str> = rest.flat_map(texts).collect();
                let knows = |secret: &str| rest.iter().any(|text| text.contains(secret));
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
        // What is pushed waits as well: until a release is done, nobody can say what comes next.
        let usual = release.strip_prefix("stagegate-").unwrap();
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
                let asks = [("release", "plan"), ("release", "pull-request")]
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
        ("release", "deploy-changed", "Deploy", false),
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
    assert_eq!(needs("build"), ["plan", "gates"]);
    assert_eq!(needs("publish"), ["plan", "gates", "build"]);
    assert_eq!(needs("deploy"), ["plan", "publish"]);
    for (id, job) in &jobs {
        if *id == "pull-request" {
            continue;
        }
        // Whatever the branch is at by now, the plan is of one commit.
        let checkout = &steps(job)[0]["with"]["ref"];
        match *id {
            "plan" | "deploy-changed" => {}
            _ => assert_eq!(*checkout, "${{ needs.plan.outputs.commit }}", "{id}"),
        }
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
        let plans_here = ["plan", "deploy-changed"].contains(id);
        assert_eq!(plans, usize::from(plans_here), "{id}");
    }
    let hosts = |id: &&str| {
        texts(jobs[id])
            .iter()
            .any(|text| text.contains("DEPLOY_KEY"))
    };
    let asking: Vec<&str> = jobs.keys().copied().filter(hosts).collect();
    assert_eq!(
        asking,
        ["deploy", "deploy-changed", "plan"],
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
            serde_json::json!(["plan", "gates", "build"]),
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

/// Which workflows an event of a repository starts, by the files' own triggers.
fn started_by(workflows: &BTreeMap<String, Value>, event: &str) -> Vec<String> {
    let listens = |workflow: &Value| workflow["on"].get(event).is_some();
    let found = workflows.iter().filter(|(_, workflow)| listens(workflow));
    found.map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_merged_release_pull_request_starts_one_workflow_that_changes_anything() {
    for (configuration, workflows) in every() {
        // What it is told by is the push: a closed pull request starts nothing.
        assert_eq!(
            started_by(&workflows, "pull_request"),
            ["ci"],
            "{configuration}"
        );
        assert_eq!(
            started_by(&workflows, "push"),
            ["ci", "release"],
            "{configuration}"
        );
        let release = &workflows["release"];
        let plan = &release["jobs"]["plan"];
        let step = |name: &str| {
            let mut found = steps(plan).iter().filter(|step| step["name"] == name);
            found
                .next()
                .unwrap_or_else(|| panic!("{configuration}: {name}"))
        };
        let asked = step("See what was pushed");
        assert_eq!(
            asked["if"], "${{ github.event_name == 'push' }}",
            "{configuration}"
        );
        assert!(
            asked["run"].as_str().unwrap().contains("ci pushed"),
            "{configuration}"
        );
        let made = step("Make the plan")["if"].as_str().unwrap();
        let only =
            "!inputs.dry_run && (github.event_name != 'push' || steps.pushed.outputs.release)";
        assert_eq!(made, format!("${{{{ {only} }}}}"), "{configuration}");
        assert_eq!(plan["outputs"]["made"], "${{ steps.make.outcome }}");
        // Every other job waits for the plan, and each knows whether there is one.
        for (id, job) in jobs(release).filter(|(id, _)| *id != "plan") {
            let needs = job["needs"].as_array().unwrap();
            assert!(
                needs.iter().any(|need| need == "plan"),
                "{configuration}: {id}"
            );
            let condition = job["if"].as_str().unwrap_or_default();
            assert!(!condition.contains("always()"), "{configuration}: {id}");
            match id.as_str() {
                "gates" => assert!(condition.contains("outputs.made == 'success'"), "{id}"),
                "deploy-changed" | "pull-request" => {
                    assert!(condition.contains("outputs.made == 'skipped'"), "{id}");
                }
                _ => assert!(needs.len() > 1, "{configuration}: {id} follows the gates"),
            }
        }
    }
}

#[test]
fn a_push_that_touches_neither_versions_nor_the_app_starts_no_release_workflow() {
    let variants = Variants::write();
    let paths = |variant: &str| {
        let release = parsed(&variants.checkout(variant))
            .remove("release")
            .unwrap();
        release["on"]["push"]["paths"].clone()
    };
    let wanted = [
        "**/CHANGELOG.md",
        "**/Cargo.lock",
        "**/Cargo.toml",
        "Cargo.*",
        "src/**",
        "web/**",
    ];
    assert_eq!(paths("app"), serde_json::json!(wanted));
    // The next release is told from every commit.
    assert!(paths("kept").is_null());
    // A workspace in a directory has its app there.
    assert!(
        paths("below")
            .as_array()
            .unwrap()
            .contains(&"rust/src/**".into())
    );
}

#[test]
fn the_release_pull_request_is_kept_current_one_push_after_the_other() {
    let variants = Variants::write();
    let workflows = parsed(&variants.checkout("kept"));
    let release = &workflows["release"];
    assert_eq!(release["concurrency"]["queue"], "max");
    let branches = &release["on"]["push"]["branches"];
    assert_eq!(*branches, serde_json::json!(["main", "v*.x"]));
    let job = &release["jobs"]["pull-request"];
    let all: Vec<&Value> = steps(job).iter().collect();
    // Others may have pushed while it waited.
    assert_eq!(all[0]["with"]["ref"], "${{ github.ref }}");
    let last = all.last().unwrap();
    assert_eq!(
        last["run"],
        "exec cargo xtask release prepare auto --if-changed"
    );
    // What it pushes starts the checks of the pull request only with a token of one's own.
    assert_eq!(
        last["env"]["GITHUB_TOKEN"],
        "${{ secrets.PUSH_TOKEN || github.token }}"
    );
    assert_eq!(job["environment"]["name"], "release");
    assert_eq!(job["environment"]["deployment"], false);
    let without = parsed(&variants.checkout("app")).remove("release").unwrap();
    assert!(
        without["jobs"]["pull-request"].is_null(),
        "nobody asked for it"
    );
}

#[test]
fn a_tag_of_any_form_that_releases_have_starts_one() {
    let variants = Variants::write();
    let tags = |variant: &str| {
        let release = parsed(&variants.checkout(variant))
            .remove("release")
            .unwrap();
        release["on"]["push"]["tags"].clone()
    };
    let numbers = "[0-9]+.[0-9]+.[0-9]+*";
    assert_eq!(tags("odd"), serde_json::json!([format!("v{numbers}")]));
    assert_eq!(
        tags("kept"),
        serde_json::json!([format!("workspace-v{numbers}")])
    );
    assert!(tags("app").is_null(), "nobody asked for it");
    // Learned from the tags that are there, since no key says it.
    let checkout = variants.checkout("odd");
    let git = |args: &[&str]| {
        let who = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
        let mut git = std::process::Command::new("git");
        let ran = git
            .args(who)
            .args(args)
            .current_dir(&checkout)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
    };
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "First"]);
    git(&["tag", "one/v0.1.0"]);
    crate::must(&checkout, &["ci", "write"]);
    assert_eq!(tags("odd"), serde_json::json!([format!("one/v{numbers}")]));
}

#[test]
fn what_is_not_public_is_fetched_by_a_step_that_builds_nothing() {
    let variants = Variants::write();
    let workflows = parsed(&variants.checkout("kept"));
    let mut seen = 0;
    for (name, workflow) in &workflows {
        for (id, job) in jobs(workflow).filter(|(id, _)| *id != "passed") {
            let place = format!("{name}/{id}");
            let at = steps(job).iter().position(fetches);
            let at = at.unwrap_or_else(|| panic!("{place} fetches nothing"));
            let first = steps(job).iter().position(|step| {
                step["run"]
                    .as_str()
                    .is_some_and(|run| run.contains("cargo xtask"))
            });
            assert!(
                first.is_none_or(|first| at < first),
                "{place} builds before it fetches"
            );
            let env = &steps(job)[at]["env"];
            let token = "${{ secrets.CARGO_REGISTRIES_MY_COMPANY_TOKEN }}";
            assert_eq!(env["CARGO_REGISTRIES_MY_COMPANY_TOKEN"], token, "{place}");
            assert_eq!(env["FETCH_TOKEN_0"], "${{ secrets.ACME_READ }}", "{place}");
            let key = "credential.https://github.com/acme.helper";
            assert_eq!(env["GIT_CONFIG_KEY_0"], key, "{place}");
            let told = |step: &Value| {
                let all = texts(step);
                all.iter()
                    .any(|text| text.contains("MY_COMPANY") || text.contains("ACME_READ"))
            };
            let others = steps(job)
                .iter()
                .filter(|step| !fetches(step) && told(step));
            assert_eq!(others.count(), 0, "{place} hands the tokens to others");
            seen += 1;
        }
    }
    assert!(seen > 8, "{seen} jobs are looked at");
}

#[test]
fn nothing_of_a_machine_is_changed_for_all() {
    for (configuration, workflows) in every() {
        for (name, workflow) in &workflows {
            for (id, job) in jobs(workflow) {
                let place = format!("{configuration}/{name}/{id}");
                for step in steps(job) {
                    let run = step["run"].as_str().unwrap_or_default();
                    for all in [
                        "rustup default",
                        "--global",
                        "--system",
                        "~/.",
                        "$HOME",
                        "sudo ",
                    ] {
                        let mine = step["name"] == "Make ready" || step["name"] == **id;
                        assert!(mine || !run.contains(all), "{place}: {run}");
                    }
                    if run.contains("ci import") {
                        assert!(run.contains("--set-aside-others"), "{place}: {run}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_runner_that_stagegate_does_not_run_on_is_refused_with_the_way_out() {
    let variants = Variants::write();
    let checkout = variants.checkout("targets");
    let file = checkout.join("stagegate.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let check = |from: &str, to: &str, want: &[&str]| {
        std::fs::write(&file, config.replace(from, to)).unwrap();
        let ran = crate::xtask(&checkout, &["ci", "write"]);
        let said = crate::said(&ran);
        assert_eq!(
            ran.status.code(),
            Some(if want.is_empty() { 0 } else { 3 }),
            "{said}"
        );
        for part in want {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    let linux = "\"x86_64-unknown-linux-gnu\" = \"ubuntu-24.04\"";
    let windows = "\"x86_64-pc-windows-msvc\" = \"windows-2025\"";
    check(
        linux,
        windows,
        &[
            "x86_64-pc-windows-msvc the runner windows-2025",
            "x86_64-pc-windows-gnu",
        ],
    );
    // From Linux a binary for Windows is one more target, and macOS is a Unix.
    check(linux, "\"x86_64-pc-windows-gnu\" = \"ubuntu-24.04\"", &[]);
    check(linux, "\"aarch64-apple-darwin\" = \"macos-15\"", &[]);
    let runner = "[ci]\nrunner = [\"self-hosted\", \"Windows\"]\n[app]";
    check("[app]", runner, &["`ci.runner` is Windows"]);
}
