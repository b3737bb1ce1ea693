//! Which members of a workspace are in its releases.
//!
//! What is published is, and what can be. A member that was never published and cannot be
//! (an example without a licence, an internal test that depends on a path alone) stands in
//! nobody's way, as long as nothing that is published depends on it. In a workspace of
//! which nothing is published yet, one that shares the version of the others is meant to be
//! released with them: there a description that is missing was forgotten.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use stagegate_config::name_pattern::fits;
use stagegate_config::schema::Config;
use stagegate_manifest::{DependencyKind, MetadataProblem, Package, Workspace, metadata_problems};

use crate::model::{Blocker, count};
use crate::version::Evidence;
use crate::version::together::{Files, inherits};

/// The packages that a command line names, as cargo's `--package` and `--exclude` do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// These only; empty: all.
    pub packages: Vec<String>,
    /// All but these.
    pub exclude: Vec<String>,
}

impl Selection {
    /// Returns whether everything is meant.
    pub fn is_whole(&self) -> bool {
        self.packages.is_empty() && self.exclude.is_empty()
    }

    /// Returns whether a package is meant.
    pub fn means(&self, name: &str) -> bool {
        let named = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, name));
        (self.packages.is_empty() || named(&self.packages)) && !named(&self.exclude)
    }
}

/// Why a member is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// It was never published, and cannot be.
    Learned(String),
    /// stagegate.toml says so.
    Configured,
    /// The command line says so.
    Asked,
}

/// Returns the members that could go to the registry and are left out of this release.
///
/// # Errors
/// A name that fits no package.
pub(crate) fn left_out(
    workspace: &Workspace,
    files: &Files,
    config: &Config,
    selection: &Selection,
    evidence: &Evidence,
) -> Result<BTreeMap<String, Reason>, Blocker> {
    check_names(workspace, config, selection)?;
    let registries = config.registry.names();
    let named = |patterns: &[String], name: &str| patterns.iter().any(|p| fits(p, name));
    let (release, mut out) = (&config.release, BTreeMap::new());
    let mut kept_as_asked = BTreeSet::new();
    for package in workspace
        .packages
        .iter()
        .filter(|p| p.may_go_to_any(&registries))
    {
        let name = package.name.as_str();
        let own = release.of_package.get(name).and_then(|one| one.release);
        if !selection.means(name) {
            out.insert(name.to_owned(), Reason::Asked);
        } else if !selection.packages.is_empty() {
            kept_as_asked.insert(name);
        } else if own == Some(false)
            || named(&release.exclude, name)
            || (!release.packages.is_empty() && !named(&release.packages, name) && own.is_none())
        {
            out.insert(name.to_owned(), Reason::Configured);
        } else if own == Some(true) || named(&release.packages, name) {
            kept_as_asked.insert(name);
        }
    }
    let rest = workspace.packages.iter().filter(|p| {
        p.may_go_to_any(&registries)
            && !matches!(out.get(&p.name), Some(Reason::Configured))
            && !kept_as_asked.contains(p.name.as_str())
    });
    let is_sharing = |package: &Package| inherits(workspace, files, package);
    let is_known = |package: &Package| {
        let versions = evidence.versions_of(&package.name);
        versions.is_some_and(|versions| !versions.is_empty())
    };
    let packages = &workspace.packages;
    let is_first = !packages.iter().any(|p| is_sharing(p) && is_known(p));
    let shares = |package: &Package| is_first && is_sharing(package);
    let learned = learned(workspace, config, evidence, rest.collect(), &shares);
    for (name, why) in learned {
        out.insert(name, Reason::Learned(why));
    }
    Ok(out)
}

fn check_names(
    workspace: &Workspace,
    config: &Config,
    selection: &Selection,
) -> Result<(), Blocker> {
    let release = &config.release;
    let lists = [
        ("`--package`", "on the command line", &selection.packages),
        ("`--exclude`", "on the command line", &selection.exclude),
        ("`release.packages`", "in stagegate.toml", &release.packages),
        ("`release.exclude`", "in stagegate.toml", &release.exclude),
    ];
    for (list, place, patterns) in lists {
        let fits_none =
            |pattern: &&String| !workspace.packages.iter().any(|p| fits(pattern, &p.name));
        if let Some(pattern) = patterns.iter().find(fits_none) {
            return Err(Blocker::new(
                format!("`{pattern}` in {list} fits no package of the workspace"),
                format!("correct it {place}"),
            ));
        }
    }
    let unknown = release
        .of_package
        .keys()
        .find(|name| workspace.package(name).is_none());
    match unknown {
        None => Ok(()),
        Some(name) => Err(Blocker::new(
            format!("[release.package.{name}] names no package of the workspace"),
            "correct the name in stagegate.toml, or remove the table",
        )),
    }
}

/// Returns those of `rest` that were never published and cannot be, each with what is missing.
fn learned(
    workspace: &Workspace,
    config: &Config,
    evidence: &Evidence,
    rest: Vec<&Package>,
    shares_version: &dyn Fn(&Package) -> bool,
) -> BTreeMap<String, String> {
    let registry = &config.registry.name;
    let unversioned = Version::new(0, 0, 0);
    let versioned = rest.iter().any(|p| p.version != unversioned);
    let mut out: BTreeMap<String, String> = BTreeMap::new();
    let private = |name: &str| {
        let package = workspace.package(name);
        package.is_some_and(|p| !p.may_go_to_any(&config.registry.names()) && !p.is_in_registry)
    };
    for package in rest
        .iter()
        .filter(|p| !evidence.is_published(p) || is_of_others(p, workspace, (registry, evidence)))
    {
        let why = match package.version == unversioned && versioned {
            true => Some("it is at 0.0.0".to_owned()),
            false => missing(package, registry, shares_version(package), &private),
        };
        out.extend(why.map(|why| (package.name.clone(), why)));
    }
    // What something published depends on stays, and what is missing is said.
    loop {
        let needed: BTreeSet<&str> = rest
            .iter()
            .filter(|package| !out.contains_key(&package.name))
            .flat_map(|package| &package.internal)
            .filter(|d| d.is_published())
            .map(|d| d.name.as_str())
            .collect();
        let before = out.len();
        out.retain(|name, _| !needed.contains(name.as_str()));
        if out.len() == before {
            break;
        }
    }
    // A workspace of which nothing can be published has problems, no convention.
    if out.len() == rest.len() {
        out.clear();
    }
    out
}

/// Returns whether a crate of this name and version must be somebody else's: crates.io takes
/// none without a description or a license, no tag here names it, and like an example it uses
/// siblings and moves with none of them. `demo 0.1.0` is taken.
fn is_of_others(
    package: &Package,
    workspace: &Workspace,
    (registry, evidence): (&str, &Evidence),
) -> bool {
    let moves_along =
        |other: &Package| other.name != package.name && other.version == package.version;
    let is_lacking = |problem: &MetadataProblem| {
        matches!(
            problem,
            MetadataProblem::NoDescription | MetadataProblem::NoLicense
        )
    };
    registry == "crates-io"
        && !package.internal.is_empty()
        && metadata_problems(package).iter().any(is_lacking)
        && !evidence
            .tags
            .iter()
            .any(|tag| tag.starts_with(&package.name))
        && !workspace.packages.iter().any(moves_along)
}

/// Returns what keeps a package from being published, if anything does.
fn missing(
    package: &Package,
    registry: &str,
    shares_version: bool,
    is_private: &dyn Fn(&str) -> bool,
) -> Option<String> {
    let problem = metadata_problems(package).into_iter().find_map(|problem| {
        let said = match &problem {
            MetadataProblem::NoDescription => "it has no description".to_owned(),
            MetadataProblem::NoLicense => "it has no license".to_owned(),
            MetadataProblem::NoVersion { dependency } => {
                format!("its dependency {dependency} has no version")
            }
            _ => return None,
        };
        let asked_by_crates_io = registry == "crates-io" && !shares_version;
        (asked_by_crates_io || problem.holds_everywhere()).then_some(said)
    });
    let built = package
        .internal
        .iter()
        .filter(|d| d.kind != DependencyKind::Development && d.registry.is_none());
    problem.or_else(|| {
        let needed = built.map(|d| &d.name).find(|name| is_private(name))?;
        Some(format!("it needs {needed}, which is not published"))
    })
}

/// Returns what is said of the members that are left out.
pub(crate) fn notes(out: &BTreeMap<String, Reason>) -> Vec<String> {
    let mut by_reason: BTreeMap<&Reason, Vec<&str>> = BTreeMap::new();
    for (name, why) in out {
        by_reason.entry(why).or_default().push(name);
    }
    let note = |(why, names): (&Reason, Vec<&str>)| {
        let who = match names.as_slice() {
            [first, second, third, rest @ ..] if rest.len() > 1 => {
                let more = count(rest.len(), "other member");
                format!("{first}, {second}, {third} and {more}")
            }
            _ => names.join(", "),
        };
        match why {
            Reason::Learned(why) => {
                format!("left out: {who} (never published, and cannot be: {why})")
            }
            Reason::Configured => format!("left out, as stagegate.toml says: {who}"),
            Reason::Asked => format!("left out, as you asked: {who}"),
        }
    };
    by_reason.into_iter().map(note).collect()
}
