//! What production runs: the binaries in release mode, and the bundle.

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};

use super::{Effect, tree};
use crate::account::Spent;
use crate::command::Tool;
use crate::plan::{Binary, FrontendBuild};

/// Where a plan keeps a built binary.
pub(super) fn binary(effect: &Effect<'_>, name: &str) -> Utf8PathBuf {
    effect.kept().join("built").join(name)
}

/// Where a plan keeps the built bundle.
pub(super) fn bundle(effect: &Effect<'_>) -> Utf8PathBuf {
    effect.kept().join("bundle")
}

pub(super) fn perform(
    effect: &mut Effect<'_>,
    revision: &str,
    binaries: &[Binary],
    frontend: Option<&FrontendBuild>,
) -> anyhow::Result<String> {
    let commit = effect.world.git().need_commit(revision)?;
    let root = tree::lay(effect, &commit)?;
    let target = effect.world.target_directory.clone();
    let mut built = Vec::new();
    if !binaries.is_empty() {
        let mut args = vec!["build", "--release", "--target-dir", target.as_str()];
        if root.join("Cargo.lock").is_file() {
            args.push("--locked");
        }
        for binary in binaries {
            args.extend(["--package", &binary.package, "--bin", &binary.name]);
        }
        effect.run(effect.world.cargo_in(&root).args(args))?;
    }
    for each in binaries {
        let from = target.join("release").join(&each.name);
        let bytes = std::fs::read(&from).with_context(|| format!("cargo was to build {from}"))?;
        let to = binary(effect, &each.name);
        tree::write_whole(&to, &bytes)?;
        std::fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        built.push(format!("{} {} KiB", each.name, bytes.len().div_ceil(1024)));
    }
    if let Some(frontend) = frontend {
        let files = build_bundle(effect, &root, frontend)?;
        built.push(format!("bundle of {files} files"));
    }
    Ok(built.join(", "))
}

fn build_bundle(
    effect: &mut Effect<'_>,
    root: &Utf8Path,
    frontend: &FrontendBuild,
) -> anyhow::Result<usize> {
    let [program, args @ ..] = &frontend.run[..] else {
        bail!("`app.frontend.build` is empty")
    };
    own_command(effect, root, program, args)?;
    let dist = root.join(&frontend.dist);
    let to = bundle(effect);
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
pub(super) fn own_command(
    effect: &mut Effect<'_>,
    root: &Utf8Path,
    program: &str,
    args: &[String],
) -> anyhow::Result<()> {
    let tool = if program == "cargo" {
        effect.world.cargo_in(root).args(args)
    } else {
        Tool::new(program, root, Spent::Command).args(args)
    };
    let target = effect.world.target_directory.clone();
    effect.run(tool.env("CARGO_TARGET_DIR", target.as_str()))?;
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
