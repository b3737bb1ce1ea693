//! Yanking a version and giving it back, and saying so where people look.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use semver::Version;
use stagegate_manifest::{EditState, FileEdit};
use stagegate_plan::model::{CommitIdentity, MarkChangelog, MarkRelease, ReleaseRef, Yank};
use stagegate_plan::yank::advice::NOTE;
use stagegate_registry::{TokenUse, YankError};

use crate::executor::step::{Perform, Probe, StepContext};
use crate::steps::git::edit;
use crate::steps::github::release;

fn state(ctx: &StepContext<'_>, name: &str, version: &Version) -> anyhow::Result<bool> {
    let versions = ctx.context.registry()?.versions(name)?;
    let there = versions.into_iter().find(|v| v.vers == *version);
    Ok(there
        .with_context(|| format!("{name} {version} is not in the index"))?
        .yanked)
}

fn word(undo: bool) -> &'static str {
    if undo { "not yanked" } else { "yanked" }
}

impl Perform for Yank {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let name: &str = &self.package;
        let version: &Version = &self.version;
        let undo = self.undo;

        Ok(if state(ctx, name, version)? != undo {
            Probe::Done(format!(
                "the index shows {name} {version} as {}",
                word(undo)
            ))
        } else {
            Probe::Absent
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let name: &str = &self.package;
        let version: &Version = &self.version;
        let undo = self.undo;

        let registry = ctx.context.registry()?;
        let text = version.to_string();
        let wanted = if undo {
            TokenUse::Unyank {
                name,
                version: &text,
            }
        } else {
            TokenUse::Yank {
                name,
                version: &text,
            }
        };
        let token = ctx.context.yank_token(wanted)?.token;
        for attempt in 1.. {
            let answer = if undo {
                registry.unyank(&token, name, version)
            } else {
                registry.yank(&token, name, version)
            };
            match answer {
                Ok(()) => break,
                Err(YankError::RateLimited { retry_after, .. }) => {
                    let wait = retry_after.unwrap_or(Duration::from_secs(60));
                    ctx.progress(
                        format!("the registry asks to wait {} s", wait.as_secs()),
                        None,
                        None,
                    );
                    ctx.wait(wait)?;
                }
                // Yanking twice is yanking once: an unclear answer is simply asked again.
                Err(error) if error.is_transient() && attempt < release::ATTEMPTS => {
                    ctx.wait(Duration::from_secs(1))?
                }
                Err(error) => return Err(error.into()),
            }
        }
        let limit =
            Duration::try_from(ctx.context.config.registry.visible_within).unwrap_or_default();
        let start = Instant::now();
        while state(ctx, name, version)? == undo {
            if start.elapsed() >= limit {
                bail!(
                    "the registry took it, and its index does not show {name} {version} as {}; resume later",
                    word(undo)
                );
            }
            ctx.wait(Duration::from_millis(200))?;
        }
        Ok(format!(
            "the index shows {name} {version} as {}",
            word(undo)
        ))
    }
}

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

/// The committed changelog, and whether the remote has that commit.
fn stand(
    ctx: &StepContext<'_>,
    edit: &FileEdit,
    remote: &str,
    branch: &str,
) -> anyhow::Result<(EditState, bool)> {
    let git = ctx.context.git();
    let path = ctx.context.subdirectory.join(&edit.path);
    let text = git.read(["show", &format!("HEAD:{path}")])?;
    // git's output loses its final newline on the way; the file keeps it.
    let content = std::fs::read(ctx.context.root.join(&edit.path))?;
    let committed = content.strip_suffix(b"\n").unwrap_or(&content) == text.as_bytes();
    let state = if committed {
        edit.state(&content)
    } else {
        EditState::Before
    };
    let head = git.commit_of("HEAD")?;
    let there = git
        .remote_refs(remote)?
        .into_iter()
        .find(|(name, _)| *name == format!("refs/heads/{branch}"));
    Ok((state, there.map(|(_, commit)| commit) == head))
}

impl Perform for MarkChangelog {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let edit: &FileEdit = &self.edit;
        let remote: &str = &self.remote;
        let branch: &str = &self.branch;

        let (state, pushed) = stand(ctx, edit, remote, branch)?;
        Ok(if state == EditState::After && pushed {
            Probe::Done(format!("{} says so, at {remote} too", edit.path))
        } else {
            Probe::Absent
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let edit: &FileEdit = &self.edit;
        let message: &str = &self.message;
        let branch: &str = &self.branch;
        let remote: &str = &self.remote;
        let parent: &str = &self.parent;
        let identity: &CommitIdentity = &self.identity;

        let git = ctx.context.git();
        if git.commit_of("HEAD")?.as_deref() == Some(parent) {
            edit::apply(&ctx.context.root, std::slice::from_ref(edit))?;
            let args = [
                "commit",
                "--quiet",
                "--only",
                "--message",
                message,
                "--",
                edit.path.as_str(),
            ];
            ctx.run(git.sealed(identity, ctx.plan.at, args))?;
        }
        ctx.run(git.tool([
            "push",
            "--porcelain",
            remote,
            &format!("HEAD:refs/heads/{branch}"),
        ]))?;
        Ok(format!("{} says so, at {remote} too", edit.path))
    }
}
