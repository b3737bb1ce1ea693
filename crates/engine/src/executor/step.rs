//! One step: probe, perform, and what a step has at hand.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use camino::Utf8PathBuf;
use stagegate_plan::model::{
    Action, Event, Finding, Plan, Step, StepOutcome, TimeBreakdown, TimeCategory,
};

use crate::context::Context;
use crate::steps::build::{asset, build};
use crate::steps::deploy::deploy;
use crate::steps::gates::{audit, command, links, msrv, outdated, secrets};
use crate::steps::git::{branch, commit, create_commit, edit, push, tag};
use crate::steps::github::{assets, pull_request, release};
use crate::steps::package::{package, publish, sbom, verify, yank};
use crate::steps::verify::{self as look_at, consumer_build};
use crate::tools::process::{Stopped, Tool, log_of};

/// Whether an effect is already in the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It is not.
    Absent,
    /// It is; this shows it.
    Done(String),
    /// Something else is in its place, which is never overwritten.
    Conflict(String),
}

/// How a step came to be done, and what shows it.
pub(crate) struct Performed {
    pub(crate) outcome: StepOutcome,
    pub(crate) evidence: String,
}

/// What a step has at hand.
pub(crate) struct StepContext<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) context: &'a Context,
    pub(crate) step: &'a Step,
    pub(crate) time: TimeBreakdown,
    tell: &'a dyn Fn(Event),
}

impl<'a> StepContext<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        context: &'a Context,
        step: &'a Step,
        tell: &'a dyn Fn(Event),
    ) -> StepContext<'a> {
        StepContext {
            plan,
            context: context,
            step,
            time: TimeBreakdown::default(),
            tell,
        }
    }

    /// Says how far the step is.
    pub(crate) fn progress(&self, text: impl Into<String>, done: Option<u64>, total: Option<u64>) {
        (self.tell)(Event::Progress {
            step: self.step.id.clone(),
            text: text.into(),
            done,
            total,
        });
    }

    /// Runs a program to a successful end; its output goes to the step's log.
    pub(crate) fn run(&mut self, tool: Tool) -> anyhow::Result<String> {
        let shown = tool.shown().to_owned();
        let (succeeded, stdout, tail) = self.try_run(tool)?;
        if !succeeded {
            bail!(
                "`{shown}` failed:\n{}\n  the whole output is in {}",
                indent(&tail),
                self.log()
            );
        }
        Ok(stdout)
    }

    /// Says where a gate objects.
    pub(crate) fn found(&self, findings: Vec<Finding>) {
        let Some(level) = self.step.action.gate_level() else {
            return;
        };
        for finding in findings {
            (self.tell)(Event::Finding {
                step: self.step.id.clone(),
                level,
                finding,
            });
        }
    }

    /// Says how the app answered.
    pub(crate) fn probed(&self, at: Duration, latency: Option<Duration>) {
        (self.tell)(Event::Probed {
            step: self.step.id.clone(),
            at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            latency: latency.map(|latency| latency.as_secs_f64() * 1000.0),
        });
    }

    /// Runs a program; whether it succeeded, what it printed, and its last lines.
    pub(crate) fn try_run(&mut self, tool: Tool) -> anyhow::Result<(bool, String, String)> {
        self.try_run_reading(tool, &mut |_| {})
    }

    /// The same; `read` is told each line.
    pub(crate) fn try_run_reading(
        &mut self,
        tool: Tool,
        read: &mut dyn FnMut(&str),
    ) -> anyhow::Result<(bool, String, String)> {
        let spent = tool.category;
        let log = self.log();
        let start = Instant::now();
        let result = tool.run(Some(&log), &self.context.interrupt, &mut |line| {
            read(line);
            self.progress(line.trim(), None, None);
        });
        self.time.record(spent, start.elapsed());
        let outcome = result?;
        Ok((outcome.status.success(), outcome.stdout, outcome.tail))
    }

    /// The file that holds what the step's programs print.
    pub(crate) fn log(&self) -> Utf8PathBuf {
        log_of(&self.context.output(), &self.step.id)
    }

    /// What this run keeps for a resumed one, apart from the journal.
    pub(crate) fn kept(&self) -> Utf8PathBuf {
        self.context.state.join(&self.plan.run_id)
    }

    /// Waits because the world needs time; ends early when somebody asks to stop.
    pub(crate) fn wait(&mut self, duration: Duration) -> anyhow::Result<()> {
        let start = Instant::now();
        let ended = self.pause(duration);
        self.time.record(TimeCategory::Waiting, start.elapsed());
        ended
    }

    /// The same, where the caller books a longer wait as a whole.
    pub(crate) fn pause(&self, duration: Duration) -> anyhow::Result<()> {
        let start = Instant::now();
        while start.elapsed() < duration {
            if self.context.interrupt.asked() {
                return Err(Stopped.into());
            }
            std::thread::sleep(
                Duration::from_millis(100).min(duration.saturating_sub(start.elapsed())),
            );
        }
        Ok(())
    }
}

/// The output of a program within a message.
pub(crate) fn indent(text: &str) -> String {
    text.lines()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Asks, acts if need be, and says what shows it.
pub(crate) fn perform(ctx: &mut StepContext<'_>, action: &Action) -> anyhow::Result<Performed> {
    let performed = |evidence| Performed {
        outcome: StepOutcome::Performed,
        evidence,
    };
    if let Some(level) = action.gate_level() {
        return command::pass(ctx, level, action);
    }
    match probe(ctx, action)
        .with_context(|| format!("{}: asking whether it is done", ctx.step.title))?
    {
        Probe::Done(evidence) => {
            return Ok(Performed {
                outcome: StepOutcome::Found,
                evidence,
            });
        }
        Probe::Conflict(what) => bail!(
            "{}: something else is in its place: {what}",
            ctx.step.title
        ),
        Probe::Absent => {}
    }
    let evidence = act(ctx, action).with_context(|| ctx.step.title.clone())?;
    Ok(performed(evidence))
}

pub(crate) fn probe(ctx: &mut StepContext<'_>, action: &Action) -> anyhow::Result<Probe> {
    match action {
        // A gate looks at what is there now, each time.
        Action::Gate(_)
        | Action::Audit { .. }
        | Action::Outdated { .. }
        | Action::Links { .. }
        | Action::Secrets { .. }
        | Action::Msrv { .. } => Ok(Probe::Absent),
        Action::Edit { base, edits } => edit::probe(ctx, base, edits),
        Action::CreateCommitObject {
            parent, reference, ..
        } => create_commit::probe(ctx, parent, reference),
        Action::Package { crates } => package::probe(ctx, crates),
        // Building again is the only way to know that it builds.
        Action::VerifyPackages { .. } | Action::Build { .. } | Action::Fetch { .. } => {
            Ok(Probe::Absent)
        }
        Action::Commit {
            branch,
            parent,
            reference,
            ..
        } => commit::probe(ctx, branch, parent, reference),
        Action::Tag {
            name, reference, ..
        } => tag::probe(ctx, name, reference),
        Action::Push {
            remote,
            branch,
            tags,
            reference,
        } => push::probe(ctx, remote, branch, tags, reference),
        Action::Draft { release, .. } => release::probe_draft(ctx, release),
        // Assets are reconciled one by one, each looked at first.
        Action::Assets { .. } => Ok(Probe::Absent),
        Action::BuildAsset { name, .. } | Action::Sbom { name, .. } => asset::probe(ctx, name),
        Action::Publish { package } => publish::probe(ctx, package),
        // What users get is only known by getting it.
        Action::ConsumerBuild { .. } => Ok(Probe::Absent),
        Action::PublishGithubRelease { release, .. } => release::probe_public(ctx, release),
        Action::Service { part, step, place } => deploy::probe_service(ctx, *part, *step, place),
        Action::Migrate { direction, place } => deploy::probe_migration(ctx, *direction, place),
        Action::Frontend { step, place } => deploy::probe_frontend(ctx, *step, place),
        // The host is looked at part by part.
        Action::Rollback { .. } => Ok(Probe::Absent),
        Action::VerifyRelease { .. } => Ok(Probe::Absent),
        Action::Yank {
            package,
            version,
            undo,
        } => yank::probe(ctx, package, version, *undo),
        Action::MarkRelease { release, undo, .. } => yank::probe_release(ctx, release, *undo),
        Action::MarkChangelog {
            edit,
            remote,
            branch,
            ..
        } => yank::probe_changelog(ctx, edit, remote, branch),
        Action::Branch { name, reference } => branch::probe(ctx, name, reference),
        Action::PushBranch {
            remote,
            branch,
            reference,
            there,
        } => pull_request::probe_branch(ctx, remote, branch, reference, there.as_deref()),
        Action::Propose(proposal) => pull_request::probe(ctx, proposal),
        Action::Command { probe, .. } => command::probe_command(ctx, probe.as_deref()),
    }
}

pub(crate) fn act(ctx: &mut StepContext<'_>, action: &Action) -> anyhow::Result<String> {
    match action {
        Action::Gate(command) => command::command(ctx, command),
        Action::Audit {
            database, ignore, ..
        } => audit::audit(ctx, database.as_deref(), ignore),
        Action::Edit { base, edits } => edit::perform(ctx, base, edits),
        Action::CreateCommitObject {
            parent,
            message,
            identity,
            sign,
            reference,
            edits,
        } => create_commit::perform(ctx, parent, message, identity, *sign, reference, edits),
        Action::Package { crates } => package::perform(ctx, crates),
        Action::VerifyPackages { crates } => verify::perform(ctx, crates),
        Action::Fetch {
            place,
            backend,
            frontend,
        } => deploy::fetch(ctx, place, *backend, *frontend),
        Action::Build {
            revision,
            binaries,
            frontend,
            target,
        } => match target {
            Some(target) => build::for_target(ctx, revision, binaries, target),
            None => build::perform(ctx, revision, binaries, frontend.as_ref()),
        },
        Action::Commit {
            parent,
            reference,
            edits,
            ..
        } => commit::perform(ctx, parent, reference, edits),
        Action::Tag {
            name,
            message,
            reference,
            identity,
            sign,
        } => tag::perform(ctx, name, message, reference, identity, *sign),
        Action::Push {
            remote,
            branch,
            tags,
            reference,
        } => push::perform(ctx, remote, branch, tags, reference),
        Action::Draft {
            release,
            name,
            notes,
            prerelease,
        } => release::draft(ctx, release, name, notes, *prerelease),
        Action::Assets {
            release,
            crates,
            binaries,
            targets,
            files,
        } => assets::perform(ctx, release, crates, (binaries, targets), files),
        Action::BuildAsset { build, file, name } => {
            asset::perform(ctx, build.as_deref(), file, name)
        }
        Action::Sbom {
            name,
            subject,
            version,
            packages,
            targets,
        } => sbom::perform(ctx, name, (subject, version), packages, targets),
        Action::Publish { package } => publish::perform(ctx, package),
        Action::ConsumerBuild {
            crates,
            depth,
            docs,
        } => consumer_build::perform(ctx, crates, *depth, docs.as_ref()),
        Action::PublishGithubRelease { release, latest } => {
            release::undraft(ctx, release, *latest)
        }
        Action::Service { part, step, place } => {
            deploy::perform_service(ctx, *part, *step, place)
        }
        Action::Migrate { direction, place } => deploy::migrate(ctx, *direction, place),
        Action::Frontend { step, place } => deploy::perform_frontend(ctx, *step, place),
        Action::Rollback { place } => deploy::take_back(ctx, place),
        Action::VerifyRelease {
            crates,
            releases,
            remote,
            tags,
            hosts,
            frontends,
            url,
        } => look_at::release::look(
            ctx,
            crates,
            releases,
            (remote, tags),
            (hosts, frontends),
            url.as_ref(),
        ),
        Action::Yank {
            package,
            version,
            undo,
        } => yank::perform(ctx, package, version, *undo),
        Action::MarkRelease {
            release,
            note,
            undo,
        } => yank::mark_release(ctx, release, note, *undo),
        Action::Branch { name, reference } => branch::perform(ctx, name, reference),
        Action::PushBranch {
            remote,
            branch,
            reference,
            there,
        } => pull_request::push_branch(ctx, remote, branch, reference, there.as_deref()),
        Action::Propose(proposal) => pull_request::perform(ctx, proposal),
        Action::MarkChangelog {
            edit,
            message,
            branch,
            remote,
            parent,
            identity,
        } => yank::mark_changelog(ctx, edit, message, branch, remote, parent, identity),
        Action::Command { run, .. } => command::custom(ctx, run),
        Action::Outdated { ignore, .. } => outdated::ask(ctx, ignore),
        Action::Links { paths, .. } => links::follow(ctx, paths.as_deref()),
        Action::Secrets { allow, .. } => secrets::look(ctx, allow),
        Action::Msrv { stated, .. } => msrv::check(ctx, stated),
    }
}
