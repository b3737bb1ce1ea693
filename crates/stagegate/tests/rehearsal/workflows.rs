//! The written workflows, run by `act` against the fake world: what a team
//! clicks in GitHub. The actions of others are replaced by local ones
//! (crates/fakes/actions), the commands are the program under test.

use std::collections::BTreeSet;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::evidence::{
    asset_names, crates_are_published, deploys, host_runs, index_lines, names, read, tag_is_pushed,
};
use crate::fixture::{CRATES, Fixture};
use crate::process::{Ran, STAGEGATE, command, git, run};
use crate::targets::own;
use crate::within_a_rehearsal;
use crate::world::{NO_GATES, Place, World};

/// The actions that workflows use, each at the commit it is pinned to.
const ACTIONS: [&str; 5] = [
    "checkout",
    "cache",
    "upload-artifact",
    "download-artifact",
    "attest",
];

/// act, where it is installed.
fn act() -> Option<Utf8PathBuf> {
    let here = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    let act = here.join("../../target/tools/venv/bin/act");
    if !act.is_file() {
        eprintln!("skipped: act is not installed; .ci/run installs it");
    }
    act.is_file().then_some(act)
}

/// A world with the workflows in its repository.
struct Runner {
    world: World,
    act: Utf8PathBuf,
    runs: usize,
}

/// The repository that the fixture's stagegate.toml names.
const REPOSITORY: &str = "stagegate/stagegate-fixture";

impl Runner {
    fn start(name: &str, act: Utf8PathBuf) -> Runner {
        let world = World::for_workflows(name);
        let runner = Runner {
            world,
            act,
            runs: 0,
        };
        runner.configure();
        let root = runner.world.root();
        runner.world.run(&["ci", "write"]).must_end_with(0);
        git(root, &["add", "--all"]);
        git(root, &["commit", "--quiet", "--message", "Workflows"]);
        git(root, &["push", "--quiet", "origin", "main"]);
        runner.programs();
        runner
    }

    /// What a runner does not have: the deploy key in a file, the gates' time.
    fn configure(&self) {
        let overlay = self.world.overlay();
        let kept: String = read(overlay)
            .lines()
            .filter(|line| !line.starts_with("identity") && !line.starts_with("known_hosts"))
            .map(|line| format!("{line}\n"))
            .collect();
        let gates = ["fmt", "audit", "clippy", "test", "doc", "msrv"];
        let off: String = gates
            .iter()
            .map(|gate| format!("{gate} = \"off\"\n"))
            .collect();
        std::fs::write(overlay, format!("{kept}\n[gates]\n{off}")).unwrap();
        let place = self.place();
        std::fs::create_dir_all(place.join("home")).unwrap();
        let paths = "port = 8080\npaths = [\"crates/demo/src/**\"]\n";
        let file = self.world.root().join("stagegate.toml");
        let config = read(&file).replace("port = 8080\n", paths);
        let config = config.replace(
            "dist = \"crates/demo/frontend/dist\"\n",
            "dist = \"crates/demo/frontend/dist\"\npaths = [\"crates/demo/frontend/**\"]\n",
        );
        let targets = format!("[release.targets]\n{} = \"ubuntu-24.04\"\n", own());
        let ci = "[ci]\nrelease_pull_request = true\n";
        std::fs::write(file, config + &targets + ci).unwrap();
    }

    /// `cargo xtask` is the program under test, and rustup has nothing to fetch. With a file
    /// `cancel` the job that publishes is stopped half-way; with `overtake`, somebody pushes
    /// just before it begins. cargo-semver-checks finds nothing that a patch could not do.
    fn programs(&self) {
        let programs = self.place().join("programs");
        std::fs::create_dir_all(&programs).unwrap();
        let overlay = self.world.overlay();
        let world = self.place();
        let xtask = format!(
            "#!/bin/sh\nset -eu\nshift\necho \"$*\" >> {world}/commands\n\
             case \"$*\" in *\"--until publish-github-release\"*) if [ -f {world}/cancel ]; then rm {world}/cancel; \
             STAGEGATE_REHEARSAL_KILL=after:14:INT; export STAGEGATE_REHEARSAL_KILL; fi; \
             if [ -f {world}/overtake ]; then sh {world}/overtake; rm {world}/overtake; fi;; esac\n\
             exec {STAGEGATE} --config {overlay} \"$@\"\n"
        );
        let rustup = "#!/bin/sh\ncase \"$1 $2\" in \"toolchain install\"|\"override set\"|\"target add\") ;; *) exit 1;; esac\n";
        let semver = "#!/bin/sh\ncase \"$*\" in *--version|*--release-type*) ;; *) exit 2;; esac\n";
        for (name, text) in [
            ("cargo-xtask", xtask.as_str()),
            ("rustup", rustup),
            ("cargo-semver-checks", semver),
        ] {
            let file = programs.join(name);
            std::fs::write(&file, text).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&file, mode).unwrap();
        }
    }

    fn place(&self) -> &Utf8Path {
        self.world.root().parent().unwrap()
    }

    /// The commit that the runs of a workflow are about.
    fn at(&self, commit: &str) {
        std::fs::write(self.place().join("sha"), commit).unwrap();
        for name in names(&self.place().join("artifacts")) {
            std::fs::remove_dir_all(self.place().join("artifacts").join(name)).unwrap();
        }
    }

    fn main(&self) -> String {
        git(&self.world.place.remote, &["rev-parse", "main"])
    }

    /// Runs a workflow as one event calls for it.
    fn event(&mut self, event: &str, workflow: &str, payload: &Value) -> Ran {
        self.runs += 1;
        let place = self.place().to_owned();
        let file = place.join("event.json");
        std::fs::write(&file, payload.to_string()).unwrap();
        let mut command = self.command(event, &place);
        command
            .args(["--workflows", self.for_act(workflow).as_str()])
            .args(["--eventpath", file.as_str()]);
        run(command)
    }

    /// The workflow without two keys that act 0.2.89 is older than: `concurrency.queue` and
    /// `environment.deployment`. It enforces neither concurrency nor environments.
    fn for_act(&self, workflow: &str) -> Utf8PathBuf {
        let file = format!("{workflow}.yml");
        let text = read(&self.world.root().join(".github/workflows").join(&file));
        let is_known = |line: &&str| {
            let line = line.trim();
            line != "queue: max" && !line.starts_with("deployment: false")
        };
        let known: Vec<&str> = text.lines().filter(is_known).collect();
        let directory = self.place().join("workflows");
        std::fs::create_dir_all(&directory).unwrap();
        let copy = directory.join(file);
        std::fs::write(&copy, known.join("\n") + "\n").unwrap();
        copy
    }

    fn command(&self, event: &str, place: &Utf8Path) -> Command {
        let mut command = command(&self.act, self.world.root());
        let fakes = &self.world.fakes;
        let host = self.world.host();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args([event, "--platform", "ubuntu-24.04=-self-hosted"])
            .args([
                "--no-skip-checkout",
                "--no-cache-server",
                "--concurrent-jobs",
                "1",
            ])
            .arg("--action-cache-path")
            .arg(place.join(format!("act-{}", self.runs)))
            .args(["--secret", "DEPLOY_KEY", "--secret", "CARGO_REGISTRY_TOKEN"])
            .args(["--secret", "GITHUB_TOKEN", "--var", "KNOWN_HOSTS"])
            // As stagegate.toml has it: in a fork, nothing runs.
            .args(["--env", &format!("GITHUB_REPOSITORY={REPOSITORY}")])
            .env("DOCKER_HOST", "unix:///nonexistent.sock")
            .env("HOME", place.join("home"))
            .env("PATH", format!("{}:{path}", place.join("programs")))
            .env("STAGEGATE_WORLD", place)
            .env("DEPLOY_KEY", read(host.identity()))
            .env("KNOWN_HOSTS", read(host.known_hosts()))
            .env("CARGO_REGISTRY_TOKEN", &fakes.registry_token)
            .env("GITHUB_TOKEN", &fakes.github_token)
            .env("CARGO_TARGET_DIR", self.world.target());
        for (name, value) in fakes.runner.variables() {
            command.env(name, value);
        }
        let here = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
        let actions = here.join("../fakes/actions").canonicalize_utf8().unwrap();
        let written = read(&self.world.root().join(".github/workflows/release.yml"))
            + &read(&self.world.root().join(".github/workflows/ci.yml"));
        for name in ACTIONS {
            let used = format!("actions/{name}@");
            let (_, rest) = written
                .split_once(&used)
                .unwrap_or_else(|| panic!("{name}"));
            let commit = rest.split_whitespace().next().unwrap();
            command.arg("--local-repository");
            command.arg(format!("actions/{name}@{commit}={}", actions.join(name)));
        }
        command
    }

    fn dispatch(&mut self, workflow: &str, inputs: Value) -> Ran {
        let payload = serde_json::json!({ "ref": "refs/heads/main", "inputs": inputs });
        self.event("workflow_dispatch", workflow, &payload)
    }

    /// Changes a file on the branch.
    fn push(&self, file: &str, from: &str, to: &str) -> String {
        let root = self.world.root();
        git(root, &["pull", "--quiet", "--ff-only", "origin", "main"]);
        let path = root.join(file);
        let text = read(&path);
        assert!(text.contains(from), "{file} lacks {from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        git(
            root,
            &["commit", "--quiet", "--all", "--message", "A change"],
        );
        git(root, &["push", "--quiet", "origin", "main"]);
        self.main()
    }

    fn commands(&self) -> Vec<String> {
        let file = self.place().join("commands");
        // Before the first run there is none.
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(&file, "").unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// How a job ended, in act's words.
fn ended(ran: &Ran, job: &str, how: &str) -> bool {
    let head = format!("/{job}");
    let of_job = |line: &&str| {
        line.split(']')
            .next()
            .is_some_and(|h| h.trim_end().ends_with(&head))
    };
    ran.stdout
        .lines()
        .filter(of_job)
        .any(|line| line.contains(how))
}

#[test]
fn what_is_clicked_in_github_is_what_a_laptop_does() {
    let Some(act) = act().filter(|_| !within_a_rehearsal()) else {
        return;
    };
    let mut runner = Runner::start("workflows", act);
    runner.world.fakes.github.allow_pulls_by_actions();
    let before = runner.main();

    // The plan alone changes nothing.
    runner.at(&before);
    let shown = runner.dispatch(
        "release",
        serde_json::json!({"version": "0.2.0", "dry_run": "true"}),
    );
    let shown = shown.must_end_with(0);
    assert!(
        shown.stdout.contains("point of no return"),
        "{}",
        shown.words()
    );
    assert!(!ended(&shown, "gates", "succeeded"), "{}", shown.words());
    assert_eq!(runner.main(), before);

    release(&mut runner, &before);
    parts(&mut runner);
    back(&mut runner);
}

/// A release whose publishing is cancelled, and run again.
fn release(runner: &mut Runner, before: &str) {
    runner.at(before);
    runner.commands();
    std::fs::write(runner.place().join("cancel"), "").unwrap();
    let inputs = serde_json::json!({"version": "0.2.0", "dry_run": "false"});
    let cancelled = runner.dispatch("release", inputs.clone()).must_end_with(1);
    let words = cancelled.words();
    assert!(words.contains("stopped at a safe point"), "{words}");
    assert!(ended(&cancelled, "gates", "Job succeeded"), "{words}");
    assert!(ended(&cancelled, "publish", "Job failed"), "{words}");
    let place = runner.world.place.clone();
    let there = |name: &str| {
        index_lines(&place, name)
            .iter()
            .any(|line| line["vers"] == "0.2.0")
    };
    assert!(there(CRATES[0]) && !there(CRATES[3]), "{words}");
    let commands = runner.commands();
    let given = |part: &str| commands.iter().filter(|line| line.ends_with(part)).count();
    let target = format!("--only build:{}", own());
    assert_eq!(
        (given("--only build"), given(&target)),
        (1, 1),
        "{commands:?}"
    );
    let plans = commands
        .iter()
        .filter(|line| line.contains("--resume-or-start"));
    assert_eq!(plans.count(), 1);

    let again = runner.dispatch("release", inputs).must_end_with(0);
    let words = again.words();
    let commit = tag_is_pushed(&place, "0.2.0");
    crates_are_published(&place, "0.2.0", &commit);
    host_runs(&place, "0.2.0", &commit);
    assert_eq!(runner.main(), commit);
    let parent = git(&place.remote, &["rev-parse", &format!("{commit}^")]);
    assert_eq!(parent, before, "the plan of the first attempt was obeyed");
    for secret in [
        runner.world.fakes.registry_token.as_str(),
        "PRIVATE KEY",
        "cio_tp_",
    ] {
        assert!(!words.contains(secret), "{words}");
    }
    let attested = read(&runner.place().join("attested"));
    let binary = format!("guestbook-backend-0.2.0-{}", own());
    for file in ["stagegate-fixture-core-0.2.0.crate", &binary, "cdx.json"] {
        assert!(attested.contains(file), "{attested}");
    }
    let releases = runner.world.fakes.github.releases();
    let assets = releases[0].assets.iter().map(|asset| asset.name.clone());
    let assets: BTreeSet<String> = assets.collect();
    assert_eq!(assets, asset_names("0.2.0"), "{words}");
    let ssh = runner.place().join("home/.ssh");
    assert!(!ssh.exists(), "the runner's own home stays as it was");
}

/// One part after the other, and what a push decides by itself.
fn parts(runner: &mut Runner) {
    let place = runner.world.place.clone();
    let first = runner.main();
    let commit = runner.push(
        "crates/demo/frontend/src/index.html",
        "<body>",
        "<body><!-- 1 -->",
    );
    runner.at(&commit);
    let inputs = |target: &str| serde_json::json!({"target": target, "environment": "production", "version": ""});
    runner
        .dispatch("deploy", inputs("frontend"))
        .must_end_with(0);
    let running = |part: &str| last_of(&place, part);
    assert_eq!(running("frontend"), release_of(&commit));
    assert_eq!(running("backend"), release_of(&first));

    runner.at(&commit);
    let backend = runner.dispatch("deploy", inputs("backend"));
    backend.must_end_with(0);
    assert_eq!(running("backend"), release_of(&commit));

    let newer = runner.push(
        "crates/demo/frontend/src/index.html",
        "<!-- 1 -->",
        "<!-- 2 -->",
    );
    runner.at(&newer);
    runner.dispatch("deploy", inputs("both")).must_end_with(0);
    host_runs(&place, "0.2.0", &newer);

    // A push deploys what the host lacks: the bundle. That an earlier push, whose run was
    // cancelled, had it already says nothing.
    let pushed = runner.push(
        "crates/demo/frontend/src/index.html",
        "<!-- 2 -->",
        "<!-- 3 -->",
    );
    runner.at(&pushed);
    runner.commands();
    let payload = serde_json::json!({"ref": "refs/heads/main", "before": pushed, "after": pushed});
    runner.event("push", "release", &payload).must_end_with(0);
    let commands = runner.commands();
    let deployed = |line: &String| line.starts_with("deploy frontend --env production");
    assert!(commands.iter().any(deployed), "{commands:?}");
    assert!(
        !commands
            .iter()
            .any(|line| line.starts_with("release --resume")),
        "{commands:?}"
    );
    assert_eq!(running("frontend"), release_of(&pushed));
    assert_eq!(running("backend"), release_of(&newer));
}

/// What a commit's release is called on the host.
fn release_of(commit: &str) -> String {
    format!("0.2.0-{}", &commit[..12])
}

/// What the host's record says of a part.
fn last_of(place: &Place, part: &str) -> String {
    let of_part = |record: &&Value| record["part"] == part && record["outcome"] == "confirmed";
    let records = deploys(place);
    let last = records.iter().rev().find(of_part).unwrap();
    last["release"].as_str().unwrap().to_owned()
}

/// Somebody pushes while a release is on its way, and the run begins again from there.
#[test]
fn a_release_that_was_overtaken_begins_again_from_the_branch() {
    let Some(act) = act().filter(|_| !within_a_rehearsal()) else {
        return;
    };
    let mut runner = Runner::start("overtaken", act);
    let before = runner.main();
    runner.at(&before);
    let other = runner.place().join("other");
    let remote = runner.world.place.remote.clone();
    git(
        runner.place(),
        &["clone", "--quiet", remote.as_str(), other.as_str()],
    );
    let overtake = format!(
        "cd {other} && git -c user.name=O -c user.email=o@example.org commit --quiet --allow-empty --message Others && git push --quiet origin main\n"
    );
    std::fs::write(runner.place().join("overtake"), overtake).unwrap();
    let inputs = serde_json::json!({"version": "0.2.0", "dry_run": "false"});
    let overtaken = runner.dispatch("release", inputs.clone()).must_end_with(1);
    let words = overtaken.words();
    assert!(
        words.contains("re-run all jobs of this workflow run"),
        "{words}"
    );
    let moved = runner.main();
    assert_ne!(moved, before);
    assert!(
        index_lines(&runner.world.place, CRATES[0]).is_empty(),
        "{words}"
    );

    // The same run once more: its artifacts are there, of a plan that leads nowhere.
    let again = runner.dispatch("release", inputs).must_end_with(0);
    assert!(
        again.words().contains("release-0.2.0 begins again"),
        "{}",
        again.words()
    );
    let place = &runner.world.place;
    let commit = tag_is_pushed(place, "0.2.0");
    let parent = git(&place.remote, &["rev-parse", &format!("{commit}^")]);
    assert_eq!(parent, moved, "it is made from the branch as it is");
    crates_are_published(place, "0.2.0", &commit);
    host_runs(place, "0.2.0", &commit);
}

/// What pushes bring about, and merging the pull request that they keep current.
#[test]
fn a_push_keeps_the_release_pull_request_current_and_merging_it_releases() {
    let Some(act) = act().filter(|_| !within_a_rehearsal()) else {
        return;
    };
    let mut runner = Runner::start("pushed", act);
    let file = "crates/render/src/lib.rs";
    let text = read(&runner.world.root().join(file));
    let first = text.lines().next().unwrap().to_owned();
    let push = |runner: &mut Runner, message: &str, words: &str| {
        let root = runner.world.root().to_owned();
        git(&root, &["pull", "--quiet", "--ff-only", "origin", "main"]);
        let before = runner.main();
        let text = read(&root.join(file)).replacen(&first, &format!("{first} {words}"), 1);
        std::fs::write(root.join(file), text).unwrap();
        git(&root, &["commit", "--quiet", "--all", "--message", message]);
        git(&root, &["push", "--quiet", "origin", "main"]);
        (before, runner.main())
    };
    let event = |runner: &mut Runner, (before, after): (String, String)| {
        runner.at(&after);
        runner.commands();
        let payload =
            serde_json::json!({"ref": "refs/heads/main", "before": before, "after": after});
        runner.event("push", "release", &payload).must_end_with(0)
    };
    let pushed = push(&mut runner, "fix: Say more", "Once.");
    runner.at(&pushed.1);
    let payload =
        serde_json::json!({"ref": "refs/heads/main", "before": pushed.0, "after": pushed.1});
    let refused = runner.event("push", "release", &payload).must_end_with(1);
    let advice = "unless the repository's settings (Actions, General) allow it";
    assert!(refused.words().contains(advice), "{}", refused.words());
    runner.world.fakes.github.allow_pulls_by_actions();
    let ran = event(&mut runner, pushed);
    let pulls = runner.world.fakes.github.pulls();
    let [pull] = &pulls[..] else {
        panic!("{pulls:?}\n{}", ran.words())
    };
    assert_eq!(
        (pull.head.as_str(), pull.base.as_str()),
        ("release/0.1.1", "main")
    );
    assert_eq!(pull.labels, ["release"]);
    let verdict = "semver: cargo-semver-checks finds no change";
    assert!(pull.body.contains(verdict), "{}", pull.body);
    assert!(
        ended(&ran, "release pull request", "Job succeeded"),
        "{}",
        ran.words()
    );

    // What asks for another version takes the place of the first one.
    let pushed = push(&mut runner, "feat!: Say even more", "Twice.");
    event(&mut runner, pushed);
    let pulls = runner.world.fakes.github.pulls();
    let state = |head: &str| {
        let pull = pulls.iter().find(|pull| pull.head == head);
        pull.map(|pull| (pull.state.as_str(), pull.number))
    };
    let (new, number) = state("release/0.2.0").unwrap_or_else(|| panic!("{pulls:?}"));
    assert_eq!(new, "open");
    assert_eq!(state("release/0.1.1").unwrap().0, "closed", "{pulls:?}");

    let before = runner.main();
    let merged = runner.world.fakes.github.squash(number).unwrap();
    let ran = event(&mut runner, (before, merged.clone()));
    let words = ran.words();
    assert!(
        words.contains(&format!("the pull request {number} was merged")),
        "{words}"
    );
    let place = &runner.world.place;
    assert_eq!(tag_is_pushed(place, "0.2.0"), merged, "no commit on top");
    crates_are_published(place, "0.2.0", &merged);
    host_runs(place, "0.2.0", &merged);
    let commands = runner.commands();
    let begun = |what: &str| {
        commands
            .iter()
            .filter(|line| line.starts_with(what))
            .count()
    };
    assert_eq!(begun("deploy"), 0, "the release deploys: {commands:?}");
    assert_eq!(begun("release prepare"), 0, "{commands:?}");
    let open = runner.world.fakes.github.pulls();
    assert!(open.iter().all(|pull| pull.state == "closed"), "{open:?}");

    // Nothing is left to release, and that is no failure.
    let root = runner.world.root().to_owned();
    git(&root, &["pull", "--quiet", "--ff-only", "origin", "main"]);
    git(&root, &["fetch", "--quiet", "--tags", "origin"]);
    let prepare = ["release", "prepare", "auto", "--if-changed"];
    let mut idle = runner.world.command(&prepare);
    let path = std::env::var("PATH").unwrap_or_default();
    idle.env(
        "PATH",
        format!("{}:{path}", runner.place().join("programs")),
    );
    let idle = run(idle).must_end_with(0);
    assert!(
        idle.stdout
            .contains("nothing has changed since the last release"),
        "{}",
        idle.words()
    );
}

#[test]
fn what_an_earlier_job_left_on_a_runner_is_set_aside_by_name() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::without_host(Fixture::new(), "kept-runner");
    let mut begun = vec!["release", "0.2.0", "--until", "package"];
    begun.extend(NO_GATES);
    begun.extend(["--skip", "deploy-backend", "--skip", "deploy-frontend"]);
    world.run(&begun).must_end_with(0);
    let prepare = [
        "release",
        "0.3.0",
        "--resume",
        "--resume-or-start",
        "--until",
        "plan",
    ];
    let refused = world.run(&prepare);
    assert!(
        refused.words().contains("another plan"),
        "{}",
        refused.words()
    );
    let nothing = world.root().parent().unwrap().join("nothing");
    let import = ["ci", "import", "--set-aside-others", nothing.as_str()];
    let said = world.run(&import).must_end_with(0).words();
    let kept = world.root().join(".git/stagegate/release-0.2.0.set-aside");
    let line = "set aside release-0.2.0, which an earlier job left here";
    assert!(
        said.contains(line) && said.contains(kept.as_str()),
        "{said}"
    );
    assert!(kept.is_file());
    let words = world.run(&prepare).words();
    assert!(!words.contains("another plan"), "{words}");
}

/// The pair before, and the version withdrawn.
fn back(runner: &mut Runner) {
    let place = runner.world.place.clone();
    let (backend, frontend) = (last_of(&place, "backend"), last_of(&place, "frontend"));
    assert_ne!(backend, frontend);
    runner.at(&runner.main());
    let inputs = serde_json::json!({
        "target": "both", "environment": "production", "yank": "0.2.0", "reason": "it's \"broken\""
    });
    let ran = runner.dispatch("rollback", inputs).must_end_with(0);
    assert!(ended(&ran, "yank", "Job succeeded"), "{}", ran.words());
    // The pair before the last push: its bundle was the only thing that changed.
    assert_eq!(last_of(&place, "backend"), backend);
    assert_eq!(last_of(&place, "frontend"), backend);
    for name in CRATES {
        let yanked = index_lines(&place, name).pop().unwrap();
        assert_eq!(yanked["yanked"], true, "{yanked}");
    }
    let changelog = git(&place.remote, &["show", "main:CHANGELOG.md"]);
    assert!(changelog.contains("[YANKED]"), "{changelog}");
}
