//! Manifests, lockfile and changelog, changed byte by byte as planned.

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_manifest::{EditState, FileEdit};
use stagegate_plan::model::{EditFiles, Plan};

use crate::executor::release_tree;
use crate::executor::step::{Perform, Probe, StepContext};

/// Returns how many files stand before, and how many after their change.
fn states(ctx: &StepContext<'_>, edits: &[&FileEdit]) -> anyhow::Result<(usize, usize)> {
    let root = release_tree::root(ctx.context, ctx.plan);
    let (mut before, mut after) = (0, 0);
    for edit in edits {
        let path = root.join(&edit.path);
        let content = std::fs::read(&path).with_context(|| format!("reading {path}"))?;
        match edit.state(&content) {
            EditState::Before => before += 1,
            EditState::After => after += 1,
            EditState::Other => {
                bail!(
                    "{path} was changed by somebody else since the plan was made; remove the release tree and resume"
                )
            }
        }
    }
    Ok((before, after))
}

/// Returns the plan's edits of the files that a step names.
fn named<'p>(plan: &'p Plan, files: &[Utf8PathBuf]) -> anyhow::Result<Vec<&'p FileEdit>> {
    let find = |file: &Utf8PathBuf| {
        let found = plan.edits.iter().find(|edit| edit.path == *file);
        found.with_context(|| format!("the plan does not say what becomes of {file}; plan again"))
    };
    files.iter().map(find).collect()
}

impl Perform for EditFiles {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let base: &str = &self.base;
        let edits = named(ctx.plan, &self.files)?;

        // Once the release commit is sealed, the tree stands there.
        if !release_tree::stands_at(ctx, base) {
            return Ok(Probe::Absent);
        }
        let (before, after) = states(ctx, &edits)?;
        Ok(if before == 0 {
            Probe::Done(format!("{after} files hold it already"))
        } else {
            Probe::Absent
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let base: &str = &self.base;
        let edits = named(ctx.plan, &self.files)?;

        let root = release_tree::lay(ctx, base)?;
        apply(&root, edits.iter().copied())?;
        let names: Vec<_> = edits.iter().take(4).map(|e| e.path.as_str()).collect();
        let more = if edits.len() > 4 {
            format!(" and {} more", edits.len() - 4)
        } else {
            String::new()
        };
        Ok(format!("{}{more}", names.join(", ")))
    }
}

/// Brings every file to its state after; those that are there are left alone.
pub(crate) fn apply<'e>(
    root: &Utf8Path,
    edits: impl IntoIterator<Item = &'e FileEdit>,
) -> anyhow::Result<()> {
    for edit in edits {
        let path = root.join(&edit.path);
        let content = std::fs::read(&path).with_context(|| format!("reading {path}"))?;
        if edit.state(&content) != EditState::After {
            let changed = edit
                .apply(&content)
                .with_context(|| format!("changing {path}"))?;
            release_tree::write_whole(&path, &changed)?;
        }
    }
    Ok(())
}
