//! The hosts of an environment.

use camino::Utf8PathBuf;
use stagegate_deploy::{
    App, Bundle, ConnectError, DeployError, Frontend, Host, KnownGood, LEASE_SECONDS, Migration,
    Service, Target,
};

use super::Scope;
use crate::at_once::each_at_once;
use crate::blocker::Blocker;
use crate::config::{AppConfig, EnvironmentConfig, ServiceConfig};
use crate::facts::{HostSurvey, RunningHost};
use crate::{Config, World};

/// Hosts that are asked at a time.
const AT_ONCE: usize = 16;

pub(super) fn look(world: &World, scope: &Scope) -> Vec<HostSurvey> {
    let hosts = named(world, scope.environment.as_ref());
    each_at_once(AT_ONCE, &hosts, |(target, app)| {
        look_at(world, target.clone(), app)
    })
}

/// What runs where artefacts are taken from.
pub(super) fn running(world: &World, scope: &Scope) -> Vec<RunningHost> {
    let hosts = named(world, scope.from.as_ref());
    each_at_once(AT_ONCE, &hosts, |(target, app)| {
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

/// The hosts of the environment of this name. An address that cannot be read is the
/// planner's blocker, not a host.
fn named(world: &World, environment: Option<&String>) -> Vec<(Target, App)> {
    environment
        .and_then(|name| Some((world.config.app.as_ref()?, world.config.deploy.get(name)?)))
        .and_then(|(app, environment)| hosts_of(app, environment).ok())
        .unwrap_or_default()
}

fn look_at(world: &World, target: Target, app: &App) -> HostSurvey {
    let looked = Host::connect(&target)
        .map_err(DeployError::from)
        .and_then(|host| {
            let looked = (
                stagegate_deploy::survey(&host, app)?,
                stagegate_deploy::known_good(&host, app)?,
            );
            world.connections.keep(host);
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

/// The hosts of an environment, each with the app as it has it; or what is wrong
/// with the way they are written.
///
/// # Errors
/// The first address that is none, or that is written twice.
pub fn hosts_of(
    app: &AppConfig,
    environment: &EnvironmentConfig,
) -> Result<Vec<(Target, App)>, String> {
    let mut hosts: Vec<(Target, App)> = Vec::new();
    for host in &environment.hosts {
        let mut target = Target::parse(host.address()).map_err(|e| e.to_string())?;
        let same =
            |(other, _): &(Target, App)| other.host == target.host && other.port == target.port;
        if hosts.iter().any(same) {
            return Err(format!("{target} is written twice"));
        }
        let own = host.different();
        let identity = own.and_then(|own| own.identity.as_ref());
        let prefix = own.and_then(|own| own.prefix.as_ref());
        target.identity = identity.or(environment.identity.as_ref()).cloned();
        target.known_hosts = environment.known_hosts.clone();
        let jump = own.and_then(|own| own.jump.as_ref());
        target.jump = jump.or(environment.jump.as_ref()).cloned();
        target.ssh_config = environment.ssh_config.clone();
        target.prefix = prefix.unwrap_or(&environment.prefix).clone();
        let ports = Ports {
            backend: own.and_then(|own| own.port).or(environment.port),
            frontend: own
                .and_then(|own| own.frontend_port)
                .or(environment.frontend_port),
        };
        hosts.push((target, app_of(app, environment, &ports)));
    }
    Ok(hosts)
}

/// The public ports of a host that has them otherwise than the app.
struct Ports {
    backend: Option<u16>,
    frontend: Option<u16>,
}

/// The app as a host of this environment has it.
fn app_of(app: &AppConfig, environment: &EnvironmentConfig, ports: &Ports) -> App {
    let service = |of: &ServiceConfig, port: Option<u16>, env_file: Option<Utf8PathBuf>| Service {
        port: port.unwrap_or(of.port),
        env_file: of.env_file.clone().or(env_file),
        service_user: environment
            .service_user
            .clone()
            .or_else(|| of.service_user.clone())
            .unwrap_or_else(|| app.name.clone()),
        ..service_of(of, seconds(environment.stabilise))
    };
    let backend = app.backend.as_ref().map(|backend| {
        let env_file = format!("/etc/{}/.env", app.name);
        service(backend, ports.backend, Some(env_file.into()))
    });
    let frontend = app.frontend.as_ref().map(|frontend| {
        let Some(of) = &frontend.service else {
            let url = environment.url.as_ref().or(frontend.url.as_ref());
            return Frontend::Bundle(Bundle {
                url: url.map(ToString::to_string),
                keep_releases: app.backend.as_ref().map_or(5, |b| b.keep_releases),
            });
        };
        // Not every frontend has secrets; one that names some has a file for them.
        let env_file = format!("/etc/{}/frontend.env", app.name);
        let env_file = (!of.require_env.is_empty()).then(|| env_file.into());
        Frontend::Service(Box::new(service(of, ports.frontend, env_file)))
    });
    App {
        name: app.name.clone(),
        backend,
        frontend,
        lease_seconds: LEASE_SECONDS,
    }
}

/// A service as its table says it.
fn service_of(service: &ServiceConfig, stabilise: u64) -> Service {
    Service {
        binary: service.binary_name().to_owned(),
        service_user: service.service_user.clone().unwrap_or_default(),
        port: service.port,
        health: service.health.clone(),
        env_file: service.env_file.clone(),
        require_env: service.require_env.clone(),
        health_passes: service.health_passes,
        health_deadline_seconds: seconds(service.health_deadline),
        stabilize_seconds: stabilise,
        // Long enough for the stabilisation, a slow confirmation and a
        // client that has to be started again; short enough for a night.
        revert_after_seconds: stabilise * 2 + 60,
        drain_seconds: seconds(service.drain),
        keep_releases: service.keep_releases,
        switch: service.switch.method(),
        limits: service.limits.clone(),
        migrate: service.migrate.as_ref().map(|migrate| Migration {
            run: migrate.run.clone(),
            backup: migrate.backup.clone(),
            undo: migrate.undo.clone(),
            limit_seconds: seconds(migrate.limit),
        }),
        build: service
            .build
            .on_host(&service.package, service.binary_name()),
    }
}

fn seconds(duration: jiff::SignedDuration) -> u64 {
    u64::try_from(duration.as_secs()).unwrap_or(0)
}

/// The environment's configuration, or what is missing.
pub(crate) fn environment<'a>(
    config: &'a Config,
    name: &str,
) -> Result<&'a EnvironmentConfig, Blocker> {
    config.deploy.get(name).ok_or_else(|| {
        let known: Vec<_> = config.deploy.keys().map(String::as_str).collect();
        let known = match &known[..] {
            [] => "none is".to_owned(),
            [one] => format!("{one} is"),
            several => format!("{} are", several.join(", ")),
        };
        Blocker::new(
            format!("there is no environment `{name}` in stagegate.toml ({known} defined)"),
            format!("add `[deploy.{name}]` with its `hosts`, or name another with --env"),
        )
    })
}
