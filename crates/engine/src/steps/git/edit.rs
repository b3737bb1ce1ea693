//! Manifests, lockfile and changelog, changed byte by byte as planned.

use anyhow::{Context, bail};
use stagegate_manifest::{EditState, FileEdit};
use stagegate_plan::model::EditFiles;

use crate::executor::release_tree;
use crate::executor::step::{Perform, Probe, StepContext};

/// How many files stand before, and how many after their change.
fn states(ctx: &StepContext<'_>, edits: &[FileEdit]) -> anyhow::Result<(usize, usize)> {
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

impl Perform for EditFiles {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let base: &str = &self.base;
        let edits: &[FileEdit] = &self.edits;

        // Once the release commit is sealed, the tree stands there.
        if !release_tree::stands_at(ctx, base) {
            return Ok(Probe::Absent);
        }
        let (before, after) = states(ctx, edits)?;
        Ok(if before == 0 {
            Probe::Done(format!("{after} files hold it already"))
        } else {
            Probe::Absent
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let base: &str = &self.base;
        let edits: &[FileEdit] = &self.edits;

        let root = release_tree::lay(ctx, base)?;
        apply(&root, edits)?;
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
pub(crate) fn apply(root: &camino::Utf8Path, edits: &[FileEdit]) -> anyhow::Result<()> {
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
