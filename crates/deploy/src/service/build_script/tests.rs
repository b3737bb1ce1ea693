//! The build's script is run as a host would run it, on repositories of the test's own.

use std::process::{Command, Output};

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::*;
use crate::model::app::samples::app;
use crate::model::layout::Layout;
use crate::model::limits::Limits;
use crate::model::part::Part;
use crate::model::target::Target;

/// A directory that stands for a host's, and a repository beside it.
struct Scratch {
    _directory: tempfile::TempDir,
    root: Utf8PathBuf,
    layout: ServiceLayout,
}

fn scratch() -> Scratch {
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(directory.path()).unwrap().to_owned();
    let target = Target {
        prefix: root.join("a host's \"root\""),
        ..Target::parse("root@host").unwrap()
    };
    let layout = Layout::new(&target, &app()).service(Part::Backend);
    std::fs::create_dir_all(layout.build()).unwrap();
    let scratch = Scratch {
        _directory: directory,
        root,
        layout,
    };
    scratch.git(&["init", "--quiet", "--initial-branch=main", "."]);
    scratch
}

impl Scratch {
    fn repository(&self) -> Utf8PathBuf {
        self.root.join("it's a repository")
    }

    fn git(&self, words: &[&str]) -> String {
        std::fs::create_dir_all(self.repository()).unwrap();
        let output = Command::new("git")
            .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
            .args(words)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .current_dir(self.repository())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes a commit in which `text` is the whole content.
    fn commit(&self, text: &str) -> String {
        std::fs::write(self.repository().join("text"), text).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message", text]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn build(&self, command: &str) -> HostBuild {
        HostBuild {
            git: self.repository().into_string(),
            directory: Utf8PathBuf::new(),
            run: ["sh", "-c", command].map(str::to_owned).to_vec(),
            program: "target/release/program".into(),
            env: BTreeMap::new(),
            limits: Limits::default(),
            disk_mib: 1,
            limit_seconds: 60,
        }
    }

    /// Runs the script for a commit: what it built, or what it said.
    fn run(&self, build: &HostBuild, commit: &str) -> Result<String, String> {
        assert_eq!(build.problem(), None);
        let release = Release {
            version: "2.0.0".parse().unwrap(),
            commit: commit.to_owned(),
        };
        let (script, product) = script(build, &self.layout, &release);
        let Output { status, stderr, .. } = Command::new("sh")
            .args(["-c", &script])
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        if !status.success() {
            return Err(String::from_utf8(stderr).unwrap());
        }
        Ok(std::fs::read_to_string(product).unwrap())
    }
}

/// Copies the content, and leaves a trace of every build in `target`.
const COPY: &str = "mkdir -p target/release; echo x >>target/builds; \
                    cat text target/builds >target/release/program";

#[test]
fn one_commit_is_built_whatever_the_branch_shows() {
    let scratch = scratch();
    let (first, second) = (scratch.commit("first "), scratch.commit("second "));
    let build = scratch.build(COPY);
    assert_eq!(scratch.run(&build, &first).unwrap(), "first x\n");
    // What was built before is there; nothing else is.
    std::fs::write(scratch.layout.build().join("source/stray"), "").unwrap();
    assert_eq!(scratch.run(&build, &second).unwrap(), "second x\nx\n");
    assert!(!scratch.layout.build().join("source/stray").exists());
    // A branch that was rewritten does not matter, as long as the commit is known.
    scratch.git(&["reset", "--quiet", "--hard", &first]);
    assert_eq!(scratch.run(&build, &second).unwrap(), "second x\nx\nx\n");
    let unknown = "0123456789abcdef0123456789abcdef01234567";
    let said = scratch.run(&build, unknown).unwrap_err();
    assert!(
        said.contains("is not at") && said.contains("push it"),
        "{said}"
    );
}

#[test]
fn what_a_power_cut_left_is_repaired() {
    let scratch = scratch();
    let first = scratch.commit("first ");
    let build = scratch.build(COPY);
    scratch.run(&build, &first).unwrap();
    let git = scratch.layout.build().join("source/.git");
    std::fs::write(git.join("index.lock"), "").unwrap();
    assert_eq!(scratch.run(&build, &first).unwrap(), "first x\nx\n");
    // An index that cannot be read: everything is fetched and built afresh.
    std::fs::write(git.join("index"), "torn").unwrap();
    assert_eq!(scratch.run(&build, &first).unwrap(), "first x\n");
}

#[test]
fn an_older_program_is_never_taken_for_the_new_one() {
    let scratch = scratch();
    let first = scratch.commit("first ");
    scratch.run(&scratch.build(COPY), &first).unwrap();
    let said = scratch.run(&scratch.build("true"), &first).unwrap_err();
    assert!(said.contains("left no target/release/program"), "{said}");
    let said = scratch.run(&scratch.build("echo no >&2; exit 3"), &first);
    assert!(said.unwrap_err().ends_with("no\n"));
    let left: Vec<_> = std::fs::read_dir(scratch.layout.build()).unwrap().collect();
    assert!(left.len() <= 2, "{left:?}");
}

#[test]
fn words_and_variables_reach_the_command_as_they_are_written() {
    let scratch = scratch();
    std::fs::create_dir_all(scratch.repository().join("it's/below")).unwrap();
    std::fs::write(scratch.repository().join("it's/below/file"), "").unwrap();
    let commit = scratch.commit("first ");
    let odd = "it's $(touch x) `y` \"z\"\n";
    let mut build = scratch.build("mkdir -p target/release; printf '%s|' \"$1\" \"$ODD\" >\"$2\"");
    let more = ["-", "{version} $HOME", "target/release/program"];
    build.run.extend(more.map(str::to_owned));
    build.env.insert("ODD".into(), odd.into());
    build.directory = "it's/below".into();
    let built = scratch.run(&build, &commit).unwrap();
    assert_eq!(built, format!("2.0.0 $HOME|{odd}|"));
}

#[test]
fn the_prerequisites_are_what_the_build_will_call() {
    let scratch = scratch();
    let asked = |build: &HostBuild| {
        let question = prerequisites_script(build, &scratch.layout);
        let output = Command::new("sh").args(["-c", &question]).output().unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let mut build = scratch.build("true");
    assert_eq!(asked(&build), "");
    build.run[0] = "no-such program".into();
    assert_eq!(asked(&build), "tool\n");
    build.run[0] = "./of-the-sources".into();
    assert_eq!(asked(&build), "");
    // The path that is given counts.
    build.env.insert("PATH".into(), "/nowhere".into());
    build.run[0] = "git".into();
    assert_eq!(asked(&build), "git\ntool\n");
}

#[test]
fn what_could_mean_something_else_is_refused_by_name() {
    let scratch = scratch();
    let check = |what: &str, spoil: &dyn Fn(&mut HostBuild)| {
        let mut build = scratch.build("true");
        spoil(&mut build);
        let problem = build.problem();
        assert_eq!(problem.as_ref().map(|p| p.0), Some(what), "{problem:?}");
    };
    for address in ["", "-x", " x", "ext::sh -c x", "ext::x", "a\nb"] {
        check("git address", &|b| b.git = address.into());
    }
    for address in [
        "https://example.org/a.git",
        "https://[::1]/a.git",
        "git@example.org:a/b.git",
        "ssh://git@example.org/a.git",
        "file:///srv/a.git",
        "/srv/a.git",
    ] {
        let mut build = scratch.build("true");
        build.git = address.into();
        assert_eq!(build.problem(), None, "{address}");
    }
    for address in [
        "https://me:hunter2@example.org/a",
        "https://hunter2@example.org/a",
    ] {
        let mut build = scratch.build("true");
        build.git = address.into();
        let problem = format!("{:?}", build.problem().unwrap());
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    check("build command", &|b| b.run.clear());
    check("built program", &|b| b.program = "/etc/shadow".into());
    check("built program", &|b| b.program = "../x".into());
    check("built program", &|b| b.program = Utf8PathBuf::new());
    check("workspace directory", &|b| b.directory = "a/../..".into());
    check("build variable", &|b| {
        drop(b.env.insert("A B".into(), String::new()))
    });
    check("build limit", &|b| b.limit_seconds = 0);
    check("memory limit", &|b| b.limits.memory = Some("much".into()));
}
