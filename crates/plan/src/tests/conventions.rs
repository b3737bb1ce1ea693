//! What workspaces already do, learned from their manifests, tags and registry: those that
//! stagegate was tried on, made small.

use std::collections::BTreeMap;

use semver::Version;
use stagegate_config::schema::Config;
use stagegate_manifest::Workspace;

use crate::version::{Conventions, Evidence, Selection, conventions};

/// A member: `name version`, then words: `private`, `plain` (no description), `inherits`,
/// `shared` (cargo-release's `shared-version`), `>name` (a dependency with a version) and
/// `>>name` (one without).
struct Member<'m> {
    name: &'m str,
    version: &'m str,
    words: Vec<&'m str>,
}

impl<'m> Member<'m> {
    fn parse(line: &'m str) -> Member<'m> {
        let mut words = line.split(' ');
        Member {
            name: words.next().unwrap(),
            version: words.next().unwrap(),
            words: words.collect(),
        }
    }

    fn is(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    fn metadata(&self) -> serde_json::Value {
        let name = self.name;
        let dependencies = self.words.iter().filter_map(|word| {
            let (name, requirement) = match (word.strip_prefix(">>"), word.strip_prefix('>')) {
                (Some(name), _) => (name, "*"),
                (None, Some(name)) => (name, ">=0.0.0-0"),
                (None, None) => return None,
            };
            Some(serde_json::json!({
                "name": name, "source": null, "req": requirement, "kind": null, "rename": null,
                "optional": false, "uses_default_features": true, "features": [], "target": null,
                "registry": null, "path": format!("/w/{name}"),
            }))
        });
        let description = (!self.is("plain")).then_some("d");
        let publish = self.is("private").then(Vec::<String>::new);
        serde_json::json!({
            "name": name, "version": self.version, "id": format!("path+file:///w/{name}#{}", self.version),
            "license": "MIT", "license_file": null, "description": description, "source": null,
            "dependencies": dependencies.collect::<Vec<_>>(), "targets": [], "features": {},
            "manifest_path": format!("/w/{name}/Cargo.toml"), "metadata": null, "publish": publish,
            "authors": [], "categories": [], "keywords": [], "readme": null, "repository": null,
            "homepage": null, "documentation": null, "edition": "2024", "links": null,
            "default_run": null, "rust_version": null,
        })
    }

    fn manifest(&self) -> Vec<u8> {
        let version = match self.is("inherits") {
            true => "version.workspace = true".to_owned(),
            false => format!("version = \"{}\"", self.version),
        };
        let more = match self.is("shared") {
            true => "\n[package.metadata.release]\nshared-version = true\n",
            false => "",
        };
        let text = format!("[package]\nname = \"{}\"\n{version}\n{more}", self.name);
        text.into_bytes()
    }
}

/// Returns what is learned of members, tags and the `name version…` that the registry has.
fn learned(members: &[&str], tags: &str, published: &[&str], config: &str) -> Conventions {
    let members: Vec<Member<'_>> = members.iter().map(|line| Member::parse(line)).collect();
    let packages: Vec<_> = members.iter().map(Member::metadata).collect();
    let ids: Vec<_> = packages.iter().map(|p| p["id"].clone()).collect();
    let metadata = serde_json::json!({
        "packages": packages, "workspace_members": ids, "workspace_default_members": ids,
        "resolve": null, "target_directory": "/w/target", "version": 1, "workspace_root": "/w",
        "metadata": null,
    });
    let workspace = Workspace::from_metadata(serde_json::from_value(metadata).unwrap());
    let manifests = members.iter().map(|member| {
        let path = format!("{}/Cargo.toml", member.name);
        (path.into(), member.manifest())
    });
    let published = published.iter().map(|line| {
        let mut words = line.split(' ');
        let name = words.next().unwrap().to_owned();
        (name, words.map(|v| v.parse().unwrap()).collect())
    });
    let evidence = Evidence {
        tags: tags.split_whitespace().map(str::to_owned).collect(),
        published: Some(published.collect::<BTreeMap<String, Vec<Version>>>()),
    };
    let config: Config = toml_edit::de::from_str(config).unwrap();
    let files = manifests.collect();
    conventions(
        &workspace,
        &files,
        &config,
        &Selection::default(),
        &evidence,
    )
    .unwrap()
}

/// `group tag: members` of each group, and what is left out.
fn shown(found: &Conventions) -> Vec<String> {
    let group = |group: &crate::version::Group| {
        let members = match group.members.as_slice() {
            [one] if *one == group.name => String::new(),
            some => format!(": {}", some.join(" ")),
        };
        format!("{} {}{members}", group.name, group.tag)
    };
    let mut shown: Vec<String> = found.groups.iter().map(group).collect();
    if !found.left_out.is_empty() {
        let out: Vec<&str> = found.left_out.iter().map(String::as_str).collect();
        shown.push(format!("without {}", out.join(" ")));
    }
    shown
}

fn check(members: &[&str], tags: &str, published: &[&str], want: &[&str]) {
    let found = learned(members, tags, published, "");
    assert_eq!(shown(&found), want, "{:#?}", found.notes);
}

#[test]
fn packages_of_different_versions_are_on_their_own() {
    // axum
    check(
        &[
            "axum 0.8.9 >axum-core",
            "axum-core 0.5.6",
            "axum-extra 0.12.6",
            "axum-macros 0.5.1",
        ],
        "v0.4.0 axum-v0.8.9 axum-core-v0.5.6 axum-extra-v0.12.6 axum-macros-v0.5.1",
        &[],
        &[
            "axum axum-v{version}",
            "axum-core axum-core-v{version}",
            "axum-extra axum-extra-v{version}",
            "axum-macros axum-macros-v{version}",
        ],
    );
    // time
    check(
        &["time 0.3.55", "time-core 0.1.9", "time-macros 0.2.32"],
        "0.1.41 v0.2.32 v0.3.55",
        &[],
        &[
            "time v{version}",
            "time-core time-core-v{version}",
            "time-macros time-macros-v{version}",
        ],
    );
    // ratatui: two that have the same versions, and tags of their own.
    check(
        &[
            "ratatui 0.30.2",
            "ratatui-core 0.1.2",
            "ratatui-termwiz 0.1.2",
        ],
        "v0.30.0-alpha.1 ratatui-v0.30.2 ratatui-core-v0.1.1 ratatui-core-v0.1.2 \
         ratatui-termwiz-v0.1.1 ratatui-termwiz-v0.1.2",
        &["ratatui-core 0.1.1 0.1.2", "ratatui-termwiz 0.1.1 0.1.2"],
        &[
            "ratatui ratatui-v{version}",
            "ratatui-core ratatui-core-v{version}",
            "ratatui-termwiz ratatui-termwiz-v{version}",
        ],
    );
}

#[test]
fn packages_that_share_a_version_move_together() {
    // cargo-dist, coreutils
    check(
        &[
            "one 0.31.0 inherits",
            "two 0.31.0 inherits",
            "tool 0.31.0 inherits private",
        ],
        "0.30.0 0.31.0",
        &[],
        &["workspace {version}: one tool two"],
    );
    // clap
    check(
        &[
            "clap 4.6.6 shared >clap_builder",
            "clap_bench 0.0.0 private",
            "clap_builder 4.6.6 shared",
            "clap_complete 4.6.9 >clap",
            "clap_derive 4.6.4 shared",
            "clap_lex 1.1.0",
        ],
        "v4.6.5 v4.6.6 clap_complete-v4.6.9 clap_lex-v1.1.0",
        &[],
        &[
            "clap v{version}: clap clap_builder clap_derive",
            "clap_complete clap_complete-v{version}",
            "clap_lex clap_lex-v{version}",
        ],
    );
    // serde
    check(
        &[
            "serde 1.0.229",
            "serde_core 1.0.229",
            "serde_derive 1.0.229",
        ],
        "v1.0.228 v1.0.229",
        &[
            "serde 1.0.227 1.0.228 1.0.229",
            "serde_core 1.0.228 1.0.229",
            "serde_derive 1.0.227 1.0.228 1.0.229",
        ],
        &["workspace v{version}: serde serde_core serde_derive"],
    );
    // Tags with names are of another time.
    check(
        &["one 1.1.0", "two 1.1.0", "odd 0.3.0"],
        "one-v0.9.0 two-v0.8.0 v1.0.0 v1.1.0 odd-v0.3.0",
        &[],
        &["odd odd-v{version}", "one v{version}: one two"],
    );
    // The registry tells apart what has one version by chance.
    check(
        &["one 1.0.0", "two 1.0.0"],
        "",
        &["one 0.9.0 0.9.1 0.9.2 1.0.0", "two 0.1.0 0.5.0 1.0.0"],
        &["one one-v{version}", "two two-v{version}"],
    );
}

#[test]
fn members_that_are_never_published_are_left_out() {
    // nextest
    check(
        &[
            "cargo-nextest 0.9.143 >nextest-runner",
            "fixture 0.1.0 private",
            "internal-test 0.1.2-b.12 plain",
            "nextest-runner 0.122.1",
        ],
        "cargo-nextest-0.9.143 nextest-runner-0.122.1 internal-test-0.1.0",
        &[],
        &[
            "cargo-nextest cargo-nextest-{version}",
            "nextest-runner nextest-runner-{version}",
            "without internal-test",
        ],
    );
    // sqlx; somebody else has published something called `todos`.
    check(
        &[
            "sqlx 0.9.0-alpha.1 inherits",
            "sqlx-core 0.9.0-alpha.1 inherits",
            "files 0.1.0 plain >>sqlx",
            "todos 0.1.0 plain >>sqlx",
        ],
        "sqlx-rt-v0.1.0 v0.8.6 v0.9.0-alpha.1",
        &["todos 2.0.0"],
        &[
            "workspace v{version}: sqlx sqlx-core",
            "without files todos",
        ],
    );
    // Where nothing is published yet, what shares the version is meant to be.
    check(
        &["sqlx 0.9.0 inherits", "example 0.9.0 inherits plain"],
        "",
        &["sqlx 0.8.0 0.9.0"],
        &["workspace v{version}: example sqlx", "without example"],
    );
    check(
        &["sqlx 0.9.0 inherits", "example 0.9.0 inherits plain"],
        "",
        &[],
        &["workspace v{version}: example sqlx"],
    );
    // rust-analyzer
    check(
        &[
            "hir 0.0.0 >smol_str",
            "ide 0.0.0 >hir",
            "smol_str 0.3.6",
            "text-size 1.1.1",
        ],
        "2026-08-01 nightly",
        &["smol_str 0.3.6", "text-size 1.1.1"],
        &[
            "smol_str smol_str-v{version}",
            "text-size text-size-v{version}",
            "without hir ide",
        ],
    );
    // What was published once is in, and so is what is needed.
    check(
        &["one 1.0.0 >core", "core 1.0.0 plain", "old 0.1.0 plain"],
        "",
        &["old 0.1.0"],
        &[
            "core core-v{version}",
            "old old-v{version}",
            "one one-v{version}",
        ],
    );
    // Nothing can be published: a problem, no convention.
    check(
        &["one 1.0.0 plain"],
        "",
        &[],
        &["workspace v{version}: one"],
    );
}

#[test]
fn what_is_configured_is_not_learned() {
    let shown = |members: &[&str], config: &str| shown(&learned(members, "v1.0.0", &[], config));
    let members = ["one 1.0.0", "two 2.0.0", "example 0.1.0 plain"];
    let lockstep = "[release]\nversioning = \"lockstep\"\ntag = \"release-{version}\"\n";
    assert_eq!(
        shown(&members, lockstep),
        ["workspace release-{version}: one two", "without example"]
    );
    let kept = "[release.package.example]\nrelease = true\ntag = \"ex-{version}\"\n";
    assert_eq!(shown(&members, kept)[0], "example ex-{version}");
    let chosen = "[release]\npackages = [\"t*\"]\n";
    assert_eq!(
        shown(&members, chosen),
        ["workspace v{version}: two", "without example one"]
    );
}

#[test]
fn a_version_between_releases_is_told_apart() {
    let found = learned(&["steno 0.4.2-dev"], "v0.4.0 v0.4.1", &[], "");
    assert!(found.groups[0].is_development);
    let said = "learned: workspace stands at 0.4.2-dev between releases";
    assert!(
        found.notes.iter().any(|note| note.starts_with(said)),
        "{:?}",
        found.notes
    );
    let found = learned(&["sqlx 0.9.0-alpha.1"], "v0.9.0-alpha.1", &[], "");
    assert!(!found.groups[0].is_development);
}

#[test]
fn a_name_that_somebody_else_has_makes_no_release_of_an_example() {
    let members = [
        "lib-core 0.5.6",
        "lib 0.8.9 >lib-core",
        "demo 0.1.0 plain >lib",
    ];
    let taken = ["demo 0.0.1 0.1.0"];
    let without = [
        "lib lib-v{version}",
        "lib-core lib-core-v{version}",
        "without demo",
    ];
    let tags = "lib-v0.8.9 lib-core-v0.5.6";
    check(&members, tags, &taken, &without);
    // One that was tagged under its name is ours, and its description is missed.
    let tags = "lib-v0.8.9 lib-core-v0.5.6 demo-v0.1.0";
    let found = learned(&members, tags, &taken, "");
    assert!(found.left_out.is_empty(), "{:?}", found.left_out);
}
