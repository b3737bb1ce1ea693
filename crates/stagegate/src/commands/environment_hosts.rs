//! The hosts of an environment, asked side by side.

use anyhow::bail;
use stagegate_config::resolve;
use stagegate_deploy::{App, DeployError, Host, Target};
use stagegate_engine::context::Context;

/// What one host answered.
pub(super) type Asked<T> = (Target, Result<T, DeployError>);

/// Returns the hosts of an environment, each with the app as it has it; none where there
/// is no app or no such environment.
///
/// # Errors
/// An address that is none.
pub(super) fn of(context: &Context, environment: &str) -> anyhow::Result<Vec<(Target, App)>> {
    match (&context.config.app, context.config.deploy.get(environment)) {
        (Some(app), Some(there)) => resolve::hosts_of(app, there).map_err(anyhow::Error::from),
        _ => Ok(Vec::new()),
    }
}

/// Returns the same for a command that needs at least one host.
///
/// # Errors
/// When there are none.
pub(super) fn needed(context: &Context, environment: &str) -> anyhow::Result<Vec<(Target, App)>> {
    let hosts = of(context, environment)?;
    if hosts.is_empty() {
        bail!(
            "stagegate.toml has no [app], or no [deploy.{environment}] with hosts; describe them there"
        );
    }
    Ok(hosts)
}

/// Asks every host over a connection of its own; the answers are in the hosts' order.
pub(super) fn ask<T: Send>(
    hosts: &[(Target, App)],
    question: impl Fn(&Host, &App) -> Result<T, DeployError> + Sync,
) -> Vec<Asked<T>> {
    let question = &question;
    std::thread::scope(|threads| {
        let asked: Vec<_> = hosts
            .iter()
            .map(|(target, app)| {
                threads.spawn(move || {
                    let answer = Host::connect(target)
                        .map_err(DeployError::from)
                        .and_then(|host| question(&host, app));
                    (target.clone(), answer)
                })
            })
            .collect();
        asked
            .into_iter()
            .map(|a| a.join().expect("asking does not panic"))
            .collect()
    })
}
