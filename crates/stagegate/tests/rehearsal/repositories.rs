//! Releases of repositories as others have them: submodules, filters, hooks, several
//! workspaces, keys that are missing, and a git that is led elsewhere.

use std::path::Path;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::fixture::Fixture;
use crate::process::{Ran, git};
use crate::within_a_rehearsal;
use crate::world::World;

/// Gates are tested elsewhere.
pub(crate) const NO_GATES: &str = "fmt clippy test doc audit links secrets msrv draft";

/// A file and its text.
pub(crate) type File<'a> = (&'a str, &'a str);

pub(crate) fn package(name: &str, more: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\nlicense = \"MIT\"\ndescription = \"A part.\"\n{more}\n"
    )
}

pub(crate) fn write(root: &Utf8Path, files: &[File<'_>]) {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
}

pub(crate) fn commit(root: &Utf8Path, message: &str) {
    git(root, &["add", "--all"]);
    git(root, &["commit", "--quiet", "--message", message]);
}

/// A world around one crate, `part`, and these files.
pub(crate) fn world(files: &[File<'_>]) -> World {
    let manifest = package("part-of-a-test", "");
    let one = [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"part\"]\nresolver = \"2\"\n",
        ),
        ("part/Cargo.toml", manifest.as_str()),
        ("part/src/lib.rs", "//! A part.\n"),
        (".gitignore", "target\n"),
    ];
    around(&[&one[..], files].concat(), "")
}

/// A world around a repository of these files; the workspace is in a directory of it.
pub(crate) fn around(files: &[File<'_>], inside: &str) -> World {
    after(files, inside, |_| {})
}

/// The same, with something done beside the checkout before the world begins.
pub(crate) fn after(files: &[File<'_>], inside: &str, prepare: impl FnOnce(&Utf8Path)) -> World {
    let fixture = Fixture::of(|root| {
        write(root, files);
        let workspace = root.join(inside);
        let mut lock = Command::new(env!("CARGO"));
        lock.args(["generate-lockfile", "--offline", "--quiet"]);
        assert!(lock.current_dir(workspace).status().unwrap().success());
    });
    prepare(fixture.place());
    let world = World::without_host(fixture, "repositories");
    let overlay = format!(
        "[registry]\nindex = \"{}\"\nfresh_project = \"off\"\n",
        world.fakes.registry.index()
    );
    std::fs::write(world.overlay(), overlay).unwrap();
    world
}

/// `release 0.2.0` in a directory of the checkout, and what else is typed.
pub(crate) fn release(world: &World, place: &Utf8Path, more: &[&str], env: &[(&str, &str)]) -> Ran {
    let skipped = NO_GATES.split(' ').flat_map(|gate| ["--skip", gate]);
    let words = ["release", "0.2.0", "--yes"].into_iter();
    let words: Vec<&str> = words.chain(skipped).chain(more.iter().copied()).collect();
    let mut command = world.command(&words);
    command.current_dir(place).envs(env.iter().copied());
    crate::process::run(command)
}

/// `release --resume` in a directory of the checkout.
fn resume(world: &World, place: &Utf8Path) -> Ran {
    let mut command = world.command(&["release", "--resume", "--yes"]);
    command.current_dir(place);
    crate::process::run(command)
}

/// The files of the package that the release keeps, and their bytes.
fn packed(world: &World, file: &str) -> Option<Vec<u8>> {
    let kept = world.root().join(".git/stagegate/release-0.2.0/packages");
    let path = kept.join("part-of-a-test-0.2.0.crate");
    let bytes = std::fs::File::open(path).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    let wanted = Path::new("part-of-a-test-0.2.0").join(file);
    archive.entries().unwrap().find_map(|entry| {
        let mut entry = entry.unwrap();
        let is_it = entry.path().unwrap() == wanted;
        is_it.then(|| {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            bytes
        })
    })
}

/// A repository with one file, for a submodule.
pub(crate) fn other_repository(place: &Utf8Path, name: &str) -> Utf8PathBuf {
    let root = place.join(name);
    write(&root, &[("data.txt", name)]);
    git(&root, &["init", "--quiet", "--initial-branch", "main"]);
    for (key, value) in [("user.name", "N"), ("user.email", "n@example.org")] {
        git(&root, &["config", key, value]);
    }
    commit(&root, "Begin");
    root
}

pub(crate) fn add_submodule(root: &Utf8Path, from: &Utf8Path, path: &str) {
    let allow = "protocol.file.allow=always";
    git(
        root,
        &[
            "-c",
            allow,
            "submodule",
            "--quiet",
            "add",
            from.as_str(),
            path,
        ],
    );
    commit(root, "Add a submodule");
}

#[test]
fn what_is_packed_is_what_the_checkout_has() {
    if within_a_rehearsal() {
        return;
    }
    // A submodule in a submodule.
    let nested = world(&[]);
    let place = nested.root().parent().unwrap();
    let (inner, outer) = (
        other_repository(place, "inner"),
        other_repository(place, "outer"),
    );
    add_submodule(&outer, &inner, "deep");
    add_submodule(nested.root(), &outer, "part/vendor");
    let allow = ["-c", "protocol.file.allow=always"];
    let update = ["submodule", "--quiet", "update", "--init", "--recursive"];
    git(nested.root(), &[&allow[..], &update[..]].concat());
    release(&nested, nested.root(), &["--until", "package"], &[]).must_end_with(0);
    assert_eq!(packed(&nested, "part/../vendor/deep/data.txt"), None);
    assert_eq!(packed(&nested, "vendor/data.txt").unwrap(), b"outer");
    assert_eq!(packed(&nested, "vendor/deep/data.txt").unwrap(), b"inner");

    // Attributes that came after the files, and a filter that was set up later.
    let filtered = world(&[("part/table.csv", "a\nb\n"), ("part/shout.txt", "quiet\n")]);
    write(
        filtered.root(),
        &[(
            ".gitattributes",
            "*.csv text eol=crlf\nshout.txt filter=shout\n",
        )],
    );
    commit(filtered.root(), "Say how files are kept");
    git(
        filtered.root(),
        &["config", "filter.shout.clean", "tr A-Z a-z"],
    );
    git(
        filtered.root(),
        &["config", "filter.shout.smudge", "tr a-z A-Z"],
    );
    release(&filtered, filtered.root(), &["--until", "package"], &[]).must_end_with(0);
    assert_eq!(packed(&filtered, "table.csv").unwrap(), b"a\nb\n");
    assert_eq!(packed(&filtered, "shout.txt").unwrap(), b"quiet\n");
}

#[test]
fn what_a_release_would_lack_is_said_before_it_begins() {
    if within_a_rehearsal() {
        return;
    }
    let refused = |world: &World, says: &str| {
        let head = git(world.root(), &["rev-parse", "HEAD"]);
        let ran = release(world, world.root(), &[], &[]).must_end_with(3);
        assert!(ran.stderr.contains(says), "{}\nlacks {says}", ran.stderr);
        assert_eq!(git(world.root(), &["rev-parse", "HEAD"]), head);
    };
    let include = package("part-of-a-test", "include = [\"src\", \"/made/*.json\"]");
    let made = [
        ("part/Cargo.toml", include.as_str()),
        (".gitignore", "target\nmade\n"),
    ];
    let ignored = world(&made);
    write(
        ignored.root(),
        &[("part/made/a.json", "{}"), ("part/made/a.txt", "")],
    );
    refused(
        &ignored,
        "`include` names files that git ignores, and a release is made from the commit: `part/made/a.json`\n",
    );

    let absent = world(&[]);
    let other = other_repository(absent.root().parent().unwrap(), "other");
    add_submodule(absent.root(), &other, "part/vendor");
    git(
        absent.root(),
        &["submodule", "--quiet", "deinit", "part/vendor"],
    );
    refused(
        &absent,
        "a submodule is not checked out, and the package would be without its files: `part/vendor`",
    );

    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let attributes = (".gitattributes", "*.bin filter=lfs\n");
    let pointers = world(&[
        attributes,
        ("part/model.bin", pointer),
        ("elsewhere.bin", pointer),
    ]);
    refused(
        &pointers,
        "only the LFS pointer is here, and would be packed in the place of the content: `part/model.bin`\n",
    );

    // A key that is not here, in either of the formats.
    for settings in [["gpg.format", "ssh"], ["gpg.program", "false"]] {
        let unsigned = world(&[]);
        let key = unsigned.root().join("no-such-key");
        for [name, value] in [
            settings,
            ["user.signingkey", key.as_str()],
            ["commit.gpgsign", "true"],
        ] {
            git(unsigned.root(), &["config", name, value]);
        }
        refused(&unsigned, "git is to sign and cannot");
    }
}

#[test]
fn each_package_is_proven_alone_and_with_its_own_configuration() {
    if within_a_rehearsal() {
        return;
    }
    // What `user` calls is there only where `friend` builds along.
    let alone = |base: &str, user: &str, friend: &str| {
        let needs = |how: &str| {
            format!(
                "[dependencies]\nbase = {{ package = \"part-of-a-test\", path = \"../part\", version = \"0.1.0\"{how} }}"
            )
        };
        let root = "[workspace]\nmembers = [\"part\", \"user\", \"friend\"]\nresolver = \"2\"\n";
        let part = package("part-of-a-test", base);
        let (user, friend) = (
            package("user-of-a-test", &needs(user)),
            package("friend-of-a-test", &needs(friend)),
        );
        let world = around(
            &[
                ("Cargo.toml", root),
                (".gitignore", "target\n"),
                ("part/Cargo.toml", &part),
                (
                    "part/src/lib.rs",
                    "//! P.\n/// More.\n#[cfg(feature = \"more\")]\npub fn more() {}\n",
                ),
                ("user/Cargo.toml", &user),
                (
                    "user/src/lib.rs",
                    "//! U.\n/// Uses it.\npub fn run() {\n    base::more()\n}\n",
                ),
                ("friend/Cargo.toml", &friend),
                ("friend/src/lib.rs", "//! F.\n"),
            ],
            "",
        );
        let ran = release(&world, world.root(), &[], &[]).must_end_with(6);
        let says = "user-of-a-test does not build alone";
        assert!(ran.words().contains(says), "{}", ran.words());
        assert!(git(world.root(), &["tag"]).trim().is_empty());
    };
    alone("[features]\nmore = []", "", ", features = [\"more\"]");
    alone(
        "[features]\ndefault = [\"more\"]\nmore = []",
        ", default-features = false",
        "",
    );

    // Cargo's configuration lies beside the workspace, below the repository's top; and in
    // a linked worktree, whose git directory is elsewhere.
    let manifest = package("part-of-a-test", "");
    let source = "//! P.\n/// Set by cargo's configuration.\npub const NEEDED: &str = env!(\"NEEDED_BY_A_TEST\");\n";
    let inside = |directory: &str| {
        let files = [
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"part\"]\nresolver = \"2\"\n",
            ),
            ("part/Cargo.toml", manifest.as_str()),
            ("part/src/lib.rs", source),
            (".cargo/config.toml", "[env]\nNEEDED_BY_A_TEST = \"yes\"\n"),
            (".gitignore", "target\n"),
        ];
        let files = files.map(|(path, text)| (Utf8Path::new(directory).join(path), text));
        let files: Vec<File<'_>> = files
            .iter()
            .map(|(path, text)| (path.as_str(), *text))
            .collect();
        around(&files, directory)
    };
    let below = inside("code/rust");
    release(&below, &below.root().join("code/rust"), &[], &[]).must_end_with(0);
    let linked = inside("");
    let place = linked.root().parent().unwrap().join("linked");
    git(linked.root(), &["switch", "--quiet", "--create", "side"]);
    git(
        linked.root(),
        &["worktree", "add", "--quiet", place.as_str(), "main"],
    );
    release(&linked, &place, &[], &[]).must_end_with(0);
}

#[test]
fn neither_environment_nor_hooks_lead_git_elsewhere() {
    if within_a_rehearsal() {
        return;
    }
    let one = world(&[]);
    let elsewhere = other_repository(one.root().parent().unwrap(), "elsewhere");
    let before = git(&elsewhere, &["log", "--format=%H", "--all"]);
    let hooks = [
        "reference-transaction",
        "post-merge",
        "post-checkout",
        "pre-push",
        "commit-msg",
    ];
    for hook in hooks {
        let path = one.root().join(".git/hooks").join(hook);
        write(
            one.root(),
            &[(
                path.as_str(),
                "#!/bin/sh\necho \"$0 says no\" >&2\nexit 1\n",
            )],
        );
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
    }
    // As git leaves them to its hooks and aliases, in another repository.
    let directory = elsewhere.join(".git");
    let index = directory.join("index");
    let env = [
        ("GIT_DIR", directory.as_str()),
        ("GIT_WORK_TREE", elsewhere.as_str()),
        ("GIT_INDEX_FILE", index.as_str()),
        ("GIT_PREFIX", "part/"),
    ];
    let ran = release(&one, one.root(), &[], &env).must_end_with(0);
    assert!(!ran.stderr.contains("says no"), "{}", ran.stderr);
    assert_eq!(git(&elsewhere, &["log", "--format=%H", "--all"]), before);
    assert_eq!(git(one.root(), &["status", "--short"]), "");
    let remote = git(one.root(), &["ls-remote", "origin", "refs/tags/v0.2.0"]);
    assert!(!remote.is_empty());
}

#[test]
fn workspaces_of_one_repository_know_nothing_of_each_other() {
    if within_a_rehearsal() {
        return;
    }
    // One at the top, and one below it, each with its own tags.
    let inner = package("inner-of-a-test", "");
    let world = world(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"part\"]\nexclude = [\"tools\"]\nresolver = \"2\"\n",
        ),
        ("tools/Cargo.toml", &inner),
        ("tools/src/lib.rs", "//! I.\n"),
        (
            "tools/stagegate.toml",
            "[release]\ntag = \"tools-v{version}\"\n",
        ),
    ]);
    let tools = world.root().join("tools");
    release(&world, world.root(), &["--until", "package"], &[]).must_end_with(0);
    release(&world, &tools, &["--until", "package"], &[]).must_end_with(0);
    let references = git(
        world.root(),
        &["for-each-ref", "--format=%(refname)", "refs/stagegate"],
    );
    let references: Vec<&str> = references.lines().collect();
    let want = [
        "refs/stagegate/in/tools/release-0.2.0",
        "refs/stagegate/release-0.2.0",
    ];
    assert_eq!(references, want);
    // The one at the top is released; the one below goes on all the same.
    resume(&world, world.root()).must_end_with(0);
    resume(&world, &tools).must_end_with(0);
    for tag in ["v0.2.0", "tools-v0.2.0"] {
        git(world.root(), &["merge-base", "--is-ancestor", tag, "main"]);
        let remote = git(world.root(), &["ls-remote", "origin", tag]);
        assert!(!remote.is_empty(), "{tag}");
    }
}

#[test]
fn a_release_that_is_begun_again_is_made_of_the_new_plan() {
    if within_a_rehearsal() {
        return;
    }
    let one = world(&[(
        "CHANGELOG.md",
        "# Changelog\n\n## [Unreleased]\n\n- A thing.\n",
    )]);
    let broken = [("RUSTFLAGS", "--no-such-flag"), ("TZ", "Etc/GMT+12")];
    release(&one, one.root(), &[], &broken).must_end_with(6);
    let commit = |reference: &str| git(one.root(), &["rev-parse", reference]);
    let first = commit("refs/stagegate/release-0.2.0");
    // Another author, another day, and a lockfile's worth of other content.
    git(one.root(), &["config", "user.name", "Somebody Else"]);
    let there = [("TZ", "Pacific/Kiritimati")];
    release(&one, one.root(), &[], &there).must_end_with(0);
    assert_ne!(commit("HEAD"), first);
    assert_eq!(
        git(one.root(), &["log", "-1", "--format=%an"]).trim(),
        "Somebody Else"
    );
    let changelog = std::fs::read_to_string(one.root().join("CHANGELOG.md")).unwrap();
    let day = Command::new("date")
        .arg("+%F")
        .envs(there)
        .output()
        .unwrap();
    let day = String::from_utf8(day.stdout).unwrap();
    let heading = format!("## [0.2.0] - {}", day.trim());
    assert!(changelog.contains(&heading), "{changelog}");
}

#[test]
fn a_clone_without_the_last_release_is_refused() {
    if within_a_rehearsal() {
        return;
    }
    let origin = world(&[]);
    // The interface of a program is nobody's, so the commits alone decide.
    git(
        origin.root(),
        &["mv", "part/src/lib.rs", "part/src/main.rs"],
    );
    write(
        origin.root(),
        &[("part/src/main.rs", "//! A part.\nfn main() {}\n")],
    );
    commit(origin.root(), "A program");
    git(origin.root(), &["tag", "v0.1.0"]);
    write(
        origin.root(),
        &[("part/src/main.rs", "//! Another part.\nfn main() {}\n")],
    );
    commit(origin.root(), "feat: another");
    git(
        origin.root(),
        &["push", "--quiet", "origin", "main", "v0.1.0"],
    );
    let remote = format!(
        "file://{}",
        origin.root().parent().unwrap().join("remote.git")
    );
    let auto = |clone: &[&str], says: &str| {
        let place = origin.root().parent().unwrap().join("clone");
        let who = ["-c", "user.name=N", "-c", "user.email=n@example.org"];
        let words = [
            &["clone", "--quiet"],
            &who[..],
            clone,
            &[remote.as_str(), place.as_str()],
        ]
        .concat();
        git(origin.root(), &words);
        let skipped = NO_GATES.split(' ').flat_map(|gate| ["--skip", gate]);
        let words: Vec<&str> = ["release", "auto", "--dry-run"]
            .into_iter()
            .chain(skipped)
            .collect();
        let mut command = origin.command(&words);
        command.current_dir(&place);
        let ran = crate::process::run(command);
        assert!(ran.words().contains(says), "{clone:?}: {}", ran.words());
        std::fs::remove_dir_all(&place).unwrap();
    };
    auto(
        &["--no-tags"],
        "v0.1.0, the last release of workspace, is at origin and not in this clone",
    );
    auto(&["--depth", "1"], "git fetch --unshallow --tags origin");
    auto(&[], "release 0.1.1");
}
