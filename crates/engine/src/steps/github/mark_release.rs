//! The step that marks a yanked version's GitHub release, or takes the mark off.

use stagegate_plan::model::{MarkRelease, ReleaseRef};
use stagegate_plan::yank::advice::NOTE;

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::github::release;

/// What a yanked release's title begins with.
const MARK: &str = "[YANKED] ";

impl Perform for MarkRelease {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let release: &ReleaseRef = &self.release;
        let undo = self.undo;

        let (_, found) = release::need(ctx, release)?;
        let marked = found
            .name
            .as_deref()
            .is_some_and(|name| name.starts_with(MARK));
        Ok(if marked != undo {
            Probe::Done(format!("{} says so", found.html_url))
        } else {
            Probe::Absent
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let release: &ReleaseRef = &self.release;
        let note: &str = &self.note;
        let undo = self.undo;

        let (client, found) = release::need(ctx, release)?;
        let name = found.name.clone().unwrap_or_else(|| release.tag.clone());
        let body = found.body.clone().unwrap_or_default();
        let plain_name = name.strip_prefix(MARK).unwrap_or(&name);
        let plain_body = match body.starts_with(NOTE) {
            true => body.split_once("\n\n").map_or("", |(_, rest)| rest),
            false => &body,
        };
        let (name, body) = if undo {
            (plain_name.to_owned(), plain_body.to_owned())
        } else {
            (
                format!("{MARK}{plain_name}"),
                format!("{note}\n\n{plain_body}"),
            )
        };
        let changed = client.rewrite(&release.repository, &found, &name, &body)?;
        Ok(format!("{} is called “{name}”", changed.html_url))
    }
}
