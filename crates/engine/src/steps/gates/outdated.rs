//! The outdated gate: direct dependencies accept the newest versions there are.
//!
//! Only what the workspace itself can change is looked at: the requirements in
//! its manifests, not the packages that others bring along. Pre-releases and
//! yanked versions are nothing to follow.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use semver::{Version, VersionReq};
use stagegate_manifest::Workspace;
use stagegate_plan::model::FindOutdated;
use stagegate_registry::{IndexVersion, Registry};

use crate::context::Context;
use crate::executor::step::{Perform, StepContext};
use crate::parallel::parallel_map;

/// Requests to an index at a time.
const AT_ONCE: usize = 16;

impl Perform for FindOutdated {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let ignore: &[String] = &self.ignore;

        let context = ctx.context;
        let mut direct = direct(&context.workspace_at(&context.root)?);
        direct.retain(|(_, name), _| !ignore.contains(name));
        let total = direct.len();
        let mut registries = BTreeMap::new();
        for (index, _) in direct.keys() {
            if !registries.contains_key(index) {
                registries.insert(index.clone(), open(context, index.as_deref())?);
            }
        }
        let asked: Vec<_> = direct.into_iter().collect();
        let mut behind = Vec::new();
        ctx.progress("asking the index", None, Some(total as u64));
        let answers = parallel_map(AT_ONCE, &asked, |((index, name), _)| {
            registries[index].versions(name)
        });
        for (((_, name), requirements), versions) in asked.iter().zip(answers) {
            let versions = versions.with_context(|| {
                format!("asking for the versions of {name}; a gate that cannot run fails: with `gates.outdated = \"warn\"` the release continues")
            })?;
            let old = requirements.iter().filter_map(|(text, requirement)| {
                let newest = newest_beyond(requirement, &versions)?;
                Some(format!("{name} {text} (newest {newest})"))
            });
            behind.extend(old);
        }
        if !behind.is_empty() {
            bail!(
                "{} of {total} direct dependencies are behind:\n    {}\n  move on to them, or name those that may stay in `gates.outdated.ignore`",
                behind.len(),
                behind.join("\n    ")
            );
        }
        Ok(format!(
            "{total} direct dependencies accept the newest versions"
        ))
    }
}

/// Requirements by their text, for each index and package.
type Direct = BTreeMap<(Option<String>, String), BTreeMap<String, VersionReq>>;

/// The requirements on every package from a registry. What comes from a path or
/// from git has no newest version.
fn direct(workspace: &Workspace) -> Direct {
    let mut direct = Direct::new();
    let all = workspace.packages.iter();
    for dependency in all.flat_map(|package| &package.metadata.dependencies) {
        let source = dependency.source.as_ref();
        if dependency.path.is_some() || source.is_some_and(|s| s.repr.starts_with("git+")) {
            continue;
        }
        let place = (dependency.registry.clone(), dependency.name.clone());
        let requirements = direct.entry(place).or_default();
        requirements.insert(dependency.req.to_string(), dependency.req.clone());
    }
    direct
}

/// The registry behind an index that a manifest names, or crates.io.
fn open(context: &Context, index: Option<&str>) -> anyhow::Result<Registry> {
    for name in context.config.registry.names() {
        let is_it = match index {
            None => name == "crates-io",
            Some(index) => {
                let known = context.registry_index(name)?;
                index.trim_end_matches('/') == known.trim_end_matches('/')
            }
        };
        if is_it {
            return context.registry_of(name);
        }
    }
    let index = index.unwrap_or(stagegate_registry::CRATES_IO_INDEX);
    Registry::open(index).with_context(|| {
        format!("reading the index {index}; a gate that cannot run fails: name its packages in `gates.outdated.ignore` if it cannot be read from here, or set `gates.outdated = \"warn\"`")
    })
}

/// The newest version, where a requirement accepts none that is as new.
fn newest_beyond<'v>(
    requirement: &VersionReq,
    versions: &'v [IndexVersion],
) -> Option<&'v Version> {
    let there = || versions.iter().filter(|v| !v.yanked).map(|v| &v.vers);
    let newest = there().filter(|v| v.pre.is_empty()).max()?;
    let accepted = there().filter(|v| requirement.matches(v)).max();
    accepted
        .is_none_or(|accepted| accepted < newest)
        .then_some(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_is_what_accepts_nothing_as_new() {
        let version = |text: &str| IndexVersion {
            name: "x".to_owned(),
            vers: text.trim_end_matches('!').parse().unwrap(),
            cksum: String::new(),
            yanked: text.ends_with('!'),
            deps: Vec::new(),
            links: None,
            rust_version: None,
        };
        let check = |requirement: &str, versions: &str, want: Option<&str>| {
            let versions: Vec<IndexVersion> = versions.split(' ').map(version).collect();
            let newest = newest_beyond(&requirement.parse().unwrap(), &versions);
            let newest = newest.map(ToString::to_string);
            assert_eq!(newest.as_deref(), want, "{requirement}");
        };
        check("^1", "1.0.0 1.9.0", None);
        check("^1", "1.0.0 2.1.0", Some("2.1.0"));
        check("=1.0.0", "1.0.0 1.0.1", Some("1.0.1"));
        check(">=1, <3", "1.0.0 2.0.0 3.0.0!", None);
        check("^1", "1.0.0 2.0.0-rc.1", None);
        // Ahead of the newest stable one is not behind it.
        check("2.0.0-rc.1", "1.0.0 2.0.0-rc.1", None);
        check("^3", "1.0.0", Some("1.0.0"));
    }
}
