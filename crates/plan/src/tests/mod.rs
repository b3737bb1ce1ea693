//! Plans of literal facts: five packages, no network, no disk.

pub(crate) mod builds;
pub(crate) mod changelogs;
pub(crate) mod conventions;
pub(crate) mod custom_steps;
pub(crate) mod frontend_migration;
pub(crate) mod frontends;
pub(crate) mod gates;
pub(crate) mod publishing;
mod pull_requests;
pub(crate) mod registries;
pub(crate) mod replacements;
pub(crate) mod repositories;
pub(crate) mod rollbacks;
pub(crate) mod targets;
pub(crate) mod unpublished;
pub(crate) mod versions;
pub(crate) mod waves;

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use jiff::Timestamp;
use semver::Version;
use stagegate_config::schema::Config;
use stagegate_config::stage::Stage;
use stagegate_github::{Release, RepositoryFacts};
use stagegate_manifest::Workspace;
use stagegate_registry::IndexVersion;

use crate::facts::{
    BranchDivergence, ChangelogFacts, Facts, GitFacts, GitHubFacts, RegistryFacts, RemoteFacts,
    SurveyResult, TokenPlaces,
};
use crate::model::{
    Action, Blocker, Blockers, CommitIdentity, EditFiles, Plan, PublishGithubRelease,
};
use crate::planner::plan;
use crate::request::{DeployRequest, Part, ReleaseRequest, Request};
use crate::version::{Conventions, Evidence, Selection, conventions};

const CHANGELOG: &str =
    "# Changelog\n\n## [Unreleased]\n\n- Something new.\n\n## [1.0.0] - 2026-01-01\n\n- First.\n";

/// `core` ← `left`, `right` ← `top`, and `tool`, which is not published.
const EDGES: [(&str, &[&str]); 5] = [
    ("core", &[]),
    ("left", &["core"]),
    ("right", &["core"]),
    ("top", &["left", "right"]),
    ("tool", &["top"]),
];

fn manifest(name: &str, needs: &[&str]) -> String {
    let mut text = format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n\n[dependencies]\n");
    for need in needs {
        text.push_str(&format!(
            "{need} = {{ path = \"../{need}\", version = \"1.0.0\" }}\n"
        ));
    }
    text
}

fn workspace() -> Workspace {
    let package = |(name, needs): (&str, &[&str])| {
        let dependency = |need: &&str| {
            serde_json::json!({
                "name": need, "source": null, "req": "^1.0.0", "kind": null, "rename": null, "optional": false,
                "uses_default_features": true, "features": [], "target": null, "registry": null,
                "path": format!("/w/{need}"),
            })
        };
        serde_json::json!({
            "name": name, "version": "1.0.0", "id": format!("path+file:///w/{name}#1.0.0"), "license": "MIT",
            "license_file": null, "description": "d", "source": null,
            "dependencies": needs.iter().map(dependency).collect::<Vec<_>>(),
            "targets": [], "features": {}, "manifest_path": format!("/w/{name}/Cargo.toml"), "metadata": null,
            "publish": if name == "tool" { serde_json::json!([]) } else { serde_json::Value::Null },
            "authors": [], "categories": [], "keywords": [], "readme": null, "repository": null, "homepage": null,
            "documentation": null, "edition": "2024", "links": null, "default_run": null, "rust_version": null,
        })
    };
    let ids: Vec<String> = EDGES
        .iter()
        .map(|(name, _)| format!("path+file:///w/{name}#1.0.0"))
        .collect();
    let metadata = serde_json::json!({
        "packages": EDGES.map(package), "workspace_members": ids, "workspace_default_members": ids, "resolve": null,
        "target_directory": "/w/target", "version": 1, "workspace_root": "/w", "metadata": null,
    });
    Workspace::from_metadata(serde_json::from_value(metadata).unwrap())
}

fn facts() -> Facts {
    let mut files: BTreeMap<Utf8PathBuf, Vec<u8>> = EDGES
        .iter()
        .map(|(name, needs)| {
            (
                format!("{name}/Cargo.toml").into(),
                manifest(name, needs).into_bytes(),
            )
        })
        .collect();
    files.insert(
        "Cargo.toml".into(),
        b"[workspace]\nmembers = [\"*\"]\n".to_vec(),
    );
    let versions = |name: &str| (name.to_owned(), Vec::<IndexVersion>::new());
    Facts {
        at: Timestamp::UNIX_EPOCH,
        date: "2026-02-02".to_owned(),
        subdirectory: Utf8PathBuf::new(),
        workspace: workspace(),
        files,
        other_workspaces: Vec::new(),
        groups: Ok(Vec::new()),
        command: "cargo xtask",
        has_other_groups: false,
        conventions: Vec::new(),
        changelogs: changelog(CHANGELOG),
        cliff: None,
        history: BTreeMap::new(),
        history_gap: None,
        interfaces: BTreeMap::new(),
        git: Ok(GitFacts {
            branch: Some("main".to_owned()),
            head: "a".repeat(40),
            shallow: false,
            signing: None,
            dirty: Vec::new(),
            identity: Some(CommitIdentity {
                name: "N".to_owned(),
                email: "n@example.org".to_owned(),
            }),
            sign_commits: false,
            sign_tags: false,
            branches: Vec::new(),
            subjects: Vec::new(),
            signed_off: BTreeSet::new(),
            tags: BTreeMap::from([("v1.0.0".to_owned(), "b".repeat(40))]),
            remote: Ok(RemoteFacts {
                branches: Vec::new(),
                prepared: BTreeMap::new(),
                url: "u".to_owned(),
                divergence: BranchDivergence::Same,
                tags: BTreeMap::new(),
            }),
        }),
        tagged: None,
        tools: Vec::new(),
        targets: BTreeMap::new(),
        advisories: None,
        registry: Some(Ok(RegistryFacts {
            name: "crates-io".to_owned(),
            index: "sparse+https://index.crates.io/".to_owned(),
            token: Ok(TokenPlaces {
                trusted: false,
                plain: Some("CARGO_REGISTRY_TOKEN".to_owned()),
            }),
            versions: ["core", "left", "right", "top"].map(versions).into(),
            owners: BTreeMap::new(),
            categories: None,
            crates: BTreeMap::new(),
            packages: BTreeMap::new(),
        })),
        more_registries: Vec::new(),
        github: Some(Ok(GitHubFacts {
            pulls: Vec::new(),
            server: stagegate_github::Server {
                api: "https://api.github.com".parse().unwrap(),
                uploads: "https://uploads.github.com".parse().unwrap(),
            },
            repository: "o/r".parse().unwrap(),
            facts: RepositoryFacts {
                private: false,
                belongs_to_person: false,
                full_name: "o/r".to_owned(),
                default_branch: "main".to_owned(),
                write_access: stagegate_github::WriteAccess::Granted,
            },
            latest: None,
            existing: None,
            releases: Vec::new(),
        })),
        sizes: [("core".to_owned(), 2048), ("top".to_owned(), 11 << 20)].into(),
        packing: BTreeMap::new(),
        hosts: Vec::new(),
        distances: BTreeMap::new(),
        promoted: Vec::new(),
    }
}

fn changelog(text: &str) -> BTreeMap<Utf8PathBuf, ChangelogFacts> {
    let file = Utf8PathBuf::from("CHANGELOG.md");
    let found = ChangelogFacts {
        file: file.clone(),
        text: Ok(text.to_owned()),
    };
    BTreeMap::from([(file, found)])
}

/// Returns the facts with the groups that a configuration makes of them.
fn grouped(facts: &Facts, config: &Config) -> Facts {
    selected(facts, config, &Selection::default())
}

fn selected(facts: &Facts, config: &Config, selection: &Selection) -> Facts {
    let mut facts = facts.clone();
    match learned(&facts, config, selection) {
        Ok(found) => {
            facts.workspace.leave_out(&found.left_out);
            facts.has_other_groups = found.has_other_groups;
            facts.conventions = found.notes;
            facts.groups = Ok(found.groups);
        }
        Err(blocker) => facts.groups = Err(blocker),
    }
    facts
}

/// Returns what a configuration leaves to be learned from these facts.
fn learned(facts: &Facts, config: &Config, selection: &Selection) -> SurveyResult<Conventions> {
    let registry = facts
        .registry
        .as_ref()
        .and_then(|found| found.as_ref().ok());
    let versions = |(name, known): (&String, &Vec<IndexVersion>)| {
        (name.clone(), known.iter().map(|v| v.vers.clone()).collect())
    };
    let evidence = Evidence {
        tags: facts.git.as_ref().unwrap().tags.keys().cloned().collect(),
        published: registry.map(|r| r.versions.iter().map(versions).collect()),
    };
    conventions(&facts.workspace, &facts.files, config, selection, &evidence)
}

/// `release` with these words for versions, to production, and nothing else asked for.
fn wanted(words: &str, skip: &[Stage]) -> ReleaseRequest {
    ReleaseRequest {
        tagged: false,
        unpublished: false,
        selection: Selection::default(),
        versions: words.split(' ').map(|v| v.parse().unwrap()).collect(),
        pre: None,
        skip: skip.to_vec(),
        freeze_override: None,
        environment: "production".to_owned(),
        if_changed: false,
        handed_on: false,
    }
}

/// Returns a deploy of a part to production, of what is checked out.
fn deploy_of(part: Part) -> DeployRequest {
    DeployRequest {
        part,
        version: None,
        from: None,
        freeze_override: None,
        environment: "production".to_owned(),
    }
}

fn planned(facts: &Facts, config: &Config, request: ReleaseRequest) -> Result<Plan, Blockers> {
    let facts = selected(facts, config, &request.selection);
    plan(&facts, config, &Request::Release(request))
}

fn release(facts: &Facts, version: &str, skip: &[Stage]) -> Result<Plan, Blockers> {
    planned(facts, &Config::default(), wanted(version, skip))
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn a_release_goes_from_gates_to_the_last_look() {
    let plan = release(&facts(), "minor", &[]).unwrap();
    let want = [
        "fmt",
        "audit",
        "links",
        "secrets",
        "clippy",
        "test",
        "doc",
        "bump",
        "changelog",
        "commit-object",
        "package",
        "verify-packages",
        "sbom",
        "access",
        "commit",
        "tag",
        "push",
        "draft",
        "assets",
        "publish:core",
        "publish:left",
        "publish:right",
        "publish:top",
        "publish-github-release",
        "fresh-project",
        "verify",
    ];
    assert_eq!(ids(&plan), want);
    let irreversible: Vec<_> = plan
        .steps
        .iter()
        .filter(|s| s.irreversible)
        .map(|s| s.id.as_str())
        .collect();
    assert_eq!(irreversible, ["publish:core"]);
    let beside: Vec<_> = plan
        .steps
        .iter()
        .filter(|s| s.parallel_with_previous)
        .map(|s| s.id.as_str())
        .collect();
    assert_eq!(
        beside,
        [
            "audit",
            "links",
            "secrets",
            "publish:left",
            "publish:right",
            "publish:top"
        ]
    );
}

#[test]
fn every_member_moves_and_the_tool_along_with_them() {
    let plan = release(&facts(), "1.1.0", &[]).unwrap();
    let bump = plan.steps.iter().find(|s| s.stage == Stage::Bump).unwrap();
    let Action::EditFiles(EditFiles { files, .. }) = &bump.action else {
        panic!("{bump:?}")
    };
    let mut paths: Vec<_> = files.iter().map(|file| file.as_str()).collect();
    paths.sort_unstable();
    let all = [
        "core/Cargo.toml",
        "left/Cargo.toml",
        "right/Cargo.toml",
        "tool/Cargo.toml",
        "top/Cargo.toml",
    ];
    assert_eq!(paths, all);
}

#[test]
fn the_same_facts_give_the_same_plan() {
    let digest = |plan: Plan| plan.digest();
    assert_eq!(
        release(&facts(), "minor", &[]).map(digest),
        release(&facts(), "minor", &[]).map(digest)
    );
}

#[test]
fn everything_in_the_way_is_said_at_once() {
    let mut facts = facts();
    if let Ok(git) = &mut facts.git {
        git.dirty = vec!["notes.txt".to_owned()];
        git.branch = Some("topic".to_owned());
        if let Ok(remote) = &mut git.remote {
            remote.divergence = BranchDivergence::Behind;
        }
    }
    if let Some(Ok(registry)) = &mut facts.registry {
        registry.token = Err(Blocker::new("no token", "set one"));
    }
    facts.changelogs = changelog("# Changelog\n\n## [Unreleased]\n");
    let blockers = release(&facts, "0.9.0", &[Stage::Tag])
        .unwrap_err()
        .to_string();
    for part in [
        "stage tag cannot be skipped",
        "notes.txt",
        "branch is topic",
        "commits on main that are not here",
        "no token",
        "0.9.0 is not greater than 1.0.0",
        "CHANGELOG.md",
    ] {
        assert!(blockers.contains(part), "{blockers}\nlacks {part:?}");
    }
    assert!(blockers.starts_with("7 problems"), "{blockers}");
}

#[test]
fn a_version_that_is_taken_is_refused() {
    let blocked =
        |facts: &Facts, version: &str| release(facts, version, &[]).unwrap_err().to_string();
    assert!(blocked(&facts(), "1.0.0").contains("already tagged"));
    let mut published = facts();
    if let Some(Ok(registry)) = &mut published.registry {
        let there = serde_json::json!({ "name": "left", "vers": "1.1.0", "deps": [], "cksum": "", "features": {}, "yanked": true });
        registry.versions.insert(
            "left".to_owned(),
            vec![serde_json::from_value(there).unwrap()],
        );
    }
    assert!(blocked(&published, "1.1.0").contains("already published on crates-io: left"));
    // Build metadata does not make another number of it.
    assert!(blocked(&published, "1.1.0+build").contains("already published on crates-io: left"));
}

#[test]
fn what_has_never_been_released_may_be_released_as_it_is() {
    let mut facts = facts();
    if let Ok(git) = &mut facts.git {
        git.tags.clear();
    }
    facts.changelogs = changelog("# Changelog\n\n## [Unreleased]\n\n- All of it.\n");
    let plan = release(&facts, "1.0.0", &[]).unwrap();
    assert!(!ids(&plan).contains(&"bump") && plan.from.is_none());
}

#[test]
fn a_back_port_or_a_pre_release_does_not_become_the_latest() {
    let latest = |version: &str, known: Option<&str>| {
        let mut facts = facts();
        if let Some(Ok(github)) = &mut facts.github {
            github.latest = known.map(|tag| Release {
                id: 1,
                tag_name: tag.to_owned(),
                name: None,
                body: None,
                draft: false,
                prerelease: false,
                immutable: false,
                html_url: String::new(),
                assets: Vec::new(),
            });
        }
        let plan = release(&facts, version, &[]).unwrap();
        plan.steps.iter().find_map(|s| {
            if let Action::PublishGithubRelease(PublishGithubRelease { latest, .. }) = s.action {
                Some(latest)
            } else {
                None
            }
        })
    };
    assert_eq!(latest("1.1.0", None), Some(true));
    assert_eq!(latest("1.1.0", Some("v1.0.0")), Some(true));
    assert_eq!(latest("1.1.0", Some("v2.0.0")), Some(false));
    assert_eq!(latest("2.0.0-rc.1", None), Some(false));
}

#[test]
fn a_skipped_changelog_leaves_the_file_alone() {
    let plan = release(&facts(), "minor", &[Stage::Changelog]).unwrap();
    assert!(ids(&plan).contains(&"commit-object"));
    assert!(plan.edits.iter().all(|edit| edit.path != "CHANGELOG.md"));
}
