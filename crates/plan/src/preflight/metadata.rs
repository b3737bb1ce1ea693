//! Whether the registry takes the packages' metadata.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use stagegate_config::schema::Config;
use stagegate_manifest::{MetadataProblem, Package, metadata_problems};
use stagegate_registry::crates_io::{self, Known};

use crate::facts::{Facts, RegistryFacts};
use crate::model::Blocker;
use crate::version::VersionBump;

/// Adds what the manifests' metadata would be refused for. crates.io's rules are all known;
/// another registry has its own, and only what cargo itself demands is asked of it.
pub fn metadata(
    facts: &Facts,
    config: &Config,
    bumps: &[VersionBump<'_>],
    blockers: &mut Vec<Blocker>,
) {
    let bump = |package: &Package| bumps.iter().find(|bump| bump.group.has(&package.name));
    for package in &facts.workspace.packages {
        let Some(bump) = bump(package) else { continue };
        if !package.publishable_to_any(&config.registry.names()) {
            continue;
        }
        let mut is_of_crates_io = false;
        for registry in facts.registries() {
            if package.publishable_to(&registry.name)
                && registry.packages.contains_key(&package.name)
            {
                let version = bump.to.to_string();
                let place = facts.in_manifest(package);
                blockers.extend(of_crates_io(registry, package, version, &place));
                is_of_crates_io = true;
            }
        }
        if !is_of_crates_io {
            blockers.extend(of_any(package, facts.in_manifest(package)));
        }
    }
}

fn of_any(
    package: &Package,
    (file, line): (Utf8PathBuf, Option<usize>),
) -> impl Iterator<Item = Blocker> {
    let problems = metadata_problems(package).into_iter();
    let holds = problems.filter(MetadataProblem::holds_everywhere);
    holds.map(move |problem| {
        Blocker::new(
            format!("{}: {problem}", package.manifest_path),
            "correct the manifest, or set `publish = false`",
        )
        .at(file.clone(), line)
    })
}

fn of_crates_io(
    registry: &RegistryFacts,
    package: &Package,
    version: String,
    (file, line): &(Utf8PathBuf, Option<usize>),
) -> impl Iterator<Item = Blocker> {
    let mut metadata = registry.packages[&package.name].clone();
    metadata.version = version;
    let none = BTreeSet::new();
    let info = registry.crates.get(&package.name);
    let known = Known {
        categories: registry.categories.as_ref().unwrap_or(&none),
        published_name: info.map(|info| info.name.as_str()),
    };
    let only_trusted = info.is_some_and(|info| info.trusted_publishing_only == Some(true));
    let trusted = registry.token.as_ref().is_ok_and(|token| token.trusted);
    let mut problems: Vec<Blocker> = crates_io::check(&metadata, known)
        .into_iter()
        .map(|problem| {
            Blocker::new(
                format!("{}: {}", package.manifest_path, problem.what),
                problem.remedy,
            )
            .at(file.clone(), *line)
        })
        .collect();
    if only_trusted && !trusted {
        problems.push(Blocker::new(
            format!(
                "{} takes new versions through trusted publishing alone, and there is no workflow's identity here",
                package.name
            ),
            "release from the workflow that the crate trusts, or allow tokens in the crate's settings",
        ));
    }
    problems.into_iter()
}
