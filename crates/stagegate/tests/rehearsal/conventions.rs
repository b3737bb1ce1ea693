//! What workspaces already do, one tiny workspace for each: the tags, versions, members and
//! requirements that a dry run learns, and the plan that it makes of them.

use camino::Utf8Path;
use serde_json::Value;

use crate::process::git;
use crate::repositories::{NO_GATES, after};
use crate::within_a_rehearsal;
use crate::world::World;

/// A workspace, and what is to be learned from it.
#[derive(Default)]
struct Row {
    /// The project that is like it, or what it is an example of.
    like: &'static str,
    /// `directory version`, then what stands in the manifest; the name is the directory's,
    /// with `-of-a-test` at its end. `inherits` for a version is the workspace's 1.2.0.
    members: &'static [(&'static str, &'static str)],
    /// Below `[workspace]`.
    root: &'static str,
    /// stagegate.toml.
    config: &'static str,
    /// Tags of the first commit; after it each member has another one.
    tags: &'static str,
    /// `directory version…` in the registry; `version>need` requires another one.
    published: &'static [&'static str],
    /// What is typed after `release`.
    words: &'static str,
    /// `directory version` that get new versions.
    versions: &'static str,
    /// The tags that are set.
    tagged: &'static str,
    /// What goes to the registry; empty: all that get new versions.
    uploads: &'static str,
    /// Parts of the plan's notes.
    notes: &'static [&'static str],
    /// A part of the problem, where there is one instead of a plan.
    problem: &'static str,
}

/// A name that nobody has on crates.io.
fn name(directory: &str) -> String {
    format!("{directory}-of-a-test")
}

/// `@NAME` stands for a package.
fn named(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
        let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
        // `-v1.0.0` belongs to a tag, not to the name before it.
        let name_end = after[..end]
            .find("-v")
            .filter(|_| after[end..].starts_with(|c: char| c.is_ascii_digit()));
        let end = name_end.unwrap_or(end);
        let end = after[..end].trim_end_matches('-').len();
        result.push_str(before);
        match end {
            0 => result.push('@'),
            _ => result.push_str(&name(&after[..end])),
        }
        rest = &after[end..];
    }
    result + rest
}

fn manifest(head: &str, more: &str) -> (String, String) {
    let (directory, version) = head.split_once(' ').unwrap();
    let version = match version {
        "inherits" => "version.workspace = true".to_owned(),
        version => format!("version = \"{version}\""),
    };
    let usual = match more.contains("#plain") {
        true => "",
        false => "license = \"MIT\"\ndescription = \"A part.\"\n",
    };
    let text = format!(
        "[package]\nname = \"{}\"\n{version}\nedition = \"2021\"\n{usual}{}\n",
        name(directory),
        named(more)
    );
    (directory.to_owned(), text)
}

fn workspace(row: &Row) -> World {
    let mut files = vec![(".gitignore".to_owned(), "target\n".to_owned())];
    let mut members = Vec::new();
    for (head, more) in row.members {
        let (directory, text) = manifest(head, more);
        files.push((format!("{directory}/Cargo.toml"), text));
        files.push((
            format!("{directory}/src/lib.rs"),
            "//! A part.\n".to_owned(),
        ));
        members.push(format!("\"{directory}\""));
    }
    let root = format!(
        "[workspace]\nmembers = [{}]\nresolver = \"2\"\n{}\n\n[workspace.package]\nversion = \"1.2.0\"\n",
        members.join(", "),
        row.root
    );
    files.push(("Cargo.toml".to_owned(), root));
    if !row.config.is_empty() {
        files.push(("stagegate.toml".to_owned(), named(row.config)));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let world = after(&files, "", |place| {
        for line in row.published {
            publish(&place.join("registry"), line);
        }
    });
    for tag in named(row.tags).split_whitespace() {
        git(world.root(), &["tag", tag]);
    }
    for (head, _) in row.members {
        let directory = head.split(' ').next().unwrap();
        let source = world.root().join(directory).join("src/lib.rs");
        std::fs::write(source, "//! A part, and more.\n").unwrap();
    }
    git(
        world.root(),
        &["commit", "--quiet", "--all", "--message", "fix: more"],
    );
    git(
        world.root(),
        &["push", "--quiet", "--tags", "origin", "HEAD:main"],
    );
    world
}

/// Puts versions of a crate into the index.
fn publish(registry: &Utf8Path, line: &str) {
    let mut words = line.split(' ');
    let name = name(words.next().unwrap());
    let directory = registry.join("index").join(&name[..2]).join(&name[2..4]);
    std::fs::create_dir_all(&directory).unwrap();
    let sum = "0".repeat(64);
    let lines = words.map(|word| {
        let (version, needs) = word.split_once('>').unwrap_or((word, ""));
        let needs = needs.split('>').filter(|need| !need.is_empty());
        let deps = needs.map(|need| {
            serde_json::json!({
                "name": self::name(need), "req": "^0.1.0", "features": [],
                "optional": false, "default_features": true, "target": null, "kind": "normal",
            })
        });
        let line = serde_json::json!({
            "name": name, "vers": version, "deps": deps.collect::<Vec<_>>(), "cksum": sum,
            "features": {}, "yanked": false,
        });
        format!("{line}\n")
    });
    std::fs::write(directory.join(&name), lines.collect::<String>()).unwrap();
}

fn check(row: &Row) {
    let world = workspace(row);
    let words = named(row.words);
    let skipped = NO_GATES.split(' ').flat_map(|gate| ["--skip", gate]);
    let mut arguments = vec!["release"];
    arguments.extend(words.split(' '));
    arguments.extend(["--dry-run", "--format", "json"]);
    arguments.extend(skipped);
    let ran = world.run(&arguments);
    let like = row.like;
    if !row.problem.is_empty() {
        assert_eq!(ran.code, Some(3), "{like}: {}", ran.words());
        let part = named(row.problem);
        assert!(
            ran.words().contains(&part),
            "{like}: no {part:?} in {}",
            ran.words()
        );
        return;
    }
    assert_eq!(ran.code, Some(0), "{like}: {}", ran.words());
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    let short = |name: &str| name.replace("-of-a-test", "");
    let mut versions: Vec<String> = plan["versions"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, version)| format!("{} {}", short(name), version.as_str().unwrap()))
        .collect();
    versions.sort();
    let notes = &plan["notes"];
    assert_eq!(versions.join(", "), row.versions, "{like}: {notes:#}");
    let steps = plan["steps"].as_array().unwrap();
    let of_stage = |stage: &str| -> Vec<&Value> {
        steps.iter().filter(|step| step["stage"] == stage).collect()
    };
    let mut tags: Vec<String> = of_stage("tag")
        .iter()
        .map(|step| {
            let title = step["title"].as_str().unwrap();
            let tag = title.strip_prefix("tag it ").unwrap();
            tag.strip_suffix(", annotated").unwrap().to_owned()
        })
        .collect();
    let tagged = named(row.tagged);
    let mut tagged: Vec<&str> = tagged.split(' ').collect();
    tags.sort();
    tagged.sort_unstable();
    assert_eq!(tags, tagged, "{like}: {notes:#}");
    let mut uploads: Vec<String> = of_stage("publish")
        .iter()
        .map(|step| short(step["id"].as_str().unwrap().trim_start_matches("publish:")))
        .collect();
    uploads.sort();
    let all: Vec<&str> = versions
        .iter()
        .map(|v| v.split(' ').next().unwrap())
        .collect();
    let wanted = match row.uploads {
        "" => all.join(" "),
        some => some.to_owned(),
    };
    assert_eq!(uploads.join(" "), wanted, "{like}");
    let said: Vec<&str> = notes
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for note in row.notes {
        let note = named(note);
        assert!(
            said.iter().any(|n| n.contains(&note)),
            "{like}: no {note:?} in {said:#?}"
        );
    }
}

fn check_all(rows: &[Row]) {
    if within_a_rehearsal() {
        return;
    }
    rows.iter().for_each(check);
}

#[test]
fn versions_move_as_they_did_so_far() {
    check_all(&[
        Row {
            like: "axum: each has its own version and tag",
            members: &[
                ("core 0.5.6", ""),
                (
                    "ax 0.8.9",
                    "[dependencies]\n@core = { path = \"../core\", version = \"0.5.6\" }",
                ),
            ],
            tags: "v0.4.0 @ax-v0.4.1 @ax-v0.8.9 @core-v0.5.6",
            words: "patch",
            versions: "ax 0.8.10, core 0.5.7",
            tagged: "@ax-v0.8.10 @core-v0.5.7",
            notes: &[
                "a version of its own for @ax, @core",
                "tags `{name}-v{version}` (@ax, @core): 3 of the last 4",
            ],
            ..Row::default()
        },
        Row {
            like: "axum: one version is not planned in silence",
            members: &[("core 0.5.6", ""), ("ax 0.8.9", "")],
            words: "0.13.0",
            problem: "0.13.0 does not say whose it is to be: @ax is at 0.8.9, @core is at 0.5.6",
            ..Row::default()
        },
        Row {
            like: "one version because stagegate.toml says so",
            members: &[("core 0.5.6", ""), ("ax 0.8.9", "")],
            config: "[release]\nversioning = \"lockstep\"\n",
            words: "0.13.0",
            versions: "ax 0.13.0, core 0.13.0",
            tagged: "v0.13.0",
            notes: &["as stagegate.toml says: @core from 0.5.6 come to what 0.8.9 has"],
            ..Row::default()
        },
        Row {
            like: "cargo-dist: inherited",
            members: &[("one inherits", ""), ("two inherits", "")],
            tags: "v1.1.0 v1.2.0",
            words: "1.3.0",
            versions: "one 1.3.0, two 1.3.0",
            tagged: "v1.3.0",
            notes: &[
                "one version for all: they inherit the workspace's version",
                "tags `v{version}`: 2 of the last 2",
            ],
            ..Row::default()
        },
        Row {
            like: "inherited, and one with its own",
            members: &[
                ("one inherits", ""),
                ("two inherits", ""),
                ("odd 0.3.0", ""),
            ],
            tags: "v1.2.0 @odd-v0.3.0",
            words: "minor",
            versions: "odd 0.4.0, one 1.3.0, two 1.3.0",
            tagged: "@odd-v0.4.0 v1.3.0",
            ..Row::default()
        },
        Row {
            like: "serde: one version, written in each, no tags",
            members: &[("one 1.0.5", ""), ("two 1.0.5", "")],
            published: &["one 1.0.3 1.0.4 1.0.5", "two 1.0.4 1.0.5"],
            words: "patch",
            versions: "one 1.0.6, two 1.0.6",
            tagged: "v1.0.6",
            notes: &["one version for all: the registry has the same last versions of each"],
            ..Row::default()
        },
        Row {
            like: "the same version by chance: the registry knows better",
            members: &[("one 1.0.0", ""), ("two 1.0.0", "")],
            published: &["one 0.9.0 0.9.1 0.9.2 1.0.0", "two 0.1.0 0.5.0 1.0.0"],
            words: "@one=minor",
            versions: "one 1.1.0",
            tagged: "@one-v1.1.0",
            ..Row::default()
        },
        Row {
            like: "clap: three share a version, the others do not",
            members: &[
                (
                    "cl 4.6.6",
                    "[package.metadata.release]\nshared-version = true",
                ),
                (
                    "cl-builder 4.6.6",
                    "[package.metadata.release]\nshared-version = true",
                ),
                (
                    "cl-derive 4.6.4",
                    "[package.metadata.release]\nshared-version = true",
                ),
                (
                    "cl-complete 4.6.9",
                    "[dependencies]\n@cl = { path = \"../cl\", version = \"4.0.0\" }",
                ),
            ],
            tags: "v4.6.5 v4.6.6 @cl-complete-v4.6.9",
            words: "minor",
            versions: "cl 4.7.0, cl-builder 4.7.0, cl-complete 4.7.0, cl-derive 4.7.0",
            tagged: "v4.7.0 @cl-complete-v4.7.0",
            notes: &[
                "move together: cargo-release's `shared-version` says so",
                "tags `v{version}` (@cl): 2 of the last 2",
                "@cl-complete requires @cl ^4.0.0, not its current version; 4.7.0 is accepted, so that stays",
            ],
            ..Row::default()
        },
    ]);
}

#[test]
fn tags_are_written_as_they_were_so_far() {
    let one: &[(&str, &str)] = &[("one 1.2.0", "")];
    check_all(&[
        Row {
            like: "coreutils",
            members: one,
            tags: "1.1.0 1.2.0 latest-commit",
            words: "minor",
            versions: "one 1.3.0",
            tagged: "1.3.0",
            notes: &["tags `{version}`: 2 of the last 2"],
            ..Row::default()
        },
        Row {
            like: "cargo-release: three forms, the last decides",
            members: one,
            tags: "0.9.0 @one-1.0.0 v1.1.0 v1.2.0",
            words: "minor",
            versions: "one 1.3.0",
            tagged: "v1.3.0",
            notes: &["tags `v{version}`: 2 of the last 4"],
            ..Row::default()
        },
        Row {
            like: "rust-analyzer: dates and a tag that moves are no versions",
            members: one,
            tags: "2026-01-05 2026-01-12 nightly",
            words: "1.2.1",
            versions: "one 1.2.1",
            tagged: "v1.2.1",
            ..Row::default()
        },
        Row {
            like: "nextest",
            members: &[("runner 0.122.1", ""), ("cargo-next 0.9.143", "")],
            tags: "@runner-0.122.0 @runner-0.122.1 @cargo-next-0.9.143 quick-0.3.0",
            words: "patch",
            versions: "cargo-next 0.9.144, runner 0.122.2",
            tagged: "@cargo-next-0.9.144 @runner-0.122.2",
            ..Row::default()
        },
        Row {
            like: "a directory for each",
            members: &[("one 1.2.0", ""), ("two 0.2.0", "")],
            tags: "@one/v1.2.0 @two/v0.2.0",
            words: "patch",
            versions: "one 1.2.1, two 0.2.1",
            tagged: "@one/v1.2.1 @two/v0.2.1",
            ..Row::default()
        },
        Row {
            like: "a new one follows the others",
            members: &[("one 1.2.0", ""), ("two 0.2.0", ""), ("new 0.1.0", "")],
            tags: "@one-1.2.0 @two-0.2.0",
            words: "patch",
            versions: "new 0.1.0, one 1.2.1, two 0.2.1",
            tagged: "@new-0.1.0 @one-1.2.1 @two-0.2.1",
            ..Row::default()
        },
        Row {
            like: "time: the tag is of one whose versions continue it",
            members: &[
                ("tm 0.3.55", ""),
                ("tm-core 0.1.9", ""),
                ("tm-macros 0.2.32", ""),
            ],
            tags: "0.1.41 v0.2.32 v0.3.54 v0.3.55",
            published: &["tm 0.3.54 0.3.55", "tm-core 0.1.9", "tm-macros 0.2.32"],
            words: "@tm=patch",
            versions: "tm 0.3.56",
            tagged: "v0.3.56",
            notes: &["tags `v{version}` (@tm): 3 of the last 4"],
            ..Row::default()
        },
        Row {
            like: "ratatui: from one form to another",
            members: &[("ra 0.30.0", ""), ("ra-core 0.1.2", "")],
            tags: "v0.29.0 v0.30.0-alpha.1 @ra-v0.30.0 @ra-core-v0.1.2",
            words: "patch",
            versions: "ra 0.30.1, ra-core 0.1.3",
            tagged: "@ra-v0.30.1 @ra-core-v0.1.3",
            ..Row::default()
        },
        Row {
            like: "a tag for each of those that move together",
            members: &[("one inherits", ""), ("one-macros inherits", "")],
            tags: "@one-v1.1.0 @one-macros-v1.1.0 @one-v1.2.0 @one-macros-v1.2.0",
            words: "patch",
            versions: "one 1.2.1, one-macros 1.2.1",
            tagged: "@one-v1.2.1 @one-macros-v1.2.1",
            ..Row::default()
        },
        Row {
            like: "stagegate.toml overrides what was learned",
            members: one,
            config: "[release]\ntag = \"release-{version}\"\n",
            tags: "v1.1.0 v1.2.0",
            words: "minor",
            versions: "one 1.3.0",
            tagged: "release-1.3.0",
            ..Row::default()
        },
        Row {
            like: "a package has a tag of its own in stagegate.toml",
            members: &[("one 1.2.0", ""), ("two 0.2.0", "")],
            config: "[release.package.@two]\ntag = \"two/{version}\"\n",
            words: "patch",
            versions: "one 1.2.0, two 0.2.0",
            tagged: "@one-v1.2.0 two/0.2.0",
            ..Row::default()
        },
    ]);
}

#[test]
fn members_that_are_never_published_stand_in_nobodys_way() {
    let with_example: &[(&str, &str)] = &[
        ("one inherits", ""),
        (
            "demo 0.1.0",
            "#plain\n[dependencies]\n@one = { path = \"../one\" }",
        ),
        ("helper 0.1.0", "publish = false"),
        (
            "inner 0.1.2-b.12",
            "#plain\n[dependencies]\n@helper = { path = \"../helper\" }",
        ),
    ];
    check_all(&[
        Row {
            like: "sqlx, nextest: examples and internal tests",
            members: with_example,
            tags: "v1.2.0",
            words: "minor",
            versions: "one 1.3.0",
            tagged: "v1.3.0",
            notes: &[
                "left out: @demo, @inner (never published, and cannot be: it has no description)",
            ],
            ..Row::default()
        },
        Row {
            like: "a helper that is not published is needed",
            members: &[
                ("one 1.2.0", ""),
                ("helper 0.1.0", "publish = false"),
                (
                    "user 0.1.0",
                    "[dependencies]\n@helper = { path = \"../helper\", version = \"0.1.0\" }",
                ),
            ],
            words: "1.3.0",
            versions: "one 1.3.0",
            tagged: "v1.3.0",
            notes: &[
                "left out: @user (never published, and cannot be: it needs @helper, which is not published)",
            ],
            ..Row::default()
        },
        Row {
            like: "an example that shares the version",
            members: &[
                ("one inherits", ""),
                (
                    "demo inherits",
                    "[dependencies]\n@one = { path = \"../one\" }",
                ),
            ],
            tags: "v1.2.0",
            words: "minor",
            versions: "demo 1.3.0, one 1.3.0",
            tagged: "v1.3.0",
            uploads: "one",
            notes: &[
                "left out: @demo (never published, and cannot be: its dependency @one has no version)",
            ],
            ..Row::default()
        },
        Row {
            like: "one that shares the version was meant to be released",
            members: &[("one inherits", ""), ("two inherits", "#plain")],
            words: "1.3.0",
            problem: "two/Cargo.toml",
            ..Row::default()
        },
        Row {
            like: "nextest: a helper is in the registry in another shape",
            members: &[
                (
                    "one 1.2.0",
                    "[dependencies]\n@hack = { path = \"../hack\", version = \"0.1.0\" }",
                ),
                ("hack 0.1.0", "publish = false"),
            ],
            tags: "@one-1.2.0",
            published: &["one 1.1.0 1.2.0>hack", "hack 0.1.0"],
            words: "minor",
            versions: "one 1.3.0",
            tagged: "@one-1.3.0",
            ..Row::default()
        },
        Row {
            like: "somebody else's crate has the helper's name",
            members: &[
                (
                    "one 1.2.0",
                    "[dependencies]\n@hack = { path = \"../hack\", version = \"0.1.0\" }",
                ),
                ("hack 0.1.0", "publish = false"),
            ],
            tags: "@one-1.2.0",
            published: &["one 1.1.0 1.2.0", "hack 0.1.0"],
            words: "minor",
            problem: "but its dependency `@hack`",
            ..Row::default()
        },
        Row {
            like: "what something published needs is not left out",
            members: &[
                ("core 0.1.0", "#plain"),
                (
                    "one 1.2.0",
                    "[dependencies]\n@core = { path = \"../core\", version = \"0.1.0\" }",
                ),
            ],
            words: "@core=0.1.0 @one=1.3.0",
            problem: "`description`",
            ..Row::default()
        },
        Row {
            like: "rust-analyzer: 0.0.0 is no version",
            members: &[("lib 0.3.6", ""), ("inner 0.0.0", ""), ("more 0.0.0", "")],
            words: "patch",
            versions: "lib 0.3.7",
            tagged: "v0.3.7",
            notes: &["left out: @inner, @more (never published, and cannot be: it is at 0.0.0)"],
            ..Row::default()
        },
        Row {
            like: "release.exclude",
            members: &[("one 1.2.0", ""), ("ex-a 0.1.0", ""), ("ex-b 0.2.0", "")],
            config: "[release]\nexclude = [\"ex-*\"]\n",
            words: "1.3.0",
            versions: "one 1.3.0",
            tagged: "v1.3.0",
            notes: &["left out, as stagegate.toml says: @ex-a, @ex-b"],
            ..Row::default()
        },
        Row {
            like: "release.packages, and one that is taken in",
            members: &[("one 1.2.0", ""), ("two 1.2.0", ""), ("tool 0.1.0", "")],
            config: "[release]\npackages = [\"one-*\"]\n\n[release.package.@two]\nrelease = true\n",
            words: "1.3.0",
            versions: "one 1.3.0, two 1.3.0",
            tagged: "v1.3.0",
            ..Row::default()
        },
        Row {
            like: "-p takes one of several",
            members: &[("one 1.2.0", ""), ("two 0.2.0", "")],
            tags: "@one-v1.2.0 @two-v0.2.0",
            words: "minor -p @two",
            versions: "two 0.3.0",
            tagged: "@two-v0.3.0",
            notes: &["left out, as you asked: @one"],
            ..Row::default()
        },
        Row {
            like: "--exclude leaves one of several out",
            members: &[("one 1.2.0", ""), ("two 0.2.0", ""), ("odd 0.3.0", "")],
            tags: "@one-v1.2.0 @two-v0.2.0 @odd-v0.3.0",
            words: "minor --exclude o*",
            versions: "two 0.3.0",
            tagged: "@two-v0.3.0",
            ..Row::default()
        },
        Row {
            like: "-p of those that move together: the version is of all, the upload of one",
            members: &[("one inherits", ""), ("two inherits", "")],
            tags: "v1.2.0",
            words: "minor -p @two",
            versions: "one 1.3.0, two 1.3.0",
            tagged: "v1.3.0",
            uploads: "two",
            ..Row::default()
        },
        Row {
            like: "what is left out is not required at its new version",
            members: &[
                ("one inherits", ""),
                (
                    "two inherits",
                    "[dependencies]\n@one = { path = \"../one\", version = \"1.2.0\" }",
                ),
            ],
            tags: "v1.2.0",
            words: "minor -p @two",
            problem: "@two would require @one 1.3.0, which is left out of this release",
            ..Row::default()
        },
        Row {
            like: "a name that nobody has",
            members: &[("one 1.2.0", "")],
            words: "minor -p nobody",
            problem: "`nobody` in `--package` fits no package of the workspace",
            ..Row::default()
        },
    ]);
}

#[test]
fn a_version_between_releases_is_no_candidate() {
    check_all(&[
        Row {
            like: "steno",
            members: &[("one 0.4.2-dev", "")],
            tags: "v0.4.0 v0.4.1",
            words: "patch",
            versions: "one 0.4.2",
            tagged: "v0.4.2",
            notes: &["stands at 0.4.2-dev between releases"],
            ..Row::default()
        },
        Row {
            like: "a candidate from there",
            members: &[("one 0.4.2-dev", "")],
            tags: "v0.4.0 v0.4.1",
            words: "patch --pre alpha",
            versions: "one 0.4.2-alpha.1",
            tagged: "v0.4.2-alpha.1",
            ..Row::default()
        },
        Row {
            like: "a follower does not become a candidate called dev",
            members: &[
                ("core 1.0.0", ""),
                (
                    "one 0.4.2-dev",
                    "[dependencies]\n@core = { path = \"../core\", version = \"1.0.0\" }",
                ),
            ],
            tags: "@core-v1.0.0 @one-v0.4.1",
            published: &["core 1.0.0", "one 0.4.1"],
            words: "@core=2.0.0",
            versions: "core 2.0.0, one 0.4.2",
            tagged: "@core-v2.0.0 @one-v0.4.2",
            ..Row::default()
        },
        Row {
            like: "sqlx: a pre-release is under way",
            members: &[("one 0.9.0-alpha.1", "")],
            tags: "v0.8.6 v0.9.0-alpha.1",
            words: "patch --pre alpha",
            versions: "one 0.9.0-alpha.2",
            tagged: "v0.9.0-alpha.2",
            ..Row::default()
        },
    ]);
}

#[test]
fn a_branch_for_fixes_releases_too() {
    if within_a_rehearsal() {
        return;
    }
    let row = Row {
        members: &[("one 1.2.0", "")],
        config: "[release]\nbranches = [\"v*.x\"]\n",
        tags: "v1.2.0 v2.0.0",
        ..Row::default()
    };
    let world = workspace(&row);
    git(world.root(), &["switch", "--quiet", "--create", "v1.2.x"]);
    git(world.root(), &["push", "--quiet", "origin", "v1.2.x"]);
    let run = |world: &World| {
        let skipped = NO_GATES.split(' ').flat_map(|gate| ["--skip", gate]);
        let words = ["release", "patch", "--dry-run"].into_iter().chain(skipped);
        world.run(&words.collect::<Vec<_>>())
    };
    let ran = run(&world).must_end_with(0);
    let pushes = "push v1.2.x and v1.2.1 to origin, both or neither";
    assert!(ran.stdout.contains(pushes), "{}", ran.words());
    git(world.root(), &["switch", "--quiet", "--create", "topic"]);
    let ran = run(&world).must_end_with(3);
    let says = "the branch is topic, and releases are made from main, v*.x";
    assert!(ran.words().contains(says), "{}", ran.words());
}

#[test]
fn a_workspace_of_several_versions_is_released_as_it_is_learned() {
    if within_a_rehearsal() {
        return;
    }
    let row = Row {
        members: &[
            ("core 0.5.6", ""),
            (
                "one 1.2.0",
                "[dependencies]\n@core = { path = \"../core\", version = \"0.5.6\" }",
            ),
            (
                "demo 0.1.0",
                "#plain\n[dependencies]\n@one = { path = \"../one\" }",
            ),
        ],
        tags: "@one-1.2.0 @core-0.5.6",
        ..Row::default()
    };
    let world = workspace(&row);
    let words = named("release @one=1.3.0 @core=0.5.7 --yes");
    let skipped = NO_GATES.split(' ').flat_map(|gate| ["--skip", gate]);
    let arguments: Vec<&str> = words.split(' ').chain(skipped).collect();
    world.run(&arguments).must_end_with(0);
    let tags = git(world.root(), &["ls-remote", "--tags", "origin"]);
    for tag in ["@one-1.3.0", "@core-0.5.7"] {
        assert!(tags.contains(&named(tag)), "{tags}");
    }
    let text = std::fs::read_to_string(world.root().join("one/Cargo.toml")).unwrap();
    assert!(text.contains("version = \"0.5.7\""), "{text}");
    let lines = crate::evidence::index_lines(&world.place, &name("one"));
    assert_eq!(lines.len(), 1);
    assert_eq!(
        crate::evidence::index_lines(&world.place, &name("demo")).len(),
        0
    );
}
