//! What a release is made of: a bill of materials in CycloneDX 1.5
//! (<https://cyclonedx.org>).
//!
//! It lists what cargo builds into the released packages on this machine, and for the
//! targets that are named, by the lockfile of the release commit: normal and build
//! dependencies, none that only tests need. Its serial number and time are the plan's,
//! so that making it again gives the same bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context, anyhow, bail};
use camino::Utf8Path;
use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId};
use cyclonedx_bom::models::component::Classification;
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{License, LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata as BillMetadata;
use cyclonedx_bom::models::tool::{Tool, Tools};
use cyclonedx_bom::prelude::{
    Bom, Component, Components, DateTime, NormalizedString, Purl, SpdxExpression, SpecVersion,
    UrnUuid, Validate,
};
use semver::Version;
use stagegate_plan::model::{Plan, WriteSbom};

use crate::executor::release_tree;
use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::build::asset;
use crate::steps::github::assets;
use crate::tools::process::read;

/// Checksums by name and version.
type Checksums = BTreeMap<(String, Version), String>;

impl Perform for WriteSbom {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        asset::probe_kept(ctx, &self.name)
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let WriteSbom {
            name,
            subject,
            version,
            packages,
            targets,
        } = self;
        let subject = (subject.as_str(), version);
        let root = release_tree::of_release(ctx)?;
        let triple = assets::host_triple(ctx)?;
        let format = ["metadata", "--format-version", "1"];
        let mut args = format.to_vec();
        for platform in targets.iter().chain([&triple]) {
            args.extend(["--filter-platform", platform]);
        }
        let lockfile = root.join("Cargo.lock");
        if lockfile.is_file() {
            args.push("--locked");
        }
        let said = read(ctx.context.cargo_in(&root).args(args))?;
        let metadata: Metadata = serde_json::from_str(&said).context("reading `cargo metadata`")?;
        let checksums = checksums(&lockfile)?;
        let bill = bill(ctx.plan, subject, packages, &metadata, &checksums)?;
        let checked = bill.validate_version(SpecVersion::V1_5);
        if !checked.passed() {
            bail!("the bill of materials is not valid CycloneDX: {checked:?}");
        }
        let mut bytes = Vec::new();
        bill.clone()
            .output_as_json_v1_5(&mut bytes)
            .map_err(|e| anyhow!("writing the bill of materials: {e}"))?;
        asset::keep(ctx, name, &bytes)?;
        let count = bill.components.map_or(0, |components| components.0.len());
        Ok(format!("{name} lists {count} packages"))
    }
}

/// Returns the checksums that the lockfile has.
fn checksums(lockfile: &Utf8Path) -> anyhow::Result<Checksums> {
    if !lockfile.is_file() {
        return Ok(Checksums::new());
    }
    let lock = rustsec::Lockfile::load(lockfile.as_std_path())
        .with_context(|| format!("reading {lockfile}"))?;
    let sums = lock.packages.into_iter().filter_map(|package| {
        let checksum = package.checksum?.to_string();
        Some(((package.name.to_string(), package.version), checksum))
    });
    Ok(sums.collect())
}

fn bill(
    plan: &Plan,
    (subject, version): (&str, &Version),
    roots: &[String],
    metadata: &Metadata,
    checksums: &Checksums,
) -> anyhow::Result<Bom> {
    let edges = edges(metadata, roots)?;
    let by_id: BTreeMap<&PackageId, &Package> =
        metadata.packages.iter().map(|p| (&p.id, p)).collect();
    let mut components = Vec::new();
    for id in edges.keys() {
        let package = by_id
            .get(id)
            .with_context(|| format!("cargo speaks of {id} and does not list it"))?;
        components.push(component(package, checksums)?);
    }
    let reference = |id: &PackageId| by_id.get(id).map(|p| reference(&p.name, &p.version));
    let mut dependencies: Vec<Dependency> = Vec::new();
    for (id, needs) in &edges {
        dependencies.extend(reference(id).map(|dependency_ref| Dependency {
            dependency_ref,
            dependencies: needs.iter().filter_map(reference).collect(),
        }));
    }
    let whole = format!("{subject}@{version}");
    let is_root = |id: &&PackageId| {
        by_id
            .get(*id)
            .is_some_and(|p| roots.iter().any(|root| *root == *p.name))
    };
    dependencies.push(Dependency {
        dependency_ref: whole.clone(),
        dependencies: edges.keys().filter(is_root).filter_map(reference).collect(),
    });
    let tool = Tool {
        name: Some(NormalizedString::new("stagegate")),
        version: Some(NormalizedString::new(env!("CARGO_PKG_VERSION"))),
        ..Tool::default()
    };
    let at = DateTime::try_from(plan.at.to_string())
        .map_err(|e| anyhow!("the plan's time as CycloneDX has it: {e}"))?;
    let kind = Classification::Application;
    Ok(Bom {
        serial_number: Some(serial(&plan.digest(), subject)?),
        metadata: Some(BillMetadata {
            timestamp: Some(at),
            tools: Some(Tools::List(vec![tool])),
            component: Some(Component::new(
                kind,
                subject,
                &version.to_string(),
                Some(whole),
            )),
            ..BillMetadata::default()
        }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies)),
        spec_version: SpecVersion::V1_5,
        ..Bom::default()
    })
}

/// Returns a number that is the plan's and the subject's own, in the form of a UUID (version 8, the
/// maker's own making: RFC 9562).
fn serial(digest: &str, subject: &str) -> anyhow::Result<UrnUuid> {
    let sum = stagegate_manifest::sha256_hex(format!("{digest} {subject}").as_bytes());
    let (first, second, third) = (&sum[..8], &sum[8..12], &sum[13..16]);
    let (fourth, fifth) = (&sum[17..20], &sum[20..32]);
    let uuid = format!("urn:uuid:{first}-{second}-8{third}-8{fourth}-{fifth}");
    UrnUuid::new(uuid).map_err(|e| anyhow!("making a serial number: {e:?}"))
}

/// Returns everything that the roots are built with, and what each needs.
fn edges(
    metadata: &Metadata,
    roots: &[String],
) -> anyhow::Result<BTreeMap<PackageId, BTreeSet<PackageId>>> {
    let resolve = metadata
        .resolve
        .as_ref()
        .context("`cargo metadata` resolved nothing")?;
    let nodes: BTreeMap<&PackageId, &Node> = resolve.nodes.iter().map(|n| (&n.id, n)).collect();
    let is_root = |package: &&Package| {
        metadata.workspace_members.contains(&package.id)
            && roots.iter().any(|root| *root == *package.name)
    };
    let members = metadata.packages.iter().filter(is_root);
    let mut open: VecDeque<PackageId> = members.map(|p| p.id.clone()).collect();
    let mut edges = BTreeMap::new();
    while let Some(id) = open.pop_front() {
        if edges.contains_key(&id) {
            continue;
        }
        let built_with = |dep: &&cargo_metadata::NodeDep| {
            dep.dep_kinds
                .iter()
                .any(|kind| kind.kind != DependencyKind::Development)
        };
        let deps = nodes.get(&id).into_iter().flat_map(|node| &node.deps);
        let needs: BTreeSet<PackageId> =
            deps.filter(built_with).map(|dep| dep.pkg.clone()).collect();
        open.extend(needs.iter().cloned());
        edges.insert(id, needs);
    }
    Ok(edges)
}

fn reference(name: &str, version: &Version) -> String {
    format!("pkg:cargo/{name}@{version}")
}

fn component(package: &Package, checksums: &Checksums) -> anyhow::Result<Component> {
    let name = package.name.to_string();
    let version = package.version.to_string();
    let is_library = package
        .targets
        .iter()
        .any(|t| t.is_lib() || t.is_proc_macro());
    let kind = if is_library {
        Classification::Library
    } else {
        Classification::Application
    };
    let own = reference(&name, &package.version);
    let mut component = Component::new(kind, &name, &version, Some(own));
    let purl = Purl::new("cargo", &name, &version);
    component.purl = Some(purl.map_err(|e| anyhow!("naming {name} {version}: {e}"))?);
    component.description = package.description.as_deref().map(NormalizedString::new);
    component.licenses = package.license.as_deref().map(|text| {
        // Old manifests write `MIT/Apache-2.0`.
        Licenses(vec![match SpdxExpression::parse_lax(text.to_owned()) {
            Ok(expression) => LicenseChoice::Expression(expression),
            Err(_) => LicenseChoice::License(License::named_license(text)),
        }])
    });
    let sum = checksums.get(&(name, package.version.clone()));
    component.hashes = sum.map(|sum| {
        Hashes(vec![Hash {
            alg: HashAlgorithm::SHA_256,
            content: HashValue(sum.clone()),
        }])
    });
    Ok(component)
}
