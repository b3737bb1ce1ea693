//! What follows from the configuration: an environment's hosts, and the app as each of
//! them has it. Nothing is read in here.

use camino::Utf8PathBuf;
use stagegate_deploy::{App, Bundle, Frontend, LEASE_SECONDS, Migration, Service, Stop, Target};

use crate::schema::{AppConfig, Config, EnvironmentConfig, ServiceConfig};

/// What is wrong with the way an environment is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no environment of that name.
    #[error(
        "there is no environment `{name}` in stagegate.toml ({})",
        defined(known)
    )]
    UnknownEnvironment {
        /// The name that was asked for.
        name: String,
        /// The names that there are, sorted.
        known: Vec<String>,
    },
    /// A host's address cannot be read.
    #[error("`hosts` of the environment: {cause}")]
    Address {
        /// What is wrong with it.
        cause: String,
    },
    /// Two entries mean the same host and port.
    #[error("`hosts` of the environment: {host} is written twice")]
    HostTwice {
        /// `user@host:port`
        host: String,
    },
}

impl ResolveError {
    /// Returns what to do about it.
    pub fn remedy(&self) -> String {
        match self {
            ResolveError::UnknownEnvironment { name, .. } => {
                format!("add `[deploy.{name}]` with its `hosts`, or name another with --env")
            }
            ResolveError::Address { .. } | ResolveError::HostTwice { .. } => {
                "write each host once, as user@host or user@host:port".to_owned()
            }
        }
    }
}

fn defined(known: &[String]) -> String {
    match known {
        [] => "none is defined".to_owned(),
        [one] => format!("{one} is defined"),
        several => format!("{} are defined", several.join(", ")),
    }
}

/// Returns the hosts of an environment, each with the app as it has it.
///
/// # Errors
/// The first address that cannot be read, or that is written twice.
pub fn hosts_of(
    app: &AppConfig,
    environment: &EnvironmentConfig,
) -> Result<Vec<(Target, App)>, ResolveError> {
    let mut hosts: Vec<(Target, App)> = Vec::new();
    for host in &environment.hosts {
        let mut target = Target::parse(host.address()).map_err(|e| ResolveError::Address {
            cause: e.to_string(),
        })?;
        let same =
            |(other, _): &(Target, App)| other.host == target.host && other.port == target.port;
        if hosts.iter().any(same) {
            return Err(ResolveError::HostTwice {
                host: target.to_string(),
            });
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

/// Returns the app as a host of this environment has it.
fn app_of(app: &AppConfig, environment: &EnvironmentConfig, ports: &Ports) -> App {
    let service = |of: &ServiceConfig, port: Option<u16>, env_file: Option<Utf8PathBuf>| Service {
        port: port.unwrap_or(of.port),
        env_file: of.env_file.clone().or(env_file),
        service_user: environment
            .service_user
            .clone()
            .or_else(|| of.service_user.clone())
            .unwrap_or_else(|| app.name.clone()),
        ..service_of(of, seconds(environment.stabilize))
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

/// Returns a service as its table says it.
fn service_of(service: &ServiceConfig, stabilize: u64) -> Service {
    Service {
        binary: service.binary_name().to_owned(),
        service_user: service.service_user.clone().unwrap_or_default(),
        port: service.port,
        health: service.health.clone(),
        env_file: service.env_file.clone(),
        require_env: service.require_env.clone(),
        health_passes: service.health_passes,
        health_deadline_seconds: seconds(service.health_deadline),
        stabilize_seconds: stabilize,
        // Long enough for the stabilization, a slow confirmation and a
        // client that has to be started again; short enough for a night.
        revert_after_seconds: stabilize * 2 + 60,
        drain_seconds: seconds(service.drain),
        keep_releases: service.keep_releases,
        switch: service.switch.method(),
        limits: service.limits.clone(),
        stop: Stop {
            signal: service.stop.signal,
            seconds: seconds(service.stop.within),
        },
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

/// Returns the table of an environment.
///
/// # Errors
/// [`ResolveError::UnknownEnvironment`] where `stagegate.toml` has none of that name.
pub fn environment<'a>(
    config: &'a Config,
    name: &str,
) -> Result<&'a EnvironmentConfig, ResolveError> {
    config
        .deploy
        .get(name)
        .ok_or_else(|| ResolveError::UnknownEnvironment {
            name: name.to_owned(),
            known: config.deploy.keys().cloned().collect(),
        })
}
