//! The msrv gate: what a package states as `rust-version` is enough to build it.
//!
//! Twice over: no package that it brings along states a newer one, and the
//! toolchain of that version, run through rustup, can check it. Its tests and
//! their dependencies may need more; users do not build those.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use semver::Version;
use serde::Deserialize;
use stagegate_plan::model::{CheckMsrv, TimeCategory};

use crate::executor::step::{Perform, StepContext, indent};
use crate::tools::process::Tool;

impl Perform for CheckMsrv {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let stated: &BTreeMap<Version, Vec<String>> = &self.stated;

        let context = ctx.context;
        let metadata = ["metadata", "--format-version", "1", "--locked"];
        let answer = crate::tools::process::read(context.cargo_in(&context.root).args(metadata))?;
        let graph: Graph = serde_json::from_str(&answer).context("reading `cargo metadata`")?;
        let too_new = too_new(&graph, stated);
        if !too_new.is_empty() {
            bail!(
                "{} dependencies need a newer Rust than is stated:\n    {}\n  raise `rust-version`, or take an older version of them",
                too_new.len(),
                too_new.join("\n    ")
            );
        }
        let running = running(ctx)?;
        let mut proven = vec![format!(
            "no dependency of {} packages needs more",
            stated.values().flatten().count()
        )];
        for (version, packages) in stated {
            if (version.major, version.minor) == (running.major, running.minor) {
                proven.push(format!(
                    "{version} is the toolchain of this release, which builds everything with it"
                ));
                continue;
            }
            build(ctx, version, packages)?;
            proven.push(format!(
                "{} packages pass `cargo check` with {version}",
                packages.len()
            ));
        }
        Ok(proven.join("; "))
    }
}

/// The version of the cargo that runs us.
fn running(ctx: &StepContext<'_>) -> anyhow::Result<Version> {
    let context = ctx.context;
    let answer = crate::tools::process::read(context.cargo_in(&context.root).args(["--version"]))?;
    let word = answer.split_whitespace().nth(1).unwrap_or_default();
    Version::parse(word).with_context(|| format!("reading cargo's version in `{}`", answer.trim()))
}

/// Checks packages with a toolchain, in a target directory of its own.
fn build(ctx: &mut StepContext<'_>, version: &Version, packages: &[String]) -> anyhow::Result<()> {
    let toolchain = installed(ctx, version)?;
    let directory = ctx.context.output().join(format!("msrv-{version}"));
    let mut arguments = vec!["run", &toolchain, "cargo", "check", "--locked"];
    for package in packages {
        arguments.extend(["--package", package]);
    }
    let tool = rustup(ctx, &arguments).env("CARGO_TARGET_DIR", directory.as_str());
    let shown = tool.shown().to_owned();
    let (passed, _, tail) = ctx.try_run(tool)?;
    if !passed {
        bail!(
            "the stated Rust {version} is not enough: `{shown}` says\n{}\n  raise `rust-version`, or avoid what is newer; the whole output is in {}",
            indent(&tail),
            ctx.log()
        );
    }
    Ok(())
}

/// The name by which rustup has a version: `1.85`, or `1.85.0`.
fn installed(ctx: &mut StepContext<'_>, version: &Version) -> anyhow::Result<String> {
    let short = format!("{}.{}", version.major, version.minor);
    let names = match version.patch {
        0 => vec![short, version.to_string()],
        _ => vec![version.to_string()],
    };
    for name in &names {
        let tool = rustup(ctx, &["run", name, "cargo", "--version"]);
        let (there, ..) = ctx.try_run(tool).with_context(|| {
            format!("Rust {version} is run through rustup; a gate that cannot run fails: install rustup, or set `gates.msrv = \"warn\"` or `\"off\"`")
        })?;
        if there {
            return Ok(name.clone());
        }
    }
    bail!(
        "the toolchain {version} is not installed, so nothing shows that the stated `rust-version` is enough; run `rustup toolchain install {}`, or set `gates.msrv = \"off\"`",
        names[0]
    )
}

/// rustup, without what an outer cargo or rustup chose; it installs nothing.
fn rustup(ctx: &StepContext<'_>, arguments: &[&str]) -> Tool {
    let mut tool = Tool::outside_cargo("rustup", &ctx.context.root, TimeCategory::Cargo)
        .env("RUSTUP_AUTO_INSTALL", "0")
        .env("CARGO_TERM_COLOR", "never")
        .args(arguments);
    tool.may_be_ended = true;
    tool
}

/// The part of `cargo metadata` that this gate reads.
#[derive(Deserialize)]
struct Graph {
    packages: Vec<Node>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    name: String,
    version: Version,
    source: Option<String>,
    rust_version: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Edges>,
}

#[derive(Deserialize)]
struct Edges {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    /// None for a normal dependency.
    kind: Option<String>,
}

/// Every package that a member brings along to its users, and that states a newer
/// Rust than the member does.
fn too_new(graph: &Graph, stated: &BTreeMap<Version, Vec<String>>) -> Vec<String> {
    let nodes: BTreeMap<&str, &Node> = graph.packages.iter().map(|p| (p.id.as_str(), p)).collect();
    let edges: BTreeMap<&str, &Edges> = graph
        .resolve
        .nodes
        .iter()
        .map(|n| (n.id.as_str(), n))
        .collect();
    let mut findings = BTreeSet::new();
    for (limit, names) in stated {
        let is_member = |node: &&&Node| node.source.is_none() && names.contains(&node.name);
        let mut open: Vec<&str> = nodes
            .values()
            .filter(is_member)
            .map(|n| n.id.as_str())
            .collect();
        let mut seen: BTreeSet<&str> = open.iter().copied().collect();
        while let Some(id) = open.pop() {
            let needed = nodes
                .get(id)
                .and_then(|n| Some((n, padded(n.rust_version.as_deref()?)?)));
            if let Some((node, needed)) = needed
                && needed > *limit
            {
                let Node { name, version, .. } = node;
                findings.insert(format!(
                    "{name} {version} needs Rust {needed}, {limit} is stated"
                ));
            }
            let used = edges.get(id).into_iter().flat_map(|node| &node.deps);
            for edge in used {
                let shipped = edge
                    .dep_kinds
                    .iter()
                    .any(|k| k.kind.as_deref() != Some("dev"));
                if shipped && seen.insert(&edge.pkg) {
                    open.push(&edge.pkg);
                }
            }
        }
    }
    findings.into_iter().collect()
}

/// `1.85` as `1.85.0`.
fn padded(text: &str) -> Option<Version> {
    let dots = text.matches('.').count();
    Version::parse(&format!(
        "{text}{}",
        ".0".repeat(2usize.saturating_sub(dots))
    ))
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_build_must_not_need_more() {
        let package = |name: &str, rust: Option<&str>, member: bool| {
            serde_json::json!({
                "id": name, "name": name, "version": "1.0.0", "rust_version": rust,
                "source": (!member).then_some("registry+x"),
            })
        };
        let edges = |id: &str, deps: &[(&str, Option<&str>)]| {
            let deps: Vec<_> = deps
                .iter()
                .map(|(pkg, kind)| serde_json::json!({ "pkg": pkg, "dep_kinds": [{ "kind": kind }] }))
                .collect();
            serde_json::json!({ "id": id, "deps": deps })
        };
        let graph = serde_json::json!({
            "packages": [
                package("ours", Some("1.85"), true), package("near", None, false),
                package("far", Some("1.90.1"), false), package("built", Some("1.91"), false),
                package("tested", Some("1.95"), false), package("old", Some("1.85"), false),
            ],
            "resolve": { "nodes": [
                edges("ours", &[("near", None), ("tested", Some("dev")), ("built", Some("build"))]),
                edges("near", &[("far", None), ("old", None), ("near", None)]),
                edges("far", &[]), edges("built", &[]), edges("tested", &[]), edges("old", &[]),
            ] },
        });
        let graph: Graph = serde_json::from_value(graph).unwrap();
        let stated = BTreeMap::from([(Version::new(1, 85, 0), vec!["ours".to_owned()])]);
        assert_eq!(
            too_new(&graph, &stated),
            [
                "built 1.0.0 needs Rust 1.91.0, 1.85.0 is stated",
                "far 1.0.0 needs Rust 1.90.1, 1.85.0 is stated",
            ]
        );
        let enough = BTreeMap::from([(Version::new(1, 91, 0), vec!["ours".to_owned()])]);
        assert_eq!(too_new(&graph, &enough), Vec::<String>::new());
    }
}
