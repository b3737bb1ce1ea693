//! Files for the GitHub release that are neither packages nor binaries, kept
//! with the journal so that a resumed run attaches the same bytes.

use anyhow::{Context, bail};
use camino::Utf8PathBuf;
use stagegate_plan::model::BuildAsset;

use crate::executor::release_tree;
use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::build::artifact;

/// Returns where a plan keeps such a file.
pub(crate) fn kept(ctx: &StepContext<'_>, name: &str) -> Utf8PathBuf {
    ctx.kept().join("assets").join(name)
}

impl Perform for BuildAsset {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        probe_kept(ctx, &self.name)
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let command = self.build.as_deref();
        let (file, name) = (&self.file, self.name.as_str());
        let root = release_tree::of_release(ctx)?;
        if let Some([program, args @ ..]) = command {
            artifact::own_command(ctx, &root, program, args)?;
        }
        let path = root.join(file);
        if !path.is_file() {
            bail!(
                "there is no file {path}; correct `file` or `build` of its [[asset]] in stagegate.toml"
            );
        }
        let bytes = std::fs::read(&path).with_context(|| format!("reading {path}"))?;
        keep(ctx, name, &bytes)?;
        Ok(format!("{name}, {} KiB", bytes.len().div_ceil(1024)))
    }
}

/// Returns whether what is kept was made by this plan: one that was given up may have left files
/// under the same names.
fn is_ours(ctx: &StepContext<'_>) -> bool {
    let mark = std::fs::read_to_string(ctx.kept().join(MADE_BY));
    mark.is_ok_and(|digest| digest == ctx.plan.digest())
}

/// Says by which plan the kept files were made. It lies beside them: what is released, and
/// attested, is everything in their directory.
const MADE_BY: &str = "assets.plan";

/// Keeps a file's bytes.
pub(crate) fn keep(ctx: &StepContext<'_>, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    if !is_ours(ctx) {
        let directory = ctx.kept().join("assets");
        if directory.exists() {
            std::fs::remove_dir_all(&directory).with_context(|| format!("removing {directory}"))?;
        }
        release_tree::write_whole(&ctx.kept().join(MADE_BY), ctx.plan.digest().as_bytes())?;
    }
    release_tree::write_whole(&kept(ctx, name), bytes)
}

/// Returns whether a file is kept that this plan made.
pub(crate) fn probe_kept(ctx: &StepContext<'_>, name: &str) -> anyhow::Result<Probe> {
    let file = kept(ctx, name);
    Ok(match std::fs::metadata(&file) {
        // It was written whole or not at all.
        Ok(there) if is_ours(ctx) => Probe::Done(format!("{name} is kept, {} bytes", there.len())),
        _ => Probe::Absent,
    })
}
