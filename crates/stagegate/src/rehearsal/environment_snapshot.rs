//! What the environment looks like after a rehearsal, by its own means: not what
//! the client said it did.

use std::collections::BTreeMap;
use std::process::Command;

use semver::Version;
use serde::Serialize;
use stagegate_config::schema::Config;
use stagegate_fakes::environment::FakeEnvironment;
use stagegate_fakes::registry::FakeRegistry;
use stagegate_manifest::Workspace;

/// What the environment looks like.
#[derive(Debug, Default, Serialize)]
pub(super) struct EnvironmentSnapshot {
    /// The released crates in the registry's index.
    pub(super) crates: Vec<CrateSeen>,
    /// Branches and tags at the remote, with their commits.
    pub(super) references: Vec<(String, String)>,
    /// The releases at GitHub.
    pub(super) releases: Vec<ReleaseSeen>,
    /// The host's processes.
    pub(super) processes: Vec<String>,
    /// Timers that are still armed there.
    pub(super) timers: Vec<String>,
    /// The last line of the host's own record.
    pub(super) last_deploy: Option<String>,
    /// Hardening that the fake host reads and does not enforce.
    pub(super) not_enforced: Vec<String>,
}

/// A published crate.
#[derive(Debug, Serialize)]
pub(super) struct CrateSeen {
    /// The registry's name.
    pub(super) registry: String,
    /// Its name.
    pub(super) name: String,
    /// Its version.
    pub(super) version: Version,
    /// The checksum in the index.
    pub(super) checksum: String,
}

/// A release.
#[derive(Debug, Serialize)]
pub(super) struct ReleaseSeen {
    /// Its tag.
    pub(super) tag: String,
    /// Not public.
    pub(super) draft: bool,
    /// Its files.
    pub(super) assets: Vec<String>,
}

/// Takes the snapshot. What cannot be seen is left empty: the report shows it as missing.
pub(super) fn look(
    fakes: &FakeEnvironment,
    versions: &BTreeMap<String, Version>,
    workspace: &Workspace,
    config: &Config,
) -> EnvironmentSnapshot {
    let mut seen = EnvironmentSnapshot::default();
    let main = (config.registry.name.as_str(), &fakes.registry);
    let more = fakes.more_registries.iter();
    let more = more.map(|(name, registry)| (name.as_str(), registry));
    for (name, registry) in std::iter::once(main).chain(more) {
        let packages = workspace.packages.iter();
        let ours = packages.filter(|p| p.publishable_to(name));
        let ours = ours.map(|package| package.name.as_str());
        seen.crates.extend(crates(name, registry, ours, versions));
    }
    let listing = Command::new("git")
        .args(["ls-remote", fakes.remote().as_str()])
        .output();
    if let Ok(listing) = listing {
        let text = String::from_utf8_lossy(&listing.stdout).into_owned();
        seen.references = text
            .lines()
            .filter_map(|l| l.split_once('\t'))
            .map(|(a, b)| (b.to_owned(), a.to_owned()))
            .collect();
    }
    seen.releases = fakes
        .github
        .releases()
        .into_iter()
        .map(|r| ReleaseSeen {
            tag: r.tag_name,
            draft: r.draft,
            assets: r.assets.into_iter().map(|a| a.name).collect(),
        })
        .collect();
    if let Some(host) = &fakes.host {
        seen.processes = host
            .processes()
            .iter()
            .map(|p| format!("{} (pid {})", p.unit, p.pid))
            .collect();
        seen.timers = host.timers();
        seen.not_enforced = host.not_enforced();
        for by in super::overlay::not_by_the_firewall(config) {
            let instead = format!("the switch by {by} (the firewall led users instead)");
            seen.not_enforced.push(instead);
        }
        let name = config
            .app
            .as_ref()
            .map(|app| app.name.clone())
            .unwrap_or_default();
        let record =
            std::fs::read_to_string(host.prefix().join("opt").join(name).join("deploys.jsonl"));
        seen.last_deploy = record
            .ok()
            .and_then(|text| text.lines().last().map(str::to_owned));
    }
    seen
}

/// Returns the released crates in a registry's index.
fn crates<'n>(
    registry: &str,
    fake: &FakeRegistry,
    names: impl Iterator<Item = &'n str>,
    versions: &BTreeMap<String, Version>,
) -> Vec<CrateSeen> {
    let Ok(client) = stagegate_registry::Registry::open(&fake.index()) else {
        return Vec::new();
    };
    let seen = |name: &str| {
        let known = client.versions(name).unwrap_or_default();
        let released = versions.get(name);
        let there = known.into_iter().find(|v| Some(&v.vers) == released)?;
        Some(CrateSeen {
            registry: registry.to_owned(),
            name: name.to_owned(),
            version: there.vers,
            checksum: there.cksum,
        })
    };
    names.filter_map(seen).collect()
}
