//! The client is killed at every record of its journal, on both sides of it,
//! and goes on: the world must end as it does without a kill, with no effect
//! missing and none there twice.
//!
//! Several worlds live side by side, and in each one release follows the other,
//! so that what runs before never has to be made anew. What is compared is the
//! difference that a release has made, with versions and commits taken out.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::evidence::{self, deploys, names};
use crate::process::{Ran, git, run};
use crate::world::{NO_GATES, World};
use crate::{web, within_a_rehearsal};

/// Worlds side by side: much of a release is waiting.
const WORLDS: usize = 4;
/// After so many failures the rest would only repeat them.
const ENOUGH: usize = 4;

/// Which side of which record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kill {
    record: usize,
    side: &'static str,
}

/// A world with one release after the other.
pub(crate) struct Chain {
    pub(crate) world: World,
    pub(crate) minor: u64,
}

/// Where the world stood before a release.
pub(crate) struct Mark {
    uploads: usize,
    changes: usize,
    pushes: usize,
    deploys: usize,
    commit: String,
}

impl Chain {
    pub(crate) fn start(name: &str) -> Chain {
        let world = World::start(name);
        let file = world.root().join("CHANGELOG.md");
        let text = evidence::read(&file);
        let (head, rest) = text.split_once("### Added").unwrap();
        let (_, old) = rest.split_once("## [0.1.0]").unwrap();
        std::fs::write(&file, format!("{head}## [0.1.0]{old}")).unwrap();
        world.run(&["deploy", "both", "--yes"]).must_end_with(3);
        git(
            world.root(),
            &["commit", "--quiet", "--all", "--message", "Begin"],
        );
        world.run(&["deploy", "both", "--yes"]).must_end_with(0);
        Chain { world, minor: 1 }
    }

    pub(crate) fn version(&self) -> String {
        format!("0.{}.0", self.minor)
    }

    /// Work of somebody, pushed: there must be something to release.
    pub(crate) fn work(&self) -> Mark {
        let root = self.world.root();
        let file = root.join("CHANGELOG.md");
        let entry = format!(
            "## [Unreleased]\n\n### Added\n\n- Work for {}.\n",
            self.version()
        );
        let text = evidence::read(&file).replace("## [Unreleased]\n", &entry);
        std::fs::write(&file, text).unwrap();
        git(root, &["commit", "--quiet", "--all", "--message", "Work"]);
        git(root, &["push", "--quiet", "origin", "main"]);
        Mark {
            uploads: self.world.fakes.registry.requests().len(),
            changes: self.world.fakes.github.requests().len(),
            pushes: self.pushes(),
            deploys: deploys(&self.world.place).len(),
            commit: git(root, &["rev-parse", "HEAD"]),
        }
    }

    /// How often the branch was moved at the remote.
    fn pushes(&self) -> usize {
        evidence::read(&self.world.place.remote.join("logs/refs/heads/main"))
            .lines()
            .count()
    }

    fn client(&self, extra: &[&str], kill: Option<&Kill>) -> Ran {
        let version = self.version();
        let mut arguments = vec!["release", &version, "--yes"];
        arguments.extend(extra);
        let mut command = self.world.command(&arguments);
        if let Some(kill) = kill {
            command.env(
                "STAGEGATE_REHEARSAL_KILL",
                format!("{}:{}", kill.side, kill.record),
            );
        }
        run(command)
    }

    /// Releases the next version, killed once if asked, and tells what changed.
    pub(crate) fn release(&mut self, kill: Option<&Kill>) -> Vec<String> {
        self.minor += 1;
        let mark = self.work();
        let first = self.client(&NO_GATES, kill);
        if kill.is_some() {
            assert_eq!(first.signal, Some(9), "{}", first.words());
            let journal = self
                .world
                .root()
                .join(format!(".git/stagegate/release-{}.jsonl", self.version()));
            let begun = std::fs::metadata(journal).is_ok_and(|file| file.len() > 0);
            let again: &[&str] = if begun { &["--resume"] } else { &NO_GATES };
            self.client(again, None).must_end_with(0);
        } else {
            first.must_end_with(0);
        }
        self.sight(&mark)
    }

    /// What the release has changed, in words that are the same for every one.
    pub(crate) fn sight(&self, mark: &Mark) -> Vec<String> {
        let version = self.version();
        let place = &self.world.place;
        let commit = evidence::tag_is_pushed(place, &version);
        evidence::checkout_is_tidy(place, &commit, &format!("release-{version}"));
        evidence::crates_are_published(place, &version, &commit);
        evidence::host_runs(place, &version, &commit);
        let mut lines = self.git_sight(mark, &commit);
        lines.extend(self.service_sight(mark));
        lines.extend(self.host_sight(mark));
        let date = git(
            &place.root,
            &["show", "--no-patch", "--format=%cs", &commit],
        );
        let before = format!("0.{}.0", self.minor - 1);
        lines
            .into_iter()
            .map(|line| {
                line.replace(&version, "VERSION")
                    .replace(&before, "BEFORE")
                    .replace(&commit, "COMMIT")
                    .replace(&commit[..12], "COMMIT")
                    .replace(&date, "DATE")
            })
            .collect()
    }

    fn git_sight(&self, mark: &Mark, commit: &str) -> Vec<String> {
        let remote = &self.world.place.remote;
        let range = format!("{}..main", mark.commit);
        let version = self.version();
        let changelog = git(remote, &["show", "main:CHANGELOG.md"]);
        let (_, section) = changelog.split_once("## [Unreleased]").unwrap();
        let (section, _) = section
            .split_once(&format!("## [0.{}.0]", self.minor - 1))
            .unwrap();
        let tag_log = remote.join(format!("logs/refs/tags/v{version}"));
        let journals = names(&self.world.root().join(".git/stagegate"));
        let output = self
            .world
            .root()
            .join("target/stagegate")
            .join(format!("release-{version}"));
        vec![
            format!(
                "commits {:?}",
                git(remote, &["log", "--format=%s by %an", &range])
            ),
            format!(
                "files {:?}",
                git(remote, &["diff", "--name-only", &mark.commit, commit])
            ),
            format!("section {section:?}"),
            format!(
                "tag {:?}",
                git(
                    remote,
                    &[
                        "for-each-ref",
                        "--format=%(contents)",
                        &format!("refs/tags/v{version}")
                    ]
                )
            ),
            format!("pushes of the branch {}", self.pushes() - mark.pushes),
            format!(
                "pushes of the tag {}",
                evidence::read(&tag_log).lines().count()
            ),
            format!(
                "journals {:?}",
                journals
                    .iter()
                    .filter(|n| n.contains(&version))
                    .collect::<Vec<_>>()
            ),
            format!("output {:?}", names(&output)),
        ]
    }

    fn service_sight(&self, mark: &Mark) -> Vec<String> {
        let uploads = self.world.fakes.registry.requests();
        let uploads = uploads[mark.uploads..]
            .iter()
            .filter(|r| r.method == "PUT" && r.status == Some(200))
            .count();
        let requests = self.world.fakes.github.requests();
        let done = |method: &str, part: &str| {
            let is = |path: &str| path.contains("/assets") == (part == "assets");
            requests[mark.changes..]
                .iter()
                .filter(|r| r.method == method && is(&r.path) && r.status < 300)
                .count()
        };
        let tag = format!("v{}", self.version());
        let releases = self.world.fakes.github.releases();
        let ours: Vec<_> = releases
            .iter()
            .filter(|release| release.tag_name == tag)
            .collect();
        let mut lines = vec![
            format!("crates taken {uploads}"),
            format!(
                "releases made {}, changed {}, removed {}",
                done("POST", ""),
                done("PATCH", ""),
                done("DELETE", "")
            ),
            format!(
                "assets taken {}, removed {}",
                done("POST", "assets"),
                done("DELETE", "assets")
            ),
        ];
        for release in ours {
            let assets: BTreeSet<&str> = release
                .assets
                .iter()
                .map(|asset| asset.name.as_str())
                .collect();
            lines.push(format!(
                "release {:?} {:?} draft {} prerelease {} immutable {} with {assets:?}",
                release.name, release.body, release.draft, release.prerelease, release.immutable
            ));
        }
        lines
    }

    fn host_sight(&self, mark: &Mark) -> Vec<String> {
        let ended: Vec<String> = deploys(&self.world.place)[mark.deploys..]
            .iter()
            .map(|d| {
                format!(
                    "{} {} {} by {}",
                    d["part"], d["release"], d["outcome"], d["by"]
                )
            })
            .collect();
        // The old slot is emptied by the host itself; that may outlast a client that was killed.
        let began = Instant::now();
        while self.world.host().processes().len() > 1 && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(50));
        }
        vec![
            format!("deploys {ended:?}"),
            format!("processes {}", self.world.host().processes().len()),
            format!("timers {:?}", self.world.host().timers()),
            format!(
                "users see {:?}",
                web::get(&self.world.url("/version")).text()
            ),
            format!(
                "page {}",
                web::get(&self.world.url("/"))
                    .text()
                    .contains(&self.version())
            ),
        ]
    }

    /// What each record of the last release says, which is completed.
    fn records(&self) -> Vec<String> {
        let journal = self
            .world
            .root()
            .join(format!(".git/stagegate/release-{}.done", self.version()));
        let word = |line: &str| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["record"].as_str().unwrap().to_owned()
        };
        evidence::read(&journal).lines().map(word).collect()
    }
}

/// Takes kills from the list until it is empty, and notes what went wrong.
fn work_off(
    name: &str,
    kills: &Mutex<Vec<Kill>>,
    wanted: &[String],
    done: &Mutex<Vec<Kill>>,
    wrong: &Mutex<Vec<String>>,
) {
    let mut chain: Option<Chain> = None;
    loop {
        if wrong.lock().unwrap().len() >= ENOUGH {
            return;
        }
        let Some(kill) = kills.lock().unwrap().pop() else {
            return;
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let chain = chain.get_or_insert_with(|| Chain::start(name));
            let found = chain.release(Some(&kill));
            assert_eq!(found, wanted);
        }));
        match outcome {
            Ok(()) => done.lock().unwrap().push(kill),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                wrong.lock().unwrap().push(format!(
                    "killed {} record {}: {text}",
                    kill.side, kill.record
                ));
                // Whatever is left of that world would spoil what follows.
                chain = None;
            }
        }
    }
}

/// After each record, and before each but those that only say that a step begins: nothing
/// was done since the record before, so that kill leaves what the one after it leaves.
fn all_kills(records: &[String]) -> Vec<Kill> {
    let mut kills = Vec::new();
    for (index, word) in records.iter().enumerate() {
        let record = index + 1;
        if word != "started" {
            let side = "before";
            kills.push(Kill { record, side });
        }
        let side = "after";
        kills.push(Kill { record, side });
    }
    kills
}

#[test]
fn a_kill_at_any_record_loses_nothing_and_repeats_nothing() {
    if within_a_rehearsal() {
        return;
    }
    let mut chain = Chain::start("kill-none");
    let wanted = chain.release(None);
    let records = chain.records();
    let steps = chain.release(None);
    assert_eq!(steps, wanted, "two releases without a kill are alike");
    assert_eq!(chain.records(), records);
    drop(chain);
    let all = all_kills(&records);
    let (kills, done, wrong) = (
        Mutex::new(all.clone()),
        Mutex::new(Vec::new()),
        Mutex::new(Vec::new()),
    );
    std::thread::scope(|threads| {
        for index in 0..WORLDS {
            let (kills, wanted, done, wrong) = (&kills, &wanted, &done, &wrong);
            threads.spawn(move || work_off(&format!("kill-{index}"), kills, wanted, done, wrong));
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let mut done = done.into_inner().unwrap();
    done.sort();
    let mut all = all;
    all.sort();
    assert_eq!(done, all, "every record, on both sides");
    assert!(
        records.len() > 50,
        "a release of this workspace has 25 steps, and two records each"
    );
    println!("{} kills at {} records", done.len(), records.len());
}
