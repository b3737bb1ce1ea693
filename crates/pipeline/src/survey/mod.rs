//! The survey: every read, and nothing but reads.
//!
//! What cannot be looked at becomes a blocker in its place, and the survey goes
//! on: a person hears of everything at once. It writes nothing, in no world:
//! not even `git fetch` is used where `git ls-remote` tells as much.

mod advisories;
mod checkout;
mod github;
mod hosts;
mod registry;
mod tools;

pub(crate) use advisories::default_database;
pub(crate) use hosts::environment;
pub use hosts::{app_of, targets};

use std::collections::BTreeMap;

use anyhow::Context;
use camino::Utf8PathBuf;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use semver::Version;
use stagegate_manifest::Workspace;

use crate::World;
use crate::blocker::Blocker;
use crate::facts::{Facts, Found};
use crate::request::Request;

/// How far to look.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Gates will run.
    pub gates: bool,
    /// The registry.
    pub registry: bool,
    /// GitHub.
    pub github: bool,
    /// The hosts of this environment.
    pub environment: Option<String>,
    /// The version whose GitHub release is of interest.
    pub version: Option<Version>,
}

impl Scope {
    /// What a request needs to know.
    pub fn of(request: &Request) -> Scope {
        match request {
            Request::Release(wanted) => Scope {
                gates: true,
                registry: true,
                github: !wanted.skip.contains(&crate::Stage::Draft),
                environment: (!wanted.skips_deploy()).then(|| wanted.environment.clone()),
                version: None,
            },
            Request::Deploy(wanted) => Scope {
                environment: Some(wanted.environment.clone()),
                ..Scope::default()
            },
            Request::Rollback(wanted) => Scope {
                environment: Some(wanted.environment.clone()),
                ..Scope::default()
            },
            Request::Yank(wanted) => Scope {
                registry: true,
                github: true,
                version: Some(wanted.version.clone()),
                ..Scope::default()
            },
        }
    }

    /// Everything, for `doctor`.
    pub fn everything(environment: &str) -> Scope {
        Scope {
            gates: true,
            registry: true,
            github: true,
            environment: Some(environment.to_owned()),
            version: None,
        }
    }
}

/// Looks at everything in scope.
pub fn survey(world: &World, scope: &Scope) -> anyhow::Result<Facts> {
    let at = Timestamp::now();
    let workspace = Workspace::load(
        &world.cargo,
        &world.root.join("Cargo.toml"),
        &crate::command::clean,
    )?;
    let files = files(&workspace)?;
    let publishes = workspace
        .packages
        .iter()
        .any(|p| p.publishable_to(&world.config.registry.name));
    // Registry, GitHub and hosts answer from afar: they are asked side by side.
    let workspace_ref = &workspace;
    let (registry, github, hosts) = std::thread::scope(|threads| {
        let registry = threads
            .spawn(|| (scope.registry && publishes).then(|| registry::look(world, workspace_ref)));
        let wants_release = scope.github && world.config.github.release;
        let github =
            threads.spawn(move || wants_release.then(|| github::look(world, workspace_ref, scope)));
        let hosts = hosts::look(world, scope);
        (
            registry.join().expect("the survey does not panic"),
            github.join().expect("the survey does not panic"),
            hosts,
        )
    });
    Ok(Facts {
        at,
        date: at
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d")
            .to_string(),
        changelog: changelog(world)?,
        git: checkout::look(world),
        tools: if scope.gates {
            tools::look(world)
        } else {
            Vec::new()
        },
        advisories: if scope.gates {
            advisories::look(world)
        } else {
            None
        },
        registry,
        github,
        hosts,
        workspace,
        files,
    })
}

fn files(workspace: &Workspace) -> anyhow::Result<BTreeMap<Utf8PathBuf, Vec<u8>>> {
    let manifests = workspace.packages.iter().map(|p| p.manifest_path.clone());
    let root = ["Cargo.toml", "Cargo.lock"].map(|name| workspace.root.join(name));
    let mut files = BTreeMap::new();
    for path in manifests.chain(root) {
        let Ok(relative) = path.strip_prefix(&workspace.root) else {
            continue;
        };
        match std::fs::read(&path) {
            Ok(bytes) => drop(files.insert(relative.to_owned(), bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(e).with_context(|| format!("reading {path}")),
        }
    }
    Ok(files)
}

fn changelog(world: &World) -> anyhow::Result<Option<(Utf8PathBuf, Found<String>)>> {
    let configured = world.config.release.changelog.clone();
    let path = configured.clone().unwrap_or_else(|| "CHANGELOG.md".into());
    match std::fs::read(world.root.join(&path)) {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).map_err(|e| {
                let place = e.utf8_error().valid_up_to();
                Blocker::new(
                    format!("{path} is not UTF-8 at byte {place}"),
                    "save it as UTF-8",
                )
            });
            Ok(Some((path, text)))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && configured.is_none() => Ok(None),
        Err(e) => {
            let blocker = Blocker::new(
                format!("the changelog {path} cannot be read: {e}"),
                "correct `release.changelog` in stagegate.toml, or create the file",
            );
            Ok(Some((path, Err(blocker))))
        }
    }
}
