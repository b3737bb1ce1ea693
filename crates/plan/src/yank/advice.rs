//! What people are told of a yank: what to use instead, and what it strands.

use semver::{Version, VersionReq};

use crate::facts::RegistryFacts;
use crate::model::Plan;
use crate::request::YankRequest;

/// Notes what users resolve to afterwards, and what is left without a version to use.
pub fn advise(
    (registry, command): (&RegistryFacts, &str),
    wanted: &YankRequest,
    yanked: &[String],
    plan: &mut Plan,
) {
    let good = yanked
        .first()
        .and_then(|name| last_good(registry, name, &wanted.version));
    let (note, then) = match &good {
        Some(good) => (
            format!("the last good version before it is {good}"),
            format!("users resolve to {good} again"),
        ),
        None => (
            "there is no good version before it: new projects cannot use these crates until the next release".to_owned(),
            "there is no earlier version to resolve to".to_owned(),
        ),
    };
    plan.notes.push(note);
    plan.next_step_hint = Some(format!(
        "{then}; make a fix ready with `{command} hotfix {}`",
        wanted.version
    ));
    // crates.io: 100 yanks at once, then one a minute.
    if registry.name == "crates-io" && yanked.len() > 100 {
        let minutes = yanked.len() - 100;
        plan.notes.push(format!(
            "crates.io takes 100 yanks at once, then 1 a minute: expect {minutes} minutes of waiting"
        ));
    }
    for (name, versions) in &registry.versions {
        for stranded in versions.iter().filter(|v| !v.yanked) {
            let leaves = yanked.contains(name) && stranded.vers == wanted.version;
            let need = stranded.deps.iter().find(|dependency| {
                let package = dependency.package.as_ref().unwrap_or(&dependency.name);
                yanked.contains(package)
                    && !leaves
                    && lost(registry, package, &dependency.req, &wanted.version)
            });
            if let Some(need) = need {
                plan.notes.push(format!(
                    "{name} {} needs {} {} and finds no other: yank it too",
                    stranded.vers, need.name, need.req
                ));
            }
        }
    }
}

/// Returns whether a requirement accepts the version and no other that is left.
fn lost(registry: &RegistryFacts, package: &str, requirement: &str, version: &Version) -> bool {
    let Ok(requirement) = VersionReq::parse(requirement) else {
        return false;
    };
    let known = registry
        .versions
        .get(package)
        .map(Vec::as_slice)
        .unwrap_or_default();
    requirement.matches(version)
        && !known
            .iter()
            .any(|v| !v.yanked && v.vers != *version && requirement.matches(&v.vers))
}

/// Returns the highest release before a version that is not yanked.
pub fn last_good(registry: &RegistryFacts, name: &str, version: &Version) -> Option<Version> {
    let known = registry.versions.get(name)?;
    let good = known
        .iter()
        .filter(|v| !v.yanked && v.vers < *version && v.vers.pre.is_empty());
    good.map(|v| v.vers.clone()).max()
}

/// Returns what is written above the notes of a yanked release, on one line.
pub fn note(reason: Option<&str>, good: Option<&Version>) -> String {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = reason.map_or_else(String::new, |reason| format!(" {}", one_line(reason)));
    let instead = match good {
        Some(good) => format!("Use {good}, or a later version."),
        None => "Use a later version.".to_owned(),
    };
    format!("{NOTE}:**{reason} New projects no longer resolve to it. {instead}")
}

/// What the note above its notes begins with; an empty line ends it.
pub const NOTE: &str = "> **This version is yanked";
