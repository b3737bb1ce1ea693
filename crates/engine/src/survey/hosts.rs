//! The hosts of an environment.

use stagegate_config::resolve::hosts_of;
use stagegate_deploy::{App, ConnectError, DeployError, Host, KnownGood, Target};
use stagegate_plan::facts::{HostSurvey, RunningHost};
use stagegate_plan::model::Blocker;

use crate::context::Context;
use crate::parallel::parallel_map;
use crate::survey::Scope;

/// Hosts that are asked at a time.
const AT_ONCE: usize = 16;

pub(crate) fn look(context: &Context, scope: &Scope) -> Vec<HostSurvey> {
    let hosts = named(context, scope.environment.as_ref());
    parallel_map(AT_ONCE, &hosts, |(target, app)| {
        look_at(context, target.clone(), app)
    })
}

/// Returns what runs where artifacts are taken from.
pub(crate) fn running(context: &Context, scope: &Scope) -> Vec<RunningHost> {
    let hosts = named(context, scope.from.as_ref());
    parallel_map(AT_ONCE, &hosts, |(target, app)| {
        let found = Host::connect(target)
            .map_err(DeployError::from)
            .and_then(|host| stagegate_deploy::status(&host, app))
            .map_err(|error| Blocker::new(error.to_string(), remedy(&error, target)));
        RunningHost {
            target: target.clone(),
            app: app.clone(),
            found,
        }
    })
}

/// Returns the hosts of the environment of this name. An address that cannot be read is the
/// planner's blocker, not a host.
fn named(context: &Context, environment: Option<&String>) -> Vec<(Target, App)> {
    environment
        .and_then(|name| {
            Some((
                context.config.app.as_ref()?,
                context.config.deploy.get(name)?,
            ))
        })
        .and_then(|(app, environment)| hosts_of(app, environment).ok())
        .unwrap_or_default()
}

fn look_at(context: &Context, target: Target, app: &App) -> HostSurvey {
    let looked = Host::connect(&target)
        .map_err(DeployError::from)
        .and_then(|host| {
            let looked = (
                stagegate_deploy::survey(&host, app)?,
                stagegate_deploy::known_good(&host, app)?,
            );
            context.connections.keep(host);
            Ok(looked)
        });
    match looked {
        Ok((facts, known)) => HostSurvey {
            target,
            found: Ok(facts),
            known,
        },
        Err(error) => {
            let remedy = remedy(&error, &target);
            HostSurvey {
                found: Err(Blocker::new(error.to_string(), remedy)),
                target,
                known: KnownGood::default(),
            }
        }
    }
}

fn remedy(error: &DeployError, target: &Target) -> String {
    match error {
        DeployError::Connect(ConnectError::UnknownHostKey { .. }) => {
            "compare the fingerprint with the one the host's owner tells you, then add the key to known_hosts"
                .to_owned()
        }
        DeployError::Connect(ConnectError::ChangedHostKey { .. } | ConnectError::RevokedHostKey { .. }) => {
            "somebody may be in between: ask the host's owner before you touch known_hosts".to_owned()
        }
        DeployError::Connect(_) => {
            let port = match target.port {
                // Another one may be in OpenSSH's configuration.
                22 => String::new(),
                port => format!(" -p {port}"),
            };
            let Target { user, host, .. } = target;
            format!("see that `ssh {user}@{host}{port}` works from here")
        }
        _ => "repair the host as said, then try again".to_owned(),
    }
}
