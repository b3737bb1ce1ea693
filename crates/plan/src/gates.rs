//! The gates of a release, as steps.
//!
//! Three rounds, by what they wait for. What needs no build goes first and side
//! by side: it is quick, and most often what stops a release. Clippy and the
//! tests share the workspace's target directory and its lock, so they follow one
//! another. Documentation, the stated Rust version and the public API then go
//! side by side: the last two build into directories of their own.

use std::collections::BTreeMap;

use semver::Version;
use stagegate_config::schema::{CommandGate, Config, Level};
use stagegate_config::stage::Stage;
use stagegate_manifest::{Package, Workspace};

use crate::facts::Facts;
use crate::model::{
    Action, AuditDependencies, CheckLinks, CheckMsrv, FindOutdated, FindSecrets, GateCommand, Step,
};
use crate::version::VersionBump;

/// Returns every gate that is on; what a gate cannot look at becomes a note. Those that build are
/// about these packages only, or about all where none is named.
pub fn steps(
    facts: &Facts,
    config: &Config,
    bumps: &[VersionBump<'_>],
    packages: &[&str],
    notes: &mut Vec<String>,
) -> Vec<Step> {
    let gates = &config.gates;
    let quick = [
        command(Stage::Fmt, &gates.fmt, &["--all", "--check"], &[]),
        audit(config),
        outdated(config),
        links(config),
        secrets(config),
    ];
    let whole = match packages {
        [] => vec!["--workspace"],
        some => some.iter().flat_map(|name| ["--package", name]).collect(),
    };
    let with = |more: &[&'static str]| [whole.as_slice(), more].concat();
    let clippy = with(&["--all-targets", "--", "--deny", "warnings"]);
    let clippy = command(Stage::Clippy, &gates.clippy, &clippy, &[]);
    let test = command(Stage::Test, &gates.test, &whole, &[]);
    let warnings = [("RUSTDOCFLAGS", "--deny warnings")];
    let doc = command(Stage::Doc, &gates.doc, &with(&["--no-deps"]), &warnings);
    let mut last = vec![doc, msrv(facts, config)];
    last.extend(semver(facts, config, bumps, notes).into_iter().map(Some));
    let rounds = [quick.into(), vec![clippy], vec![test], last];
    rounds.into_iter().flat_map(side_by_side).collect()
}

fn side_by_side(steps: Vec<Option<Step>>) -> Vec<Step> {
    let there = steps.into_iter().flatten().enumerate();
    there
        .map(|(at, step)| {
            if at == 0 {
                step
            } else {
                step.parallel_with_previous()
            }
        })
        .collect()
}

/// Creates the step of a gate that is a cargo command of the same name.
fn command(stage: Stage, gate: &CommandGate, usual: &[&str], env: &[(&str, &str)]) -> Option<Step> {
    let given = gate.args.clone();
    let args = given.unwrap_or_else(|| usual.iter().map(ToString::to_string).collect());
    cargo(stage, stage.name(), gate.level, stage.name(), args, env)
}

fn cargo(
    stage: Stage,
    id: &str,
    level: Level,
    subcommand: &str,
    args: Vec<String>,
    env: &[(&str, &str)],
) -> Option<Step> {
    let args: Vec<String> = std::iter::once(subcommand.to_owned()).chain(args).collect();
    let title = format!("cargo {}", args.join(" "));
    let env = env
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    let action = Action::RunGate(GateCommand {
        gate: stage,
        level,
        args,
        env,
    });
    on(level, Step::new(id, stage, title, action))
}

fn on(level: Level, step: Step) -> Option<Step> {
    (level != Level::Off).then_some(step)
}

fn audit(config: &Config) -> Option<Step> {
    let gate = config.gates.audit.clone();
    let action = Action::AuditDependencies(AuditDependencies {
        level: gate.level,
        database: gate.database,
        ignore: gate.ignore,
    });
    let title = "look up every locked package in the advisory database";
    on(gate.level, Step::new("audit", Stage::Audit, title, action))
}

fn outdated(config: &Config) -> Option<Step> {
    let gate = config.gates.outdated.clone();
    let action = Action::FindOutdated(FindOutdated {
        level: gate.level,
        ignore: gate.ignore,
    });
    let title = "ask the index for newer versions of the direct dependencies";
    on(
        gate.level,
        Step::new("outdated", Stage::Outdated, title, action),
    )
}

fn links(config: &Config) -> Option<Step> {
    let gate = config.gates.links.clone();
    let action = Action::CheckLinks(CheckLinks {
        level: gate.level,
        paths: gate.paths,
    });
    let title = "follow the links between documents";
    on(gate.level, Step::new("links", Stage::Links, title, action))
}

fn secrets(config: &Config) -> Option<Step> {
    let gate = config.gates.secrets.clone();
    let action = Action::FindSecrets(FindSecrets {
        level: gate.level,
        allow: gate.allow,
    });
    let title = "look for credentials in tracked files";
    on(
        gate.level,
        Step::new("secrets", Stage::Secrets, title, action),
    )
}

/// Creates the gate of stated Rust versions, where a package states one.
fn msrv(facts: &Facts, config: &Config) -> Option<Step> {
    let mut stated: BTreeMap<Version, Vec<String>> = BTreeMap::new();
    let packages = facts.workspace.packages.iter();
    for package in packages.filter(|package| !package.left_out) {
        if let Some(version) = &package.metadata.rust_version {
            let packages = stated.entry(version.clone()).or_default();
            packages.push(package.name.clone());
        }
    }
    let versions: Vec<String> = stated.keys().map(ToString::to_string).collect();
    let title = format!(
        "see that Rust {} is enough, as stated",
        versions.join(" and ")
    );
    let level = config.gates.msrv.level;
    let action = Action::CheckMsrv(CheckMsrv { level, stated });
    let step = Step::new("msrv", Stage::Msrv, title, action);
    on(level, step).filter(|_| !versions.is_empty())
}

/// Creates one step for each baseline and kind of release.
fn semver(
    facts: &Facts,
    config: &Config,
    bumps: &[VersionBump<'_>],
    notes: &mut Vec<String>,
) -> Vec<Step> {
    let gate = &config.gates.semver;
    let (Level::Deny | Level::Warn, Ok(git)) = (gate.level, &facts.git) else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    for one in bumps {
        let libraries = libraries(&facts.workspace, config, &one.group.members);
        if libraries.is_empty() {
            continue;
        }
        let released = git
            .tags
            .keys()
            .filter_map(|tag| Some((tag, one.group.version_of(tag)?)));
        // A back-port is compared with what it follows, and nothing promises to
        // stay as it was in a pre-release.
        let baseline = released
            .filter(|(_, version)| *version < one.to && version.pre.is_empty())
            .max_by(|a, b| a.1.cmp(&b.1));
        let Some((tag, before)) = baseline else {
            notes.push(format!(
                "no release before {} is tagged, so the semver gate has no API to compare {} with",
                one.to,
                libraries.join(", ")
            ));
            continue;
        };
        let (known, new): (Vec<&str>, Vec<&str>) = libraries
            .into_iter()
            .partition(|name| was_published(facts, name, &before));
        if !new.is_empty() {
            notes.push(format!(
                "not published at {before}, so the semver gate has nothing to compare: {}",
                new.join(", ")
            ));
        }
        if known.is_empty() {
            continue;
        }
        let kind = release_type(&before, &one.to);
        let mut args: Vec<String> = ["--baseline-rev", tag, "--release-type", kind]
            .map(str::to_owned)
            .into();
        for name in known {
            args.extend(["--package".to_owned(), name.to_owned()]);
        }
        args.extend(gate.args.iter().cloned());
        let id = match steps.len() {
            0 => "semver".to_owned(),
            _ => format!("semver:{tag}"),
        };
        let stage = Stage::Semver;
        steps.extend(cargo(stage, &id, gate.level, "semver-checks", args, &[]));
    }
    steps
}

/// Returns those of the packages whose API others build on.
fn libraries<'p>(workspace: &Workspace, config: &Config, packages: &'p [String]) -> Vec<&'p str> {
    let offers = |package: &Package| {
        let targets = &package.metadata.targets;
        package.publishable_to_any(&config.registry.names())
            && targets
                .iter()
                .any(|t| t.is_lib() || t.is_rlib() || t.is_dylib())
    };
    let is_one = |name: &&str| workspace.package(name).is_some_and(offers);
    packages.iter().map(String::as_str).filter(is_one).collect()
}

fn was_published(facts: &Facts, package: &str, version: &Version) -> bool {
    let registry = facts.registry.as_ref().and_then(|r| r.as_ref().ok());
    registry
        .and_then(|r| r.versions.get(package))
        .is_some_and(|known| known.iter().any(|v| v.vers == *version))
}

/// Returns what a new version says that it may change, in cargo's reading of it: before
/// 1.0.0 each number says as much as the one before it does afterwards.
fn release_type(before: &Version, after: &Version) -> &'static str {
    let numbers = |v: &Version| [v.major, v.minor, v.patch];
    let first = numbers(before).iter().position(|&n| n > 0).unwrap_or(2);
    let (old, new) = (numbers(before), numbers(after));
    let changed = (0..3).find(|&at| old[at] != new[at]).unwrap_or(3);
    match changed.checked_sub(first) {
        None | Some(0) => "major",
        Some(1) => "minor",
        Some(_) => "patch",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CustomCommand;

    #[test]
    fn what_a_version_says_that_it_may_change() {
        let check = |before: &str, after: &str, want: &str| {
            let kind = release_type(&before.parse().unwrap(), &after.parse().unwrap());
            assert_eq!(kind, want, "{before} -> {after}");
        };
        check("1.2.3", "2.0.0", "major");
        check("1.2.3", "2.0.0-rc.1", "major");
        check("1.2.3", "1.3.0", "minor");
        check("1.2.3", "1.2.4", "patch");
        check("0.1.3", "0.2.0", "major");
        check("0.1.3", "0.1.4", "minor");
        check("0.0.3", "0.0.4", "major");
        check("0.0.3", "1.0.0", "major");
    }

    fn step(name: &str) -> Option<Step> {
        let action = Action::CustomCommand(CustomCommand {
            run: vec![name.to_owned()],
            probe: None,
            pass_env: Vec::new(),
            env: Vec::new(),
        });
        Some(Step::new(name, Stage::Fmt, name, action))
    }

    #[test]
    fn the_first_that_is_on_begins_the_round() {
        let beside: Vec<bool> = side_by_side(vec![None, step("a"), None, step("b")])
            .iter()
            .map(|step| step.parallel_with_previous)
            .collect();
        assert_eq!(beside, [false, true]);
    }
}
