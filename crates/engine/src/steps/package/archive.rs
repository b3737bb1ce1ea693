//! The crates' packages, made once, kept, and uploaded as they are.

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use stagegate_plan::model::{PackageCrates, count};
use stagegate_registry::Replacement;

use crate::executor::release_tree;
use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::package::directory_source::DirectorySource;
use crate::tools::git::Git;

/// Returns where a plan keeps its packages: with the journal, so that a resumed run uploads the
/// very bytes that were proven.
pub(crate) fn kept(ctx: &StepContext<'_>) -> Utf8PathBuf {
    ctx.kept().join("packages")
}

/// Returns a package's file.
pub(crate) fn file(ctx: &StepContext<'_>, name: &str) -> Utf8PathBuf {
    kept(ctx).join(file_name(name, ctx.plan.version_of(name)))
}

/// As cargo names it.
pub(crate) fn file_name(name: &str, version: &Version) -> String {
    format!("{name}-{version}.crate")
}

/// Says for which commit the kept packages were made.
const MADE_FOR: &str = "COMMIT";

impl Perform for PackageCrates {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let crates: &[String] = &self.crates;

        let made_for = std::fs::read_to_string(kept(ctx).join(MADE_FOR)).ok();
        let commit = ctx.context.git().commit_of(&ctx.plan.reference())?;
        let whole = crates.iter().all(|name| file(ctx, name).is_file());
        Ok(if whole && made_for.is_some() && made_for == commit {
            // The commit's name is written last, after every file it speaks of.
            Probe::Done(format!("{} kept", count(crates.len(), "package")))
        } else {
            Probe::Absent
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let crates: &[String] = &self.crates;

        let reference = ctx.plan.reference();
        let commit = ctx.context.git().need_commit(&reference)?;
        let root = release_tree::lay(ctx, &commit)?;
        // A directory of its own: cargo's `package` directory in the shared one
        // belongs to whoever else works there.
        let output = ctx
            .context
            .output()
            .join(ctx.plan.run_id.to_string())
            .join("package");
        let main = ctx.context.config.registry.name.clone();
        let is_apart = |name: &&String| self.only_elsewhere.contains(name);
        let here: Vec<String> = crates.iter().filter(|n| !is_apart(n)).cloned().collect();
        make(ctx, &root, &output, (&main, &here))?;
        // cargo packages for one registry at a time.
        let mut made = here;
        for (registry, names) in &self.elsewhere {
            let apart = names.iter().filter(is_apart);
            let apart: Vec<String> = apart.filter(|n| !made.contains(n)).cloned().collect();
            make(ctx, &root, &output, (registry, &apart))?;
            made.extend(apart);
        }
        let kept = kept(ctx);
        if kept.exists() {
            std::fs::remove_dir_all(&kept).with_context(|| format!("removing {kept}"))?;
        }
        let mut total = 0;
        for name in crates {
            let made = output
                .join("package")
                .join(file_name(name, ctx.plan.version_of(name)));
            let bytes =
                std::fs::read(&made).with_context(|| format!("cargo was to make {made}"))?;
            if bytes.len() > LIMIT {
                bail!(
                    "{name} is {} bytes packed, and crates.io takes {LIMIT}; use `exclude` or `include` in its manifest",
                    bytes.len()
                );
            }
            total += bytes.len();
            release_tree::write_whole(&file(ctx, name), &bytes)?;
        }
        keep_metadata(ctx, &root, crates, None)?;
        for (registry, names) in &self.elsewhere {
            keep_metadata(ctx, &root, names, Some(registry))?;
        }
        release_tree::write_whole(&kept.join(MADE_FOR), commit.as_bytes())?;
        Ok(format!(
            "{}, {} KiB",
            count(crates.len(), "package"),
            total.div_ceil(1024)
        ))
    }
}

/// Has cargo make the packages below `output`.
///
/// cargo takes siblings of the same release out of an overlay on the registry that it is
/// told of. Where it reads another source in the registry's place, that one is told; a
/// directory of crates takes no overlay, and gets the siblings one after the other.
pub(crate) fn make(
    ctx: &mut StepContext<'_>,
    root: &Utf8Path,
    output: &Utf8Path,
    (registry, crates): (&str, &[String]),
) -> anyhow::Result<()> {
    if crates.is_empty() {
        return Ok(());
    }
    let mut args = ["package", "--no-verify", "--target-dir", output.as_str()]
        .map(str::to_owned)
        .to_vec();
    let lock = ["ls-files", "--error-unmatch", "--", "Cargo.lock"];
    if Git::at(root).ask(lock)?.is_some() {
        args.push("--locked".to_owned());
    }
    if ctx.context.workspace.has_patched_members() || has_siblings_elsewhere(ctx, registry, crates)
    {
        // A sibling by `[patch]`, or one that goes to another registry, is none to cargo's
        // packaging: it looks for the version that is to be published in the registry, and
        // only to lock it.
        args.push("--exclude-lockfile".to_owned());
    }
    // Where a mirror stands for crates.io, cargo asks which of the two is meant.
    match ctx.context.registry_replacement(registry)? {
        Some(Replacement::Registry(index)) => args.extend(["--index".to_owned(), index]),
        Some(Replacement::Directory(directory)) if registry == "crates-io" => {
            let source = DirectorySource::beside(&directory, output.join("sources"))?;
            args.extend(source.arguments());
            for name in crates {
                let one = ["--package", name];
                let tool = ctx.context.cargo_in(root).args(&args).args(one);
                ctx.run(tool)?;
                let version = ctx.plan.version_of(name);
                source.add(&output.join("package").join(file_name(name, version)))?;
            }
            return Ok(());
        }
        _ => args.extend(["--registry".to_owned(), registry.to_owned()]),
    }
    for name in crates {
        args.extend(["--package".to_owned(), name.clone()]);
    }
    let tool = ctx.context.cargo_in(root).args(args);
    ctx.run(tool)?;
    Ok(())
}

/// Returns whether crates that are packaged for another registry than the main one have siblings
/// that are not packaged along.
fn has_siblings_elsewhere(ctx: &StepContext<'_>, registry: &str, crates: &[String]) -> bool {
    let workspace = &ctx.context.workspace;
    let packages = crates.iter().filter_map(|name| workspace.package(name));
    let mut edges = packages.flat_map(|package| &package.internal);
    registry != ctx.context.config.registry.name
        && edges.any(|d| d.is_published() && !crates.contains(&d.name))
}

/// Keeps what the registry's web API is told beside the bytes, as cargo would.
fn keep_metadata(
    ctx: &StepContext<'_>,
    root: &Utf8Path,
    crates: &[String],
    other: Option<&str>,
) -> anyhow::Result<()> {
    let workspace = ctx.context.workspace_at(root)?;
    for name in crates {
        let package = workspace
            .package(name)
            .with_context(|| format!("{name} is gone from {root}"))?;
        let readme = package.metadata.readme.as_ref().map(|readme| {
            let path = package.manifest_path.with_file_name("").join(readme);
            std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))
        });
        let metadata = stagegate_registry::new_crate(
            &package.metadata,
            readme.transpose()?,
            ctx.context.registry_name(other),
        );
        release_tree::write_whole(
            &metadata_file(ctx, name, other),
            metadata.to_string().as_bytes(),
        )?;
    }
    Ok(())
}

/// Returns where it is kept what a registry is told of a package: of its dependencies, each
/// registry is told by what name it knows theirs.
fn metadata_file(ctx: &StepContext<'_>, name: &str, other: Option<&str>) -> Utf8PathBuf {
    let file = file(ctx, name);
    match other {
        None => file.with_extension("json"),
        Some(other) => file.with_extension(format!("{other}.json")),
    }
}

/// Returns what was kept of it.
pub(crate) fn metadata(
    ctx: &StepContext<'_>,
    name: &str,
    other: Option<&str>,
) -> anyhow::Result<serde_json::Value> {
    let path = metadata_file(ctx, name, other);
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    serde_json::from_str(&text).with_context(|| format!("{path} is not what was written"))
}

/// crates.io's limit on a packed crate, bytes.
const LIMIT: usize = 10 * 1024 * 1024;
