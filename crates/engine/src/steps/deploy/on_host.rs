//! What every step on a host needs: the deploy's description and a connection that is kept.

use camino::Utf8PathBuf;
use stagegate_deploy::{
    ConnectError, Deploy, DeployError, Host, Part, Progress, Release, RunError,
};
use stagegate_plan::model::{Placement, Plan};

use crate::context::Context;
use crate::executor::step::{Probe, StepContext};
use crate::tools::process::Stopped;

/// Describes the deploy to a host as the deploy crate takes it.
pub(super) fn deploy(ctx: &StepContext<'_>, placement: &Placement) -> Deploy {
    describe(ctx.context, ctx.plan, placement)
}

/// Describes what a plan deploys to a host as the deploy crate takes it.
pub(super) fn describe(context: &Context, plan: &Plan, placement: &Placement) -> Deploy {
    // A rollback goes by the host's own record; that commit need not be here.
    let ask = |revision: &str| context.git().commit_of(revision).ok().flatten();
    let known = context.deploy_jobs.commit(&placement.revision, ask);
    let mut app = placement.app.clone();
    if !placement.built {
        // What is on the host already is not built there again.
        app.disable_host_builds();
    }
    Deploy {
        target: placement.target.clone(),
        app,
        release: Release {
            version: placement.version.clone(),
            commit: known.unwrap_or_else(|| placement.revision.clone()),
        },
        owner: format!("{}@{}", plan.run_id, plan.at.as_nanosecond()),
        by: who(plan),
        is_rollback: !placement.built,
    }
}

/// Returns who deploys, for the host's record, and why in a freeze.
fn who(plan: &Plan) -> String {
    match &plan.freeze_override {
        None => account(),
        Some(why) => format!("{} (despite the freeze: {why})", account()),
    }
}

fn account() -> String {
    let names = ["GITHUB_ACTOR", "USER", "LOGNAME"];
    names
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// Returns a host's answer to a probe as the executor takes it.
pub(super) fn probe_of(probe: stagegate_deploy::Probe) -> Probe {
    match probe {
        stagegate_deploy::Probe::Absent => Probe::Absent,
        stagegate_deploy::Probe::Done(evidence) => Probe::Done(evidence),
        stagegate_deploy::Probe::Conflict(what) => Probe::Conflict(what),
    }
}

/// Returns where a few of a part's artifacts are kept for patches. Each part has its own, so that
/// none lets the others' go.
pub(super) fn cache(ctx: &StepContext<'_>, part: Part) -> Utf8PathBuf {
    let deployed = ctx.context.output().join("deployed");
    deployed.join(part.name())
}

/// Asks the host over a connection that is kept, if there is one, and keeps it for what
/// the step then does.
pub(super) fn ask<T>(
    ctx: &StepContext<'_>,
    placement: &Placement,
    question: impl Fn(&Host) -> Result<T, DeployError>,
) -> anyhow::Result<T> {
    let connections = &ctx.context.connections;
    let kept = connections.take(&placement.target).map(|host| {
        let answer = question(&host);
        (host, answer)
    });
    let (host, answer) = match kept {
        Some((host, answer)) if !matches!(answer, Err(DeployError::Run(RunError::Lost { .. }))) => {
            (host, answer)
        }
        // None, or lost while it was kept.
        _ => {
            let host = connect(ctx, placement)?;
            let answer = question(&host);
            (host, answer)
        }
    };
    let answer = answer?;
    connections.keep(host);
    Ok(answer)
}

/// Returns the connection by which the step's host was asked, or a new one.
pub(super) fn connection(ctx: &StepContext<'_>, placement: &Placement) -> anyhow::Result<Host> {
    Ok(match ctx.context.connections.take(&placement.target) {
        Some(host) => host,
        None => connect(ctx, placement)?,
    })
}

fn connect(ctx: &StepContext<'_>, placement: &Placement) -> Result<Host, ConnectError> {
    let mut host = Host::connect(&placement.target)?;
    host.stop_uploads_when(ctx.context.interrupt.flag());
    Ok(host)
}

/// Returns a deploy's failure as the executor takes it: that somebody asked to stop is none.
pub(super) fn failure(error: DeployError) -> anyhow::Error {
    match error {
        DeployError::Run(RunError::Stopped { .. }) => anyhow::Error::new(Stopped),
        error => error.into(),
    }
}

/// Reports a host's progress: a probe that was answered, or how far the step is.
pub(super) fn show(ctx: &StepContext<'_>, progress: Progress) {
    if let Some(probed) = progress.probed {
        return ctx.probed(probed.at, probed.latency);
    }
    ctx.progress(progress.text, progress.done, progress.total);
}
