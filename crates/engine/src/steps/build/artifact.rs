//! What production runs: the binaries in release mode, and the bundle.

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_plan::model::{Binary, Build, FrontendBuild, TimeCategory};

use crate::executor::release_tree;
use crate::executor::step::{Perform, StepContext};
use crate::tools::process::Tool;
use crate::tools::toolchain;

/// Returns where a plan keeps a built binary.
pub(crate) fn binary(ctx: &StepContext<'_>, name: &str) -> Utf8PathBuf {
    ctx.kept().join("built").join(name)
}

/// Returns where a plan keeps a binary that was built for a target: named as it is released, so
/// that what is attested of the files is about the names that users see.
pub(crate) fn binary_for(ctx: &StepContext<'_>, name: &str, target: &str) -> Utf8PathBuf {
    binary(ctx, &name_for(ctx, name, target))
}

/// Returns what a binary is called in the release.
pub(crate) fn name_for(ctx: &StepContext<'_>, name: &str, target: &str) -> String {
    format!("{name}-{}-{target}{}", ctx.plan.version, suffix(target))
}

/// Returns what cargo appends to the name of a binary for a target.
fn suffix(target: &str) -> &'static str {
    match target.contains("-windows-") {
        true => ".exe",
        false => "",
    }
}

/// Returns where a plan keeps the built bundle.
pub(crate) fn bundle(ctx: &StepContext<'_>) -> Utf8PathBuf {
    ctx.kept().join("bundle")
}

impl Perform for Build {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let Build {
            revision,
            binaries,
            frontend,
            target,
        } = self;
        if let Some(target) = target {
            return for_target(ctx, revision, binaries, target);
        }

        let root = lay(ctx, revision)?;
        let mut built = Vec::new();
        if !binaries.is_empty() {
            let from = cargo_build(ctx, &root, binaries, None)?;
            for each in binaries {
                let to = binary(ctx, &each.name);
                built.push(keep(&from, &each.name, &to)?);
            }
        }
        if let Some(frontend) = frontend {
            let files = build_bundle(ctx, &root, frontend)?;
            built.push(format!("bundle of {files} files"));
        }
        Ok(built.join(", "))
    }
}

/// Builds the binaries for one target, and nothing else.
pub(crate) fn for_target(
    ctx: &mut StepContext<'_>,
    revision: &str,
    binaries: &[Binary],
    target: &str,
) -> anyhow::Result<String> {
    if let Err(blocker) = toolchain::standard_library(&ctx.context.root, target) {
        bail!("{}; {}", blocker.what, blocker.remedy);
    }
    let root = lay(ctx, revision)?;
    let from = cargo_build(ctx, &root, binaries, Some(target))?;
    let mut built = Vec::new();
    for each in binaries {
        let to = binary_for(ctx, &each.name, target);
        let made = format!("{}{}", each.name, suffix(target));
        built.push(keep(&from, &made, &to)?);
    }
    Ok(built.join(", "))
}

fn lay(ctx: &mut StepContext<'_>, revision: &str) -> anyhow::Result<Utf8PathBuf> {
    let commit = ctx.context.git().need_commit(revision)?;
    release_tree::lay(ctx, &commit)
}

/// Answers with the directory that the binaries then lie in.
fn cargo_build(
    ctx: &mut StepContext<'_>,
    root: &Utf8Path,
    binaries: &[Binary],
    target: Option<&str>,
) -> anyhow::Result<Utf8PathBuf> {
    let directory = ctx.context.target_directory.clone();
    let mut args = vec!["build", "--release", "--target-dir", directory.as_str()];
    if root.join("Cargo.lock").is_file() {
        args.push("--locked");
    }
    if let Some(target) = target {
        args.extend(["--target", target]);
    }
    for binary in binaries {
        args.extend(["--package", &binary.package, "--bin", &binary.name]);
    }
    ctx.run(ctx.context.cargo_in(root).args(args))?;
    Ok(directory.join(target.unwrap_or_default()).join("release"))
}

/// Takes a binary out of cargo's directory, where the next build would replace it.
fn keep(from: &Utf8Path, name: &str, to: &Utf8Path) -> anyhow::Result<String> {
    let from = from.join(name);
    let bytes = std::fs::read(&from).with_context(|| format!("cargo was to build {from}"))?;
    release_tree::write_whole(to, &bytes)?;
    std::fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(format!("{name} {} KiB", bytes.len().div_ceil(1024)))
}

fn build_bundle(
    ctx: &mut StepContext<'_>,
    root: &Utf8Path,
    frontend: &FrontendBuild,
) -> anyhow::Result<usize> {
    let [program, args @ ..] = &frontend.run[..] else {
        bail!("`app.frontend.build` is empty")
    };
    own_command(ctx, root, program, args)?;
    let dist = root.join(&frontend.dist);
    let to = bundle(ctx);
    if to.exists() {
        std::fs::remove_dir_all(&to).with_context(|| format!("removing {to}"))?;
    }
    let files =
        copy(&dist, &to).with_context(|| format!("the frontend's command was to fill {dist}"))?;
    if files == 0 {
        bail!("the frontend's command left {dist} empty");
    }
    Ok(files)
}

/// Runs a team's own command in the release tree; cargo is the one that called
/// us, and builds where everything else is built.
pub(crate) fn own_command(
    ctx: &mut StepContext<'_>,
    root: &Utf8Path,
    program: &str,
    args: &[String],
) -> anyhow::Result<()> {
    let tool = if program == "cargo" {
        ctx.context.cargo_in(root).args(args)
    } else {
        Tool::new(program, root, TimeCategory::Command).args(args)
    };
    let target = ctx.context.target_directory.clone();
    ctx.run(tool.env("CARGO_TARGET_DIR", target.as_str()))?;
    Ok(())
}

/// Copies a directory; answers with the number of files.
fn copy(from: &Utf8Path, to: &Utf8Path) -> std::io::Result<usize> {
    std::fs::create_dir_all(to)?;
    let mut files = 0;
    for entry in from.read_dir_utf8()? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files += copy(entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
            files += 1;
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::suffix;

    #[test]
    fn a_binary_for_windows_keeps_its_ending() {
        assert_eq!(suffix("x86_64-pc-windows-gnu"), ".exe");
        assert_eq!(suffix("aarch64-apple-darwin"), "");
    }
}
